"""The lab's modem fails as it says, on a real bus, before anybody is judged by how they take it."""

from __future__ import annotations

import json

import pytest

from .lab import CARRIER_DNS, PORTS_THERE, Lab
from .test_lab_self import HOST_SIDE, MOBILE

pytestmark = pytest.mark.soak
DEVICE = "/sys/bus/usb/devices/1-1"
TARGETS = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
CONFIG_PACK = "/usr/share/usb_modeswitch/configPack.tar.gz"


def session(lab: Lab, **settings: object) -> None:
    """A modem and a session by hand, with the default route over it."""
    lab.start_modem(**settings)
    lab.plug()
    lab.vm.spawn("host-side", f"pppd {HOST_SIDE}")
    lab.vm.wait_until("ip -4 -oneline address show dev wwan-lab | grep -q peer", deadline=40)
    for address in (*TARGETS, CARRIER_DNS):
        lab.vm.run(["ip", "route", "add", address, "dev", "wwan-lab"])


def answers(lab: Lab, address: str) -> bool:
    return lab.vm.run(["ping", "-c1", "-W3", "-I", "wwan-lab", address], check=False).rc == 0


def asked(lab: Lab) -> str:
    """What the modem's second port says to AT within two seconds."""
    return lab.vm.run(
        "{ printf 'AT\\r'; sleep 2; } | socat -t1 - $(ls -d /sys/bus/usb/devices/1-1:1.1/ttyUSB*"
        " | sed 's,.*/,/dev/,'),raw,echo=0"
    ).stdout


def test_the_default_probe_targets_answer_over_both_lines(lab: Lab) -> None:
    session(lab)
    assert all(answers(lab, each) for each in TARGETS)
    lab.on("lan1", ["ping", "-c1", "-W3", TARGETS[0]])


def test_a_session_that_carries_nothing(lab: Lab) -> None:
    session(lab)
    lab.modem("set", "no_data=true", "heals_by=hang_up")
    assert not answers(lab, TARGETS[0])
    assert not answers(lab, CARRIER_DNS)
    assert lab.asks("internet", MOBILE, timeout=2) is None
    lab.modem("dtr", "port=2", "up=false")
    assert json.loads(lab.modem("get", "state"))["faults"]["no_data"] is False
    lab.modem("set", "capped=true")
    lab.vm.wait_until("! ip link show wwan-lab", deadline=20)


def test_a_capped_plan_reaches_the_carriers_name_server(lab: Lab) -> None:
    session(lab)
    lab.modem("set", "capped=true")
    assert not answers(lab, TARGETS[0])
    assert answers(lab, CARRIER_DNS)
    lab.modem("set", "capped=false")
    assert answers(lab, TARGETS[0])


def test_the_cd_rom_comes_first_and_is_switched_by_hand(lab: Lab) -> None:
    lab.start_modem(cd_rom=True)
    lab.stick("plug")
    lab.vm.wait_until(f"grep -qx 2000 {DEVICE}/idProduct", deadline=20)
    lab.vm.wait_until("readlink /sys/bus/usb/devices/1-1:1.0/driver | grep -q usb-storage", deadline=20)
    assert lab.vm.run("ls /dev/ttyUSB*", check=False).rc != 0
    lab.vm.run(f"tar -C /run -xf {CONFIG_PACK} 19d2:2000")
    said = lab.vm.run("usb_modeswitch -v 19d2 -p 2000 -c /run/19d2:2000", timeout=60)
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    print(said.stdout)
    assert lab.vm.run(f"cat {DEVICE}/idProduct").stdout.strip() == "0117"
    assert "OK" in asked(lab)
    lab.vm.run("uhubctl -l 1 -p 1 -a cycle -d 1")
    lab.vm.wait_until(f"grep -qx 2000 {DEVICE}/idProduct", deadline=20)


def test_debians_own_rule_switches_it_too(lab: Lab) -> None:
    lab.switch_by_debian()
    lab.start_modem(cd_rom=True)
    lab.stick("plug")
    lab.vm.wait_until(PORTS_THERE, deadline=60)


def test_a_reset_by_the_host_heals_what_it_heals(lab: Lab) -> None:
    lab.start_modem()
    lab.plug()
    lab.modem("set", "silent=true", "heals_by=usb_reset")
    assert "OK" not in asked(lab)
    lab.vm.run(f"echo 0 > {DEVICE}/authorized; echo 1 > {DEVICE}/authorized")
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    assert "OK" in asked(lab)
    # USBDEVFS_RESET (linux/usbdevice_fs.h), which is _IO('U', 20)
    lab.modem("set", "silent=true", "heals_by=usb_reset")
    number = int(lab.vm.run(["cat", f"{DEVICE}/devnum"]).stdout)
    reset = f'import fcntl; fcntl.ioctl(open("/dev/bus/usb/001/{number:03}", "w"), 21780)'
    lab.vm.run(["python3", "-c", reset])
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    assert "OK" in asked(lab)


def test_only_cutting_power_helps(lab: Lab) -> None:
    lab.start_modem(enumerates_after=2.0)
    lab.plug()
    lab.modem("set", "silent=true", "heals_by=power")
    lab.vm.run(f"echo 0 > {DEVICE}/authorized; echo 1 > {DEVICE}/authorized")
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    assert "OK" not in asked(lab)
    lab.vm.run("uhubctl -l 1 -p 1 -a cycle -d 1")
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    assert "OK" in asked(lab)


def test_a_reboot_of_the_firmware_leaves_the_bus_and_renumbers_the_ports(lab: Lab) -> None:
    lab.start_modem()
    lab.plug()
    lab.hold_ports()
    lab.vm.wait_until("echo 'AT+CFUN=1,1' > /dev/ttyUSB1; ! ls /dev/ttyUSB1", deadline=10)
    lab.vm.wait_until(PORTS_THERE, deadline=20)
    found = lab.vm.run("ls -d /sys/bus/usb/devices/1-1:1.2/ttyUSB*").stdout
    assert found.strip().endswith("ttyUSB3")
