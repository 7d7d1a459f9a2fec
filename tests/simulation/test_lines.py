"""Two lines, a house, and everything that may happen to them, told one by one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from failberry.config import Config, Lan, Mode
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.failover import Stage
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import LineState, UplinkName
from failberry.policy import CapAction, Failback, Usage
from tests.simulation.condition import Names
from tests.simulation.decades import calm
from tests.simulation.laws import Laws
from tests.simulation.street import SERVERS
from tests.simulation.world import BASE, World

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
BESIDE = replace(BASE, modem=replace(BASE.modem, poll_interval=3600.0))
"""A Pi beside a router."""
DUAL = replace(BESIDE, mode=Mode.DUAL_WAN_ROUTER, lan=Lan(interface="lan0"))
BOTH = pytest.mark.parametrize("config", [DUAL, BESIDE], ids=["dual-wan-router", "standby-gateway"])


def house(config: Config = DUAL, **settings: object) -> World:
    """Both lines work, the mobile one is proven, and the laws look on."""
    world = World(config=config, **settings)  # type: ignore[arg-type]
    Laws(world)
    world.until(ModemState.CONNECTED)
    world.run(60)
    assert active(world) is WIRED
    return world


def active(world: World) -> UplinkName | None:
    return world.appliance.failover.active


def takes(world: World, line: UplinkName, *, within: float) -> float:
    """Wait until that line is active; return how long it took."""
    began = world.now
    found = world.run(within, until=lambda: active(world) is line)
    assert found, f"not within {within} s: {world.told()}"
    return world.now - began


def reported(world: World, subject: str) -> str:
    return "\n".join(f"{each.what}: {each.why}" for each in world.reports if each.subject == subject)


# --- the wired line dies ---------------------------------------------------------------------------

PLACES = {
    Mode.DUAL_WAN_ROUTER: (
        "at the first hop: the provider's first router",
        "behind 203.0.113.1 (hop 1), in the provider's network",
        "behind 198.51.100.1 (hop 2), beyond the provider's first routers",
    ),
    Mode.STANDBY_GATEWAY: (
        "at the first hop: the main router",
        "behind 192.168.1.1 (hop 1), in the provider's network",
        "behind 203.0.113.1 (hop 2), in the provider's network",
    ),
}


@BOTH
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_a_black_hole_is_left_within_two_seconds_and_its_place_is_named(config: Config, hops: int) -> None:
    world = house(config)
    world.street.change(broken=hops)
    assert takes(world, CELLULAR, within=2.0) > 0.2
    assert world.appliance.failover.stage is Stage.SUSPECT
    world.run(10)
    verdict = world.appliance.wired.verdict
    assert (verdict.state, world.appliance.failover.stage) == (LineState.DOWN, Stage.AWAY)
    assert verdict.where.startswith(PLACES[config.mode][hops])
    assert f"it breaks {verdict.where}" in reported(world, "wired")
    assert "left for good" in reported(world, "failover")


@BOTH
@pytest.mark.parametrize("lost", ["carrier", "address"])
def test_a_pulled_cable_is_left_at_once(config: Config, lost: str) -> None:
    world = house(config)
    world.street.change(**{lost: False})
    assert takes(world, CELLULAR, within=0.3) < 0.1
    assert world.appliance.wired.verdict.where.startswith("at the Pi itself")


def test_after_a_death_the_wired_line_must_be_good_for_a_minute() -> None:
    world = house()
    world.street.outage(60.0, broken=1)
    takes(world, CELLULAR, within=2.0)
    world.run(60.0)
    assert 55.0 < takes(world, WIRED, within=70.0) < 65.0
    flow = world.street.open_flow()
    world.run(120.0)
    assert flow.line is WIRED
    assert flow.killed is None


def test_connections_of_a_dead_line_are_cut_once_that_is_sure_and_the_other_works() -> None:
    world = house()
    old = world.street.open_flow()
    world.street.change(broken=1)
    young = world.street.open_flow()
    began = world.now
    world.run(3.0)
    assert young.killed is not None
    assert old.killed is None, "it may live through this"
    world.run(4.0)
    assert old.killed is not None
    assert old.killed - began < 6.0
    new = world.street.open_flow()
    assert new.line is CELLULAR
    world.street.change(broken=None)
    world.run(100.0)
    assert active(world) is WIRED
    assert new.killed is None, "what is on the metered line may linger"
    world.run(60.0)
    assert new.killed is not None


@BOTH
def test_three_seconds_without_an_answer_cut_nothing(config: Config) -> None:
    world = house(config)
    old = world.street.open_flow()
    for _ in range(20):
        world.street.outage(3.0, broken=2)
        world.run(200.0)
        assert active(world) is WIRED
    assert old.killed is None
    assert all(each.flows is do.Flows.UNANSWERED for each, _ in world.street.drops if each.line is WIRED)
    assert "left for good" not in reported(world, "failover")


def test_a_flapping_line_is_trusted_ever_later() -> None:
    world = house()
    waits = []
    for _ in range(5):
        world.street.outage(10.0, broken=1)
        world.run(11.0)
        assert active(world) is CELLULAR
        waits.append(takes(world, WIRED, within=2000.0))
        world.run(30.0)
    assert [round(each / waits[0]) for each in waits] == [1, 2, 4, 8, 16]


# --- it lives, and is of no use --------------------------------------------------------------------


@BOTH
def test_nobody_resolves_names(config: Config) -> None:
    world = house(config)
    old = world.street.open_flow()
    world.street.outage(120.0, names=Names.NONE)
    takes(world, CELLULAR, within=10.5)
    assert "no name server has resolved example.com" in reported(world, "wired")
    world.run(60.0)
    assert old.killed is None, "what is open passes"
    takes(world, WIRED, within=150.0)


def test_its_own_name_servers_die_alone() -> None:
    world = house()
    assert world.street.resolvers == SERVERS
    world.street.outage(120.0, names=Names.PUBLIC)
    world.run(30.0)
    assert active(world) is WIRED
    assert "do not answer, public ones do" in reported(world, "wired")
    assert IPv4Address("1.1.1.1") in world.street.resolvers, "the house asks whoever answers"
    world.run(120.0)
    assert world.street.resolvers == SERVERS


def test_the_names_of_the_house_follow_the_line() -> None:
    world = house()
    world.street.change(broken=1)
    takes(world, CELLULAR, within=2.0)
    assert world.street.resolvers == tuple(map(ip_address, world.modem.network.dns))


def test_a_portal_speaks_for_every_page() -> None:
    world = house()
    old = world.street.open_flow()
    world.street.outage(600.0, portal=True)
    takes(world, CELLULAR, within=145.0)
    assert "somebody else answers for every page: redirected to" in reported(world, "wired")
    world.run(300.0)
    assert old.killed is None
    takes(world, WIRED, within=600.0)


def test_two_pings_in_five_are_lost() -> None:
    world = house()
    world.street.change(loss=0.4)
    takes(world, CELLULAR, within=30.0)
    assert world.appliance.wired.verdict.state is not LineState.DOWN
    world.run(30.0)
    assert "pings were lost" in world.appliance.wired.verdict.degraded


@pytest.mark.parametrize("trouble", [{"loss": 0.01}, {"loss": 0.05}, {"rtt": 2.0}], ids=str)
def test_what_is_no_reason_to_leave(trouble: dict[str, float]) -> None:
    world = house()
    world.street.outage(600.0, **trouble)
    world.run(900.0)
    assert "left for good" not in reported(world, "failover")
    assert active(world) is WIRED


@pytest.mark.parametrize("partial", ["stay", "leave"])
def test_one_operator_cannot_be_reached(partial: str) -> None:
    failover = replace(DUAL.failover, partial=type(DUAL.failover.partial)(partial))
    world = house(replace(DUAL, failover=failover))
    world.street.change(unreached=frozenset({IPv4Address("8.8.8.8")}))
    world.run(60.0)
    assert "not reached: 8.8.8.8" in reported(world, "wired")
    assert active(world) is (WIRED if partial == "stay" else CELLULAR)


def test_nobody_answers_pings_any_more_and_connections_carry() -> None:
    world = house()
    world.run(10.0, until=lambda: any(each.line is WIRED for each in world.street.flows))
    old = world.street.open_flow()
    world.street.change(unreached=frozenset(map(ip_address, DUAL.probe.targets)))
    world.run(60.0)
    assert active(world) is CELLULAR
    assert old.killed is None


def test_ipv6_dies_alone_and_is_refused() -> None:
    targets = (*DUAL.probe.targets, "2606:4700:4700::1111", "2620:fe::fe")
    probe = replace(DUAL.probe, targets=tuple(dict.fromkeys(targets)))
    world = house(replace(DUAL, probe=probe), six=True)
    assert world.appliance.failover.active6 is WIRED
    world.street.outage(60.0, broken6=True)
    world.run(10.0)
    assert (active(world), world.appliance.failover.active6) == (WIRED, None)
    world.run(80.0)
    assert world.appliance.failover.active6 is WIRED


# --- the mobile line -------------------------------------------------------------------------------


@BOTH
def test_with_both_dead_the_first_one_back_is_used(config: Config) -> None:
    world = house(config)
    world.unplug()
    world.street.change(broken=1)
    world.run(600.0)
    assert active(world) is WIRED
    assert not world.street.drops, "there is nowhere to go"
    world.street.change(broken=None)
    world.run(2.0)
    assert world.appliance.wired.verdict.state is LineState.UP
    world.street.change(broken=1)
    world.run(60.0)
    world.plug()
    world.run(300.0, until=lambda: world.session is not None and world.session.local is not None)
    takes(world, CELLULAR, within=2.0)


def test_a_session_that_carries_nothing_does_not_keep_the_house() -> None:
    world = house()
    world.change(no_data=True)
    world.street.change(broken=1)
    old = world.street.open_flow()
    world.run(600.0)
    assert all(each.flows is do.Flows.UNANSWERED for each, _ in world.street.drops)
    del old
    world.street.change(broken=None)
    takes(world, WIRED, within=2.0)
    world.run(10.0)
    assert active(world) is WIRED


def test_a_mobile_line_that_dies_in_use_is_left_for_a_wired_one_that_waits_for_its_gate() -> None:
    world = house()
    world.street.outage(30.0, broken=1)
    world.run(40.0)
    assert active(world) is CELLULAR
    world.kill_pppd()
    assert active(world) is WIRED


def test_a_mobile_line_that_comes_while_the_wired_one_is_dead_is_used() -> None:
    world = house()
    world.unplug()
    world.run(60.0)
    world.street.change(broken=2)
    world.run(60.0)
    world.plug()
    takes(world, CELLULAR, within=120.0)


# --- the owner -------------------------------------------------------------------------------------


def test_the_owner_forces_a_line_for_a_while() -> None:
    world = house()
    world.post(ev.LineForced(line=CELLULAR, seconds=600.0))
    assert active(world) is CELLULAR
    world.run(590.0)
    assert active(world) is CELLULAR
    takes(world, WIRED, within=80.0)


def test_a_forced_line_that_is_dead_locks_nobody_out() -> None:
    world = house()
    world.post(ev.LineForced(line=WIRED))
    world.street.change(broken=1)
    world.run(4.0)
    assert active(world) is WIRED
    takes(world, CELLULAR, within=4.0)
    assert "but that is dead" in world.appliance.failover.reason


@pytest.mark.parametrize(
    ("failback", "least", "most"), [("immediate", 2.0, 5.0), ("after", 58.0, 66.0)], ids=str
)
def test_when_to_go_back(failback: str, least: float, most: float) -> None:
    config = replace(DUAL, failover=replace(DUAL.failover, failback=Failback(failback)))
    world = house(config)
    world.street.outage(30.0, broken=1)
    world.run(30.0)
    assert least <= takes(world, WIRED, within=most)


def test_never_means_by_hand_only() -> None:
    world = house(replace(DUAL, failover=replace(DUAL.failover, failback=Failback.NEVER)))
    world.street.outage(30.0, broken=1)
    world.run(4000.0)
    assert active(world) is CELLULAR
    world.post(ev.LineForced(line=WIRED, seconds=10.0))
    world.run(60.0)
    assert active(world) is WIRED


def test_a_daemon_that_starts_anew_in_an_outage_goes_on() -> None:
    world = house()
    world.street.change(broken=1)
    world.run(30.0)
    world.boot(adopt=True)
    takes(world, CELLULAR, within=10.0)


# --- beside a router -------------------------------------------------------------------------------


def test_the_main_router_turns_to_the_pi_and_back_a_hundred_times() -> None:
    """Its own pings come back to the Pi then, and must not be taken for a wired line that works."""
    world = house(BESIDE)
    world.street.router.finds, world.street.router.returns = 12.0, 9.0
    deceived = 0

    def look() -> None:
        nonlocal deceived
        checked()
        verdict = world.appliance.wired.verdict.state
        deceived += world.street.router.uses_us and verdict is LineState.UP

    checked, world.check = world.check, look
    with calm():
        for cycle in range(100):
            world.street.change(broken=1 + cycle % 2)
            world.run(13.0)
            assert world.street.router.uses_us
            assert world.appliance.wired.router_uses_us(world.now + 1.0)
            world.run(20.0 + cycle % 7)
            world.street.change(broken=None)
            world.run(8.0)
            assert active(world) is CELLULAR, "the router does not know yet"
            takes(world, WIRED, within=2000.0)
            world.run(700.0)  # long enough not to count as flapping
    assert deceived == 0
    assert world.street.router.turns == 200


def test_without_the_guard_the_pings_would_come_back_over_the_stick() -> None:
    """That the test above can fail: a packet filter without the rule lets the pings out again."""
    world = house(BESIDE)
    world.street.change(broken=1)
    world.run(30.0)
    assert world.filter is not None
    kept = tuple(each for each in world.filter.rules if each.length is None)
    assert len(kept) < len(world.filter.rules)
    world.filter = replace(world.filter, rules=kept)
    world.street.read_filter()
    target = world.street.asker.plan.targets[0] if world.street.asker.plan else None
    assert target is not None
    assert world.street.asker.fate(target) is not None


def test_a_router_is_told_whether_it_may_count_on_the_pi() -> None:
    world = house(BESIDE)
    assert world.street.offered is True
    world.unplug()
    world.run(60.0)
    assert world.street.offered is False
    world.street.change(broken=1)
    world.run(120.0)
    assert not world.street.router.uses_us


# --- the plan --------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["block_clients", "disconnect"])
def test_the_cap_takes_effect_with_the_look_that_finds_it_reached(action: str) -> None:
    usage = Usage(cap=5.0, action=CapAction(action), last_resort=False)
    world = house(replace(DUAL, usage=usage))
    world.street.house_rate = 100_000.0
    world.street.change(broken=1)
    world.run(600.0)
    warnings = [each.what for each in world.reports if each.subject == "usage" and "%" in each.what]
    assert [each.split("%")[0].strip()[-3:].strip() for each in warnings] == ["50", "80", "95", "100"]
    assert world.street.counted < 5.0e6 + 100_000.0 * 5
    if action == "disconnect":
        assert world.session is None
        assert active(world) is WIRED


def test_a_cap_is_lifted_while_there_is_no_other_way_out() -> None:
    usage = Usage(cap=5.0, action=CapAction.DISCONNECT, last_resort=True)
    world = house(replace(DUAL, usage=usage))
    world.street.house_rate = 100_000.0
    world.street.outage(600.0, broken=1)
    world.run(599.0)
    assert active(world) is CELLULAR
    assert world.street.counted > 20e6
    world.run(300.0)
    assert active(world) is WIRED
    assert world.session is None
