"""Durations as people read them."""

import pytest

from failberry.units import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (95, "1 min 35 s"),
        (600, "10 min"),
        (659, "10 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86_400, "1 day"),
        (93_600, "1 day 2 h"),
        (273_600, "3 days 4 h"),
        (86_400 * 400, "400 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
