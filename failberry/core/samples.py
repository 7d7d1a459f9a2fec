"""How the lines fared, minute by minute, for charts; and those minutes rolled up into longer spans.

Pure.  A :class:`Sampler` is shown the turns of the core, and gives one :class:`Sample` for each line when it
is asked, about once a minute.  :func:`rolled` makes one of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from failberry.config import MOBILE_INTERFACE
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.snapshot import LineState, LineView, Snapshot, UplinkName

if TYPE_CHECKING:
    from failberry.core.appliance import Appliance

STEPS = (60, 300, 3600)
"""Seconds that a sample may span; a longer one is made of whole shorter ones."""
OLD_SIGNAL = 120.0
"""Seconds after which a signal that was heard says nothing of this minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line over one span of time."""

    line: UplinkName
    up: float = 0.0
    """Seconds in which the verdict was so …"""
    suspect: float = 0.0
    down: float = 0.0
    active: float = 0.0
    """… and in which the line carried new connections."""
    rtt: float | None = None
    """Milliseconds there and back, on average; ``None``: no ping was answered."""
    rtt_worst: float | None = None
    """Of the minutes in it, the worst."""
    loss: float | None = None
    """Percent of the pings; ``None``: none was sent."""
    loss_worst: float | None = None
    dbm: float | None = None
    """Signal, on average; ``None``: not heard, or no radio."""
    received: int = 0
    """Bytes that the interface carried."""
    sent: int = 0
    used: int | None = None
    """Bytes of the mobile plan used in the billing cycle, at the end."""


@dataclass(slots=True)
class _Flow:
    """Counters of one interface, as they were seen last, and what passed since the last sample."""

    index: int | None = None
    at: tuple[int, int] | None = None
    received: int = 0
    sent: int = 0

    def seen(self, index: int | None, received: int, sent: int) -> None:
        """Take a look.  The first tells nothing; an interface that is another than before began at 0."""
        before = self.at if index == self.index or self.at is None else (0, 0)
        if before is not None and received >= before[0] and sent >= before[1]:
            self.received += received - before[0]
            self.sent += sent - before[1]
        self.index, self.at = index, (received, sent)

    def take(self) -> tuple[int, int]:
        """What passed; counted anew from now on."""
        passed = self.received, self.sent
        self.received = self.sent = 0
        return passed


@dataclass(slots=True)
class _Line:
    """What is gathered of one line."""

    state: LineState = LineState.DOWN
    active: bool = False
    since: float = 0.0
    """Up to when the times below are counted."""
    times: dict[str, float] = field(default_factory=dict)
    flow: _Flow = field(default_factory=_Flow)
    asked: int = 0
    answered: int = 0
    rtts: list[float] = field(default_factory=list)
    """Milliseconds."""

    def advance(self, now: float) -> None:
        """Count the time up to now."""
        passed = max(0.0, now - self.since)
        self.since = now
        for name in (self.state.value, "active") if self.active else (self.state.value,):
            self.times[name] = self.times.get(name, 0.0) + passed


class Sampler:
    """Pure: turns of the core in, one sample of each line out."""

    def __init__(self) -> None:
        self._lines = {name: _Line() for name in UplinkName}
        self._asked: dict[int, int] = {}
        """How many targets were asked, by the number of the deed."""
        self._began: float | None = None

    def note(self, event: ev.Event, actions: Sequence[do.Action], appliance: Appliance, now: float) -> None:
        """Take one turn."""
        if self._began is None:
            self._began = now
            for each in self._lines.values():
                each.since = now
        for action in actions:
            if isinstance(action, do.ProbeLine):
                self._asked = {action.deed: len(action.targets)}  # one at a time
        mobile = self._lines[UplinkName.CELLULAR]
        match event:
            case ev.LineProbed(problem=None):
                asked = self._asked.pop(event.deed, 0)
                mobile.asked += asked
                mobile.answered += min(asked, event.targets_answered)
                if event.rtt is not None:
                    mobile.rtts.append(event.rtt * 1000)
            case ev.CountersRead(received=int(received), sent=int(sent)) if (
                event.interface == MOBILE_INTERFACE
            ):
                mobile.flow.seen(event.index, received, sent)
            case ev.SessionEnded(received=int(received), sent=int(sent)):
                mobile.flow.seen(mobile.flow.index, received, sent)
            case _:
                pass
        active = appliance.failover.active
        self._state(UplinkName.WIRED, appliance.wired.verdict.state, active, now)
        usable = LineState.UP if appliance.mobile.link.usable else LineState.DOWN
        self._state(UplinkName.CELLULAR, usable, active, now)

    def _state(self, name: UplinkName, state: LineState, active: UplinkName | None, now: float) -> None:
        line = self._lines[name]
        if state is not line.state or (active is name) is not line.active:
            line.advance(now)
            line.state, line.active = state, active is name

    def counters(self, name: UplinkName, index: int | None, received: int, sent: int) -> None:
        """Take what the line's interface has carried since it came up."""
        self._lines[name].flow.seen(index, received, sent)

    def take(self, status: Snapshot, now: float) -> tuple[Sample, ...]:
        """Return one sample of each line: of all that was noted since the last."""
        return (
            self._sample(UplinkName.WIRED, status.wired, status, now),
            self._sample(UplinkName.CELLULAR, status.cellular, status, now),
        )

    def _sample(self, name: UplinkName, view: LineView, status: Snapshot, now: float) -> Sample:
        line = self._lines[name]
        line.advance(now)
        times, line.times = line.times, {}
        rtt, loss, dbm = view.rtt, view.loss, None
        if name is UplinkName.CELLULAR:
            rtt = sum(line.rtts) / len(line.rtts) if line.rtts else None
            loss = 100 * (line.asked - line.answered) / line.asked if line.asked else None
            line.rtts, line.asked, line.answered = [], 0, 0
            signal = status.modem.signal
            if signal.dbm is not None and signal.age is not None and signal.age < OLD_SIGNAL:
                dbm = float(signal.dbm)
        received, sent = line.flow.take()
        rtt, loss = _round(rtt), _round(loss)
        return Sample(
            line=name,
            **{state: round(seconds, 1) for state, seconds in times.items()},
            rtt=rtt,
            rtt_worst=rtt,
            loss=loss,
            loss_worst=loss,
            dbm=dbm,
            received=received,
            sent=sent,
            used=status.usage.used if name is UplinkName.CELLULAR else None,
        )


def rolled(samples: Sequence[Sample]) -> Sample:
    """Make one of several of the same line, oldest first; there must be one at least."""
    return Sample(
        line=samples[0].line,
        up=round(sum(each.up for each in samples), 1),
        suspect=round(sum(each.suspect for each in samples), 1),
        down=round(sum(each.down for each in samples), 1),
        active=round(sum(each.active for each in samples), 1),
        rtt=_mean(each.rtt for each in samples),
        rtt_worst=_worst(each.rtt_worst for each in samples),
        loss=_mean(each.loss for each in samples),
        loss_worst=_worst(each.loss_worst for each in samples),
        dbm=_mean(each.dbm for each in samples),
        received=sum(each.received for each in samples),
        sent=sum(each.sent for each in samples),
        used=next((each.used for each in reversed(samples) if each.used is not None), None),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return _round(sum(known) / len(known)) if known else None


def _worst(values: Iterable[float | None]) -> float | None:
    return max((each for each in values if each is not None), default=None)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
