"""The whole chain: a line dies, checkers on the Internet notice, the house's name leads to the other line.

The real daemon, health server and child in a city; AWS is the kit's, and lives ``PACE`` times as fast.  What
took how long is printed beside what ``dns plan`` says of it, here and at AWS's own pace.
"""

import os
import signal
import time
from dataclasses import replace

import pytest
from namedcity import FLOOR, MOBILE, MOBILE_NAME, NAME, PACE, WIRED, named_city

from failberry.core.snapshot import UplinkName
from failberry.dns.costs import BYTES_PER_CHECK, costs
from failberry.dns.publication import COOLDOWN
from failberry.health.heartbeat import FRESH_FOR

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]

CONNECT = 4.0
"""Seconds that a checker waits for a connection."""
SLACK, LONGEST = 5.0, 60.0
"""Seconds for a machine with other work: beyond what was to be expected, and before a test is given up."""
CHILD = 30.0
"""Seconds for one publication by the child, which has a large SDK to load."""


@pytest.fixture(scope="module")
def named():
    with named_city() as made:
        made.begin()
        yield made


@pytest.fixture
def home(named):
    """Both lines good, and the name on the wired one."""
    named.settle()
    yield named
    named.city.heal()


def tell(what, seconds, figure, *, waits=0, perhaps=0, extra=0.0):
    """Print, and require that it was neither sooner nor later than the arithmetic has it.

    So many of the ``waits`` for a connection are longer here than at this pace, and ``perhaps`` so many more;
    ``extra`` is no time of AWS, and may be shorter.
    """
    longer = max(0.0, FLOOR - CONNECT / PACE)
    more, late = extra + waits * longer, perhaps * longer
    low, high = figure.low / PACE + more, figure.high / PACE + more + late
    print(
        f"{what}: {seconds:.2f} s, by arithmetic {low:.2f} to {high:.2f}; at AWS this would be "
        f"{(seconds - more - late) * PACE + extra:.0f} to {(seconds - more) * PACE + extra:.0f} s, "
        f"by arithmetic {figure.low + extra:.0f} to "
        f"{figure.high + extra:.0f}"
    )
    assert low - extra <= seconds <= high + SLACK, what


def test_the_name_leaves_a_dead_line_and_comes_back(home):
    told, ttl = costs(home.wish()), home.wish().ttl
    with home.visitor() as visitor:
        visitor.first(time.monotonic(), WIRED, page=False, seconds=5)
        home.city.black_hole()
        cut = time.monotonic()
        home.until(lambda: home.answered() == MOBILE, seconds=LONGEST, what="the other address")
        known = home.since(cut, "told", "wired", healthy=False)
        tell("the wired line's death is known", known, told.dead[UplinkName.WIRED], waits=3)
        served = visitor.first(cut, MOBILE, page=True, seconds=ttl / PACE + SLACK) - cut
        tell("a visitor is served over the mobile line", served, told.moved, waits=3)
        # The house itself had left the dead line long before.
        assert home.city.status()["active"] == "cellular"
        code, said = home.ctl("dns", "verify")
        assert (code, said.splitlines()[0]) == (0, f"{NAME} leads to the mobile line.")

        home.city.heal()
        healed = time.monotonic()
        home.until(lambda: home.answered() == WIRED, seconds=LONGEST, what="the name back")
        known = home.since(healed, "told", "wired", healthy=True)
        # While the line was dead each round of a checker held such a wait.
        tell("the wired line's return is known", known, told.back, perhaps=1)
        visitor.first(healed, WIRED, page=False, seconds=ttl / PACE + SLACK)


def test_checks_cost_what_the_plan_says(home):
    gw, stick = home.city.gw, home.city.stick

    def await_pings(count):
        until = home.kit("health")["pings"] + count
        home.until(lambda: home.kit("health")["pings"] >= until, seconds=30, what=f"pings by {until}")

    # From the end of one ping to the end of another: of them there are few, and each is to be counted whole.
    await_pings(1)
    started = time.monotonic()
    asked, pinged = home.health()["wired"]["asked"], home.kit("health")["pings"]
    before = home.carried(gw), home.carried(stick)
    await_pings(2)
    after = home.carried(gw), home.carried(stick)
    checks, pings = home.health()["wired"]["asked"] - asked, home.kit("health")["pings"] - pinged
    seconds = (time.monotonic() - started) * PACE
    told = costs(home.wish()).megabytes
    month = 30 * 86_400
    for line, number, place, every in (
        (UplinkName.WIRED, checks, 0, seconds / checks),
        (UplinkName.CELLULAR, pings, 1, 60.0),
    ):
        packets, size, whole = (late - early for late, early in zip(after[place], before[place], strict=True))
        each = size / number
        print(
            f"{line}: {number} checks took {packets} packets, {size} bytes: {each:.0f} a check "
            f"({BYTES_PER_CHECK} in the plan), {each * month / every / 1e6:.0f} MB a month "
            f"({told[line].high:.0f} in the plan); of {whole} bytes on the line"
        )
        # Those under way at either end of the count are neither in nor out of it.
        assert 0.7 * BYTES_PER_CHECK <= each <= 1.1 * BYTES_PER_CHECK
    assert told[UplinkName.WIRED].high * 0.5 <= checks * BYTES_PER_CHECK * month / seconds / 1e6


def test_with_both_lines_dead_the_name_is_on_the_primary(home):
    told = costs(home.wish()).dead
    home.city.mobile_dead()
    home.city.black_hole()
    wired, mobile = both_known(home, time.monotonic())
    tell("the wired line's death is known", wired, told[UplinkName.WIRED], waits=3)
    tell("the mobile line's death is known", mobile, told[UplinkName.CELLULAR])
    assert home.answered() == WIRED


def test_a_new_mobile_address_is_published_and_checked(home):
    new = home.hand_out(101)
    home.renew()
    changed = time.monotonic()
    calm = max(0.0, home.published_at + COOLDOWN - changed)
    home.until(lambda: home.resolved(MOBILE_NAME) == new, seconds=90, what="the new address published")
    took = time.monotonic() - changed
    print(f"a new mobile address is at the name servers: {took:.2f} s, of which {calm:.2f} of cooling down")
    assert took <= calm + CHILD
    pings = home.kit("health")["pings"]
    before, _, _ = home.carried(home.city.stick)
    home.until(lambda: home.kit("health")["pings"] >= pings + 2, seconds=20, what="two more pings")
    after, _, _ = home.carried(home.city.stick)
    # The check by name has followed: it is answered, at the address that is left alone.
    assert after > before
    assert home.health()["cellular"]["healthy"]
    [name] = [each for each in home.city.status()["names"]["lines"] if each["line"] == "cellular"]
    assert (name["addresses"], name["state"]) == ([new], "published")


def test_with_the_pi_dead_the_name_is_on_the_primary(home):
    told = costs(home.wish()).dead
    # Refused at once: nobody waits for a connection.
    silent, waits = told[UplinkName.WIRED], home.wish().wired.check.threshold * CONNECT
    refused = replace(silent, low=silent.low - waits, high=silent.high - waits)
    os.kill(home.city._daemon.pid, signal.SIGKILL)
    wired, mobile = both_known(home, time.monotonic())
    tell("the Pi's death is known on the wired line", wired, refused, extra=FRESH_FOR)
    tell("and on the mobile one", mobile, told[UplinkName.CELLULAR], extra=FRESH_FOR)
    assert home.answered() == WIRED
    words = {reason for _, reason in home.health()["wired"]["opinions"].values()}
    assert words == {"Failure: HTTP Status Code 503 Service Unavailable"}


def both_known(home, cut):
    """Seconds from the cut until the name servers knew of the wired line's death, and of the mobile one's."""
    home.until(
        lambda: not any(each["told"] for each in home.health().values()),
        seconds=LONGEST,
        what="both known to be dead",
    )
    wired, mobile = (home.since(cut, "told", each, healthy=False) for each in ("wired", "cellular"))
    gap = mobile - wired
    print(
        f"for {gap:.2f} s, at AWS {gap * PACE:.0f}, the name led to a mobile line that was dead, too; told:"
    )
    print("\n".join(costs(home.wish()).notes))
    return wired, mobile
