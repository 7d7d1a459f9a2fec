"""What all browsers are told: a ring of thin events, and that the status changed.  Pure, but for the bell.

A browser has a place, not a queue: the id up to which it has read.  What is still in the ring is taken from
there; what is not is asked of the daemon's history.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from failberry.control.document import without_ages

RING = 1000
"""Events that are kept here; the daemon keeps as many in its memory."""
PAGE = 200
"""Events that one browser is told in one piece."""
RESTLESS = ("loss", "rtt", "used", "standby_used", "probes_used", "spent", "age", "signal")
"""What changes all the time; it is told with the next report, within five seconds."""
REFRESH = 4.0
"""Seconds after which a report is news though nothing but that has changed."""


class News:
    """The present, and the last of the past."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | None = None
        """The last one that was told."""
        self.status_at = 0.0
        self.version = 0
        """Counts the changes of the status, and of whether the daemon answers."""
        self.lost = "not asked yet"
        """Why the daemon does not answer; empty: it does."""
        self.history = ""
        self.last = 0
        self.seen: dict[str, int] = {}
        """Events of each kind since this process started."""
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=RING)
        self._start = 0
        """All events with a greater id are in the ring."""
        self._face: Any = None
        self._told_at = float("-inf")
        self._bell = asyncio.Event()

    @property
    def bell(self) -> asyncio.Event:
        """Rings once, at the next piece of news."""
        return self._bell

    def _ring_bell(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def take_status(self, status: dict[str, Any], now: float) -> None:
        """Take what ``Watch`` told."""
        face = _calm(without_ages(status))
        fresh = face != self._face or self.lost or now - self._told_at >= REFRESH
        self.status, self.status_at, self.lost = status, now, ""
        if fresh:
            self._face, self._told_at = face, now
            self.version += 1
            self._ring_bell()

    def lose(self, why: str) -> None:
        """Take note that the daemon does not answer."""
        if why != self.lost:
            self.lost = why
            self.version += 1
            self._ring_bell()

    def take_events(self, history: str, events: Sequence[Mapping[str, Any]], last: int) -> None:
        """Take what ``Events`` told."""
        if history != self.history:
            self._ring.clear()
            self.history, self.last = history, 0
            # What came before the first that we were told is in the daemon's history only.
            self._start = events[0]["id"] - 1 if events else last
        for each in events:
            if each["id"] > self.last:
                if len(self._ring) == RING:
                    self._start = self._ring[0][0]
                self._ring.append((each["id"], piece(history, each)))
                self.last = each["id"]
                self.seen[each["kind"]] = self.seen.get(each["kind"], 0) + 1
        self.last = max(self.last, last)
        self._ring_bell()

    def after(self, place: int) -> tuple[bytes, int] | None:
        """What comes after that id, and up to which; ``None``: that is no longer in here."""
        if place < self._start:
            return None
        if place >= self.last:
            return b"", place
        # From the new end: most browsers lack only the last few.
        found = list(takewhile(lambda each: each[0] > place, reversed(self._ring)))
        found.reverse()
        up_to = self.last if len(found) <= PAGE else found[PAGE - 1][0]
        return b"".join(text for _, text in found[:PAGE]), up_to


def piece(history: str, event: Mapping[str, Any]) -> bytes:
    """One event for the stream: thin, for the page fetches what it shows (HTML, server-sent events)."""
    told = json.dumps({"id": event["id"], "kind": event["kind"]}, separators=(",", ":"))
    return f"id: {history}-{event['id']}\nevent: past\ndata: {told}\n\n".encode()


def _calm(value: Any) -> Any:
    match value:
        case dict():
            return {name: _calm(each) for name, each in value.items() if name not in RESTLESS}
        case list():
            return [_calm(each) for each in value]
        case _:
            return value
