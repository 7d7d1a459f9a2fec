"""Whole screens, as the reader sees them: the mobile line is down, or both are."""

from tests.unit.ctl import scenarios
from tests.unit.ctl.painting import painted


def test_dialling() -> None:
    assert painted(scenarios.DIALLING) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem connecting: the network may be used: home
   → Nothing to do: it is being handled

Active   wired line, for 21 s
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, for 21 s
Modem    connecting (dialling), for 4 s
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Next     dial, then negotiate PPP
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_waiting_to_redial() -> None:
    assert painted(scenarios.WAITING) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem unknown: the network ended the dial with "NO
   CARRIER" (Requested service option not subscribed)
   → Check cellular.apn, user and password against what your carrier publishes.

Active   wired line, since 07:34 (26 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:34 (26 min)
Modem    unknown (waiting), since 07:58 (1 min 35 s)
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
         failed 4 times in a row
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Fault    refused: the network says no: APN, password, contract or roaming
Next     dial again in 8 min 25 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_the_pin_was_refused() -> None:
    assert painted(scenarios.PIN_REFUSED) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem failed: the SIM refused the configured PIN
   (incorrect password); it is not tried again
   → Correct cellular.pin, or switch the PIN off in a telephone.

Active   wired line, since 07:57 (3 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:57 (3 min)
Modem    failed (it needs you), since 07:57 (2 min 50 s)
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
         2 PIN attempts left
Fault    sim: the SIM is missing, locked or failing
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_there_is_no_sim() -> None:
    assert painted(scenarios.SIM_ABSENT) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: modem failed: the modem refused while asking for the
   SIM: SIM not inserted
   → Put a SIM card into the modem, or reseat the one that is in it.

Active   wired line, for 40 s
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, for 40 s
Modem    failed (it needs you), for 38 s
         ZTE,Incorporated MF180 at USB 1-1.3
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Fault    sim: the SIM is missing, locked or failing
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_there_is_no_modem() -> None:
    assert painted(scenarios.NO_MODEM) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: no USB modem found; plug it in, or see whether it
   got power
   → Nothing to do: it is being handled

Active   wired line, since 07:48 (12 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:48 (12 min)
Modem    unknown (waiting), since 07:48 (12 min)
Fault    absent: not on the USB bus, and never was since the daemon looks
Next     look for the modem on the USB bus in 8 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_roaming_is_forbidden() -> None:
    assert painted(scenarios.ROAMING) == (
        1,
        """\
Traffic goes over the wired line. 1 problem:

1. The mobile line is down: registered on a foreign network, and roaming is
   forbidden
   → Wait for the home network, or set cellular.roaming = "allow" if the cost is
     accepted.

Active   wired line, since 07:55 (5 min)
         why: cellular is not usable
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   down, since 07:55 (5 min)
Modem    registered (on the network, not dialled), since 07:55 (5 min)
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄·· fair, -95 dBm, 3 s ago
         Foreign Telecom, LTE, foreign network (roaming)
Next     see whether this network may be used
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_no_line_works() -> None:
    assert painted(scenarios.NO_LINE) == (
        2,
        """\
No line works. 2 problems:

1. The mobile line is down: no USB modem found; plug it in, or see whether it
   got power
   → Nothing to do: it is being handled

2. The wired line is down: no cable or no link on eth0
   → Look at cable, router and provider

Active   no line, for 48 s
Wired    down, for 48 s
Mobile   down, since 07:48 (12 min)
Modem    unknown (waiting), since 07:48 (12 min)
Fault    absent: not on the USB bus, and never was since the daemon looks
Next     look for the modem on the USB bus in 8 s
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )
