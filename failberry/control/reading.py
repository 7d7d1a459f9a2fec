"""The calls ``Events`` and ``Samples``: what their parameters mean, and how a reader follows the history.

A follower has no queue: it remembers up to where it has read, and asks for what comes after that.  So it
costs nothing while it is slow, misses nothing, gets nothing twice, and nobody waits for it; the socket's own
deadline cuts one that does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from failberry.control.answers import EventsView, SamplesView
from failberry.control.document import Json, encode
from failberry.control.varlink import invalid_parameter
from failberry.core.actions import Severity
from failberry.core.history import Wanted
from failberry.core.kinds import RecordKind
from failberry.core.snapshot import UplinkName

TAKES = frozenset({"after", "before", "since", "limit", "kinds", "severity"})
TAKES_SAMPLES = frozenset({"line", "since", "step"})
LIMIT, MOST = 100, 1000
"""Events in one answer: unless asked otherwise, and at most."""
PAGE = 100
"""Events in one part of a stream: the loop has its turn between two."""
SILENCE = 5.0
"""Seconds after which a follower is told that there is nothing new, so that silence means trouble."""
GATHER = 0.1
"""Seconds for which news are gathered: what happens at once is told at once."""
MOST_SAMPLES = 2000
SPANS = (60, 300, 3600, 21_600, 86_400)
"""Seconds that a sample spans, unless asked otherwise: the first that gives few enough."""
ENOUGH = 1500
_LARGEST = 2**53


class HistoryReader(Protocol):
    """What is lent to readers of the history."""

    async def events(self, wanted: Wanted) -> EventsView:
        """Find events."""

    async def samples(self, line: UplinkName, since: float, step: int) -> SamplesView:
        """Find samples; ``step``: seconds, whole minutes."""

    def history_since(self, step: int) -> float:
        """From when on samples of this step are kept, in seconds since 1970."""

    def wall(self) -> float:
        """Now, in seconds since 1970."""

    def bells(self) -> set[asyncio.Event]:
        """Who wants to be woken by news."""


def wanted(parameters: Mapping[str, Any]) -> Wanted:
    """Read what is asked for; raises ``org.varlink.service.InvalidParameter``."""
    limit = _whole(parameters, "limit", MOST)
    kinds = parameters.get("kinds")
    if kinds is not None and not (
        isinstance(kinds, list) and all(each in list(RecordKind) for each in kinds)
    ):
        raise invalid_parameter("kinds")
    severity = parameters.get("severity")
    if severity is not None and severity not in list(Severity):
        raise invalid_parameter("severity")
    return Wanted(
        after=_whole(parameters, "after", _LARGEST),
        before=_whole(parameters, "before", _LARGEST),
        since=_instant(parameters, "since"),
        limit=LIMIT if limit is None else limit,
        kinds=None if kinds is None else frozenset(map(RecordKind, kinds)),
        severity=Severity.INFO if severity is None else Severity(severity),
    )


async def follow(reader: HistoryReader, asked: Wanted) -> AsyncGenerator[dict[str, Json], None]:
    """Yield what there is, then what comes, for ever."""
    bell = asyncio.Event()
    reader.bells().add(bell)
    try:
        if asked.after is None:
            found = await reader.events(asked)
            for part in _parts(found):
                yield part
        else:
            found = EventsView(history="", events=(), last=asked.after)
        rest = replace(asked, before=None, since=None, limit=PAGE)
        history = found.history
        while True:
            bell.clear()
            found = await reader.events(replace(rest, after=found.last))
            if history and found.history != history:
                found = await reader.events(replace(rest, after=0))
            history = found.history
            yield _told(found)
            if len(found.events) < PAGE:
                await _rung(bell)
                await asyncio.sleep(GATHER)
    finally:
        reader.bells().discard(bell)


def _parts(found: EventsView) -> list[dict[str, Json]]:
    events = found.events
    starts = range(0, len(events), PAGE)
    return [_told(replace(found, events=events[start : start + PAGE])) for start in starts]


def _told(found: EventsView) -> dict[str, Json]:
    told = encode(found)
    assert isinstance(told, dict)  # noqa: S101  (for mypy: a dataclass becomes an object)
    return told


async def one_answer(reader: HistoryReader, parameters: Mapping[str, Any]) -> dict[str, Json]:
    """Answer ``Events`` to somebody who does not follow."""
    return _told(await reader.events(wanted(parameters)))


async def samples(reader: HistoryReader, parameters: Mapping[str, Any]) -> dict[str, Json]:
    """Answer ``Samples``."""
    match parameters.get("line"):
        case str(name) if name in list(UplinkName):
            line = UplinkName(name)
        case _:
            raise invalid_parameter("line")
    since = _instant(parameters, "since")
    if since is None:
        raise invalid_parameter("since")
    span = max(0.0, reader.wall() - since)
    step = _whole(parameters, "step", 30 * 86_400)
    if step is None:
        fits = (each for each in SPANS if span / each <= ENOUGH and since >= reader.history_since(each))
        step = next(fits, SPANS[-1])
    elif step == 0 or step % 60 or span / step > MOST_SAMPLES:
        raise invalid_parameter("step")
    told = encode(await reader.samples(line, since, step))
    assert isinstance(told, dict)  # noqa: S101  (as above)
    return told


def _whole(parameters: Mapping[str, Any], name: str, most: int) -> int | None:
    match parameters.get(name):
        case None:
            return None
        case bool():
            raise invalid_parameter(name)
        case int(value) if 0 <= value <= most:
            return value
        case _:
            raise invalid_parameter(name)


def _instant(parameters: Mapping[str, Any], name: str) -> float | None:
    match parameters.get(name):
        case None:
            return None
        case bool():
            raise invalid_parameter(name)
        case int(value) | float(value) if 0 <= value <= _LARGEST:
            return float(value)
        case _:
            raise invalid_parameter(name)


async def _rung(bell: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(SILENCE):
            await bell.wait()
    except TimeoutError:
        pass
