"""The Pi moves the house's name itself (``dns.fast``), ahead of health checks that are as slow as at AWS."""

import time

import pytest
from namedcity import MOBILE, WIRED, named_city

from failberry.core.snapshot import UplinkName
from failberry.dns.costs import costs

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]


def test_the_name_moves_with_the_house_and_nothing_is_held_afterwards():
    with named_city(pace=1.0) as home:
        home.begin("fast = true\n")
        home.city.steady()
        home.until(lambda: home.answered() == WIRED, seconds=30, what="the name at the name servers")
        home.city.black_hole()
        cut = time.monotonic()
        home.until(lambda: home.answered() == MOBILE, seconds=60, what="the other address")
        took = time.monotonic() - cut
        alone = costs(home.wish()).dead[UplinkName.WIRED]
        print(f"the name moved within {took:.1f} s; health checks take {alone.low:.0f} to {alone.high:.0f}")
        assert took < alone.low
        assert home.city.status()["names"]["moved"] == "cellular"
        # Not by the checkers: to them the wired line is still alive, or not long enough dead.
        assert any(healthy for healthy, _ in home.health()["wired"]["opinions"].values())

        home.city.heal()
        healed = time.monotonic()
        home.until(lambda: home.answered() == WIRED, seconds=90, what="the name back")
        print(f"and back {time.monotonic() - healed:.1f} s after the line")
        assert home.city.status()["active"] == "wired"
        home.until(
            lambda: home.city.status()["names"]["moved"] is None, seconds=20, what="the name let go by the Pi"
        )
        configs = [each["HealthCheckConfig"] for each in home.kit("state")["checks"]]
        assert not any(each["Disabled"] or each["Inverted"] for each in configs)
