"""Rules in the words of each back end, and what they make of recorded answers of the kernel."""

import json
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.adapters.firewall import iptables, nftjson
from failberry.adapters.firewall.backend import difference
from failberry.adapters.firewall.nftables import Nftables
from failberry.adapters.firewall.proof import PROOF
from failberry.adapters.firewall.xtables import decode, encode
from failberry.core.filter import (
    Accept,
    Chain,
    ClampMss,
    ConnectionState,
    Dnat,
    Drop,
    FilterIntent,
    Masquerade,
    Reject,
    RestoreMark,
    Rule,
    SetConnectionMark,
    SetMark,
)
from failberry.errors import InvariantError

RECORDINGS = Path(__file__).parents[1] / "recordings" / "firewall"

ONE = FilterIntent(rules=(Rule(chain=Chain.INPUT, input_interface="fbcell0", verdict=Drop(), why="no"),))


def recording(name):
    return json.loads((RECORDINGS / name).read_text())


# --- what the kernel answered ---------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0.6", "1.1.3"])
def test_the_listing_of_nft_is_what_was_written(version):
    assert difference(PROOF, nftjson.held(recording(f"nft-{version}.json"))) is None


def iptables_held(version):
    return iptables.held(
        {int(family): answer for family, answer in recording(f"iptc-xtables-{version}.json").items()}
    )


def test_the_answer_of_iptables_is_what_was_written():
    assert difference(PROOF, iptables_held("1.8.9")) is None


def test_python_iptables_on_debian_13_is_caught_lying():
    held = iptables_held("1.8.11")
    assert difference(PROOF, held) in held.strange
    # A clamp became a segment size of 0, a port was forgotten, a connection was to lose every mark.
    assert "IPv4 mangle_forward: no rule of ours says target {'TCPMSS': {'set-mss': '0'}}" in held.strange
    assert "IPv6 input: no rule of ours says udp {}" in held.strange
    assert held.rules[4, Chain.MANGLE_OUTPUT][0].verdict == SetConnectionMark(mark=0, mask=0xFFFFFFFF)


def nft_rules(document):
    return [each["rule"] for each in document["nftables"] if "rule" in each]


def test_whatever_is_changed_in_the_table_is_noticed():
    document = recording("nft-1.1.3.json")

    def noticed():
        return difference(PROOF, nftjson.held(document)) is not None

    for rule in nft_rules(document):
        expressions = rule["expr"]
        for index in range(len(expressions)):
            rule["expr"] = expressions[:index] + expressions[index + 1 :]
            assert noticed(), expressions[index]
        rule["expr"] = [{"counter": {"packets": 0, "bytes": 0}}, *expressions]
        assert noticed()
        rule["expr"] = expressions
    everything = document["nftables"]
    for index, each in enumerate(everything):
        document["nftables"] = everything[:index] + everything[index + 1 :]
        assert noticed() == ("rule" in each)


@pytest.mark.parametrize(
    "stranger",
    [
        *(
            {"rule": {"chain": "forward", "comment": "x", "expr": [expression, {"drop": None}]}}
            for expression in (
                {
                    "match": {
                        "op": "!",
                        "left": {"payload": {"protocol": "tcp", "field": "flags"}},
                        "right": "syn",
                    }
                },
                {"match": {"op": "==", "left": {"ct": {"key": "direction"}}, "right": "original"}},
                {"match": {"op": ">", "left": {"meta": {"key": "length"}}, "right": 37}},
                {"reject": {"type": "icmpx", "expr": "port-unreachable"}},
            )
        ),
        {"set": {"name": "guests"}},
        {"table": {"family": "inet", "name": "failberry", "flags": "dormant"}},
        {"chain": {"name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
        {"chain": {"name": "input", "type": "filter", "hook": "input", "prio": 9, "policy": "accept"}},
        {"rule": {"chain": "input", "expr": [{"accept": None}]}},
        {"rule": {"chain": "input", "comment": "x", "expr": []}},
        {"rule": {"chain": "input", "comment": "x", "expr": [{"accept": None}, {"drop": None}]}},
        {
            "rule": {
                "chain": "input",
                "comment": "x",
                "expr": [{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}],
            }
        },
        {
            "rule": {
                "chain": "input",
                "comment": "x",
                "expr": [
                    {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "a"}},
                    {"drop": None},
                ],
            }
        },
        {
            "rule": {
                "chain": "input",
                "comment": "x",
                "expr": [
                    {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": {"set": []}}},
                    {"drop": None},
                ],
            }
        },
        {
            "rule": {
                "chain": "input",
                "comment": "x",
                "expr": [
                    {
                        "match": {
                            "op": "==",
                            "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                            "right": {"range": ["10.0.0.1", "10.0.0.3"]},
                        }
                    },
                    {"drop": None},
                ],
            }
        },
        {"rule": 7},
        None,
    ],
)
def test_strangers_in_our_table_are_told(stranger):
    held = nftjson.held({"nftables": [stranger]})
    assert len(held.strange) == 1
    assert difference(FilterIntent(), held) == held.strange[0]


@pytest.mark.parametrize("document", [None, 7, [], {}, {"nftables": None}, {"nftables": {}}])
def test_what_is_no_listing_is_refused(document):
    with pytest.raises(ValueError, match="not the listing"):
        nftjson.held(document)


# --- words ----------------------------------------------------------------------------------------

PORT = st.integers(1, 65535)
PORTS = st.tuples(PORT, PORT).map(lambda pair: (min(pair), max(pair)))
MARK = st.tuples(st.integers(1, 0xFF), st.just(0xFFF))
VERDICTS = st.one_of(
    st.just(Accept()),
    st.just(Drop()),
    st.builds(Reject, reset=st.booleans()),
    st.just(Masquerade()),
    st.just(ClampMss()),
    st.builds(Dnat, address=st.ip_addresses(v=4), ports=st.none() | PORTS),
    st.builds(SetConnectionMark, mark=st.integers(0, 0xFFFF), mask=st.integers(0, 0xFFFFFFFF)),
    st.builds(RestoreMark, mask=st.integers(1, 0xFFFFFFFF)),
    st.builds(SetMark, mark=st.integers(0, 0xFFFF), mask=st.integers(0, 0xFFFFFFFF)),
)
TRANSPORTS = st.one_of(
    st.fixed_dictionaries({"protocol": st.just("tcp"), "ports": st.none() | PORTS, "tcp_syn": st.booleans()}),
    st.fixed_dictionaries({"protocol": st.just("tcp"), "tcp_midstream": st.booleans()}),
    st.fixed_dictionaries({"protocol": st.just("udp"), "ports": st.none() | PORTS}),
    st.fixed_dictionaries(
        {"protocol": st.sampled_from(["icmp", "icmpv6"]), "icmp_types": st.tuples(st.integers(0, 255))}
    ),
    st.just({}),
)
RULES = st.builds(
    lambda transport, **rest: Rule(**transport, **rest),
    TRANSPORTS,
    chain=st.sampled_from(Chain),
    family=st.sampled_from([4, 6]),
    verdict=VERDICTS,
    why=st.text("abc 12:/()", min_size=1).map(str.strip),
    input_interface=st.none() | st.just("fbcell0"),
    output_interface=st.none() | st.just("eth0"),
    source=st.none() | st.ip_addresses(v=4).map(IPv4Network) | st.ip_addresses(v=6).map(IPv6Network),
    destination=st.none() | st.just(IPv4Network("10.0.0.0/8")),
    source_mac=st.none() | st.just("02:00:00:aa:bb:cc"),
    states=st.frozensets(st.sampled_from(ConnectionState)),
    dnatted=st.booleans(),
    reply=st.booleans(),
    connection_mark=st.none() | MARK,
    mark=st.none() | MARK,
    length=st.none() | st.integers(0, 0xFFFF),
)


@given(RULES)
def test_the_words_of_iptables_say_the_rule_and_nothing_else(rule):
    assert decode(rule.chain, rule.family, json.loads(json.dumps(encode(rule)))) == rule


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"target": "LOG"},
        {"target": {"goto": "FAILBERRY-INPUT"}},
        {"target": {"DNAT": {"to-destination": "10.0.0.1", "random": ""}}},
        {"target": "DROP", "fragment": True},
        {"target": "DROP", "src": "!10.0.0.0/8"},
        {"target": "DROP", "udp": {}},
        {"target": "DROP", "tcp": {"dport": "!80"}},
        {"target": "DROP", "tcp": {"sport": "80"}},
        {"target": "DROP", "tcp": {"tcp-flags": ["FIN,SYN,RST,ACK", "SYN"], "dport": "80"}},
        {"target": "DROP", "conntrack": {"ctstate": "NEW", "ctdir": "REPLY"}},
        {"target": "DROP", "conntrack": {"ctstate": "SNAT"}},
        {"target": "DROP", "conntrack": {"ctdir": "ORIGINAL"}},
        {"target": "DROP", "tcp": {"tcp-flags": ["SYN,RST", "RST"]}},
        {"target": "DROP", "length": {"length": "37:57"}},
        {"target": {"REJECT": {"reject-with": "icmp-port-unreachable"}}},
        {"target": "DROP", "icmp": {"icmp-type": "3/4"}},
        {"target": "DROP", "limit": {"limit": "1/sec"}},
    ],
)
def test_words_that_no_rule_of_ours_says_are_not_understood(words):
    with pytest.raises(ValueError, match=r".+"):
        decode(Chain.INPUT, 4, words)


@pytest.mark.parametrize("why", ['say "no"', "back\\slash", "two\nlines"])
def test_a_comment_that_nft_cannot_hold_is_a_bug(why):
    with pytest.raises(InvariantError):
        Nftables().render(FilterIntent(rules=(replace(ONE.rules[0], why=why),)))


def test_a_mark_that_was_not_matched_cannot_be_restored():
    rule = Rule(chain=Chain.MANGLE_OUTPUT, verdict=RestoreMark(mask=1), why="reply")
    with pytest.raises(InvariantError):
        Nftables().render(FilterIntent(rules=(rule,)))
