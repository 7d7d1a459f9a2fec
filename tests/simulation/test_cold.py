"""A line that is dialled when it is needed, once a day for a proof, and not where that is forbidden."""

from __future__ import annotations

from dataclasses import replace

from failberry.config import Config, Keep
from failberry.core import actions as do
from failberry.core.events import RedialRequested
from failberry.core.modem_state import ModemState
from failberry.core.recovery import DAY, HOUR
from failberry.core.snapshot import UplinkName
from tests.modemsim.model import Sim
from tests.modemsim.modem import SimModem
from tests.simulation.world import BASE, World

COLD: Config = replace(
    BASE,
    cellular=replace(BASE.cellular, standby=Keep.COLD),
    modem=replace(BASE.modem, poll_interval=600.0),
)
BLIND = replace(COLD, probe=replace(COLD.probe, cellular_budget=0.0))


def resting(config: Config = COLD, **settings: object) -> World:
    """A world whose line has been proven once and waits."""
    world = World(config=config, **settings)  # type: ignore[arg-type]
    world.run(120)
    assert world.state is ModemState.REGISTERED, world.told()
    return world


def test_it_is_proven_at_the_start_and_then_once_a_day() -> None:
    world = resting()
    assert world.sessions == 1
    proven = world.appliance.modem.standby.proven_at
    assert proven is not None
    world.run(DAY + HOUR)
    assert world.sessions == 2
    assert world.state is ModemState.REGISTERED
    assert world.modem.counters["dials"] == 2
    assert "the mobile line works and is not needed now" in world.told()


def test_it_says_so_and_nothing_is_wrong() -> None:
    world = resting()
    modem = world.appliance.modem
    told = world.appliance.snapshot(world.now)
    assert modem.standing_by
    assert told.modem.reason == "cold standby: dialled when needed"
    assert told.modem.failures == 0
    assert told.modem.fault is None


def test_the_radio_is_listened_to_meanwhile() -> None:
    world = resting()
    world.run(HOUR)
    signal = world.appliance.snapshot(world.now).modem.signal
    assert signal.dbm == -77
    assert signal.age is not None
    assert signal.age < 60


def test_it_is_dialled_when_the_wired_line_fails_and_hung_up_afterwards() -> None:
    world = resting()
    world.run(HOUR)
    world.cut_wired(carrier=False)
    cut = world.now
    assert world.run(15, until=lambda: world.appliance.failover.active is UplinkName.CELLULAR), world.told()
    assert world.now - cut < 12
    world.run(HOUR)
    assert world.state is ModemState.CONNECTED
    assert world.sessions == 2
    world.cut_wired(carrier=True)
    assert world.run(600, until=lambda: world.state is ModemState.REGISTERED), world.told()
    world.run(HOUR)
    assert world.state is ModemState.REGISTERED
    assert world.sessions == 2
    assert world.session is None


def test_a_failure_in_the_middle_of_the_proof_keeps_the_session() -> None:
    world = World(config=COLD)
    world.until(ModemState.CONNECTED, 60)
    world.cut_wired(carrier=False)
    world.run(600)
    assert world.state is ModemState.CONNECTED
    assert world.sessions == 1


def test_a_network_that_goes_away_meanwhile_is_looked_for() -> None:
    world = resting()
    world.change(registration="searching")
    assert world.run(90, until=lambda: world.state is ModemState.SEARCHING), world.told()
    world.change(registration="home")
    assert world.run(60, until=lambda: world.state is ModemState.REGISTERED), world.told()
    assert world.sessions == 1


def test_a_foreign_network_is_not_dialled_even_when_it_is_needed() -> None:
    world = resting()
    world.change(registration="roaming")
    world.run(120)
    world.cut_wired(carrier=False)
    world.run(600)
    assert world.modem.counters["dials"] == 1
    assert "roaming" in world.appliance.snapshot(world.now).modem.reason


def test_a_modem_that_hangs_meanwhile_is_noticed_and_healed() -> None:
    world = resting()
    world.change(silent=True, heals_by="power")
    assert world.run(
        600, until=lambda: world.appliance.modem.standing_by and not world.modem.faults.silent
    ), world.told()
    assert do.CyclePower in {type(deed) for _, deed in world.taken}


def test_a_modem_that_is_pulled_out_meanwhile_comes_back_to_its_rest() -> None:
    world = resting(modem=SimModem(sim=Sim(pin_enabled=False)))
    world.unplug()
    world.run(5)
    world.plug()
    assert world.run(120, until=lambda: world.appliance.modem.standing_by), world.told()
    assert world.sessions == 1


def test_a_standby_that_no_longer_works_is_found_out_by_its_proof() -> None:
    world = resting()
    world.change(no_data=True)
    world.run(DAY + HOUR)
    told = world.appliance.snapshot(world.now).modem
    assert told.fault is not None
    assert told.failures > 0
    proven = world.appliance.modem.standby.proven_at
    assert proven is not None
    assert world.now - proven > DAY
    world.change(no_data=False)
    assert world.run(6 * HOUR, until=lambda: world.appliance.modem.standing_by), world.told()[-2000:]


def test_the_owner_can_ask_to_see_it_work() -> None:
    world = resting()
    world.run(HOUR)
    world.post(RedialRequested())
    world.run(120)
    assert world.sessions == 2
    assert world.appliance.modem.standing_by


def test_without_a_probe_budget_there_is_no_proof_and_no_fee() -> None:
    world = World(config=BLIND)
    world.run(3 * HOUR)
    assert world.sessions == 0
    assert world.appliance.modem.standing_by
    world.cut_wired(carrier=False)
    assert world.run(15, until=lambda: world.state is ModemState.CONNECTED), world.told()
    world.run(600)
    world.cut_wired(carrier=True)
    assert world.run(900, until=lambda: world.state is ModemState.REGISTERED), world.told()


def test_what_is_forbidden_is_hung_up_and_says_why() -> None:
    world = World(config=replace(COLD, cellular=replace(COLD.cellular, standby=Keep.WARM)))
    world.until(ModemState.CONNECTED)
    world.run(120)
    modem = world.appliance.modem
    perform(world, modem.forbid("the data cap is reached", world.now))
    modem.forbid = lambda reason, now: []  # type: ignore[method-assign]  # the appliance has no such cap
    assert world.run(60, until=lambda: world.state is ModemState.REGISTERED), world.told()
    world.run(3 * HOUR)
    assert world.sessions == 1
    assert not modem.standing_by
    assert world.appliance.snapshot(world.now).modem.reason == "the data cap is reached"
    del modem.forbid
    perform(world, modem.forbid("", world.now))
    assert world.run(30, until=lambda: world.state is ModemState.CONNECTED), world.told()


def perform(world: World, actions: list[do.Action]) -> None:
    for action in actions:
        world._perform(action)
