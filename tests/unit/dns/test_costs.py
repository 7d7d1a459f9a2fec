"""The figures, as they are printed."""

from __future__ import annotations

from textwrap import dedent

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns.costs import costs
from failberry.dns.desired import AlarmCheck, HttpCheck
from failberry.dns.words import render_costs
from tests.unit.dns.wishes import WISH, alarm, cellular, http, wired

THREE = ("eu-west-1", "us-east-1", "us-west-2")


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
          107 to 112 the wired line's death is known: 3 x (30 s + 4 s for a connection) + 5 to 10 s
          180 to 240 the cellular line's death is known: the rest of a period, 2 x 60 s without an answer, and up to 60 s until the metric is read
          107 to 172 clients have moved: and up to 60 s (dns.ttl) while resolvers keep the old answer; some do longer
          95 to 100 the wired line's return is known: 3 x 30 s + 5 to 10 s
    """)  # noqa: E501 -- as printed


@pytest.mark.parametrize(
    ("check", "megabytes", "low", "high"),
    [
        (http(), 968, 107, 112),
        (http(interval=10), 2903, 47, 52),
        (http(interval=10, threshold=1), 2903, 19, 24),
        (http(regions=THREE), 363, 107, 112),
        (http(interval=10, regions=THREE), 1089, 47, 52),
        (alarm(), 30, 180, 240),
        (alarm(evaluations=3), 30, 240, 300),
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


def test_asking_every_ten_seconds_costs_more_and_a_reboot_shows() -> None:
    told = costs(wired(check=http(interval=10)))
    assert (told.total.low, told.total.high) == (3.25, 4.0)
    assert "a reboot may move the name" in told.notes[0]
    assert costs(WISH).notes == ()
