"""The figures, as they are printed, and as the kit's checkers and alarms bear them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from textwrap import dedent

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns.costs import Figure, checkers, costs
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck
from failberry.dns.words import render_costs
from tests.awskit.account import ALARM_DOCUMENT
from tests.awskit.alarms import State, judge
from tests.awskit.checkers import AGGREGATION, CONNECT, SHARE, Opinion
from tests.unit.dns.wishes import WISH, alarm, cellular, http, wired

THREE = ("eu-west-1", "us-east-1", "us-west-2")
EVENT = 60.0
"""Seconds of a drawn life, at the least, until the line dies, or comes back."""


def test_the_ordinary_house() -> None:
    assert render_costs(costs(WISH)) == dedent("""\
        A month costs:
          $0.50 hosted zone: each, whatever is in it
          $0.75 health check of the wired line: 0.75 outside AWS
          $0.00 to $0.75 health check of the cellular line: on an alarm: whether it bills as a check is not documented; lambda-ping and alarm are free
          $1.25 to $2.00 together: and $0.40 for each million of questions
        A month of health checks takes of each line:
          968 MB wired: 16 checkers, each every 30 s, 700 bytes each
          30 MB cellular: one lambda-ping every 60 s, 700 bytes each
        Seconds until:
          77 to 112 the wired line's death is known: 2 to 3 x 30 s until 14 of 16 checkers asked 3 times, 3 x 4 s for connections, 5 to 10 s to tell
          65 to 275 the cellular line's death is known: 1 to 4 x 60 s, for pings, periods and readers are out of step, up to 25 s for a ping, 5 to 10 s to tell
          77 to 172 clients have moved: and up to 60 s (dns.ttl) while resolvers keep the old answer; some do longer
          65 to 85 the wired line's return is known: 2 x 30 s, up to 15 s until 3 of 16 checkers have asked 3 times, 5 to 10 s to tell
        note: with both lines dead, or the Pi, the name leads to the mobile line from the moment when Route 53 takes the wired one for dead until it takes the mobile one for dead, too: for about 66 s, at most 210; only then it is back on the wired line. A reboot of the Pi that takes more than 65 s does that, too
    """)  # noqa: E501 -- as printed


@pytest.mark.parametrize(
    ("check", "megabytes", "low", "high"),
    [
        (http(), 968, 77, 112),
        (http(interval=10), 2903, 37, 52),
        (http(interval=10, threshold=1), 2903, 9, 24),
        (http(regions=THREE), 363, 77, 112),
        (http(interval=10, regions=THREE), 1089, 37, 52),
        (alarm(), 30, 65, 275),
        (alarm(evaluations=3), 30, 125, 335),
    ],
)
def test_data_and_time_follow_from_the_parameters(
    check: HttpCheck | AlarmCheck, megabytes: int, low: int, high: int
) -> None:
    told = costs(cellular(check=check))
    line = UplinkName.CELLULAR
    assert (round(told.megabytes[line].high), told.dead[line].low, told.dead[line].high) == (
        megabytes,
        low,
        high,
    )


def test_asking_every_ten_seconds_costs_more_and_is_sooner() -> None:
    told = costs(wired(check=http(interval=10)))
    assert (told.total.low, told.total.high) == (3.25, 4.0)
    assert (told.back.low, round(told.back.high)) == (25, 36)


# --- both lines dead -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (cellular(check=alarm(evaluations=3)), "for about 126 s, at most 270; only then"),
        (replace(cellular(check=alarm(evaluations=3)), wired=wired(check=http(interval=10)).wired),
         "for about 182 s, at most 310; only then it is back on the wired line. "
         "A reboot of the Pi that takes more than 25 s"),
        # Both are asked alike: which is known first is chance.
        (cellular(check=http()), "for up to 47 s; only then"),
    ],
)  # fmt: skip
def test_with_both_lines_dead_the_name_goes_to_a_dead_line_first(wish: Desired, words: str) -> None:
    [note] = costs(wish).notes
    assert words in note


def test_a_mobile_line_that_is_known_to_be_dead_first_leads_nobody_astray() -> None:
    assert costs(replace(cellular(check=http()), wired=wired(check=alarm(evaluations=3)).wired)).notes == ()


# --- against the kit -----------------------------------------------------------------------------


def turned(check: HttpCheck, dice: Random, *, alive: bool) -> float:
    """Seconds from the event until so many checkers hold the line for alive, or for dead."""
    heard: list[tuple[float, int, bool]] = []
    count, event = checkers(check), EVENT + dice.uniform(0, 60)
    for number in range(count):
        now = dice.uniform(0, check.interval)
        while now < event + 150:
            passed = (now < event) is not alive
            now += 0 if passed else CONNECT
            heard.append((now, number, passed))
            now += check.interval
    opinions = [Opinion(healthy=not alive) for _ in range(count)]
    for at, number, passed in sorted(heard):
        opinions[number].hear(passed, "", threshold=check.threshold)
        if (sum(each.healthy for each in opinions) > SHARE * count) is alive and at >= event:
            return at - event + dice.uniform(*AGGREGATION)
    raise AssertionError("never")


def lives(seed: int) -> Iterator[Random]:
    yield from (Random(seed + number) for number in range(120))  # noqa: S311 -- no secret


def holds(figure: Figure, times: list[float]) -> None:
    """Never too early, hardly ever too late, and the bounds are no wider than need be."""
    late = sum(each > figure.high for each in times)
    assert figure.low <= min(times)
    assert late <= len(times) // 50
    assert max(times) - min(times) > 0.3 * (figure.high - figure.low), (min(times), max(times), figure)


@pytest.mark.parametrize(
    "check",
    [http(), http(interval=10), http(threshold=1), http(regions=THREE), http(interval=10, regions=THREE)],
)
def test_the_figures_hold_what_uncoordinated_checkers_do(check: HttpCheck) -> None:
    told = costs(wired(check=check))
    holds(told.dead[UplinkName.WIRED], [turned(check, dice, alive=False) for dice in lives(1)])
    holds(told.back, [turned(check, dice, alive=True) for dice in lives(2)])


def alarmed(check: AlarmCheck, dice: Random, *, alive: bool) -> float:
    """Seconds from the event until a health check on the alarm turns."""
    settings, event = {**ALARM_DOCUMENT, "EvaluationPeriods": check.evaluations}, EVENT + dice.uniform(0, 60)
    first = dice.uniform(0, 60)
    pings = [first + 60 * number for number in range(12)]
    # A ping of a dead line takes its time.
    last = dice.uniform(0, 25)
    up = [(at < event) is not alive for at in pings]
    points = [(at if good else at + last, float(good)) for at, good in zip(pings, up, strict=True)]
    reader = dice.uniform(0, 60)
    wanted = State.OK if alive else State.ALARM
    reads = (reader + 60 * number for number in range(12))
    turn = next(at for at in reads if at >= event and judge(settings, points, now=at, period=60) is wanted)
    return turn - event + dice.uniform(*AGGREGATION)


@pytest.mark.parametrize("check", [alarm(), alarm(evaluations=3)])
def test_the_figures_hold_what_pings_and_alarms_do(check: AlarmCheck) -> None:
    told = costs(wired(check=check))
    holds(told.dead[UplinkName.WIRED], [alarmed(check, dice, alive=False) for dice in lives(3)])
    holds(told.back, [alarmed(check, dice, alive=True) for dice in lives(4)])
