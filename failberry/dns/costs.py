"""What the wish costs a month, in dollars and in megabytes of each line, and how fast the name moves.

Prices are those of September 2026, for health checks of something outside AWS.  A month is 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import comb

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
_HEALTHY = 18
"""Per cent of the checkers, of whom more must hold a line for alive (ibidem; "might change")."""
_UNLIKELY = 0.01
_PING = 25.0
"""Seconds that our function takes at the most to find that nobody answers."""
_ZONE, _CHECK, _FAST, _MILLION_QUERIES = 0.50, 0.75, 2.00, 0.40


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
    wired = dead[UplinkName.WIRED]
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
        notes=tuple(_notes(desired, dead)),
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


# When uncoordinated checkers agree.  n of them ask, each every I seconds from one answer to its next question
# and at instants of its own.  So after an event the first question of each comes after a share of I that is
# any of 0 to 1 alike, and its N-th answer in a row N - 1 rounds later.  A line is alive while at least
# k = floor(0.18 n) + 1 of them hold it so.  With U(k) for the k-th smallest of n such shares and C for the
# time that a connection is waited for in vain, it is therefore known
#
#     to be dead   after  (N - 1) I + N C + U(n - k + 1) I,
#     to be alive  after  (N - 1) I + U(k) (I + C)            (while it was dead, a round took I + C),
#
# and the name servers a little later.  P(U(k) > x) is the chance that fewer than k of n shares are below x:
# the sum over j < k of C(n, j) x^j (1 - x)^(n - j).  Its mean is k / (n + 1).  The bounds are U = 0 below;
# above, U = 1 for a death (of 16, the 14th is nearly the last), and for a return what is exceeded once in a
# hundred times.
#
# Pings, the alarm's periods and whoever reads them keep time by clocks of their own.  A death is known at the
# earliest where the first ping without an answer is the last of its period, and the other N - 1 periods are
# read as they end; at the latest where that ping came a period later, was the first of its period, and
# was read a period late.


def _quickest(count: int) -> int:
    """How many of so many checkers must hold a line for alive."""
    return count * _HEALTHY // 100 + 1


@cache
def _late(count: int, place: int) -> float:
    """The share of a round after which that many of the checkers have asked, but once in a hundred times."""
    low, high = 0.0, 1.0
    for _ in range(30):
        share = (low + high) / 2
        chance = sum(comb(count, j) * share**j * (1 - share) ** (count - j) for j in range(place))
        low, high = (share, high) if chance > _UNLIKELY else (low, share)
    return high


def _detection(line: UplinkName, check: HttpCheck | AlarmCheck) -> Figure:
    what = f"the {line} line's death is known"
    low, high = _AGGREGATION
    told = f"{low:.0f} to {high:.0f} s to tell"
    match check:
        case AlarmCheck(period=period, evaluations=count):
            words = (
                f"{count - 1} to {count + 2} x {period} s, for pings, periods and readers are out of step, "
                f"up to {_PING:.0f} s for a ping, {told}"
            )
            low, high = (count - 1) * period + low, (count + 2) * period + _PING + high
        case HttpCheck(interval=interval, threshold=count):
            number = checkers(check)
            words = (
                f"{count - 1} to {count} x {interval} s until {number - _quickest(number) + 1} of {number} "
                f"checkers asked {count} times, {count} x {_CONNECT:.0f} s for connections, {told}"
            )
            waits = count * _CONNECT
            low, high = (count - 1) * interval + waits + low, count * interval + waits + high
    return Figure(what=what, low=low, high=high, words=words)


def _return(check: HttpCheck | AlarmCheck) -> Figure:
    what = "the wired line's return is known"
    low, high = _AGGREGATION
    told = f"{low:.0f} to {high:.0f} s to tell"
    match check:
        case AlarmCheck(period=period):
            words = (
                f"up to 3 x {period} s: until the next ping, until its period is over, until that is read; "
                f"{told}"
            )
            return Figure(what=what, low=low, high=3.0 * period + high, words=words)
        case HttpCheck(interval=interval, threshold=count):
            number = checkers(check)
            share = _late(number, _quickest(number)) * (interval + _CONNECT)
            words = (
                f"{count - 1} x {interval} s, up to {share:.0f} s until {_quickest(number)} of {number} "
                f"checkers have asked {count} times, {told}"
            )
            rounds = (count - 1.0) * interval
            return Figure(what=what, low=rounds + low, high=rounds + share + high, words=words)


def _usual(check: HttpCheck | AlarmCheck) -> float:
    """Seconds until a death is known, on the average."""
    told = sum(_AGGREGATION) / 2
    match check:
        case AlarmCheck(period=period, evaluations=count):
            return (count + 0.5) * period + _PING / 2 + told
        case HttpCheck(interval=interval, threshold=count):
            number = checkers(check)
            share = 1 - _quickest(number) / (number + 1)
            return (count - 1 + share) * interval + count * _CONNECT + told


def _notes(desired: Desired, dead: Mapping[UplinkName, Figure]) -> Iterator[str]:
    """What it means that the two lines' deaths are not known in the same moment."""
    check = desired.wired.check
    soonest = dead[UplinkName.WIRED].low
    if isinstance(check, HttpCheck):
        # Where somebody refuses, nobody waits.
        soonest -= check.threshold * _CONNECT
    most = dead[UplinkName.CELLULAR].high - soonest
    if most <= 0:
        return
    usual = _usual(desired.cellular.check) - _usual(check)
    times = f"about {usual:.0f} s, at most {most:.0f}" if usual >= 1 else f"up to {most:.0f} s"
    yield (
        "with both lines dead, or the Pi, the name leads to the mobile line from the moment when Route 53 "
        "takes the wired one for dead until it takes the mobile one for dead, too: for "
        f"{times}; only then it is back on the wired line. A reboot of the Pi that takes more than "
        f"{soonest:.0f} s does that, too"
    )
