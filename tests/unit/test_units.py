"""Durations and amounts as people read them."""

import pytest

from failberry.units import amount, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (0.4, "0.4 s"),
        (3, "3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (3659, "1 h"),
        (7500, "2 h 5 min"),
        (86399.6, "1 d"),
        (90000, "1 d 1 h"),
        (400 * 86400, "400 d"),
        (-5, "0 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1499, "1.5 kB"),
        (9949, "9.9 kB"),
        (9951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (12_000_000_000, "12 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_amount(size: int, text: str) -> None:
    assert amount(size) == text
