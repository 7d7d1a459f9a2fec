"""What the wish costs a month, in dollars and in megabytes of each line, and how fast the name moves.

Prices are those of September 2026, for health checks of something outside AWS.  A month is 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass

from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck
from failberry.namechecks import CHECKER_REGIONS

_MONTH = 30 * 86_400
BYTES_PER_CHECK = 700
"""Of one HTTP check with a minimal answer as IP counts it: ten packets, measured."""
_CHECKERS_PER_REGION = 2
"""The Developer Guide speaks of 16 availability zones in 8 regions."""
_CONNECT = 4.0
"""Seconds a checker waits for a connection (Developer Guide, "How Route 53 determines whether…")."""
_AGGREGATION = (5.0, 10.0)
"""Seconds from the checkers' verdict to the answers of the name servers."""
_ZONE, _CHECK, _FAST, _MILLION_QUERIES = 0.50, 0.75, 2.00, 0.40
_BOOT = 60.0
"""Seconds for which a Pi answers nothing while it reboots, at the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value between two bounds, which may be equal, and how it comes about."""

    what: str
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Everything that ``plan`` prints beside the changes."""

    dollars: tuple[Figure, ...]
    """US dollars a month, item by item."""
    megabytes: dict[UplinkName, Figure]
    """Of 1,000,000 bytes, a month, both directions, by health checks."""
    dead: dict[UplinkName, Figure]
    """Seconds from a line's death to answers without it."""
    moved: Figure
    """Seconds from the wired line's death until the last client has asked again."""
    back: Figure
    """Seconds from the wired line's return to answers with it."""
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Figure:
        """All dollars together."""
        return Figure(
            what="together",
            low=sum(each.low for each in self.dollars),
            high=sum(each.high for each in self.dollars),
            words=f"and ${_MILLION_QUERIES:.2f} for each million of questions",
        )


def costs(desired: Desired) -> Costs:
    """Derive all of it from the wish alone."""
    dead = {line: _detection(line, desired.line(line).check) for line in UplinkName}
    wired, cellular = dead[UplinkName.WIRED], dead[UplinkName.CELLULAR]
    notes = []
    if wired.low <= _BOOT < cellular.low:
        notes.append(
            f"a reboot of the Pi takes {_BOOT:.0f} s or more, and the wired line counts as dead after "
            f"{wired.low:.0f}, the mobile one only after {cellular.low:.0f}: a reboot may move the name"
        )
    return Costs(
        dollars=(
            Figure(what="hosted zone", low=_ZONE, high=_ZONE, words="each, whatever is in it"),
            *(_price(line, desired.line(line).check) for line in UplinkName),
        ),
        megabytes={line: _traffic(desired.line(line).check) for line in UplinkName},
        dead=dead,
        moved=Figure(
            what="clients have moved",
            low=wired.low,
            high=wired.high + desired.ttl,
            words=f"and up to {desired.ttl} s (dns.ttl) while resolvers keep the old answer; some do longer",
        ),
        back=_return(desired.wired.check),
        notes=tuple(notes),
    )


def checkers(check: HttpCheck) -> int:
    """How many checkers ask."""
    return _CHECKERS_PER_REGION * len(set(check.regions) or CHECKER_REGIONS)


def _price(line: UplinkName, check: HttpCheck | AlarmCheck) -> Figure:
    what = f"health check of the {line} line"
    match check:
        case AlarmCheck():
            words = (
                "on an alarm: whether it bills as a check is not documented; lambda-ping and alarm are free"
            )
            return Figure(what=what, low=0.0, high=_CHECK, words=words)
        case HttpCheck(interval=10):
            words = f"{_CHECK:.2f} outside AWS, and {_FAST:.2f} for asking every 10 s"
            return Figure(what=what, low=_CHECK + _FAST, high=_CHECK + _FAST, words=words)
        case HttpCheck():
            return Figure(what=what, low=_CHECK, high=_CHECK, words=f"{_CHECK:.2f} outside AWS")


def _traffic(check: HttpCheck | AlarmCheck) -> Figure:
    match check:
        case AlarmCheck(period=period):
            count, words = 1.0 / period, f"one lambda-ping every {period} s"
        case HttpCheck(interval=interval):
            count = checkers(check) / interval
            words = f"{checkers(check)} checkers, each every {interval} s"
    amount = count * _MONTH * BYTES_PER_CHECK / 1e6
    return Figure(
        what="health checks", low=amount, high=amount, words=f"{words}, {BYTES_PER_CHECK} bytes each"
    )


def _detection(line: UplinkName, check: HttpCheck | AlarmCheck) -> Figure:
    what = f"the {line} line's death is known"
    match check:
        case AlarmCheck(period=period, evaluations=count):
            words = (
                f"the rest of a period, {count} x {period} s without an answer, "
                f"and up to {period} s until the metric is read"
            )
            return Figure(what=what, low=(count + 1.0) * period, high=(count + 2.0) * period, words=words)
        case HttpCheck(interval=interval, threshold=count):
            silence = count * (interval + _CONNECT)
            low, high = _AGGREGATION
            words = (
                f"{count} x ({interval} s + {_CONNECT:.0f} s for a connection) + {low:.0f} to {high:.0f} s"
            )
            return Figure(what=what, low=silence + low, high=silence + high, words=words)


def _return(check: HttpCheck | AlarmCheck) -> Figure:
    what = "the wired line's return is known"
    match check:
        case AlarmCheck(period=period):
            words = f"one answer, and up to {period} s until the metric is read"
            return Figure(what=what, low=1.0 * period, high=2.0 * period, words=words)
        case HttpCheck(interval=interval, threshold=count):
            low, high = _AGGREGATION
            words = f"{count} x {interval} s + {low:.0f} to {high:.0f} s"
            return Figure(what=what, low=count * interval + low, high=count * interval + high, words=words)
