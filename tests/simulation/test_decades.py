"""Months of a house with two lines under random faults, from seeds.

``FAILBERRY_MONTHS`` says how many (first-last, or a count); without it a few, for each takes most of a
second.  A seed that fails is printed and replays exactly.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.decades import live

FEW, BATCH = 20, 5


def seeds() -> range:
    first, dash, last = os.environ.get("FAILBERRY_MONTHS", str(FEW)).partition("-")
    return range(int(first), int(last)) if dash else range(int(first))


@pytest.mark.parametrize("first", range(seeds().start, seeds().stop, BATCH))
@pytest.mark.timeout(900)
def test_months_of_two_lines(first: int) -> None:
    changes = 0
    for seed in range(first, min(first + BATCH, seeds().stop)):
        try:
            changes += live(seed).changes
        except Exception as problem:
            raise AssertionError(f"seed {seed}: {problem}") from problem
    assert changes > 10, "nothing happened"


def test_the_same_month_replays_exactly() -> None:
    def story(seed: int) -> tuple[str, int]:
        world = live(seed, seconds=3 * 86_400.0).world
        return world.told(), world.appliance.numbers.next()

    assert story(3) == story(3)
    assert story(3) != story(4)
