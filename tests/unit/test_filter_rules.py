"""What the rules say, beyond the golden files."""

from dataclasses import fields, replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from failberry.adapters.firewall.backend import families
from failberry.adapters.firewall.proof import NOWHERE, PROOF
from failberry.config import MOBILE_INTERFACE, Config, Firewall, Lan, Mode, PortForward, Protocol, Wired
from failberry.core.facts import Interface, NetworkFacts
from failberry.core.filter import (
    Accept,
    Chain,
    Drop,
    Masquerade,
    Reject,
    RestoreMark,
    Rule,
    SetConnectionMark,
    SetMark,
)
from failberry.core.filter_rules import filter_intent
from failberry.core.intent import CELLULAR_MARK, MARK_MASK, WIRED_MARK
from failberry.policy import Probe, Standby

EXTRAS = {
    "port_forward": (
        PortForward(proto=Protocol.TCP, ports="443", to="192.168.7.20:8443"),
        PortForward(proto=Protocol.UDP, ports="10000-65535", to="192.168.100.200"),
    ),
    "firewall": Firewall(
        mobile_clients=("02:00:00:AA:BB:CC", "192.168.7.20", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff")
    ),
}
STANDBY = Config(
    mode=Mode.STANDBY_GATEWAY,
    wired=Wired(interface="eth0"),
    standby=Standby(reply_via_router=True),
    probe=Probe(targets=("1.1.1.1", "2606:4700:4700::1111")),
    **EXTRAS,
)
ROUTER = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="wan0"), lan=Lan(interface="lan0"), **EXTRAS)
UPLINKS = {Mode.STANDBY_GATEWAY: {MOBILE_INTERFACE}, Mode.DUAL_WAN_ROUTER: {MOBILE_INTERFACE, "wan0"}}
BOTH = pytest.mark.parametrize("config", [STANDBY, ROUTER], ids=lambda config: config.mode)


def house(config, *addresses):
    lan = Interface(
        index=2,
        name=config.lan_interface,
        up=True,
        carrier=True,
        addresses=tuple(map(ip_interface, addresses)),
    )
    return NetworkFacts(interfaces=(lan,))


def rules(config, *addresses):
    return filter_intent(config, house(config, *(addresses or ("192.168.7.1/24", "fd00:7::1/64")))).rules


@BOTH
def test_every_reason_can_be_a_comment_in_the_kernel(config):
    for rule in rules(config):
        assert rule.why.isascii()
        assert rule.why.isprintable()
        assert 10 < len(rule.why) <= 120
        assert not set(rule.why) & set("\"'\\`$")


@BOTH
def test_every_rule_can_match_something_and_names_what_is_ours(config):
    for rule in rules(config):
        assert families(rule)
        ours = {MOBILE_INTERFACE, config.wired.interface, config.lan_interface}
        assert {rule.input_interface, rule.output_interface} & ours or rule.chain is Chain.MANGLE_OUTPUT


@BOTH
def test_nothing_from_an_uplink_falls_through(config):
    for chain in (Chain.INPUT, Chain.FORWARD):
        for uplink in UPLINKS[config.mode]:
            last = [r for r in rules(config) if (r.chain, r.input_interface) == (chain, uplink)][-1]
            assert last == Rule(chain=chain, input_interface=uplink, verdict=Drop(), why=last.why)


@BOTH
def test_the_filter_says_nothing_about_what_comes_from_the_house(config):
    for rule in rules(config):
        if isinstance(rule.verdict, Drop | Reject) and rule not in hairpins(config):
            assert {rule.input_interface, rule.output_interface} & UPLINKS[config.mode]


def hairpins(config):
    """What the router sent back to the Pi."""
    forward = [rule for rule in rules(config) if rule.chain is Chain.FORWARD]
    return [rule for rule in forward if rule.input_interface == config.lan_interface]


def test_our_own_are_known_again_when_the_router_sends_them_back():
    assert not hairpins(ROUTER)
    assert {
        (rule.verdict, rule.protocol, rule.icmp_types, rule.length, str(rule.destination), str(rule.source))
        for rule in hairpins(STANDBY)
    } == {
        (Drop(), "icmp", (8,), 37, "1.1.1.1/32", "None"),
        (Drop(), "icmpv6", (128,), 57, "2606:4700:4700::1111/128", "None"),
        (Drop(), None, (), None, "None", "fd00:7::1/128"),
    }


def test_without_a_canary_or_an_address_nothing_is_answered_for_it():
    def canaries(config, *addresses):
        return [
            rule.verdict.address
            for rule in rules(config, *addresses)
            if rule.chain is Chain.NAT_PREROUTING and rule.destination is not None
        ]

    assert canaries(STANDBY) == [ip_address("192.168.7.1")]
    assert not canaries(ROUTER)
    assert not canaries(STANDBY, "fd00:7::1/64", "169.254.3.4/16")
    assert not canaries(replace(STANDBY, standby=Standby(canary="")))


@BOTH
def test_marks_are_not_put_on_packets_from_an_uplink(config):
    marking = [rule for rule in rules(config) if isinstance(rule.verdict, SetMark)]
    # The one mark that such packets get is looked up for that interface only.
    assert {rule.verdict.mark for rule in marking} <= {0x03000000}
    restoring = [rule for rule in rules(config) if isinstance(rule.verdict, RestoreMark)]
    assert {rule.chain for rule in restoring} == {Chain.MANGLE_PREROUTING, Chain.MANGLE_OUTPUT}
    for rule in restoring:
        inward = config.lan_interface if rule.chain is Chain.MANGLE_PREROUTING else None
        assert rule.input_interface == inward
        assert rule.connection_mark is not None


@BOTH
def test_every_connection_is_marked_once_by_its_first_packet_whichever_way_it_goes(config):
    marks = {MOBILE_INTERFACE: CELLULAR_MARK, "wan0": WIRED_MARK}
    marking = [rule for rule in rules(config) if isinstance(rule.verdict, SetConnectionMark)]
    inward = {
        rule.input_interface: rule.verdict.mark for rule in marking if rule.chain is Chain.MANGLE_PREROUTING
    }
    outward = [rule for rule in marking if rule.chain is Chain.MANGLE_POSTROUTING]
    assert inward == {uplink: marks[uplink] for uplink in UPLINKS[config.mode]}
    assert {rule.output_interface: rule.verdict.mark for rule in outward} == inward
    # Neither those that have their line, nor our own probes, which bring a mark of their own.
    assert {(rule.connection_mark, rule.mark) for rule in outward} == {((0, MARK_MASK), (0, MARK_MASK))}
    assert len(marking) == 2 * len(inward)


def test_our_marks_leave_those_of_others_alone():
    tailscale, kubernetes, mwan3, docker = 0x00FF0000, 0x0000C000, 0x00003F00, 0x000000FF
    assert not MARK_MASK & (tailscale | kubernetes | mwan3 | docker)
    assert {CELLULAR_MARK & MARK_MASK, WIRED_MARK & MARK_MASK} == {CELLULAR_MARK, WIRED_MARK}
    assert CELLULAR_MARK != WIRED_MARK


@BOTH
@pytest.mark.parametrize("clients", [(), ("192.168.7.20",)])
def test_at_the_cap_the_house_only_answers_over_the_mobile_line(config, clients):
    config = replace(config, firewall=Firewall(mobile_clients=clients))
    intent = filter_intent(config, house(config, "192.168.7.1/24"), block_clients=True)
    forward = [rule for rule in intent.rules if rule.chain is Chain.FORWARD]
    leaving = [rule for rule in forward if rule.output_interface == MOBILE_INTERFACE]
    assert [rule.verdict for rule in leaving[-2:]] == [Reject(reset=True), Reject()]
    assert [(rule.reply, rule.connection_mark) for rule in leaving if rule.verdict == Accept()] == [
        (True, (CELLULAR_MARK, MARK_MASK))
    ]
    others = {rule.chain for rule in intent.rules if rule.verdict in (Reject(reset=True), Reject())}
    assert others == {Chain.FORWARD}


def test_the_wired_interface_is_trusted_where_it_is_the_house():
    assert not [
        rule
        for rule in rules(STANDBY)
        if rule.input_interface == "eth0" and isinstance(rule.verdict, Drop) and rule not in hairpins(STANDBY)
    ]


def test_the_house_sees_who_called_where_the_pi_is_its_gateway():
    towards_the_house = [
        rule
        for rule in rules(ROUTER)
        if isinstance(rule.verdict, Masquerade) and rule.output_interface == "lan0"
    ]
    assert not towards_the_house
    first = next(
        rule
        for rule in rules(STANDBY)
        if rule.output_interface == "eth0" and rule.chain is Chain.NAT_POSTROUTING
    )
    assert (first.verdict, first.dnatted, first.connection_mark) == (
        Masquerade(),
        True,
        (CELLULAR_MARK, MARK_MASK),
    )


@pytest.mark.parametrize(
    ("addresses", "protected"),
    [
        ((), set()),
        (("fe80::1/64", "169.254.1.1/16"), set()),
        (("192.168.7.1/24", "192.168.7.2/24"), {"192.168.7.0/24"}),
        (("10.0.0.1/32", "fd00::1/64", "2001:db8::1/64"), {"10.0.0.1/32", "fd00::/64", "2001:db8::/64"}),
    ],
)
@BOTH
def test_forged_sources_are_those_of_the_house_and_of_the_pi(config, addresses, protected):
    intent = filter_intent(config, house(config, *addresses))
    dropped = {
        (rule.input_interface, rule.source)
        for rule in intent.rules
        if rule.chain is Chain.MANGLE_PREROUTING and isinstance(rule.verdict, Drop)
    }
    sources = {ip_network(each) for each in {"127.0.0.0/8", "::1/128"} | protected}
    assert dropped == {(uplink, source) for uplink in UPLINKS[config.mode] for source in sources}


@BOTH
def test_without_facts_only_what_protects_the_prefixes_is_missing(config):
    without = filter_intent(config, NetworkFacts()).rules
    assert set(map(repr, without)) < set(map(repr, rules(config)))
    missing = [rule for rule in rules(config) if rule not in without]
    assert all(rule.source is not None or rule.destination is not None for rule in missing)


def test_no_list_of_clients_means_everybody():
    everybody = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
    leaving = [rule for rule in rules(everybody) if rule.chain is Chain.FORWARD and rule.output_interface]
    assert [rule.states for rule in leaving if isinstance(rule.verdict, Drop)] == [frozenset({"invalid"})]
    assert [rule.tcp_midstream for rule in leaving if isinstance(rule.verdict, Reject)] == [True]


def kind(rule):
    """What a back end must be able to say for this rule."""
    words = {type(rule.verdict).__name__}
    for each in fields(rule):
        value = getattr(rule, each.name)
        if each.name not in {"chain", "verdict", "why", "family"} and value not in (
            None,
            (),
            False,
            frozenset(),
        ):
            words.add(f"{each.name} {getattr(value, 'version', '')}")
    if rule.protocol is not None:
        words.add(rule.protocol)
    return {(rule.chain, word) for word in words} | {("protocol", rule.protocol, rule.ports is None)}


@BOTH
def test_the_proof_holds_every_kind_of_rule(config):
    proven = set().union(*map(kind, PROOF.rules))
    blocked = filter_intent(config, house(config, "192.168.7.1/24"), block_clients=True).rules
    assert set().union(*map(kind, (*rules(config), *blocked))) <= proven


def test_the_proof_touches_no_packet():
    assert all(NOWHERE in {rule.input_interface, rule.output_interface} for rule in PROOF.rules)
