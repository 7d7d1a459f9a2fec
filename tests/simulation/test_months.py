"""Modem-months under random faults, from seeds; a seed that fails replays exactly.

``FAILBERRY_MONTHS`` says how many (first-last, or a count); without it a few, for they take a second each.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.months import live

FEW = 16


def seeds() -> range:
    first, dash, last = os.environ.get("FAILBERRY_MONTHS", str(FEW)).partition("-")
    return range(int(first), int(last)) if dash else range(int(first))


@pytest.mark.parametrize("batch", range(0, len(seeds()), 8))
@pytest.mark.timeout(600)
def test_modem_months(batch: int) -> None:
    dials = 0
    for seed in seeds()[batch : batch + 8]:
        dials += live(seed).appliance.modem.dials
    assert dials, "nothing happened"
