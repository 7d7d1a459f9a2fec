"""Route intents, as the ``ip`` lines that would recreate them."""

from ipaddress import ip_address, ip_interface
from textwrap import dedent

import pytest

from failberry.config import MOBILE_INTERFACE, Config, Lan, Mode, Wired
from failberry.core.facts import DefaultRoute, Interface, NetworkFacts, Session
from failberry.core.intent import RouteIntent, RoutingRule, render
from failberry.core.routing import route_intent
from failberry.core.snapshot import UplinkName
from failberry.policy import Standby

STANDBY = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
ROUTER = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="wan0"), lan=Lan(interface="lan0"))
PPP = Session(pid=1, tty="/dev/ttyUSB2", interface=MOBILE_INTERFACE, local=ip_address("100.72.3.4"))
ETHER = Session(
    pid=1,
    tty="",
    interface=MOBILE_INTERFACE,
    local=ip_address("192.168.8.100"),
    gateway=ip_address("192.168.8.1"),
)


def nic(name, *addresses, up=True):
    addresses = tuple(ip_interface(each) for each in addresses)
    return Interface(index=1, name=name, up=up, carrier=up, addresses=addresses)


def facts(*interfaces, defaults=()):
    routes = []
    for interface, gateway, metric in defaults:
        hop = ip_address(gateway)
        routes.append(DefaultRoute(interface=interface, gateway=hop, metric=metric, family=hop.version))
    return NetworkFacts(interfaces=interfaces, defaults=tuple(routes))


def wish(config, network, session, active):
    """With the same line active for both families."""
    return route_intent(config, network, session, active=active, active6=active)


LOOPBACK = nic("lo", "127.0.0.1/8")
MOBILE = nic(MOBILE_INTERFACE, "100.72.3.4/32")
LAN = nic("lan0", "192.168.7.1/24")
BESIDE_THE_ROUTER = nic("eth0", "192.168.1.50/24", "169.254.8.1/16")
WAN = nic("wan0", "203.0.113.9/24")
TO_THE_ROUTER = (("eth0", "192.168.1.1", 1024), ("eth0", "192.168.1.2", 100), ("wlan0", "192.168.9.1", 50))
TO_THE_PROVIDER = (("wan0", "203.0.113.1", 100),)

MARKS = """\
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
"""

STANDBY_NONE = f"""\
{MARKS}\
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20630 iif eth0 lookup 2511 protocol 251
ip -4 rule add priority 20660 iif eth0 unreachable protocol 251
"""

STANDBY_BOTH = """\
ip -4 route add default dev fbcell0 table 2511 proto 251
ip -4 route add default via 192.168.1.2 dev eth0 onlink table 2510 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 192.168.1.50/32 lookup 2510 protocol 251
ip -4 rule add priority 20400 from 100.72.3.4/32 lookup 2511 protocol 251
ip -4 rule add priority 20500 from 192.168.1.50/32 unreachable protocol 251
ip -4 rule add priority 20500 from 100.72.3.4/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20630 iif eth0 lookup 2511 protocol 251
ip -4 rule add priority 20660 iif eth0 unreachable protocol 251
ip -4 rule add priority 20700 lookup 2511 protocol 251
ip -4 rule add priority 32800 lookup 2511 protocol 251
"""

STANDBY_WIRED_ONLY = """\
ip -4 route add default via 192.168.1.2 dev eth0 onlink table 2510 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 192.168.1.50/32 lookup 2510 protocol 251
ip -4 rule add priority 20500 from 192.168.1.50/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20630 iif eth0 lookup 2511 protocol 251
ip -4 rule add priority 20660 iif eth0 unreachable protocol 251
"""

STANDBY_CELLULAR_ONLY = """\
ip -4 route add default dev fbcell0 table 2511 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 192.168.1.50/32 lookup 2510 protocol 251
ip -4 rule add priority 20400 from 100.72.3.4/32 lookup 2511 protocol 251
ip -4 rule add priority 20500 from 192.168.1.50/32 unreachable protocol 251
ip -4 rule add priority 20500 from 100.72.3.4/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20630 iif eth0 lookup 2511 protocol 251
ip -4 rule add priority 20660 iif eth0 unreachable protocol 251
ip -4 rule add priority 20700 lookup 2511 protocol 251
ip -4 rule add priority 32800 lookup 2511 protocol 251
"""

ROUTER_BOTH = """\
ip -4 route add default dev fbcell0 table 2511 proto 251
ip -4 route add default via 203.0.113.1 dev wan0 onlink table 2510 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 203.0.113.9/32 lookup 2510 protocol 251
ip -4 rule add priority 20400 from 100.72.3.4/32 lookup 2511 protocol 251
ip -4 rule add priority 20500 from 203.0.113.9/32 unreachable protocol 251
ip -4 rule add priority 20500 from 100.72.3.4/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 32800 lookup 2511 protocol 251
"""

ROUTER_WIRED_ONLY = """\
ip -4 route add default via 203.0.113.1 dev wan0 onlink table 2510 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 203.0.113.9/32 lookup 2510 protocol 251
ip -4 rule add priority 20500 from 203.0.113.9/32 unreachable protocol 251
"""

ROUTER_CELLULAR_ONLY = """\
ip -4 route add default dev fbcell0 table 2511 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 100.72.3.4/32 lookup 2511 protocol 251
ip -4 rule add priority 20500 from 100.72.3.4/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20700 lookup 2511 protocol 251
ip -4 rule add priority 32800 lookup 2511 protocol 251
"""

STANDBY_ROUTER_STICK = """\
ip -4 route add default via 192.168.1.2 dev eth0 onlink table 2510 proto 251
ip -4 route add default via 192.168.8.1 dev fbcell0 onlink table 2511 proto 251
ip -4 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
ip -4 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
ip -4 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
ip -4 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
ip -4 rule add priority 20400 from 192.168.1.50/32 lookup 2510 protocol 251
ip -4 rule add priority 20400 from 192.168.8.100/32 lookup 2511 protocol 251
ip -4 rule add priority 20500 from 192.168.1.50/32 unreachable protocol 251
ip -4 rule add priority 20500 from 192.168.8.100/32 unreachable protocol 251
ip -4 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
ip -4 rule add priority 20630 iif eth0 lookup 2511 protocol 251
ip -4 rule add priority 20660 iif eth0 unreachable protocol 251
ip -4 rule add priority 20700 lookup 2511 protocol 251
ip -4 rule add priority 32800 lookup 2511 protocol 251
"""

CABLE_WITHOUT_GATEWAY = facts(LOOPBACK, BESIDE_THE_ROUTER, MOBILE)


@pytest.mark.parametrize(
    ("config", "network", "session", "active", "lines"),
    [
        pytest.param(
            STANDBY,
            facts(LOOPBACK, BESIDE_THE_ROUTER, MOBILE, defaults=TO_THE_ROUTER),
            PPP,
            UplinkName.CELLULAR,
            STANDBY_BOTH,
            id="standby-gateway, both lines",
        ),
        pytest.param(
            STANDBY,
            facts(LOOPBACK, BESIDE_THE_ROUTER, defaults=TO_THE_ROUTER),
            None,
            UplinkName.WIRED,
            STANDBY_WIRED_ONLY,
            id="standby-gateway, only wired",
        ),
        pytest.param(
            STANDBY,
            CABLE_WITHOUT_GATEWAY,
            PPP,
            UplinkName.CELLULAR,
            STANDBY_CELLULAR_ONLY,
            id="standby-gateway, only cellular: the address stays, the gateway is gone",
        ),
        pytest.param(
            STANDBY,
            facts(
                LOOPBACK,
                BESIDE_THE_ROUTER,
                nic(MOBILE_INTERFACE, "192.168.8.100/32"),
                defaults=TO_THE_ROUTER,
            ),
            ETHER,
            UplinkName.CELLULAR,
            STANDBY_ROUTER_STICK,
            id="standby-gateway, both lines, the stick is a router of its own",
        ),
        pytest.param(STANDBY, facts(LOOPBACK), None, None, STANDBY_NONE, id="standby-gateway, no line"),
        pytest.param(
            ROUTER,
            facts(LOOPBACK, LAN, WAN, MOBILE, defaults=TO_THE_PROVIDER),
            PPP,
            UplinkName.WIRED,
            ROUTER_BOTH,
            id="dual-wan-router, both lines",
        ),
        pytest.param(
            ROUTER,
            facts(LOOPBACK, LAN, WAN, defaults=TO_THE_PROVIDER),
            None,
            UplinkName.WIRED,
            ROUTER_WIRED_ONLY,
            id="dual-wan-router, only wired",
        ),
        pytest.param(
            ROUTER,
            facts(LOOPBACK, LAN, nic("wan0", up=False), MOBILE),
            PPP,
            UplinkName.CELLULAR,
            ROUTER_CELLULAR_ONLY,
            id="dual-wan-router, only cellular",
        ),
        pytest.param(ROUTER, facts(LOOPBACK, LAN), None, None, MARKS, id="dual-wan-router, no line"),
    ],
)
def test_ipv4(config, network, session, active, lines):
    assert render(wish(config, network, session, active)) == lines


def six(intent: RouteIntent) -> str:
    return "".join(line for line in render(intent).splitlines(keepends=True) if line.startswith("ip -6"))


def test_ipv6_on_both_lines_each_address_of_its_own_and_none_that_is_link_local():
    wan = nic("wan0", "2001:db8:1::9/64", "2001:db8:1::abcd/64", "fe80::9/64")
    mobile = nic(MOBILE_INTERFACE, "fe80::1/10", "2001:db8:2::5/64")
    network = facts(LOOPBACK, LAN, wan, mobile, defaults=(("wan0", "fe80::1", 1024),))
    assert six(wish(ROUTER, network, PPP, UplinkName.CELLULAR)) == dedent("""\
        ip -6 route add default dev fbcell0 table 2511 proto 251
        ip -6 route add default via fe80::1 dev wan0 onlink table 2510 proto 251
        ip -6 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
        ip -6 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
        ip -6 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
        ip -6 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
        ip -6 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
        ip -6 rule add priority 20400 from 2001:db8:1::9/128 lookup 2510 protocol 251
        ip -6 rule add priority 20400 from 2001:db8:1::abcd/128 lookup 2510 protocol 251
        ip -6 rule add priority 20400 from 2001:db8:2::5/128 lookup 2511 protocol 251
        ip -6 rule add priority 20500 from 2001:db8:1::9/128 unreachable protocol 251
        ip -6 rule add priority 20500 from 2001:db8:1::abcd/128 unreachable protocol 251
        ip -6 rule add priority 20500 from 2001:db8:2::5/128 unreachable protocol 251
        ip -6 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
        ip -6 rule add priority 20700 lookup 2511 protocol 251
        ip -6 rule add priority 32800 lookup 2511 protocol 251
    """)


def test_ipv6_stays_on_the_wired_line_where_the_mobile_line_has_none():
    eth0 = nic("eth0", "192.168.1.50/24", "2001:db8:1::50/64", "fe80::50/64")
    mobile = nic(MOBILE_INTERFACE, "100.72.3.4/32", "fe80::1/10")
    network = facts(LOOPBACK, eth0, mobile, defaults=(*TO_THE_ROUTER, ("eth0", "fe80::1", 1024)))
    assert six(wish(STANDBY, network, PPP, UplinkName.CELLULAR)) == dedent("""\
        ip -6 route add default via fe80::1 dev eth0 onlink table 2510 proto 251
        ip -6 rule add priority 20100 lookup 254 suppress_prefixlength 7 protocol 251
        ip -6 rule add priority 20200 fwmark 0x1000000/0xf000000 lookup 2510 protocol 251
        ip -6 rule add priority 20200 fwmark 0x2000000/0xf000000 lookup 2511 protocol 251
        ip -6 rule add priority 20300 fwmark 0x1000000/0xf000000 unreachable protocol 251
        ip -6 rule add priority 20300 fwmark 0x2000000/0xf000000 unreachable protocol 251
        ip -6 rule add priority 20400 from 2001:db8:1::50/128 lookup 2510 protocol 251
        ip -6 rule add priority 20500 from 2001:db8:1::50/128 unreachable protocol 251
        ip -6 rule add priority 20600 lookup 254 suppress_prefixlength 0 protocol 251
        ip -6 rule add priority 20630 iif eth0 lookup 2511 protocol 251
        ip -6 rule add priority 20660 iif eth0 unreachable protocol 251
    """)


def test_ipv6_never_takes_a_stick_that_is_a_router():
    eth0 = nic("eth0", "192.168.1.50/24", "2001:db8:1::50/64", "fe80::50/64")
    network = facts(LOOPBACK, eth0, nic(MOBILE_INTERFACE, "192.168.8.100/32", "2001:db8:2::5/64"))
    lines = six(wish(STANDBY, network, ETHER, UplinkName.CELLULAR))
    assert MOBILE_INTERFACE not in lines
    assert "from 2001:db8:2::5" not in lines
    assert "priority 20700" not in lines


def test_an_ipv4_route_may_have_an_ipv6_gateway():
    default = DefaultRoute(interface="wan0", gateway=ip_address("fe80::1"), metric=0, family=4)
    network = NetworkFacts(interfaces=(WAN,), defaults=(default,))
    first = render(wish(ROUTER, network, None, UplinkName.WIRED)).splitlines()[0]
    assert first == "ip -4 route add default via inet6 fe80::1 dev wan0 onlink table 2510 proto 251"


def test_a_failover_is_one_rule():
    network = facts(LOOPBACK, LAN, WAN, MOBILE, defaults=TO_THE_PROVIDER)
    wired = wish(ROUTER, network, PPP, UplinkName.WIRED)
    cellular = wish(ROUTER, network, PPP, UplinkName.CELLULAR)
    assert wired.routes == cellular.routes
    assert [rule.command() for rule in set(cellular.rules) ^ set(wired.rules)] == [
        "ip -4 rule add priority 20700 lookup 2511 protocol 251"
    ]


@pytest.mark.parametrize("mobile", [nic(MOBILE_INTERFACE, "100.72.3.4/32", up=False), nic(MOBILE_INTERFACE)])
def test_an_interface_that_is_not_ready_gets_no_route_whatever_is_active(mobile):
    intent = wish(STANDBY, facts(LOOPBACK, mobile), PPP, UplinkName.CELLULAR)
    assert not intent.routes
    assert all(
        rule.table != 2511 or rule.mark or rule.source or rule.input_interface for rule in intent.rules
    )


@pytest.mark.parametrize("active", [*UplinkName, None])
@pytest.mark.parametrize("session", [PPP, None], ids=["session", "no session"])
def test_what_comes_from_the_house_beside_a_router_never_asks_the_main_table_for_its_default(session, active):
    network = facts(LOOPBACK, BESIDE_THE_ROUTER, MOBILE, defaults=TO_THE_ROUTER)
    rules = sorted(wish(STANDBY, network, session, active).rules, key=lambda rule: rule.priority)
    refusal = next(rule for rule in rules if rule.table is None and rule.input_interface == "eth0")
    assert (refusal.mark, refusal.source) == (None, None)
    before = [rule for rule in rules if rule.priority < refusal.priority]
    assert all(rule.suppress_prefixlength is not None for rule in before if rule.table == 254)
    assert [rule.priority for rule in before if rule.input_interface == "eth0"] == [20630]
    assert refusal.priority < 32766


def test_each_family_has_an_active_line_of_its_own():
    wan = nic("wan0", "203.0.113.9/24", "2001:db8:1::9/64")
    mobile = nic(MOBILE_INTERFACE, "100.72.3.4/32", "2001:db8:2::5/64")
    network = facts(LOOPBACK, LAN, wan, mobile, defaults=(*TO_THE_PROVIDER, ("wan0", "fe80::1", 1024)))

    def active(four, six):
        intent = route_intent(ROUTER, network, PPP, active=four, active6=six)
        return {
            (rule.family, rule.table, rule.input_interface)
            for rule in intent.rules
            if 20630 <= rule.priority <= 20700
        }

    wired, cellular = UplinkName.WIRED, UplinkName.CELLULAR
    assert active(wired, wired) == set()
    assert active(cellular, wired) == {(4, 2511, None)}
    assert active(wired, cellular) == {(6, 2511, None)}
    assert active(cellular, None) == {(4, 2511, None), (6, None, "lan0")}
    assert active(None, None) == {(6, None, "lan0")}


def test_the_wired_lines_name_servers_have_rules_while_the_mobile_line_is_active():
    network = facts(LOOPBACK, LAN, WAN, MOBILE, defaults=TO_THE_PROVIDER)
    servers = [ip_address(each) for each in ("198.51.100.53", "203.0.113.1", "192.168.7.1", "2001:db8::53")]

    def lines(active):
        intent = route_intent(ROUTER, network, PPP, active=active, active6=active, name_servers=servers)
        return render(intent).splitlines()

    without = render(wish(ROUTER, network, PPP, UplinkName.CELLULAR)).splitlines()
    assert [line for line in lines(UplinkName.CELLULAR) if line not in without] == [
        "ip -4 rule add priority 20070 to 198.51.100.53/32 fwmark 0x0/0xf000000 lookup 2511 protocol 251"
    ]
    assert lines(UplinkName.WIRED) == render(wish(ROUTER, network, PPP, UplinkName.WIRED)).splitlines()


def test_answers_go_back_through_the_router_where_the_owner_says_so():
    config = Config(mode=STANDBY.mode, wired=STANDBY.wired, standby=Standby(reply_via_router=True))
    network = facts(LOOPBACK, BESIDE_THE_ROUTER, MOBILE, defaults=TO_THE_ROUTER)
    without = render(wish(STANDBY, network, PPP, UplinkName.WIRED)).splitlines()
    lines = render(wish(config, network, PPP, UplinkName.WIRED)).splitlines()
    assert [line for line in lines if line not in without] == [
        "ip -4 route add default via 192.168.1.2 dev eth0 onlink table 2512 proto 251",
        "ip -4 rule add priority 20050 iif fbcell0 fwmark 0x3000000/0xf000000 lookup 2512 protocol 251",
    ]
    assert set(without) < set(lines)


def test_every_rule_says_why_and_what_is_looked_up_is_refused_behind_it():
    network = facts(LOOPBACK, LAN, WAN, MOBILE, defaults=TO_THE_PROVIDER)
    rules = wish(ROUTER, network, PPP, UplinkName.CELLULAR).rules
    assert all(rule.why for rule in rules)
    bound = [rule for rule in rules if rule.mark or rule.source]
    for rule in bound:
        pair = [each for each in bound if (each.mark, each.source) == (rule.mark, rule.source)]
        assert [each.table is None for each in sorted(pair, key=lambda each: each.priority)] == [False, True]


def test_the_reason_is_no_drift():
    rule = RoutingRule(family=4, priority=20700, table=2511, why="active")
    same = RoutingRule(family=4, priority=20700, table=2511)
    assert RouteIntent(rules=(rule,)).matches(RouteIntent(rules=(same,)))
    assert not RouteIntent(rules=(rule,)).matches(RouteIntent())
