"""An hour of samples and events around :data:`CLOCK`, as the daemon tells them; the same each time."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from failberry.control.answers import EventsView, EventView, SamplesView, SampleView
from failberry.control.document import encode
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.core.snapshot import Snapshot, UsageView
from failberry.ctl.picture import Scene
from failberry.ctl.screen import view
from tests.unit.ctl.painting import CLOCK
from tests.unit.ctl.scenarios import ROUTER_ALL_WELL

QUIET = SampleView(
    start=0.0, up=60.0, suspect=0.0, down=0.0, active=60.0, rtt=18.0, rtt_worst=18.0, loss=0.0,
    loss_worst=0.0, dbm=None, received=2_000_000, sent=400_000, used=None,
)  # fmt: skip
IDLE = replace(
    QUIET, active=0.0, rtt=None, rtt_worst=None, loss=None, loss_worst=None, received=900, sent=700
)
PLAN = UsageView(
    used=1_200_000_000, cap=5_000_000_000, percent=24.0, cycle_began="2027-01-09", days_left=25,
    standby_used=3_400_000, probes_used=412_000,
)  # fmt: skip
WELL = replace(
    ROUTER_ALL_WELL,
    wired=replace(ROUTER_ALL_WELL.wired, loss=0.0, rtt=19.2, reason="9.9.9.9 answered in 19 ms"),
    usage=PLAN,
    next="the mobile line when the wired one dies",
)

SILENT, ANSWERED = "none of 1.1.1.1, 8.8.8.8, 9.9.9.9 has answered", "9.9.9.9 answered"


def wired(now: float = CLOCK) -> tuple[SampleView, ...]:
    """A quiet hour but for four minutes without answers, and some loss before them."""
    minutes = []
    for minute in range(60):
        start = now // 60 * 60 - (60 - minute) * 60
        wobble = (minute * 7919) % 13
        sample = replace(QUIET, start=start, rtt=16.0 + wobble, rtt_worst=17.0 + wobble)
        if minute in (22, 23, 24, 25):
            loss = (2.0, 9.0, 31.0, 55.0)[minute - 22]
            sample = replace(sample, loss=loss, loss_worst=loss, rtt=80.0 + loss, rtt_worst=90.0 + 2 * loss)
        elif 26 <= minute < 30:
            sample = replace(
                sample, up=0.0, down=60.0, active=0.0, rtt=None, rtt_worst=None, loss=100.0, loss_worst=100.0
            )
        minutes.append(sample)
    return tuple(minutes)


def mobile(now: float = CLOCK) -> tuple[SampleView, ...]:
    """Stands by, is asked every ten minutes, and carries the house for four."""
    minutes = []
    for minute in range(60):
        start = now // 60 * 60 - (60 - minute) * 60
        sample = replace(IDLE, start=start, dbm=-71.0 - (minute * 31) % 7, used=1_190_000_000)
        if 26 <= minute < 30 or minute % 10 == 3:
            rtt = 58.0 + minute % 9
            sample = replace(sample, rtt=rtt, rtt_worst=rtt, loss=0.0, loss_worst=0.0)
        if 26 <= minute < 30:
            sample = replace(sample, active=60.0, received=2_100_000, sent=300_000)
        minutes.append(sample)
    return tuple(minutes)


def _event(number: int, before: float, kind: str, what: str, why: str, **more: Any) -> EventView:
    """``before``: seconds before :data:`CLOCK`."""
    subject = {"verdict": "wired", "failback": "failover"}.get(kind, kind)
    return EventView(
        id=number, time=CLOCK - before, synced=True, monotonic=9000.0 - before, boot="b",
        kind=RecordKind(kind), subject=more.pop("subject", subject), what=what, why=why, next="",
        severity=Severity(more.pop("severity", "info")), correlation=2, numbers={},
    )  # fmt: skip


NEWS = (
    _event(1, 11_700.0, "started", "started", "a fresh start", subject="daemon", severity="notice"),
    _event(2, 2_043.0, "verdict", "up -> suspect", f"{SILENT} 5 pings in 0.5 s", severity="notice"),
    _event(3, 2_043.0, "failover", "wired -> cellular", f"the wired line: {SILENT} 5 pings in 0.5 s",
           severity="warning"),
    _event(4, 2_038.0, "verdict", "suspect -> down", f"{SILENT} 41 pings in 5.1 s; it breaks behind "
           "203.0.113.1 (hop 1), in the provider's network", severity="warning"),
    _event(5, 1_803.0, "verdict", "down -> up", f"{ANSWERED} in 19 ms, 0 % lost in a minute"),
    _event(6, 1_743.0, "failback", "cellular -> wired", f"the wired line is good again: {ANSWERED} in 22 ms",
           severity="notice"),
)  # fmt: skip


def news(now: float) -> tuple[EventView, ...]:
    """As if it were then."""
    return tuple(replace(each, time=each.time + now - CLOCK) for each in NEWS)


def as_told(value: object) -> Any:
    """By way of JSON, as in real life."""
    return view(json.loads(json.dumps(encode(value))))


def scene(status: Snapshot = WELL, *, events: Sequence[EventView] = NEWS, lost: str = "") -> Scene:
    """A snapshot with its hour."""
    return Scene(
        as_told(status),
        wired=as_told(SamplesView(step=60, samples=wired())).samples,
        cellular=as_told(SamplesView(step=60, samples=mobile())).samples,
        events=as_told(EventsView(history="a", events=tuple(events), last=9)).events,
        lost=lost,
    )
