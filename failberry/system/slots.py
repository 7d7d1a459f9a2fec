"""The two root slots: what the boot loader reads, what is known of each, and what every event writes.

Pure.  ``slot.env`` lies on the FAT partition and is read by U-Boot (``image/boot/boot.cmd``), by the
initramfs and by us.  The rules, which hold at every instant, whatever is cut off in between:

* a slot's kernel lies in its folder on FAT only while its root is whole, so that a folder without a
  kernel is never booted;
* ``slot`` is the committed one; nothing of it is written to while it runs;
* a slot on trial is booted only after U-Boot has written down that it uses up one of its tries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

ENV_SIZE = 512
"""Octets of ``slot.env``, always: one sector, so that U-Boot overwrites it in place or not at all."""
TRIES = 2
"""Boots that a new slot gets: one that a power cut may spoil, and another."""


class Slot(StrEnum):
    """One of the two root partitions."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        """The other one."""
        return Slot.B if self is Slot.A else Slot.A

    @property
    def number(self) -> int:
        """Number of its partition on the card."""
        return 2 if self is Slot.A else 3

    @property
    def label(self) -> str:
        """Label of its file system."""
        return f"ROOT-{self.upper()}"


class DataState(StrEnum):
    """What the initramfs shall do with the partition of the owner's data."""

    NEW = "new"
    """It has never been made."""
    MADE = "made"
    RESET = "reset"
    """The owner wants it empty again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEnv:
    """What stands in ``slot.env``."""

    slot: Slot = Slot.A
    """The committed one."""
    trial: Slot | None = None
    tries: int = 0
    """Boots that the trial still has."""
    rolledback: Slot | None = None
    """Tried and given up by U-Boot; until Linux has taken note."""
    data: DataState = DataState.MADE


def parse(raw: bytes) -> SlotEnv | None:
    """Read the file as U-Boot's ``env import -t -r`` does; ``None``: it is damaged, no slot stands in it.

    What else is damaged counts as absent; data of which nothing is known has been made: it is never
    taken for new, which would wipe it.
    """
    values: dict[str, str] = {}
    text = raw.partition(b"\0")[0].decode("latin-1").replace("\r\n", "\n")
    for line in text.split("\n"):
        name, equals, value = line.lstrip(" \t").partition("=")
        if equals and not name.startswith("#"):
            values[name] = re.sub(r"\\(.)", r"\1", value)
    slot, trial = _slot(values.get("slot")), _slot(values.get("trial"))
    if slot is None:
        return None
    if trial is slot:
        trial = None
    tries = values.get("tries", "")
    data = values.get("data")
    return SlotEnv(
        slot=slot,
        trial=trial,
        tries=int(tries) if trial is not None and tries in {"1", "2"} else 0,
        rolledback=_slot(values.get("rolledback")),
        data=DataState(data) if data in list(DataState) else DataState.MADE,
    )


def render(env: SlotEnv) -> bytes:
    """Return the file: filled up with empty lines to one sector."""
    lines = {
        "slot": env.slot,
        "trial": env.trial or "",
        "tries": str(env.tries),
        "rolledback": env.rolledback or "",
        "data": env.data,
    }
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    return text.encode("ascii").ljust(ENV_SIZE, b"\n")


def _slot(text: str | None) -> Slot | None:
    return Slot(text) if text in list(Slot) else None


def slot_of(command_line: str) -> Slot | None:
    """Return the slot that runs, from the kernel's command line; ``None``: this is no image of ours."""
    for word in command_line.split():
        name, _, value = word.partition("=")
        if name == "failberry.slot":
            return _slot(value)
    return None


# What is written when.  Each returns the whole of what shall stand there.


def begin_trial(env: SlotEnv, slot: Slot) -> SlotEnv:
    """``slot`` is whole and shall be tried at the next boot."""
    return replace(env, slot=slot.other, trial=slot, tries=TRIES, rolledback=None)


def commit(env: SlotEnv, slot: Slot) -> SlotEnv:
    """``slot`` runs, and is to be kept."""
    return replace(env, slot=slot, trial=None, tries=0, rolledback=None)


class Finding(StrEnum):
    """What a boot finds in ``slot.env``."""

    NOTHING = "nothing"
    """The committed slot runs, as ever."""
    ON_TRIAL = "on-trial"
    """The new slot runs, and has to prove itself."""
    ROLLED_BACK = "rolled-back"
    """U-Boot has given the new slot up: its boots never came to a verdict."""
    NOT_TRIED = "not-tried"
    """A trial was asked for, and this is the old slot: the boot loader did not act on it."""
    OTHER_GONE = "other-gone"
    """The committed slot has no kernel that could be loaded: U-Boot took this one instead."""
    DAMAGED = "damaged"
    """``slot.env`` could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What a boot finds, and what it writes because of it."""

    finding: Finding
    env: SlotEnv
    """What shall stand in ``slot.env`` from now on."""
    writes: bool
    """Whether that differs from what stands there."""


def boot(env: SlotEnv | None, running: Slot) -> Boot:
    """Judge ``slot.env`` right after the boot of ``running``.  The verdict on a trial comes later."""
    if env is None:
        return Boot(finding=Finding.DAMAGED, env=SlotEnv(slot=running), writes=True)
    if env.trial is running:
        return Boot(finding=Finding.ON_TRIAL, env=env, writes=False)
    settled = commit(env, running)
    if env.trial is not None:
        finding = Finding.NOT_TRIED
    elif env.slot is not running:
        finding = Finding.OTHER_GONE
    elif env.rolledback is not None:
        finding = Finding.ROLLED_BACK
    else:
        finding = Finding.NOTHING
    return Boot(finding=finding, env=settled, writes=settled != env)
