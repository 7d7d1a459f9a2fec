"""The house's name follows the living line: the installed package, a real PPP session.

What decides is the test kit's Route 53 (``tests/awskit``) on the lab's Internet.  The same chain runs outside
the guest in tests/netns/test_dns_chain.py, each time; here it has systemd's socket, sandbox and credential.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns.costs import Figure, costs
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Line, Source
from failberry.health.heartbeat import FRESH_FOR

from .lab import Lab
from .names import FLOOR, MOBILE, NAME, PACE, WIRED, ZONE, Names
from .product import Product

# Minutes under emulation: the chain's own times are seconds in tests/netns.
pytestmark = [pytest.mark.timeout(2400), pytest.mark.soak]
READY = "names-ready"
SLACK = 60.0
"""Seconds for a guest that is ten times slower."""
THREE = ("eu-west-1", "us-east-1", "us-west-2")
TOLD = costs(
    Desired(
        zone=ZONE,
        name=NAME,
        wired=Line(name="wired.casa.test", source=Source.FIXED, check=HttpCheck(regions=THREE)),
        cellular=Line(name="mobile.casa.test", check=AlarmCheck(alarm="any", region="any", evaluations=3)),
    )
)


@pytest.fixture
def names(dual_lab: Lab) -> Iterator[Names]:
    """All is well: both lines up, both checks healthy, the name on the wired line."""
    made = Names(Product(dual_lab))
    if READY not in made.vm.monitor("info snapshots").split():
        made.set_up()
        made.vm.save(READY)
    made.vm.load(READY)
    yield made
    units = "-u failberry -u 'failberry-dns*' -u aws-cloud"
    print(made.vm.run(f"journalctl --no-pager -o short-monotonic {units} --lines=40", check=False).stdout)


def here(figure: Figure, *, waits: int = 0) -> tuple[float, float]:
    """A figure at this pace; so many of the waits for a connection have a floor."""
    more = waits * max(0.0, FLOOR - 4.0 / PACE)
    return figure.low / PACE + more, figure.high / PACE + more


def tell(what: str, seconds: float | None, bounds: tuple[float, float]) -> None:
    assert seconds is not None, what
    print(
        f"{what}: {seconds:.1f} s; {bounds[0]:.1f} to {bounds[1]:.1f} by arithmetic, {PACE:g} times as fast"
    )
    assert seconds <= bounds[1] + SLACK, what


def test_the_name_leaves_a_dead_line_and_comes_back(names: Names) -> None:
    assert names.visit() == ""
    cut = names.uptime()
    names.lab.world("blackhole", "transit")
    bounds = here(TOLD.dead[UplinkName.WIRED], waits=3)
    names.until(lambda: names.answered() == MOBILE, deadline=bounds[1] + 2 * SLACK, what="the other address")
    tell("the wired line's death is known", names.known(cut, "wired", healthy=False), bounds)
    # The resolver's old answer is over at the latest after a TTL.
    names.until(names.visit, deadline=60 / PACE + SLACK, what="a visitor served over the mobile line")
    assert json.loads(names.visit())["server"] == "192.168.88.11"

    healed = names.uptime()
    names.lab.world("heal")
    bounds = here(TOLD.back)
    names.until(lambda: names.answered() == WIRED, deadline=bounds[1] + 2 * SLACK, what="the name back")
    tell("the wired line's return is known", names.known(healed, "wired", healthy=True), bounds)


def test_a_new_mobile_address_is_published_by_the_sandboxed_child(names: Names) -> None:
    new = "198.13.33.131"
    names.product.sim("set", f"address={new}")
    names.product.sim("hang_up", "graceful=true")
    names.until(lambda: names.published() == new, deadline=300, what="the new address published")
    pings = names.kit("health")["pings"]
    names.until(lambda: names.kit("health")["pings"] >= pings + 3, deadline=180, what="three more pings")
    assert names.health()["cellular"]["healthy"]
    said = names.vm.run("journalctl --no-pager -o cat -u 'failberry-dns@*'").stdout
    assert "publish: done" in said


def test_with_both_lines_dead_the_name_is_on_the_primary(names: Names) -> None:
    cut = names.uptime()
    names.lab.world("blackhole", "carrier")
    names.lab.world("blackhole", "transit")
    wired, mobile = here(TOLD.dead[UplinkName.WIRED], waits=3), here(TOLD.dead[UplinkName.CELLULAR])
    names.until(
        lambda: not any(each["told"] for each in names.health().values()),
        deadline=mobile[1] + 2 * SLACK,
        what="both known to be dead",
    )
    tell("the wired line's death is known", names.known(cut, "wired", healthy=False), wired)
    tell("the mobile line's death is known", names.known(cut, "cellular", healthy=False), mobile)
    assert names.answered() == WIRED


def test_with_the_daemon_gone_the_name_is_on_the_primary(names: Names) -> None:
    cut = names.uptime()
    # It would be back in a second: as with a Pi that is dead, it is not.
    names.vm.run(["systemctl", "mask", "--runtime", "failberry"], timeout=60)
    names.product.kill(names.product.main_pid())
    names.until(
        lambda: not any(each["told"] for each in names.health().values()),
        deadline=FRESH_FOR + TOLD.dead[UplinkName.CELLULAR].high / PACE + 2 * SLACK,
        what="both known to be dead",
    )
    low, high = here(TOLD.dead[UplinkName.CELLULAR])
    tell(
        "the Pi's death is known",
        names.known(cut, "cellular", healthy=False),
        (low + FRESH_FOR, high + FRESH_FOR),
    )
    assert names.answered() == WIRED
