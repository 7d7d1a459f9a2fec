"""Notices of other programs of ours: each leaves a small file, and its words are ours.

Some of these programs have fewer rights than the daemon: nothing is followed, waited for or believed beyond a
few words.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from failberry.adapters import cardupdate, refusal, stuck
from failberry.core.events import NoticesChanged
from failberry.core.snapshot import Notice
from failberry.notify import STUCK
from failberry.system import LEDGER

LOOK = 30.0
"""Seconds between two looks."""
_LIMIT = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One file, and what it means."""

    source: str
    path: str
    words: Callable[[bytes], tuple[Notice, ...]]
    """Returns nothing for what says nothing."""


NOTES = (
    Note(source="upgrade", path=refusal.REFUSED, words=refusal.notices),
    Note(source="notify", path=STUCK, words=stuck.notices),
    Note(source="card", path=LEDGER, words=cardupdate.notices),
)


async def watch(post: Callable[[NoticesChanged], None], notes: Iterable[Note] = NOTES) -> None:
    """Tell what they say now, and whenever it changes; runs until cancelled."""
    told: dict[str, tuple[Notice, ...]] = {}
    while True:
        for each in notes:
            found = each.words(_read(each.path))
            if found != told.get(each.source, ()):
                told[each.source] = found
                post(NoticesChanged(source=each.source, notices=found))
        await asyncio.sleep(LOOK)


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _LIMIT) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
