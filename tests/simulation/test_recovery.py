"""The ladder against simulated modems and hubs, in virtual time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.causes import Fault
from failberry.core.facts import Supply
from failberry.core.modem_state import ModemState
from failberry.core.recovery import DAY, HOUR
from failberry.core.steps import Rung
from tests.modemsim.model import Reach, Shows, Sim
from tests.modemsim.modem import SimModem
from tests.simulation.outside import Hub, reach
from tests.simulation.world import BASE, World

# A real stick is asked for its signal twice a minute, which would be most of what happens here.
QUIET = replace(BASE, modem=replace(BASE.modem, poll_interval=600.0))
REMEDIES = ("hang_up", "radio", "reboot", "usb_reset", "power")
HARDWARE = (do.ResetUsb, do.CyclePower, do.SwitchMode, do.RebindController, do.Reboot)


def connected(**settings: object) -> World:
    world = World(**{"config": QUIET, **settings})  # type: ignore[arg-type]
    world.until(ModemState.CONNECTED, 120)
    world.run(120)
    return world


def works(world: World) -> bool:
    return world.state is ModemState.CONNECTED and reach(world) is Reach.EVERYWHERE


def kinds(world: World) -> list[type]:
    return [type(deed) for _, deed in world.taken]


# --- what heals what -----------------------------------------------------------------------------

BOUNDS = {
    # seconds until traffic passes again, with the wired line alive: detection, waits, all gentler steps
    "silent": (80, 90, 90, 90, 120),
    "no_data": (150, 200, 250, 300, 330),
    "stuck": (60, 80, 120, 150, 180),
}


@pytest.mark.parametrize("fault", BOUNDS)
@pytest.mark.parametrize("remedy", REMEDIES)
def test_the_line_comes_back_by_the_gentlest_step_that_helps(fault: str, remedy: str) -> None:
    world = connected()
    if fault == "stuck":
        world.change(stuck_in_data_mode=True, data_mode_exits=(), heals_by=remedy)
        world.hang_up()
    else:
        world.traffic = True
        world.change(**{fault: True}, heals_by=remedy)
    bound = BOUNDS[fault][REMEDIES.index(remedy)]
    healed = world.run(bound, until=lambda: works(world) and not world.modem.faults.heals_by)
    assert healed, world.told()
    if remedy == "power":
        assert do.CyclePower in kinds(world)
    elif remedy == "usb_reset":
        assert do.CyclePower not in kinds(world)
    elif fault != "silent":  # what is silent hears no AT command
        assert not set(kinds(world)) & set(HARDWARE)
    world.run(120)
    steps = world.appliance.snapshot(world.now).recovery.steps
    if world.taken:
        assert steps[0].result == "helped"
    assert all(each.result for each in steps)


def test_a_power_cycle_follows_within_seconds_when_nothing_else_can_help() -> None:
    world = connected()
    world.change(silent=True, heals_by="power", enumerates_after=4.0)
    world.run(600, until=lambda: do.CyclePower in kinds(world))
    decided = world.now
    off, dial = BASE.power.off_time, 12.0
    assert world.run(off + 4.0 + dial + 5.0, until=lambda: works(world)), world.told()
    assert world.now - decided > off


def test_a_stick_that_crashed_off_the_bus_starts_at_power() -> None:
    world = connected()
    world.change(enumerates_after=3.0)
    # Its firmware is dead: it left the bus, and only power brings it back.
    world.tell_modem(world.modem.power_off(world.now))
    world.run(1)
    assert world.run(90, until=lambda: works(world)), world.told()
    assert kinds(world) == [do.CyclePower]
    assert "crashed" in {step.cause for _, step in world.steps}


def test_a_stick_that_comes_back_by_itself_is_left_its_power() -> None:
    world = connected()
    world.tell_modem(world.modem.power_cycle(world.now, off_for=15.0))
    world.run(1)
    assert world.run(60, until=lambda: works(world)), world.told()
    assert kinds(world) == []


def test_a_pi_without_any_stick_does_nothing_to_its_hubs() -> None:
    world = World(plugged=False)
    world.run(2 * DAY)
    assert kinds(world) == []
    assert "plug the modem in" in world.appliance.snapshot(world.now).modem.advice


def test_a_cd_rom_is_switched_after_twenty_seconds() -> None:
    world = connected()
    world.change(cd_rom=True)
    world.tell_modem(world.modem.power_cycle(world.now, off_for=3.0))
    world.run(1)
    assert world.run(60, until=lambda: works(world)), world.told()
    assert kinds(world) == [do.SwitchMode]
    assert any(each.cause == "not_switched" for _, each in world.steps)


def test_a_cd_rom_that_udev_switches_is_left_to_it() -> None:
    """Long away, then a CD-ROM for a while, then away again to start as a modem: no step is as slow."""
    world = connected()
    world.change(cd_rom=True)
    world.tell_modem(world.modem.power_cycle(world.now, off_for=16.0))
    world.run(30)
    world.change(enumerates_after=15.0)
    world.tell_modem(world.modem.switch_mode(world.now))
    assert world.run(60, until=lambda: works(world)), world.told()
    assert kinds(world) == []


def test_a_cd_rom_that_nobody_can_switch_is_named_and_its_power_cut() -> None:
    world = connected(can_switch_mode=False)
    world.change(cd_rom=True)
    world.tell_modem(world.modem.power_cycle(world.now, off_for=3.0))
    world.run(3000)
    told = world.appliance.snapshot(world.now)
    assert told.modem.fault is Fault.NOT_SWITCHED
    assert do.CyclePower in kinds(world)
    assert kinds(world).count(do.SwitchMode) <= 2, "what is not installed is not tried again and again"
    assert any("usb_modeswitch is not installed" in each.result for _, each in world.steps)


# --- what must not be done -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"dial_result": "NO CARRIER"}, Fault.NO_COVERAGE),
        ({"registration": "searching"}, Fault.NO_COVERAGE),
        ({"registration": "denied"}, Fault.REFUSED),
        ({"apns": ("direct",)}, Fault.REFUSED),
        ({"capped": True}, Fault.CAPPED),
        ({"dial_result": "+CME ERROR: 122"}, Fault.NO_COVERAGE),
        ({"dial_result": "+CME ERROR: 177"}, Fault.REFUSED),
    ],
    ids=lambda each: str(each) if isinstance(each, str) else "",
)
def test_no_hardware_for_what_the_network_says(fault: dict[str, object], name: Fault) -> None:
    world = connected()
    world.cut_wired(carrier=False)  # no patience, and still
    world.change(**fault)
    world.hang_up()
    world.run(5 * HOUR)
    assert not set(kinds(world)) & set(HARDWARE), world.told()
    told = world.appliance.snapshot(world.now)
    assert told.modem.fault is name
    world.modem.network = replace(world.modem.network, registration="home", apns=())
    world.change(dial_result="", capped=False)
    assert world.run(1.3 * HOUR, until=lambda: works(world)), world.told()


def test_a_wrong_pin_never_leads_to_hardware() -> None:
    modem = SimModem(sim=Sim(pin_enabled=True, pin="4321"))
    config = replace(BASE, cellular=replace(BASE.cellular, pin="9999"))
    world = World(config=config, modem=modem)
    world.cut_wired(carrier=False)
    world.run(6 * HOUR)
    assert modem.counters["pin_attempts"] == 1
    assert kinds(world) == []


def test_ten_minutes_of_refusal_take_no_hardware_and_end_by_themselves() -> None:
    world = connected()
    world.change(dial_result="NO CARRIER")
    world.hang_up()
    world.run(600)
    assert kinds(world) == []
    world.change(dial_result="")
    assert world.run(400, until=lambda: works(world)), world.told()


# --- hubs that do not do what they say -----------------------------------------------------------


def test_a_hub_that_does_not_cut_is_named_and_not_asked_again() -> None:
    world = connected(hub=Hub.CLAIMS)
    world.change(silent=True, heals_by="power")
    world.run(20 * HOUR)
    assert kinds(world).count(do.CyclePower) == 1
    told = world.appliance.snapshot(world.now)
    assert told.recovery.switches_power is False
    notice = next(each for each in told.warnings if each.code == "no-power-switch")
    assert "does not switch power" in notice.text
    assert "does not switch power" in told.recovery.held_back
    assert told.modem.fault is Fault.HUNG
    assert kinds(world).count(do.ResetUsb) > 2, "the ladder goes on"


def test_a_refused_cut_touches_nothing_and_is_possible_once_the_owner_forces_it() -> None:
    world = connected(hub=Hub.REFUSES)
    world.change(silent=True, heals_by="power")
    world.run(HOUR)
    assert world.modem.powered
    assert "carries /" in world.appliance.snapshot(world.now).recovery.held_back
    forced = replace(world.config, power=replace(world.config.power, force=True))
    world.config, world.hub = forced, Hub.SWITCHES
    world.post(ev.ConfigChanged(config=forced))
    assert world.run(2 * HOUR, until=lambda: works(world)), world.told()


# --- patience ------------------------------------------------------------------------------------


def test_with_both_lines_dead_the_machine_reboots_counts_it_and_goes_on() -> None:
    world = connected(hub=Hub.CLAIMS)
    world.cut_wired(carrier=False)
    world.change(silent=True, heals_by="power")
    world.run(2 * DAY)
    reboots = [at for at, deed in world.taken if isinstance(deed, do.Reboot)]
    assert 2 <= len(reboots) <= 6
    assert all(later - earlier >= 6 * HOUR for earlier, later in itertools.pairwise(reboots))
    assert all(
        any(at - 1 <= when <= at for when, step in world.steps if step.rung is Rung.REBOOT) for at in reboots
    )


def test_a_full_disk_forbids_the_reboot_and_nothing_else() -> None:
    world = connected()
    world.disk_problem = "no space left"
    world.cut_wired(carrier=False)
    world.hub = Hub.CLAIMS
    world.change(silent=True, heals_by="power")
    world.run(DAY)
    assert do.Reboot not in kinds(world)
    assert do.ResetUsb in kinds(world)


def test_patience_ends_when_the_other_line_dies() -> None:
    world = connected()
    world.change(silent=True, heals_by="")
    world.run(3 * HOUR)
    assert do.RebindController not in kinds(world)
    before = len(world.taken)
    world.cut_wired(carrier=False)
    world.run(30, until=lambda: len(world.taken) > before)
    assert len(world.taken) > before, world.told()


def test_a_line_that_flaps_is_dialled_ever_more_slowly() -> None:
    world = connected()
    for _ in range(200):
        world.run(HOUR, until=lambda: works(world))
        world.run(70)  # long enough to count as good
        world.kill_pppd()
    ends = world.appliance.modem.ladder._ends
    hourly = sum(1 for each in ends if each > world.now - HOUR)
    assert hourly <= 12, f"{hourly} dials within an hour"


# --- the owner -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", [Rung.MODEM_REBOOT, Rung.USB_RESET, Rung.POWER_CYCLE])
def test_the_owner_may_ask_for_a_step_while_the_line_is_up(rung: Rung) -> None:
    world = connected()
    sessions = world.appliance.modem.sessions
    world.post(ev.StepRequested(rung=rung))
    assert world.run(120, until=lambda: world.appliance.modem.sessions > sessions), world.told()
    step = world.appliance.snapshot(world.now).recovery.steps[0]
    assert (step.rung, step.cause) == (rung, "owner")


def test_a_second_wish_during_a_power_cut_is_refused_not_mixed_in() -> None:
    world = connected()
    world.post(ev.StepRequested(rung=Rung.POWER_CYCLE))
    world.run(30, until=lambda: not world.modem.powered)
    world.post(ev.StepRequested(rung=Rung.POWER_CYCLE))
    world.post(ev.RedialRequested())
    assert "another step is under way" in world.told()
    assert world.run(120, until=lambda: works(world)), world.told()
    assert kinds(world) == [do.CyclePower]


def test_the_dial_waits_for_the_end_of_a_step_however_the_bus_looks_meanwhile() -> None:
    world = connected()
    world.post(ev.StepRequested(rung=Rung.POWER_CYCLE))
    world.run(30, until=lambda: world.modem.shows is Shows.NOTHING)
    world.post(ev.UsbChanged())
    located = sum(isinstance(each, do.LocateModem) for each in world.deeds)
    world.run(5)
    assert sum(isinstance(each, do.LocateModem) for each in world.deeds) == located


# --- names ---------------------------------------------------------------------------------------


def test_a_weak_supply_is_named_instead_of_the_modem() -> None:
    world = connected()
    world.post(ev.SupplyObserved(supply=Supply(under_voltage=True, under_voltage_before=True)))
    world.change(silent=True)
    world.run(200)
    told = world.appliance.snapshot(world.now)
    assert told.modem.fault is Fault.BROWN_OUT
    assert not told.supply.good
    assert "supply" in told.modem.advice
    assert any(each.code == "power-supply" for each in told.warnings)


def test_over_current_counts_for_an_hour() -> None:
    world = connected()
    world.post(ev.SupplyObserved(supply=Supply(over_current=1)))
    assert not world.appliance.snapshot(world.now).supply.good
    world.run(HOUR + 60)
    world.post(ev.Tick())
    assert world.appliance.snapshot(world.now).supply.good


@pytest.mark.parametrize(
    ("faults", "name"),
    [
        ({"silent": True}, Fault.HUNG),
        ({"no_data": True}, Fault.NO_DATA),
        ({"capped": True}, Fault.CAPPED),
        ({"stuck_in_data_mode": True, "data_mode_exits": ()}, Fault.STUCK_IN_DATA_MODE),
        ({"garbage_only": True}, Fault.HUNG),
    ],
    ids=["hung", "no data", "capped", "stuck", "garbage"],
)
def test_the_fault_has_a_name(faults: dict[str, object], name: Fault) -> None:
    world = connected()
    world.change(**faults)
    if "no_data" not in faults and "capped" not in faults:
        world.hang_up()
        world.kill_pppd()
    seen: set[Fault | None] = set()

    def look() -> bool:
        seen.add(world.appliance.modem.fault)
        return name in seen

    assert world.run(900, until=look), f"{seen}: {world.told()}"


# --- watching ------------------------------------------------------------------------------------


def probes(world: World) -> int:
    return sum(isinstance(each, do.ProbeLine) for each in world.deeds)


def test_traffic_both_ways_makes_asking_needless() -> None:
    world = connected()
    world.traffic = True
    before = probes(world)
    world.run(4 * HOUR)
    assert probes(world) == before


def test_an_idle_line_is_asked_once_in_an_interval() -> None:
    world = connected()
    before = probes(world)
    world.run(10 * HOUR)
    expected = 10 * HOUR / QUIET.probe.cellular_interval
    assert expected * 0.6 <= probes(world) - before <= expected


def test_bytes_that_go_out_only_lead_to_a_look_at_once() -> None:
    world = connected()
    world.traffic = True
    world.run(600)
    world.change(no_data=True)
    started = world.now
    assert world.run(300, until=lambda: world.appliance.modem.fault is Fault.NO_DATA), world.told()
    assert world.now - started < 150


def test_a_look_that_is_switched_off_asks_nothing() -> None:
    world = connected(config=replace(QUIET, probe=replace(BASE.probe, cellular_budget=0.0)))
    world.run(DAY)
    assert probes(world) == 0
    assert world.state is ModemState.CONNECTED


def test_a_network_that_is_away_for_a_minute_does_not_end_the_session() -> None:
    config = replace(BASE, modem=replace(BASE.modem, poll_interval=5.0))
    world = connected(config=config)
    sessions = world.appliance.modem.sessions
    world.run(280)
    world.change(registration="searching")
    world.run(60)
    world.change(registration="home")
    world.run(600)
    assert world.appliance.modem.sessions == sessions


def test_a_network_that_takes_the_modem_back_ends_the_wait() -> None:
    config = replace(BASE, modem=replace(BASE.modem, poll_interval=10.0))
    world = connected(config=config)
    world.change(registration="denied")
    world.hang_up()
    world.run(900, until=lambda: world.appliance.modem.fault is Fault.REFUSED)
    world.run(30)
    world.change(registration="home")
    assert world.run(60, until=lambda: works(world)), world.told()
