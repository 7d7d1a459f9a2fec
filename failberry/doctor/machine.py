"""Clock, disk, units, configuration, the daemon itself.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from failberry.doctor.evidence import Evidence, Unit
from failberry.doctor.finding import Finding, Severity
from failberry.units import duration, size

BORN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""No clock that is right shows less than this program's year."""
_LITTLE, _LITTLE_SHARE = 100e6, 0.05
_NOTHING = 10e6
_PATIENT = 600.0
"""Seconds after the start of the machine before its clock is expected to be set."""
_ILL = re.compile(
    r"(I/O error|EXT4-fs error|EXT4-fs warning.*error|mmc\d: (?:error|timeout)|mmcblk\d.*error|"
    r"Buffer I/O error|critical (?:medium|target) error|Remounting filesystem read-only|nvme.*I/O.*timeout)",
    re.IGNORECASE,
)
_LAST = 3
RESTLESS = 3
"""Restarts of a service by systemd before it is said."""
_WANTED = {
    "failberry.service": "the daemon",
    "failberry-health.socket": "the health server",
    "failberry-dns.socket": "the writer of the house's names",
    "failberry-notify.service": "what tells people what happens",
}


def configuration(seen: Evidence) -> Iterator[Finding]:
    """The file."""
    if seen.config is None and seen.config_problems:
        missing = any("does not exist" in each for each in seen.config_problems)
        yield Finding(
            code="not-configured" if missing else "configuration-broken",
            severity=Severity.BAD,
            where=seen.config_path,
            what="there is no configuration, so that nothing is done"
            if missing
            else "the configuration cannot be used",
            evidence=seen.config_problems,
            cure="`sudo failberryctl wizard` asks for what is needed and writes it"
            if missing
            else "`sudo failberryctl config check` shows each fault with its line and cure",
        )
    for each in seen.config_warnings:
        text, _, cure = each.rpartition(" (")
        yield Finding(
            code="configuration-odd",
            severity=Severity.ATTENTION,
            where=each.partition(":")[0],
            what=text or each,
            cure=cure.rstrip(")") if text else "see docs/configuration.md",
        )


def daemon(seen: Evidence) -> Iterator[Finding]:
    """Whether it runs, and which."""
    told = seen.told
    if told.status is None and told.problem:
        if told.stopped and seen.config is None:
            return  # without a configuration it does not run, and that was said
        yield Finding(
            code="daemon-stopped" if told.stopped else "daemon-silent",
            severity=Severity.BAD,
            where="failberryd",
            what="failberryd is not running"
            if told.stopped
            else f"failberryd does not answer: {told.problem}",
            evidence=() if told.stopped else (told.problem,),
            cure="`sudo systemctl start failberry`; if it stops again: `journalctl -u failberry -n 30`"
            if told.stopped
            else "`journalctl -u failberry -n 30`, then `sudo systemctl restart failberry`",
        )
    if told.status is not None and told.status.failberry != seen.installed:
        yield Finding(
            code="old-daemon",
            severity=Severity.ATTENTION,
            where="failberryd",
            what="the daemon that runs is not the one that is installed",
            evidence=(f"running {told.status.failberry}, installed {seen.installed}",),
            cure="`sudo systemctl restart failberry`; traffic goes on meanwhile",
        )
    if seen.packaged is not None and seen.packaged.partition("-")[0] != seen.installed:
        yield Finding(
            code="mixed-versions",
            severity=Severity.ATTENTION,
            where="package failberry",
            what="the package that is installed and the program that runs here are of different versions",
            evidence=(f"package {seen.packaged}, program {seen.installed}",),
            cure="`sudo apt install --reinstall failberry`",
        )
    if told.status is not None:
        for name, kernel in (("routes", told.status.routes), ("firewall", told.status.firewall)):
            if kernel.problem:
                yield Finding(
                    code=f"{name}-refused",
                    severity=Severity.BAD,
                    where="kernel",
                    what=f"the kernel did not take our {name}: {kernel.problem}",
                    evidence=tuple(kernel.refused),
                    cure="what stood before still stands; `journalctl -u failberry -n 50` tells what was "
                    "tried",
                )


def units(seen: Evidence) -> Iterator[Finding]:
    """What systemd says."""
    if seen.config is None:
        return
    for unit in seen.units:
        wanted = _WANTED.get(unit.name)
        if wanted is None:
            continue
        if unit.name == "failberry-dns.socket" and seen.config.dns is None:
            continue
        if unit.name == "failberry-notify.service" and not seen.config.receiver:
            continue  # hooks alone may start it, too
        yield from _unit(unit, wanted)


def _unit(unit: Unit, what: str) -> Iterator[Finding]:
    name, quiet = unit.name, unit.name.removesuffix(".service")
    if unit.load == "masked" or unit.enabled == "masked":
        yield Finding(
            code="unit-masked", severity=Severity.BAD, where=name, what=f"{what} is masked, and cannot "
            "be started",
            cure=f"`sudo systemctl unmask {name} && sudo systemctl enable --now {name}`",
        )  # fmt: skip
        return
    if unit.load == "not-found":
        yield Finding(
            code="unit-missing", severity=Severity.BAD, where=name, what=f"{what} has no unit",
            cure="`sudo apt install --reinstall failberry`",
        )  # fmt: skip
        return
    if unit.active == "failed" or (unit.active == "activating" and unit.sub == "auto-restart"):
        yield Finding(
            code="unit-failed", severity=Severity.BAD, where=name, what=f"{what} fails when it is started",
            evidence=(f"{unit.active} ({unit.sub}), result {unit.result}",),
            cure=f"`journalctl -u {quiet} -n 30` says why; then `sudo systemctl restart {name}`",
        )  # fmt: skip
    elif unit.active == "inactive":
        yield Finding(
            code="unit-stopped", severity=Severity.BAD, where=name, what=f"{what} is stopped",
            cure=f"`sudo systemctl start {name}`",
        )  # fmt: skip
    if unit.enabled == "disabled":
        yield Finding(
            code="unit-disabled", severity=Severity.BAD, where=name,
            what=f"{what} is not started at the next boot", cure=f"`sudo systemctl enable {name}`",
        )  # fmt: skip
    if unit.restarts >= RESTLESS:
        yield Finding(
            code="unit-restarts", severity=Severity.ATTENTION, where=name,
            what=f"systemd had to start {what} again {unit.restarts} times",
            evidence=(f"last result {unit.result}",),
            cure=f"`journalctl -u {quiet} -p warning` says why; `failberryctl report` gathers it for a "
            "report",
        )  # fmt: skip


def clock(seen: Evidence) -> Iterator[Finding]:
    """The time of day, which AWS, certificates and the billing cycle need."""
    now = datetime.fromtimestamp(seen.clock.now, UTC)
    if seen.clock.now < BORN:
        yield Finding(
            code="clock-unset",
            severity=Severity.BAD,
            where="clock",
            what="the clock was never set: AWS and certificates fail, and the billing cycle is unknown",
            evidence=(f"it shows {now:%Y-%m-%d %H:%M} UTC",),
            cure="`sudo systemctl enable --now systemd-timesyncd`; a clock module with a battery helps a "
            "Pi, too",
        )
    elif seen.clock.synchronised is False and seen.uptime > _PATIENT:
        none = seen.clock.service is False
        yield Finding(
            code="clock-unsynchronised",
            severity=Severity.ATTENTION,
            where="clock",
            what="nothing sets the clock"
            if none
            else "no time server has answered since this machine started",
            evidence=(f"it shows {now:%Y-%m-%d %H:%M} UTC, {duration(seen.uptime)} after the start",),
            cure="`sudo apt install systemd-timesyncd && sudo timedatectl set-ntp true`"
            if none
            else "`timedatectl timesync-status` says whom it asks; UDP port 123 must get out",
        )


def disks(seen: Evidence) -> Iterator[Finding]:
    """Where latches, budgets and history are written."""
    for disk in seen.disks:
        if disk.read_only:
            yield Finding(
                code="disk-read-only",
                severity=Severity.BAD,
                where=disk.path,
                what="nothing can be written: latches and budgets would be lost, so less is done",
                cure="`dmesg | tail -50` says why; then `sudo mount -o remount,rw` that file system, or "
                "a new card",
            )
        elif disk.free < _NOTHING or disk.inodes_free < 1:
            yield Finding(
                code="disk-full", severity=Severity.BAD, where=disk.path, what="the disk is full",
                evidence=(_free(disk.free, disk.size), f"{disk.inodes_free:.0f} % of the inodes are free"),
                cure="`sudo journalctl --vacuum-size=50M`, `sudo apt clean`; `sudo du -xh / | sort -h | "
                "tail` shows "
                "what is large",
            )  # fmt: skip
        elif disk.free < min(_LITTLE, _LITTLE_SHARE * disk.size) or disk.inodes_free < 5:
            yield Finding(
                code="disk-nearly-full", severity=Severity.ATTENTION, where=disk.path,
                what="the disk is nearly full", evidence=(_free(disk.free, disk.size),),
                cure="`sudo journalctl --vacuum-size=50M`, `sudo apt clean`",
            )  # fmt: skip
    if ill := tuple(line for line in seen.kernel_log if _ILL.search(line)):
        yield Finding(
            code="disk-errors",
            severity=Severity.BAD,
            where="disk",
            what="the kernel reports errors of a disk or card: it will fail",
            evidence=ill[-_LAST:],
            cure="copy what matters, and put another card in: an endurance or industrial one",
        )


def _free(free: int, whole: int) -> str:
    return f"{size(free)} of {size(whole)} are free"


def rest(seen: Evidence) -> Iterator[Finding]:
    """What the daemon warns of and no check here knows better, and what could not be looked at."""
    status = seen.told.status
    known = {
        "power-supply", "cellular-down", "no-power-switch", "pinning", "routes-failed", "firewall-failed",
        "forwards-unreachable", "stick-overlaps",
    }  # fmt: skip
    for each in status.warnings if status is not None else ():
        if each.code not in known:
            yield Finding(
                code=each.code, severity=Severity.ATTENTION, where="failberryd", what=each.text,
                cure=each.cure or "nothing can be done here",
            )  # fmt: skip
    if not seen.root:
        yield Finding(
            code="not-root",
            severity=Severity.UNKNOWN,
            where="failberryctl doctor",
            what="much of it only root may look at: filters of others, ports, the kernel's log, AWS",
            cure="`sudo failberryctl doctor`",
        )
    for oddity in seen.oddities if seen.root else ():
        yield Finding(
            code="not-seen", severity=Severity.UNKNOWN, where=oddity.partition(":")[0],
            what=f"this could not be looked at: {oddity}", cure="look at it by hand",
        )  # fmt: skip
