"""Debian's lynis looks at the running card: what it finds is mended, or the reason stands here."""

from __future__ import annotations

import io
import re
import tarfile
import time
from pathlib import Path

from tests.image.conftest import Flash
from tests.image.machine import Machine
from tests.patience import PATIENCE

AUDIT_DEADLINE = 1500.0
AUDIT = "lynis audit system --quick --no-colors --no-plugins"
"""Without Debian's plugin: it starts two programs for each one in /usr/bin, which takes an emulated machine
longer than all the rest, to say which other packages one might have."""
FILES = ("usr/sbin/lynis", "usr/share/lynis", "etc/lynis")
REPORT = "/var/log/lynis-report.dat"

ACCEPTED = {
    "LYNIS": "the lynis of this computer, not of the card",
    "ACCT-9622": "process accounting: who is logged in here is the owner; and the card would be written to",
    "ACCT-9626": "the same",
    "ACCT-9628": "the same",
    "AUTH-9230": "password hashing: no password exists",
    "AUTH-9262": "password strength: no password exists",
    "AUTH-9284": "locked accounts: root and the owner are, on purpose; they have no password",
    "AUTH-9286": "password age: no password exists",
    "AUTH-9328": "umask of logins: services have theirs from their units",
    "BANN-7126": "a legal banner: it is the owner's house; what is shown is where to look for help",
    "BANN-7130": "the same; sshd shows none",
    "BOOT-5180": "lynis does not know the boot loader",
    "BOOT-5264": "tests/linters/test_systemd_units.py holds each unit of ours to its figure",
    "FILE-6310": "/var and /home lie in memory, what stays on a partition of its own",
    "FILE-7524": "/etc/cron.d and sshd_config are Debian's, and hold no secrets",
    "FINT-4350": "file integrity: the root is read-only and made anew by each update",
    "HRDN-7230": "malware scanners: nothing on it comes from anywhere but signed archives",
    "KRNL-5788": "/vmlinuz: the boot loader takes it from the first partition",
    "KRNL-6000": "see SYSCTL",
    "LOGG-2154": "a log host: the owner's choice, and bytes that nobody asked for",
    "NAME-4028": "a domain name: it has none",
    "NETW-3200": "lynis looks into /etc/modprobe.d; all four are barred in /usr/lib/modprobe.d",
    "PKGS-7370": "debsums: e2fsck and dpkg have their say at each update",
    "PKGS-7394": "for people who upgrade by hand",
    "SSH-7408": "see SSH",
    "STRG-1846": "FireWire: a Raspberry Pi has none",
    "TOOL-5002": "automation tools: none",
    "USB-1000": "USB storage: sticks come up as a disk, until they are switched",
}
"""Tests of lynis, and why what it says of them is left as it is."""
SYSCTL = {
    "dev.tty.ldisc_autoload": "PPP is a line discipline",
    "kernel.core_uses_pid": "no core is ever written",
    "kernel.modules_disabled": "a stick's driver is loaded when it is plugged in",
    "net.ipv4.conf.all.forwarding": "it is a router",
    "net.ipv4.conf.all.log_martians": "with two lines there are always some",
    "net.ipv4.conf.default.log_martians": "the same",
    "net.ipv4.conf.all.rp_filter": "2: with two lines the strict test drops what is right",
    "net.ipv4.conf.default.rp_filter": "the same",
}
SSH = {
    "AllowTcpForwarding": "local, for a camera's page",
    "ClientAliveCountMax": "a failover is survived by a session",
    "Compression": "after the login only; the owner's metered line gains by it",
    "MaxSessions": "several sessions of one login are the owner's",
    "Port": "another number hides nothing",
    "TCPKeepAlive": "a line that dies must not leave a session behind",
}


def lynis() -> bytes:
    """It, as a tar: it is not on the card, and runs from the memory that lies over its root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in FILES:
            tar.add(Path("/", name), arcname=name)
    return packed.getvalue()


def wait_for_the_end(machine: Machine) -> None:
    """And show how far it is: in an emulated machine it takes a quarter of an hour."""
    give_up = time.monotonic() + AUDIT_DEADLINE * PATIENCE
    while "hardening_index" not in machine.run(f"grep ^hardening_index= {REPORT} || true"):
        at = machine.run("grep -a 'Performing test' /var/log/lynis.log | tail -n 1 || true").strip()
        print(at, flush=True)
        assert time.monotonic() < give_up, machine.run("tail -n 20 /var/log/lynis.log; ps -ef")
        time.sleep(20)


def test_an_audit_finds_nothing_that_is_not_accounted_for(flash: Flash) -> None:
    machine = flash()
    machine.card.put("lynis.tgz", lynis())
    machine.power_on()
    machine.wait_for_boot()
    machine.run("tar -xzf /boot/firmware/lynis.tgz -C / && rm -f /var/log/lynis*")
    # In the background: the shell's answer would not be waited for that long.
    machine.run(f"setsid sh -c '{AUDIT} >/run/lynis.out 2>&1' >/dev/null 2>&1 &")
    wait_for_the_end(machine)
    report = machine.run(f"grep -aE '^(warning|suggestion|hardening_index)' {REPORT}")
    print(report)
    assert not re.findall(r"^warning\[\]=.*", report, re.MULTILINE)
    suggestions = re.findall(r"^suggestion\[\]=([^|]+)\|(.*)", report, re.MULTILINE)
    assert len(suggestions) > 10, "it did not look"
    assert not [each for each in suggestions if each[0] not in ACCEPTED]
    options = [each[1] for each in suggestions if each[0] == "SSH-7408"]
    assert not [each for each in options if not any(f"|{name} (" in each for name in SSH)]
    log = machine.run("grep -a 'has a different value than expected' /var/log/lynis.log")
    assert set(re.findall(r"sysctl key (\S+) has", log)) <= set(SYSCTL)
