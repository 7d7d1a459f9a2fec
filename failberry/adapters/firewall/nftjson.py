"""What ``nft -j list table`` says, as rules (libnftables-json(5)).

Only what our own table can hold is understood; everything else is told as strange, which makes the table
differ from any intent.  Seen with nft 1.0.6 and 1.1.3: names for ICMP types, sets and flags written in three
ways, marks with the new value's bits already in the mask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from typing import Any

from failberry.adapters.firewall.backend import Held, wanted
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

Json = Any

_ALL_BITS = 0xFFFFFFFF

_HOOKS = {
    Chain.MANGLE_PREROUTING: ("filter", "prerouting", -150),
    Chain.MANGLE_FORWARD: ("filter", "forward", -150),
    Chain.MANGLE_OUTPUT: ("route", "output", -150),
    Chain.MANGLE_POSTROUTING: ("filter", "postrouting", -150),
    Chain.NAT_PREROUTING: ("nat", "prerouting", -100),
    Chain.NAT_POSTROUTING: ("nat", "postrouting", 100),
    Chain.INPUT: ("filter", "input", 0),
    Chain.FORWARD: ("filter", "forward", 0),
}

# The names that nft has for the types that are used, from its sources (src/proto.c).
_ICMP = {
    "icmp": {"destination-unreachable": 3, "echo-request": 8, "time-exceeded": 11, "parameter-problem": 12},
    "icmpv6": {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "mld-listener-query": 130,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
    },
}


class _StrangeError(Exception):
    """No rule of ours looks like this."""


def held(document: Json) -> Held:
    """Turn the listing of our table into rules.  Raises ValueError if it is no listing."""
    match document:
        case {"nftables": list(objects)}:
            pass
        case _:
            raise ValueError(f"not the listing of a table: {json.dumps(document)[:200]}")
    rules: list[Rule] = []
    strange: list[str] = []
    for each in objects:
        try:
            rules += _object(each)
        except _StrangeError as error:
            strange.append(str(error))
        except (ValueError, TypeError, KeyError):
            # A known expression with a value of a kind that we never write.
            strange.append(f"a stranger in our table: {json.dumps(each)[:200]}")
    return Held(rules=wanted(FilterIntent(rules=tuple(rules))), strange=tuple(strange))


def _object(each: Json) -> Iterator[Rule]:
    match each:
        case {"metainfo": _}:
            pass
        case {"table": table} if "flags" not in table:
            pass
        case {"chain": {"name": name, "type": kind, "hook": hook, "prio": priority, "policy": "accept"}} if (
            name in set(Chain) and _HOOKS[Chain(name)] == (kind, hook, priority)
        ):
            pass
        case {"rule": {"chain": name, "expr": expressions, "comment": why}} if name in set(Chain):
            yield _rule(Chain(name), why, expressions)
        case _:
            raise _StrangeError(f"a stranger in our table: {json.dumps(each)[:200]}")


def _rule(chain: Chain, why: str, expressions: Json) -> Rule:
    found: dict[str, Any] = {}
    for each in expressions:
        news = dict(_expression(each))
        if not news or any(found.get(key, value) != value for key, value in news.items()):
            raise _StrangeError(f"{chain} holds what no rule of ours does: {json.dumps(each)[:200]}")
        found |= news
    marked = found.pop("marked", None)
    if marked is not None:
        # Restoring is setting the very mark that the connection was seen to have.
        mark, mask = marked
        restored = found.get("connection_mark") == marked
        found["verdict"] = RestoreMark(mask=mask) if restored else SetMark(mark=mark, mask=mask)
    if "verdict" not in found:
        raise _StrangeError(f"{chain} holds a rule that does nothing: {json.dumps(expressions)[:200]}")
    return Rule(chain=chain, why=why, **found)


def _expression(expression: Json) -> Iterator[tuple[str, Any]]:
    """The fields of :class:`Rule` that one expression sets; none if it is unknown."""
    match expression:
        case {"accept": None}:
            yield "verdict", Accept()
        case {"drop": None}:
            yield "verdict", Drop()
        case {"reject": {"type": "tcp reset"}}:
            yield "verdict", Reject(reset=True)
        case {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}:
            yield "verdict", Reject()
        case {"masquerade": None}:
            yield "verdict", Masquerade()
        case {"dnat": {"addr": str(address), **rest}} if rest.keys() <= {"family", "port"}:
            port = rest.get("port")
            yield "verdict", Dnat(address=IPv4Address(address), ports=None if port is None else _ports(port))
        case {"mangle": {"key": key, "value": value}}:
            yield from _change(key, value)
        case {"match": {"op": "==" | "in", "left": left, "right": right}}:
            yield from _match(left, right)
        case {
            "match": {"op": "!", "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": flags}
        }:
            # None of these; written as "tcp flags & (…) == 0".
            if set(_members(flags)) == {"syn", "rst"}:
                yield "protocol", "tcp"
                yield "tcp_midstream", True


def _change(key: Json, value: Json) -> Iterator[tuple[str, Any]]:
    match key, value:
        case {"tcp option": {"name": "maxseg", "field": "size"}}, {"rt": {"key": "mtu"}}:
            yield "verdict", ClampMss()
        case {"ct": {"key": "mark"}}, {"|": [{"&": [{"ct": {"key": "mark"}}, keep]}, mark]}:
            yield "verdict", SetConnectionMark(mark=mark, mask=_changed(keep, mark))
        case {"meta": {"key": "mark"}}, {"|": [{"&": [{"meta": {"key": "mark"}}, keep]}, mark]}:
            yield "marked", (mark, _changed(keep, mark))


def _changed(keep: int, mark: int) -> int:
    """The mask of ``(x & keep) | mark``: every bit that does not stay as it was."""
    return ~keep & _ALL_BITS | mark


def _match(left: Json, right: Json) -> Iterator[tuple[str, Any]]:
    match left:
        case {"meta": {"key": key}}:
            yield from _match_meta(key, right)
        case {"payload": {"protocol": protocol, "field": field}}:
            yield from _match_payload(protocol, field, right)
        case {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, flags]}:
            if (set(_members(flags)), right) == ({"syn", "rst"}, "syn"):
                yield "protocol", "tcp"
                yield "tcp_syn", True
        case {"ct": {"key": "state"}}:
            yield "states", frozenset(ConnectionState(each) for each in _members(right))
        case {"ct": {"key": "status"}} if right == "dnat":
            yield "dnatted", True
        case {"ct": {"key": "direction"}} if right == "reply":
            yield "reply", True
        case {"&": [{"meta": {"key": "mark"}}, mask]}:
            yield "mark", (right, mask)
        case {"&": [{"ct": {"key": "mark"}}, mask]}:
            yield "connection_mark", (right, mask)


def _match_meta(key: Json, right: Json) -> Iterator[tuple[str, Any]]:
    match key:
        case "nfproto":
            yield "family", {"ipv4": 4, "ipv6": 6}[right]
        case "iifname":
            yield "input_interface", right
        case "oifname":
            yield "output_interface", right
        case "length":
            yield "length", right
        case "l4proto":
            yield "protocol", {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "ipv6-icmp": "icmpv6"}[right]


def _match_payload(protocol: Json, field: Json, right: Json) -> Iterator[tuple[str, Any]]:
    match protocol, field:
        case "ether", "saddr":
            yield "source_mac", right
        case "ip" | "ip6", "saddr":
            yield "source", _network(right)
        case "ip" | "ip6", "daddr":
            yield "destination", _network(right)
        case "tcp" | "udp", "dport":
            yield "protocol", protocol
            yield "ports", _ports(right)
        case "icmp" | "icmpv6", "type":
            yield "protocol", protocol
            yield "icmp_types", tuple(_ICMP[protocol].get(each, each) for each in _members(right))


def _members(value: Json) -> list[Any]:
    """One value, ``{"set": […]}``, ``{"|": […]}`` or a list, as a list."""
    match value:
        case {"set": list(members)} | {"|": list(members)} | list(members):
            return members
        case _:
            return [value]


def _ports(value: Json) -> tuple[int, int]:
    match value:
        case {"range": [first, last]}:
            return first, last
        case _:
            return value, value


def _network(value: Json) -> Any:
    match value:
        case {"prefix": {"addr": address, "len": length}}:
            return ip_network(f"{address}/{length}")
        case _:
            return ip_network(value)
