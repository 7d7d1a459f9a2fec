"""Whole screens, as the reader sees them: what works, more or less."""

from tests.unit.ctl import scenarios
from tests.unit.ctl.painting import painted


def test_all_is_well() -> None:
    assert painted(scenarios.ALL_WELL) == (
        0,
        """\
All is well. Traffic goes over the mobile line.

Active   mobile line, since 05:50 (2 h 10 min)
         why: preferred in standby-gateway mode, and PPP session up on
         ppp-cellular
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         ppp-cellular: 198.51.100.23, name servers 203.0.113.1 203.0.113.2
         public address: reachable from outside, unless the carrier filters
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_all_is_well_on_a_router() -> None:
    assert painted(scenarios.ROUTER_ALL_WELL) == (
        0,
        """\
All is well. Traffic goes over the wired line.

Active   wired line, since 12 Jan 04:00 (3 days 4 h)
         why: preferred in dual-wan-router mode, and wan0 has link, address and
         gateway
Wired    up, since 12 Jan 04:00 (3 days 4 h): wan0 has link, address and gateway
         wan0: 203.0.113.77/24, 2001:db8:77::2/64, gateway 203.0.113.254
         public address: reachable from outside, unless filtered on the way
Mobile   up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         ppp-cellular: 198.51.100.23, name servers 203.0.113.1 203.0.113.2
         public address: reachable from outside, unless the carrier filters
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, dual-wan-router, running for 3 days 4 h
""",
    )


def test_the_mobile_address_is_shared() -> None:
    assert painted(scenarios.CGNAT) == (
        1,
        """\
Traffic goes over the mobile line. 1 problem:

1. Port forwards are configured, but the mobile address cannot be reached from
   outside
   → Ask the carrier for a public address; often that is another APN

Active   mobile line, since 05:50 (2 h 10 min)
         why: preferred in standby-gateway mode, and PPP session up on
         ppp-cellular
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         ppp-cellular: 100.72.3.9, name servers 203.0.113.1 203.0.113.2
         shared address (CGNAT): not reachable from outside; ask the carrier for
         a public APN
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Kernel   routes in place, firewall in place (nftables)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_a_firewall_back_end_was_refused() -> None:
    assert painted(scenarios.BACKEND_REFUSED) == (
        0,
        """\
All is well. Traffic goes over the mobile line.

Active   mobile line, since 05:50 (2 h 10 min)
         why: preferred in standby-gateway mode, and PPP session up on
         ppp-cellular
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         ppp-cellular: 198.51.100.23, name servers 203.0.113.1 203.0.113.2
         public address: reachable from outside, unless the carrier filters
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Kernel   routes in place, firewall in place (nftables)
         refused: iptables: the rule with `--comment` was lost when it was read
         back (Debian 13)

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_the_firewall_failed() -> None:
    assert painted(scenarios.FIREWALL_FAILED) == (
        1,
        """\
Traffic goes over the mobile line. 1 problem:

1. The kernel did not take our firewall: nft: table inet failberry: Device or
   resource busy
   → What stood before still stands; look at `journalctl -u failberry`

Active   mobile line, since 05:50 (2 h 10 min)
         why: preferred in standby-gateway mode, and PPP session up on
         ppp-cellular
Wired    up, since 12 Jan 04:00 (3 days 4 h): eth0 has link, address and gateway
         eth0: 192.168.1.50/24, gateway 192.168.1.1
         private address: reachable from outside only through a port forward of
         the router
Mobile   up, since 05:50 (2 h 10 min): PPP session up on ppp-cellular
         ppp-cellular: 198.51.100.23, name servers 203.0.113.1 203.0.113.2
         public address: reachable from outside, unless the carrier filters
Modem    connected, since 05:50 (2 h 10 min)
         the network granted 198.51.100.23
         ZTE,Incorporated MF180 at USB 1-1.3, SIM ending in 4821
         dials on /dev/ttyUSB2, status on /dev/ttyUSB1, chosen by table
Signal   ▂▄▆· good, -71 dBm, 12 s ago
         Example Mobile, HSPA, home network
Kernel   routes in place, firewall not as wanted

failberryd 0.1.0, standby-gateway, running for 3 days 4 h
""",
    )


def test_just_started() -> None:
    assert painted(scenarios.STARTING) == (
        2,
        """\
No line works.

Active   no line, for 0 s
         why: just started
Wired    down, for 0 s: not looked at yet
Mobile   down, for 0 s: not looked at yet
Modem    unknown (waiting), since 07:48 (12 min)
         no USB modem found; plug it in, or see whether it got power
Next     look for the modem on the USB bus in 8 s
Kernel   routes being set, firewall being set

failberryd 0.1.0, standby-gateway, running for 0 s
""",
    )
