"""How well a line carries pings: what counts as loss, what as latency, and how long an answer may take."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest

from failberry.core import quality
from failberry.core.detector import Finding
from tests.simulation.pinger import LIMITS, RTT, TARGETS, lose, well

ONE, TWO, _ = TARGETS


def test_the_timeout_follows_the_round_trips_in_steps() -> None:
    detector = well()
    assert detector.pace.timeout == 0.2
    seen = set()
    for step in range(60):
        detector.answered(ONE, sent=101.0 + step, rtt=0.3, now=101.3 + step)
        seen.add(detector.pace.timeout)
    assert all(round(each / 0.05, 6).is_integer() for each in seen)
    assert 0.3 < detector.pace.timeout <= 0.4
    for step in range(60):
        detector.answered(ONE, sent=201.0 + step, rtt=5.0, now=206.0 + step)
    assert detector.pace.timeout == 2.0
    for step in range(60):
        detector.answered(ONE, sent=301.0 + step, rtt=RTT, now=301.0 + RTT + step)
    assert detector.pace.timeout == 0.2


def test_loss_beyond_the_limit_is_named_and_ends_with_a_good_minute() -> None:
    detector = well()
    now = lose(detector, 100.5, "x.x.." * 12)
    assert detector.lossy.endswith(" pings were lost (the limit is 25 %)")
    assert detector.finding is Finding.UP
    assert detector.loss(now) == pytest.approx(20.0, abs=1.0)
    now = lose(detector, now, "." * 60)
    assert detector.lossy
    lose(detector, now, "." * 60)
    assert not detector.lossy


def test_a_good_minute_before_does_not_excuse_a_line_that_loses_nearly_everything() -> None:
    detector = well()
    now = lose(detector, 100.5, "xxx." * 4)
    assert detector.lossy
    for _ in range(20):
        now = lose(detector, now, "xxx.")
        assert detector.lossy
    now = lose(detector, now, "." * 60)
    assert detector.lossy
    lose(detector, now, "." * 60)
    assert not detector.lossy


def test_little_loss_is_not_named() -> None:
    detector = well()
    lose(detector, 100.5, ".........x" * 500)
    assert not detector.lossy


def test_silence_is_no_loss() -> None:
    detector = well()
    for again in range(20):
        lose(detector, 100.5 + 20 * again, "x" * 9 + "." * 31)
    assert not detector.lossy
    # Three of each nine count.
    assert detector.loss(500.5) == pytest.approx(100 * 3 / 34, abs=1.5)


def test_a_volley_is_no_sample_of_the_line() -> None:
    detector = well()
    detector.missed(ONE, sent=100.5, now=100.7)
    for sent in (100.705, 100.805):
        for each in TARGETS:
            detector.missed(each, sent=sent, now=sent + 0.2)
    detector.answered(TWO, sent=101.0, rtt=RTT, now=101.02)
    assert detector.loss(101.02) == pytest.approx(100 / 121, rel=0.02)


def test_a_late_answer_is_not_lost() -> None:
    detector = well()
    detector.missed(ONE, sent=100.5, now=100.7)
    assert detector.loss(101.0) != 0.0
    detector.answered(ONE, sent=100.5, rtt=9.0, now=109.5)
    assert detector.loss(109.5) == 0.0


def test_a_year_at_five_percent_names_no_loss() -> None:
    """The bound in quality.py, for the default limit: one false alarm in 100 years at most."""
    good, bad, loss = 0.10, 0.30, 0.05
    up, down = log(bad / good), log((1 - good) / (1 - bad))
    low, high = 1.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        if loss * exp(middle * up) + (1 - loss) * exp(-middle * down) < 1:
            low = middle
        else:
            high = middle
    pings = 2 * 365 * 86_400
    assert low == pytest.approx(1.925, abs=0.001)
    assert pings * exp(-low * quality.CUSUM_LIMIT) < 0.01


def test_latency_has_its_limit_and_its_way_back() -> None:
    detector = well(replace(LIMITS, latency_limit=100.0))
    for step in range(1, 200):
        detector.answered(TARGETS[step % 3], sent=100.0 + step / 2, rtt=0.15, now=100.15 + step / 2)
    assert detector.slow.startswith("answers took 1")
    assert detector.slow.endswith(" ms on average in the last minute (the limit is 100 ms)")
    for step in range(1, 200):
        detector.answered(TARGETS[step % 3], sent=200.0 + step / 2, rtt=0.08, now=200.08 + step / 2)
    assert detector.slow, "80 ms is not well below the limit"
    for step in range(1, 200):
        detector.answered(TARGETS[step % 3], sent=300.0 + step / 2, rtt=0.04, now=300.04 + step / 2)
    assert not detector.slow
    assert detector.rtt(400.0) == pytest.approx(40.0)
