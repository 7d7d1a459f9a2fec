"""What an update may do now, what it would install, and what it checks.  Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Slot
from failberry.units import duration, size

STABLE = 1800.0
"""Seconds for which the wired line must have been up: a slot that gets no line shall be at fault itself."""
MOBILE_LIMIT = 20_000_000
"""Octets that may be fetched over the mobile line, for security alone."""
SECURITY_LABEL = "Debian-Security"
"""``Label`` in the Release file of Debian's security archive."""


class Step(StrEnum):
    """One step of an update, in this order.  Each may be cut off anywhere, and is done anew."""

    LOOK = "look"
    SYNC = "sync"
    FETCH = "fetch"
    INSTALL = "install"
    CHECK = "check"
    PLACE = "place"
    TRY = "try"


STEPS = {
    Step.LOOK: "asking the Debian archive what is new",
    Step.SYNC: "copying the running system into the other slot",
    Step.FETCH: "fetching packages",
    Step.INSTALL: "installing packages in the other slot",
    Step.CHECK: "checking the other slot",
    Step.PLACE: "copying its kernel to the first partition",
    Step.TRY: "restarting into the other slot",
}


class Why(StrEnum):
    """Why an update does not go on now; the words go with it."""

    OFF = "off"
    WINDOW = "window"
    CLOCK = "clock"
    DAEMON = "daemon"
    LINE = "line"
    METERED = "metered"
    ROOM = "room"
    UNSIGNED = "unsigned"
    REFUSED = "refused"
    ON_TRIAL = "on-trial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """It does not go on now."""

    why: Why
    reason: str
    """In words: what is wrong, and what it waits for or what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What an update wants to know of the lines."""

    active: str | None = None
    wired_state: str = "down"
    wired_for: float = 0.0
    wired_reason: str = ""
    capped: bool = False
    """The mobile plan is used up, or nearly."""

    @property
    def stable(self) -> bool:
        """Whether the wired line carries the house and has done so for long enough."""
        return self.active == "wired" and self.wired_state == "up" and self.wired_for >= STABLE


def lines(document: Mapping[str, Any]) -> Lines:
    """Read them out of the daemon's status."""
    wired = document.get("wired") or {}
    return Lines(
        active=document.get("active"),
        wired_state=str(wired.get("state")),
        wired_for=float(wired.get("state_for") or 0.0),
        wired_reason=str(wired.get("reason") or ""),
        capped=(document.get("usage") or {}).get("state", "ok") != "ok",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package that would be installed or upgraded."""

    name: str
    version: str
    security: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is new."""

    packages: tuple[Package, ...] = ()
    octets: int = 0
    """To be fetched."""
    packages_hash: str = ""
    """Of all packages and versions as they would be afterwards."""

    @property
    def security_only(self) -> bool:
        """Whether all of it comes from the security archive."""
        return all(each.security for each in self.packages)

    @property
    def words(self) -> str:
        """For people."""
        names = ", ".join(each.name for each in self.packages[:4])
        more = len(self.packages) - 4
        return (
            f"{names} and {more} more ({size(self.octets)})" if more > 0 else f"{names} ({size(self.octets)})"
        )


def in_window(window: tuple[int, int], minute: int) -> bool:
    """Whether a minute of the day lies in it; it may run over midnight."""
    first, last = window
    return (minute - first) % 1440 < (last - first) % 1440


def may_look(lines: Lines | None) -> Refusal | None:
    """Whether the archive may be asked, and over which line does not matter yet."""
    if lines is None:
        return Refusal(
            why=Why.DAEMON, reason="failberryd does not answer: it is not known which line is in use"
        )
    if lines.active == "wired" and not lines.stable:
        return _unstable(lines)
    if lines.active == "cellular" and lines.capped:
        return Refusal(
            why=Why.METERED, reason="the mobile plan is nearly used up, and the wired line is down"
        )
    if lines.active is None:
        return Refusal(why=Why.LINE, reason="no line works")
    return None


def may_fetch(lines: Lines | None, offer: Offer) -> Refusal | None:
    """Whether this may be fetched over the line that is in use."""
    if lines is not None and lines.active == "cellular" and not lines.capped:
        if not offer.security_only:
            reason = "the wired line is down, and over the mobile line only security updates are fetched"
            return Refusal(why=Why.METERED, reason=reason)
        if offer.octets > MOBILE_LIMIT:
            reason = (
                f"the wired line is down, and {size(offer.octets)} is more than the {size(MOBILE_LIMIT)} "
                "that are fetched over the mobile line"
            )
            return Refusal(why=Why.METERED, reason=reason)
        return None
    return may_look(lines)


def may_try(lines: Lines | None) -> Refusal | None:
    """Whether the machine may restart into the other slot: only while the wired line is up and stable."""
    if lines is None or lines.stable:
        return may_look(lines)
    return _unstable(lines)


def _unstable(lines: Lines) -> Refusal:
    if lines.wired_state == "up" and lines.active == "wired":
        reason = (
            f"the wired line has been up for {duration(lines.wired_for)} only; an update waits until it has "
            f"been for {duration(STABLE)}"
        )
    elif lines.wired_state == "up":
        reason = "the wired line is up, but traffic goes over the mobile line"
    else:
        reason = f"the wired line is {lines.wired_state}: {lines.wired_reason}"
    return Refusal(why=Why.LINE, reason=reason)


def may_retry(ledger: Ledger, offer: Offer) -> Refusal | None:
    """A set of packages that came to nothing is not tried again until one of them changes."""
    refused = ledger.refused
    if refused is None or refused.packages_hash != offer.packages_hash:
        return None
    reason = (
        f"these package versions were tried on {refused.at[:10]} and given up: {refused.reason}; they are "
        "not tried again until one of them changes, or by `failberryctl system update --again`"
    )
    return Refusal(why=Why.REFUSED, reason=reason)


def is_ready(ledger: Ledger, slot: Slot, offer: Offer) -> bool:
    """Whether ``slot``, which does not run, was made for just these versions, and waits for its trial."""
    record = ledger.slots[slot]
    made = record.verdict in (Verdict.READY, Verdict.TRIAL)
    return made and record.packages_hash == offer.packages_hash


# What apt tells.

_INST = re.compile(r"^Inst (\S+)(?: \[[^\]]*\])? \((\S+) ([^\[]*)\[[^\]]*\]\)", re.MULTILINE)
_REMV = re.compile(r"^Remv (\S+)", re.MULTILINE)
_URI = re.compile(r"^'[^']+' (\S+) (\d+)(?: |$)", re.MULTILINE)


def simulated(text: str) -> tuple[Package, ...]:
    """Read ``apt-get --simulate``: the packages that it would install."""
    return tuple(
        Package(name=name, version=version, security=SECURITY_LABEL in origins)
        for name, version, origins in _INST.findall(text)
    )


def offered(installed: str, simulation: str, uris: str) -> Offer:
    """Put together what is new.

    ``installed`` has a line ``name version`` for each package, as dpkg-query writes it; ``simulation`` is
    of ``apt-get --simulate``, ``uris`` of ``apt-get --print-uris``.
    """
    packages = simulated(simulation)
    after = dict(line.split(" ", 1) for line in installed.splitlines() if " " in line)
    for each in packages:
        after[each.name.partition(":")[0]] = each.version
    for name in _REMV.findall(simulation):
        after.pop(name.partition(":")[0], None)
    return Offer(
        packages=packages,
        octets=sum(int(octets) for _, octets in _URI.findall(uris)),
        packages_hash=packages_hash(after),
    )


def packages_hash(packages: Mapping[str, str]) -> str:
    """One word for a set of packages and their versions."""
    text = "".join(f"{name} {version}\n" for name, version in sorted(packages.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_SWITCHES = (
    "Acquire::AllowInsecureRepositories",
    "Acquire::AllowWeakRepositories",
    "Acquire::AllowDowngradeToInsecureRepositories",
    "APT::Get::AllowUnauthenticated",
)
_TRUE = {"1", "true", "yes", "on", "with", "enable"}


def unsigned(configuration: str, sources: Mapping[str, str]) -> Refusal | None:
    """Whether apt is set to take what nobody signed.

    ``configuration`` is of ``apt-config dump``, ``sources`` are the files of sources by their path.
    """
    for line in configuration.splitlines():
        name, _, value = line.partition(" ")
        if name.lower() in {each.lower() for each in _SWITCHES} and value.strip('";').lower() in _TRUE:
            return Refusal(
                why=Why.UNSIGNED,
                reason=f"apt is set to take unsigned packages ({name}); remove that from /etc/apt/apt.conf.d",
            )
    for path, text in sources.items():
        for line in text.splitlines():
            if re.match(r"(?i)\s*deb(-src)?\s.*\[[^\]]*\b(trusted|allow-[a-z-]+)=yes", line) or re.match(
                r"(?i)\s*(Trusted|Allow-[A-Za-z-]+):\s*yes", line
            ):
                return Refusal(
                    why=Why.UNSIGNED,
                    reason=f"{path} has a source that is taken unsigned ({line.strip()}); remove that word",
                )
    return None


NO_ROOM = "No space left on device"  # strerror(ENOSPC), as programs say it without a locale


def complaint(text: str) -> str:
    """What apt or dpkg complained of, in one line: a full disk, errors, warnings, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # dpkg breaks the line after naming the package.
    lines = re.sub(r"(?m)^(dpkg: error .*:)\n", r"\1 ", "\n".join(lines)).split("\n") if lines else []
    # The cause, which a maintainer script tells without any mark; dpkg's own error names the script only.
    if full := [line for line in lines if NO_ROOM in line]:
        return full[0]
    for mark in ("E: ", "dpkg: error", "W: "):
        if found := [line.removeprefix("E: ").removeprefix("W: ") for line in lines if line.startswith(mark)]:
            return "; ".join(dict.fromkeys(found[:3]))
    return lines[-1] if lines else "it said nothing"


def looks_unsigned(text: str) -> bool:
    """Whether a complaint of apt's is about a signature."""
    marks = ("is not signed", "NO_PUBKEY", "signature", "Sub-process /usr/bin/sqv", "not authenticated")
    return any(mark in text for mark in marks)


# What a slot must have before it is tried.

_VERSION = re.compile(r"\d+|\D+")
ARM64_MAGIC = (56, b"ARM\x64")
ARM_MAGIC = (36, b"\x18\x28\x6f\x01")
X86_MAGIC = (514, b"HdrS")


def newest_kernel(names: Iterable[str]) -> str | None:
    """Return the highest version of ``vmlinuz-VERSION`` that has its ``initrd.img-VERSION``."""
    present = set(names)
    versions = [
        name.removeprefix("vmlinuz-")
        for name in present
        if name.startswith("vmlinuz-") and name.replace("vmlinuz-", "initrd.img-", 1) in present
    ]
    return max(versions, key=_order, default=None)


def _order(version: str) -> list[tuple[int, int, str]]:
    parts = _VERSION.findall(version)
    return [(1, int(each), "") if each.isdigit() else (0, 0, each) for each in parts]


def is_kernel(head: bytes) -> bool:
    """Whether a file that begins like this is a kernel that U-Boot, or QEMU in tests, starts."""
    return any(head[at : at + len(magic)] == magic for at, magic in (ARM64_MAGIC, ARM_MAGIC, X86_MAGIC))


def missing_from_initrd(listing: str, wanted: Sequence[str]) -> list[str]:
    """Return what an initrd lacks: ``listing`` is of lsinitramfs; a module may be spelt with - or _."""
    names = {line.rpartition("/")[2].replace("-", "_") for line in listing.splitlines()}
    stems = {re.sub(r"\.ko(\.(xz|zst|gz))?$", "", name) for name in names}
    return [each for each in wanted if each.replace("-", "_") not in stems]


def lacks_room(*, needed: int, free: int, where: str) -> Refusal | None:
    """Whether something does not fit."""
    if needed <= free:
        return None
    return Refusal(why=Why.ROOM, reason=f"no room {where}: {size(needed)} are needed, {size(free)} are free")
