# Which of the two slots is booted. Run by Debian's U-Boot from the FAT partition, as boot.scr; the rules are told
# in failberry/system/slots.py; it is tested by tests/image/test_boot_script.py and test_pi_boot.py.
#
# No arithmetic and no loop: the parser of U-Boot takes what it does not understand for something else.

setenv where "${devtype} ${devnum}:${distro_bootpart}"

# The addresses that U-Boot comes with leave 37 MiB for a kernel that is larger.
if test "${board}" = rpi; then
	setenv kernel_addr_r 0x01000000
	setenv ramdisk_addr_r 0x08400000
fi
# Not scriptaddr: this script may lie there.
setenv sheet ${pxefile_addr_r}

# Raspberry Pi 2: the port on the pins is the other one.
setenv console "console=tty0 console=ttyS1,115200"
if test "${fdtfile}" = bcm2836-rpi-2-b.dtb; then setenv console "console=tty0 console=ttyAMA0,115200"; fi
if test "${fdtfile}" = broadcom/bcm2836-rpi-2-b.dtb; then setenv console "console=tty0 console=ttyAMA0,115200"; fi
# Raspberry Pi 5: the one of its own, between the two sockets for screens.
if test "${fdtfile}" = broadcom/bcm2712-rpi-5-b.dtb; then setenv console "console=tty0 console=ttyAMA10,115200"; fi

# Nothing but its watchdog restarts a Raspberry Pi up to the 4, and Linux has no driver of that before its initrd runs: a
# kernel that hangs or panics sooner would stay as it is. So a slot is tried with the watchdog running (16 s, the longest;
# PM_WDOG and PM_RSTC, as in Linux's drivers/watchdog/bcm2835_wdt.c), and the driver takes it over. Not so a slot that
# has proved itself: it is not to be lost on a card that is slow for once.
setenv chip
setenv pm
if test "${board}" = rpi; then if fdt addr ${fdt_addr}; then fdt get value chip / compatible 1; fi; fi
if test "${chip}" = brcm,bcm2836; then setenv pm 3f1000; fi
if test "${chip}" = brcm,bcm2837; then setenv pm 3f1000; fi
if test "${chip}" = brcm,bcm2711; then setenv pm fe1000; fi
setenv watch true
setenv unwatch true

setenv start_with booti
if test "${cpu}" = armv7; then setenv start_with bootz; fi

# One sector, overwritten in place: a power cut leaves the old one or the new one.
setenv note 'env export -t -s 200 ${sheet} slot trial tries rolledback data && fatwrite ${where} ${sheet} slot.env 200'
setenv start_a 'setenv s a; setenv p 2; run start'
setenv start_b 'setenv s b; setenv p 3; run start'
setenv start 'echo "failberry: slot ${s}"; load ${where} ${kernel_addr_r} ${s}/vmlinuz && load ${where} ${ramdisk_addr_r} ${s}/initrd.img && setenv bootargs "root=PARTUUID=fa11be44-0${p} failberry.slot=${s} @CMDLINE@ ${console}" && run watch && ${start_with} ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}; run unwatch; echo "failberry: slot ${s} could not be started"'
setenv give_up 'echo "failberry: slot ${trial} is given up"; setenv rolledback ${trial}; setenv trial; setenv tries 0; run note'

setenv slot
setenv trial
setenv tries
setenv rolledback
setenv data
if load ${where} ${sheet} slot.env 1000; then env import -t -r ${sheet} ${filesize} slot trial tries rolledback data; fi

# Damaged: a, with b behind it. Data of which nothing is known is not new, else it would be wiped.
if test "${data}" != new && test "${data}" != reset; then setenv data made; fi
if test "${slot}" != a && test "${slot}" != b; then
	echo "failberry: slot.env is damaged"
	setenv slot a
	setenv trial
	setenv rolledback
	if test -e ${where} b/vmlinuz; then
		setenv slot b
		if test -e ${where} a/vmlinuz; then
			setenv trial a
			setenv tries 2
		fi
	fi
fi

if test "${trial}" = "${slot}"; then setenv trial; fi
if test "${trial}" != a && test "${trial}" != b; then setenv trial; fi

# Only what is counted is tried: where the count cannot be written, there would be no end.
if test -n "${trial}"; then
	setenv try no
	if test "${tries}" = 2; then setenv try yes; setenv tries 1;
	elif test "${tries}" = 1; then setenv try yes; setenv tries 0; fi
	if test "${try}" = yes; then
		if test -e ${where} ${trial}/vmlinuz; then
			if test -n "${pm}"; then
				setenv watch 'mw.l ${pm}24 5a0fffff; mw.l ${pm}1c 5a000122'
				setenv unwatch 'mw.l ${pm}1c 5a000102'
			fi
			if run note; then run start_${trial}; fi
			setenv watch true
			setenv unwatch true
		fi
	fi
	# Used up, or no kernel that starts.
	run give_up
fi

if test "${slot}" = a; then
	run start_a
	run start_b
else
	run start_b
	run start_a
fi

echo "failberry: neither slot could be started; once more in 30 s"
sleep 30
reset
