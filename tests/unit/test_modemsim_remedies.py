"""What brings a simulated modem back: the remedies by their strength, its power, its place on the USB bus."""

import pytest

from tests.modemsim import REMEDIES, Appear, Faults, Network, Reach, Shows, SimModem, StopPpp, Vanish
from tests.modemsim.host import Host
from tests.modemsim.modem import HDLC_BREAK

STATUS = 1
"""The second AT port of the ZTE."""


def quiet(**knobs):
    host = Host(SimModem("zte_mf180", **knobs))
    host.send("ATE0")
    host.send("AT+CPMS?")  # ends the flood
    return host


def connected(**knobs):
    host = quiet(**knobs)
    assert host.send("ATD*99#").startswith(b"\r\nCONNECT")
    host.deeds.clear()
    return host


def status(host, line):
    """Say it on the other port."""
    host.take(host.modem.receive(STATUS, line.encode() + b"\r", host.now))


def drop_dtr(host):
    host.take(host.modem.dtr(2, up=False, now=host.now))


def radio(host):
    status(host, "AT+CFUN=4")
    status(host, "AT+CFUN=1")


def reboot(host):
    status(host, "AT+CFUN=1,1")
    host.wait(2.0)


def reset(host):
    host.take(host.modem.usb_reset(host.now))
    host.wait(2.0)


def power(host):
    host.take(host.modem.power_off(host.now))
    host.take(host.modem.power_on(host.now))
    host.wait(2.0)


TAKE = {"hang_up": drop_dtr, "radio": radio, "reboot": reboot, "usb_reset": reset, "power": power}
BY_AT = ("radio", "reboot")


@pytest.mark.parametrize("taken", REMEDIES)
@pytest.mark.parametrize("needed", REMEDIES)
@pytest.mark.parametrize(
    "fault",
    [
        {"silent_ports": [2]},
        {"no_data": True},
        {"garbage": 8},
        {"garbage_only": True},
        {"dial_result": "ERROR"},
        {"stuck_in_data_mode": True},
        {"silent": True},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_a_remedy_heals_what_needs_it_or_less(fault, needed, taken):
    host = quiet()
    host.modem.change({**fault, "heals_by": needed}, host.now)
    ill = host.modem.faults
    TAKE[taken](host)
    unheard = "silent" in fault and taken in BY_AT
    strong = REMEDIES.index(taken) >= REMEDIES.index(needed)
    assert host.modem.faults == (Faults() if strong and not unheard else ill)


def test_without_a_remedy_of_its_own_a_fault_stays_until_changed():
    host = quiet(faults=Faults(garbage=8))
    power(host)
    assert host.modem.faults == Faults(garbage=8)


@pytest.mark.parametrize("line", ["ATH", "AT+CGACT=0,1", "AT+CGACT=0", "AT+CGATT=0"])
def test_hanging_up_by_at_is_a_remedy_too(line):
    host = quiet()
    host.modem.change({"dial_result": "NO CARRIER", "heals_by": "hang_up"}, host.now)
    status(host, line)
    assert host.modem.faults == Faults()


def test_a_dtr_drop_that_the_modem_ignores_heals_nothing():
    host = quiet()
    host.modem.change({"no_data": True, "heals_by": "hang_up", "data_mode_exits": ["plus"]}, host.now)
    drop_dtr(host)
    assert host.modem.faults.no_data


def test_a_port_held_in_data_mode_lets_go_by_its_remedy_only():
    host = connected()
    host.modem.change({"stuck_in_data_mode": True, "heals_by": "usb_reset"}, host.now)
    drop_dtr(host)
    assert host.deeds == [StopPpp(port=2, graceful=False)]
    host.wait(2.0)
    host.raw(HDLC_BREAK)
    host.wait(2.0)
    host.raw(b"+++")
    assert host.wait(2.0) + host.send("AT") == b""
    reboot(host)
    assert host.send("AT") == b""
    reset(host)
    assert host.send("AT").endswith(b"OK\r\n")


def test_garbage_and_no_answer():
    host = quiet(faults=Faults(garbage=32, garbage_only=True))
    heard = host.send("AT+CSQ")
    assert len(heard) == 32
    assert b"+CSQ" not in heard


def test_how_far_packets_get():
    host = connected()
    assert host.modem.reach is Reach.EVERYWHERE
    host.modem.change({"capped": True, "heals_by": "power"}, host.now)
    assert host.modem.reach is Reach.CARRIER
    power(host)
    assert host.modem.reach is Reach.CARRIER, "a plan that is used up is used up"
    host.modem.change({"no_data": True}, host.now)
    assert host.modem.reach is Reach.NOWHERE


def test_a_reboot_leaves_the_bus_and_a_modem_that_only_says_so_does_not():
    host = quiet(faults=Faults(reboots_by_at=False))
    assert host.send("AT+CFUN=1,1") == b"\r\nOK\r\n"
    host.wait(60.0)
    assert host.deeds == []
    host.modem.change({"reboots_by_at": True, "enumerates_after": 8.0}, host.now)
    assert host.send("AT+CFUN=1,1") == b"\r\nOK\r\n"
    assert host.deeds == [Vanish()]
    assert host.wait(8.9) == b""
    assert host.deeds == [Vanish()]
    host.wait(0.2)
    assert host.deeds == [Vanish(), Appear()]
    assert host.modem.counters["boots"] == 2


def test_the_makers_own_word_for_it():
    host = Host(SimModem("huawei_e3372s"))
    assert host.send("AT^RESET").endswith(b"\r\nOK\r\n")
    assert host.deeds == [Vanish()]
    host = Host(SimModem("zte_mf180"))
    assert host.send("AT^RESET").endswith(b"\r\nERROR\r\n")
    assert host.deeds == []


def test_a_usb_reset_brings_new_ports_and_the_same_firmware():
    host = connected()
    host.modem.change({"enumerates_after": 3.0}, host.now)
    host.take(host.modem.usb_reset(host.now))
    assert host.deeds == [StopPpp(port=2, graceful=False), Vanish()]
    assert host.wait(2.9) + host.send("AT") == b""
    host.wait(0.2)
    assert host.deeds[-1] == Appear()
    assert host.send("AT") == b"\r\nOK\r\n"
    assert host.modem.counters["boots"] == 1


def test_power_that_comes_and_goes():
    host = connected()
    host.take(host.modem.power_off(host.now))
    assert host.deeds == [StopPpp(port=2, graceful=False), Vanish()]
    host.take(host.modem.power_off(host.now))
    assert host.modem.usb_reset(host.now) == []
    host.modem.change({"enumerates_after": 5.0}, host.now)
    host.take(host.modem.power_on(host.now))
    host.wait(4.0)
    assert len(host.deeds) == 2, "off and off again is off"
    host.take(host.modem.power_off(host.now))
    host.wait(60.0)
    assert len(host.deeds) == 2, "power was gone before it had started"
    host.take(host.modem.power_on(host.now))
    host.wait(5.1)
    assert host.deeds[2:] == [Appear()]


def test_the_cd_rom_comes_first_and_again_after_each_start():
    host = quiet()
    host.modem.change({"cd_rom": True, "enumerates_after": 2.0}, host.now)
    for start in (lambda: host.take(host.modem.power_cycle(host.now, off_for=1.0)), lambda: reboot(host)):
        host.deeds.clear()
        start()
        host.wait(60.0)
        assert host.deeds == [Vanish(), Appear(shows=Shows.CD_ROM)]
        assert host.send("AT") == b""
        host.take(host.modem.switch_mode(host.now))
        assert host.deeds[2:] == [Vanish()]
        host.wait(2.1)
        assert host.deeds[3:] == [Appear(shows=Shows.MODEM)]
        assert host.send("ATE0").endswith(b"OK\r\n")
        assert host.modem.switch_mode(host.now) == []
    host.take(host.modem.usb_reset(host.now))
    host.wait(2.1)
    assert host.deeds[-1] == Appear(shows=Shows.MODEM)
    host.take(host.modem.power_cycle(host.now, off_for=1.0))
    host.wait(4.0)
    host.take(host.modem.usb_reset(host.now))
    host.wait(4.0)
    assert host.deeds[-1] == Appear(shows=Shows.CD_ROM)


def test_the_network_is_searched_from_when_the_modem_is_there():
    host = quiet(network=Network(search_for=5.0), faults=Faults(enumerates_after=20.0))
    host.take(host.modem.power_cycle(host.now, off_for=1.0))
    host.wait(21.1)
    assert b"+CREG: 0,2" in host.send("AT+CREG?")
    host.wait(5.0)
    assert b"+CREG: 0,1" in host.send("AT+CREG?")


def test_remedies_are_checked():
    with pytest.raises(ValueError, match="heals_by"):
        Faults(heals_by="prayer")
