"""Whole screens, as the reader sees them: the modem is being brought back, or its power fails."""

from dataclasses import replace

from failberry.control.document import encode
from failberry.core.causes import Fault
from failberry.core.recovery import SPECS
from failberry.core.steps import Rung
from failberry.ctl import ATTENTION, OK, repair
from failberry.ctl.modem import Modem, Signal
from failberry.ctl.style import Style
from tests.unit.ctl import scenarios
from tests.unit.ctl.painting import CLOCK, painted, painted_modem


def test_steps_were_taken_and_the_next_one_is_told() -> None:
    assert painted(scenarios.HUNG) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem unknown: the modem does not answer
   → Nothing to do: it is being handled

Active   wired line, since 07:51 (9 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:51 (9 min)
Modem    unknown (waiting), for 20 s
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
         failed 3 times in a row
Fault    hung: on the USB bus, and answers nobody
Tried    1 min 20 s ago: reset the modem on the USB bus (hung): configured anew,
         and silent as before
         3 min 10 s ago: reboot the modem (hung): no answer
         7 min ago: restart the radio (hung): no answer
         8 min ago: hang up and release the data connection (hung): no answer
         1 step before: `failberryctl modem status`
Next     cut the modem's power in 1 min 36 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_a_step_is_under_way_and_others_are_held_back() -> None:
    assert painted(scenarios.POWERLESS) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem unknown: the modem does not answer
   → Nothing to do: it is being handled

Active   wired line, since 07:51 (9 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:51 (9 min)
Modem    unknown (waiting), for 20 s
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
         failed 3 times in a row
Fault    hung: on the USB bus, and answers nobody
Now      reset the modem on the USB bus, begun 0 s ago: you asked for it
On hold  the wired line works and the power was cut 3 times within an hour
Tried    4 min ago: cut the modem's power (hung): 1-1:2 was switched off and the
         stick stayed: this hub does not switch power
         the hub was seen not to cut power: it only says so
Next     look for the modem on the USB bus in 1 min 36 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_a_weak_supply_is_no_fault_of_the_modem() -> None:
    assert painted(scenarios.BROWN_OUT) == (
        1,
        """\
Traffic goes over the wired line. 2 problems:

1. The mobile line is down: no USB modem found
   → Use the board maker's own power supply and a short thick cable, or put the
     stick on a hub with a supply of its own

2. The power supply is too weak: under-voltage now: the supply or its cable is
   too weak

Active   wired line, since 07:58 (2 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:58 (2 min)
Modem    unknown (waiting), since 07:48 (12 min)
Power    too weak: under-voltage now, 1 over-current event since boot, the modem
         left the bus 4 times within an hour
Next     look for the modem on the USB bus in 8 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_the_modem_in_detail_with_every_step() -> None:
    assert (
        painted_modem(scenarios.HUNG)
        == """\
Modem    unknown (waiting), for 20 s
         the modem does not answer
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
         failed 3 times in a row
Fault    hung: on the USB bus, and answers nobody
Power    good
Line     down, since 07:51 (9 min): modem unknown: the modem does not answer
         3 dials and 3 sessions since the daemon started
Next     cut the modem's power in 1 min 36 s
Tried    1 min 20 s ago: reset the modem on the USB bus (hung): configured anew,
         and silent as before; why: three dials ended in silence
         3 min 10 s ago: reboot the modem (hung): no answer; why: the modem does
         not answer
         7 min ago: restart the radio (hung): no answer; why: the modem does not
         answer
         8 min ago: hang up and release the data connection (hung): no answer;
         why: the modem does not answer
         1 day 2 h ago: dial again (no_data): result not known; why: nothing
         passes
"""
    )


def test_the_modem_in_detail_when_all_is_well() -> None:
    assert (
        painted_modem(scenarios.ALL_WELL)
        == """\
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Power    good
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Line     up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         3 dials and 3 sessions since the daemon started
"""
    )


def test_the_signal_alone() -> None:
    document = encode(scenarios.ALL_WELL)
    assert Signal.text(document, Style(), CLOCK)[:2] == [
        "Signal   ▂▄▆· good, -71 dBm, 12 s ago",
        "         Example Mobile, HSPA, home network",
    ]
    assert Signal.part(document) == document["modem"]["signal"]
    assert Signal.code(document) == OK
    deaf = encode(scenarios.NO_MODEM)
    assert Signal.text(deaf, Style(), CLOCK)[0].startswith("Signal   not heard yet")
    assert Signal.code(deaf) == ATTENTION


def test_the_part_about_the_modem_is_a_document_too() -> None:
    document = encode(scenarios.HUNG)
    part = Modem.part(document)
    assert part == {name: document[name] for name in part}
    assert {"modem", "recovery", "supply", "cellular", "version"} <= part.keys()
    assert Modem.code(document) == ATTENTION
    assert Modem.code(encode(scenarios.ALL_WELL)) == OK
    weak = replace(
        scenarios.ALL_WELL, supply=scenarios.BROWN_OUT.supply, warnings=scenarios.BROWN_OUT.warnings[1:]
    )
    assert Modem.code(encode(weak)) == ATTENTION
    assert painted(weak)[0] == ATTENTION


def test_what_you_asked_for_needs_no_reason() -> None:
    step = replace(scenarios.POWERLESS.recovery.steps[0], result="helped", age=70.0)
    told = replace(scenarios.ALL_WELL, recovery=replace(scenarios.NO_RECOVERY, steps=(step,)))
    last = painted_modem(told).splitlines()[-1]
    assert last == "Tried    1 min 10 s ago: reset the modem on the USB bus (you asked): helped"


def test_every_fault_and_every_step_has_words() -> None:
    assert repair.FAULTS.keys() == set(Fault)
    assert {rung: SPECS[rung].words for rung in Rung} == repair.RUNGS


def test_the_end_of_a_session_is_no_fault() -> None:
    ended = replace(scenarios.HUNG, modem=replace(scenarios.HUNG.modem, fault=Fault.ENDED))
    assert "\nFault" not in painted(ended)[1]


def test_what_helped_is_no_news_once_the_line_is_up() -> None:
    well = replace(scenarios.ALL_WELL, recovery=replace(scenarios.POWERLESS.recovery, rung=Rung.POWER_CYCLE))
    assert painted(well) == painted(scenarios.ALL_WELL)
