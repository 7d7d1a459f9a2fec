"""The modem machine against the modem simulator, in virtual time."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from failberry.config import Cellular, Roaming
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import LineState, Reachability, UplinkName
from tests.modemsim.model import Faults, Network, Sim
from tests.modemsim.modem import SimModem
from tests.simulation.world import BASE, World

LOCKED = Sim(pin_enabled=True, pin="4321")


def cellular(**changes: object) -> object:
    return replace(BASE, cellular=replace(BASE.cellular, **changes))


@pytest.mark.parametrize("profile", ["zte_mf180", "huawei_e3372s", "generic_3gpp"])
def test_dials_to_an_address(profile: str) -> None:
    world = World(modem=SimModem(profile))
    world.until(ModemState.CONNECTED, 30)
    world.run(10)
    told = world.appliance.snapshot(world.now)
    assert told.active is UplinkName.WIRED
    assert told.cellular.state is LineState.UP
    assert told.cellular.addresses == ("100.64.7.2",)
    assert told.cellular.reachability is Reachability.CGNAT
    assert told.modem.signal.dbm == -77
    assert told.modem.signal.registration == "home"
    assert told.modem.sim == "8901"[:4] or told.modem.sim == world.modem.sim.iccid[-4:]
    assert world.modem.counters["pin_attempts"] == 0


def test_the_right_pin_is_entered_once_and_again_after_each_loss_of_power() -> None:
    world = World(config=cellular(pin="4321"), modem=SimModem(sim=LOCKED))
    world.until(ModemState.CONNECTED, 60)
    assert world.modem.counters["pin_attempts"] == 1
    world.unplug()
    world.run(5)
    world.plug()
    world.until(ModemState.CONNECTED, 120)
    assert world.modem.counters["pin_attempts"] == 2
    assert world.modem.sim.pin_tries == 3


def test_a_wrong_pin_is_sent_once_whatever_happens() -> None:
    world = World(config=cellular(pin="9999"), modem=SimModem(sim=LOCKED))
    world.until(ModemState.FAILED, 60)
    for _ in range(10):
        world.boot()
        world.run(200)
    for _ in range(3):
        world.unplug()
        world.run(5)
        world.plug()
        world.run(200)
    assert world.modem.counters["pin_attempts"] == 1
    assert world.modem.counters["puk_attempts"] == 0
    told = world.appliance.snapshot(world.now).modem
    assert "PIN" in told.reason
    assert "cellular.pin" in told.advice


def test_a_crash_between_writing_and_answer_counts_as_an_attempt() -> None:
    world = World(config=cellular(pin="9999"), modem=SimModem(sim=LOCKED))
    sent = [do.SendCommand]
    world.run(
        60,
        until=lambda: any(isinstance(each, do.SendCommand) and each.command.secret for each in world.deeds),
    )
    assert sent
    assert world.modem.counters["pin_attempts"] == 1
    world.boot()  # the answer is never seen
    world.run(600)
    assert world.modem.counters["pin_attempts"] == 1


def test_no_pin_is_sent_when_the_disk_does_not_take_the_record() -> None:
    world = World(config=cellular(pin="4321"), modem=SimModem(sim=LOCKED))
    world.disk_problem = "read-only file system"
    world.until(ModemState.FAILED, 60)
    assert world.modem.counters["pin_attempts"] == 0
    assert "read-only" in world.appliance.snapshot(world.now).modem.reason


def test_the_last_try_is_never_used() -> None:
    world = World(config=cellular(pin="4321"), modem=SimModem(sim=replace(LOCKED, pin_tries=1)))
    world.until(ModemState.FAILED, 60)
    assert world.modem.counters["pin_attempts"] == 0


def test_a_puk_is_never_sent() -> None:
    world = World(config=cellular(pin="4321"), modem=SimModem(sim=replace(LOCKED, pin_tries=0)))
    world.until(ModemState.FAILED, 60)
    world.run(4000)
    assert world.modem.counters["puk_attempts"] == 0
    assert "PUK" in world.appliance.snapshot(world.now).modem.reason


def test_forgetting_the_pin_allows_one_more_attempt() -> None:
    world = World(config=cellular(pin="9999"), modem=SimModem(sim=LOCKED))
    world.until(ModemState.FAILED, 60)
    world.records.clear()
    world.post(ev.PinForgotten())
    world.run(100)
    assert world.modem.counters["pin_attempts"] == 2


def test_a_corrected_pin_is_tried_at_once() -> None:
    world = World(config=cellular(pin="9999"), modem=SimModem(sim=LOCKED))
    world.until(ModemState.FAILED, 60)
    world.post(ev.ConfigChanged(config=cellular(pin="4321")))
    world.until(ModemState.CONNECTED, 60)
    assert world.modem.counters["pin_attempts"] == 2


def test_roaming_is_not_dialled_unless_allowed() -> None:
    world = World(modem=SimModem(network=Network(registration="roaming")))
    world.run(600)
    assert world.state is ModemState.REGISTERED
    assert world.modem.counters["dials"] == 0
    assert "roaming" in world.appliance.snapshot(world.now).modem.reason
    assert "cellular.roaming" in world.appliance.snapshot(world.now).modem.advice
    world.post(ev.ConfigChanged(config=cellular(roaming=Roaming.ALLOW)))
    world.until(ModemState.CONNECTED, 60)


def test_a_session_ends_when_the_modem_goes_over_to_a_foreign_network() -> None:
    world = World()
    world.until(ModemState.CONNECTED)
    world.change(registration="roaming")
    world.until(ModemState.REGISTERED, 120)
    world.run(600)
    assert world.modem.counters["dials"] == 1
    assert world.session is None
    assert "roaming" in world.appliance.snapshot(world.now).modem.reason
    world.change(registration="home")
    world.until(ModemState.CONNECTED, 120)


def test_a_session_goes_on_abroad_where_roaming_is_allowed() -> None:
    world = World(config=cellular(roaming=Roaming.ALLOW))
    world.until(ModemState.CONNECTED)
    world.change(registration="roaming")
    world.run(600)
    assert world.state is ModemState.CONNECTED
    assert world.appliance.snapshot(world.now).modem.signal.registration == "roaming"


def test_a_network_that_comes_late_is_awaited() -> None:
    world = World(modem=SimModem(network=Network(search_for=90.0)))
    world.until(ModemState.CONNECTED, 130)


def test_no_network_restarts_the_radio_once_then_waits_longer_and_longer() -> None:
    world = World(
        config=cellular(registration_timeout=20.0), modem=SimModem(network=Network(registration="searching"))
    )
    world.run(3600)
    radio = [each for each in world.modem.log if each.line.upper().startswith("AT+CFUN=4")]
    assert 3 <= len(radio) <= 20
    world.change(registration="home")
    world.until(ModemState.CONNECTED, 400)


def test_no_sim_is_told_and_not_looped() -> None:
    world = World(modem=SimModem(sim=Sim(sim_present=False)))
    world.until(ModemState.FAILED, 120)
    dials = len(world.deeds)
    world.run(7200)
    # Only the quiet second port is still asked.
    main = [
        d for d in world.deeds[dials:] if not (isinstance(d, do.SendCommand) and d.port.value == "status")
    ]
    assert {type(each) for each in main} <= {do.TracePath}, "the way over the wired line is walked anew"
    assert "SIM" in world.appliance.snapshot(world.now).modem.reason


def test_a_sim_that_is_busy_is_given_time() -> None:
    world = World(modem=SimModem(sim=Sim(sim_busy=12.0)))
    world.until(ModemState.CONNECTED, 60)


@pytest.mark.parametrize("way", ["dtr", "plus", "hdlc"])
def test_a_port_stuck_in_data_mode_is_freed(way: str) -> None:
    modem = SimModem(faults=Faults(data_mode_exits=(way,)))
    world = World(modem=modem, plugged=False)
    world.plugged = True
    world.tell_modem(modem.power_on(world.now))
    world.tell_modem(modem.stick(2, world.now))
    world.post(ev.UsbChanged())
    world.until(ModemState.CONNECTED, 60)


def test_a_killed_pppd_is_redialled() -> None:
    world = World(modem=SimModem(faults=Faults(stuck_in_data_mode=True)))
    world.until(ModemState.CONNECTED)
    world.run(100)
    world.kill_pppd()
    world.until(ModemState.CONNECTED, 30)
    assert world.appliance.modem.sessions == 2


def test_no_carrier_in_mid_session_is_redialled() -> None:
    world = World()
    world.until(ModemState.CONNECTED)
    world.run(100)
    world.hang_up()
    assert world.run(1, until=lambda: world.state is not ModemState.CONNECTED)
    world.until(ModemState.CONNECTED, 30)


def test_a_wrong_apn_is_told_and_tried_slowly() -> None:
    world = World(modem=SimModem(network=Network(apns=("direct",))))
    world.run(6 * 3600)
    assert 3 <= world.modem.counters["dials"] <= 24
    assert "cellular.apn" in world.appliance.snapshot(world.now).modem.advice


def test_a_silent_modem_never_stops_being_tried() -> None:
    world = World(modem=SimModem(faults=Faults(silent=True)))
    world.run(3600)
    world.change(silent=False)
    world.until(ModemState.CONNECTED, 400)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(garbage=50),
        Faults(slow=1.0),
        Faults(leading_nuls=2),
        Faults(keep_echo=True),
        Faults(urc_between="+ZUSIMR:2"),
        Faults(urc_glued="+ZPSTM: 0"),
        Faults(cme_text=True),
        Faults(ppp_glued=True),
        Faults(dial_result="BUSY", dial_result_times=1),
        Faults(dial_result="NO CARRIER", dial_result_times=2),
        Faults(dial_result="NO DIALTONE", dial_result_times=1),
        Faults(refuse={"+CGREG": 3}),
    ],
    ids=lambda faults: next(
        f.name for f in fields(faults) if getattr(faults, f.name) != getattr(Faults(), f.name)
    ),
)
def test_odd_modems_are_dialled_all_the_same(faults: Faults) -> None:
    world = World(modem=SimModem(faults=faults))
    world.until(ModemState.CONNECTED, 180)


def test_an_adopted_session_is_not_dropped() -> None:
    world = World()
    world.until(ModemState.CONNECTED)
    world.run(30)
    session = world.session
    world.boot(adopt=True)
    world.until(ModemState.CONNECTED, 5)
    world.run(600)
    assert world.session is session
    assert world.modem.counters["dials"] == 1


def test_nothing_is_dialled_before_the_packet_filter_stands() -> None:
    world = World()
    original = world._perform

    def refuse(action: do.Action) -> None:
        if isinstance(action, do.ApplyFilter):
            world.answer(
                0.05, ev.FilterApplied(backend="nftables", changed=False, problem="no kernel support")
            )
        else:
            original(action)

    world._perform = refuse  # type: ignore[method-assign]
    world.boot()
    world.run(600)
    assert world.modem.counters["dials"] == 0
    assert "packet filter" in world.appliance.snapshot(world.now).modem.reason


def test_a_silent_status_port_is_left_alone_and_the_line_stays_up() -> None:
    world = World(modem=SimModem(faults=Faults(silent_ports=(1,))))
    world.until(ModemState.CONNECTED)
    world.run(3600)
    asked = [each for each in world.deeds if isinstance(each, do.SendCommand) and each.port.value == "status"]
    assert 1 <= len(asked) <= 20
    assert world.state is ModemState.CONNECTED


def test_an_unchanged_apn_is_not_written_again() -> None:
    world = World()
    for _ in range(4):
        world.until(ModemState.CONNECTED)
        world.run(100)
        world.hang_up()
        world.run(1)
    assert world.modem.counters["context_writes"] <= 1


def test_cellular_config_is_used() -> None:
    world = World(config=replace(BASE, cellular=Cellular(apn="other", dial="*99***1#")))
    world.until(ModemState.CONNECTED)
    lines = [each.line for each in world.modem.log]
    assert 'AT+CGDCONT=1,"IP","other"' in lines
    assert "ATD*99***1#" in lines
