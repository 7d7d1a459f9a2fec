"""Rules in the words of iptables: matches, targets and their options, as plain dictionaries.

One dictionary is one rule of one address family, in the shape that python-iptables gives and takes
(``iptc.easy``): ``{"in-interface": "fbcell0", "tcp": {"dport": "9000"}, "target": "RETURN"}``.  Everything
here is pure; :mod:`.iptables` carries the dictionaries to the kernel and back.  For the options see
iptables-extensions(8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, ip_network
from typing import Any

from failberry.core.filter import (
    Accept,
    Chain,
    ClampMss,
    ConnectionState,
    Dnat,
    Drop,
    Masquerade,
    Reject,
    RestoreMark,
    Rule,
    SetConnectionMark,
    SetMark,
    Verdict,
)

XRule = dict[str, Any]
"""JSON: strings, and dictionaries of strings."""

PLACES = {
    Chain.MANGLE_PREROUTING: ("mangle", "PREROUTING"),
    Chain.MANGLE_FORWARD: ("mangle", "FORWARD"),
    Chain.MANGLE_OUTPUT: ("mangle", "OUTPUT"),
    Chain.MANGLE_POSTROUTING: ("mangle", "POSTROUTING"),
    Chain.NAT_PREROUTING: ("nat", "PREROUTING"),
    Chain.NAT_POSTROUTING: ("nat", "POSTROUTING"),
    Chain.INPUT: ("filter", "INPUT"),
    Chain.FORWARD: ("filter", "FORWARD"),
}
"""Table, and the built-in chain from which ours is reached."""

# Accept is RETURN: like "accept" in a table of nftables, it ends our rules and lets those of others speak.
_PLAIN: dict[str, Verdict] = {"RETURN": Accept(), "DROP": Drop(), "MASQUERADE": Masquerade()}
_REJECTED = {
    "tcp-reset": Reject(reset=True),
    "icmp-admin-prohibited": Reject(),
    "icmp6-adm-prohibited": Reject(),
}
_ICMP = {"icmp": ("icmp", "icmp-type"), "icmpv6": ("icmp6", "icmpv6-type")}


def encode(rule: Rule) -> XRule:
    """Say one rule, already spelled out for one family and ICMP type, in the words of iptables."""
    words: XRule = {}
    if rule.source is not None:
        words["src"] = str(rule.source)
    if rule.destination is not None:
        words["dst"] = str(rule.destination)
    if rule.input_interface is not None:
        words["in-interface"] = rule.input_interface
    if rule.output_interface is not None:
        words["out-interface"] = rule.output_interface
    if rule.protocol is not None:
        words["protocol"] = rule.protocol
    for match, options in _matches(rule):
        # iptc.easy writes a list as the same match several times: all of them must hold.
        words[match] = [*_list(words[match]), options] if match in words else options
    words["comment"] = {"comment": rule.why}
    words["target"] = _target(rule)
    return words


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    transport: dict[str, Any] = {}
    if rule.ports is not None:
        transport["dport"] = _range(rule.ports, ":")
    if rule.tcp_syn:
        transport["tcp-flags"] = ["SYN,RST", "SYN"]
    if rule.tcp_midstream:
        transport["tcp-flags"] = ["SYN,RST", "NONE"]
    if rule.protocol is not None and transport:
        yield rule.protocol, transport
    for number in rule.icmp_types:
        match, option = _ICMP[str(rule.protocol)]
        yield match, {option: str(number)}
    if rule.length is not None:
        # The header included in IPv6 too (net/netfilter/xt_length.c).
        yield "length", {"length": str(rule.length)}
    if rule.source_mac is not None:
        yield "mac", {"mac-source": rule.source_mac}
    yield from _connection(rule)
    if rule.mark is not None:
        mark, mask = rule.mark
        yield "mark", {"mark": f"{mark:#x}/{mask:#x}"}


def _connection(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    if rule.states:
        yield "conntrack", {"ctstate": ",".join(sorted(each.upper() for each in rule.states))}
    if rule.dnatted:
        yield "conntrack", {"ctstate": "DNAT"}
    if rule.reply:
        yield "conntrack", {"ctdir": "REPLY"}
    if rule.connection_mark is not None:
        mark, mask = rule.connection_mark
        yield "connmark", {"mark": f"{mark:#x}/{mask:#x}"}


def _target(rule: Rule) -> str | dict[str, dict[str, str]]:
    match rule.verdict:
        case Accept():
            return "RETURN"
        case Drop():
            return "DROP"
        case Reject(reset=True):
            return {"REJECT": {"reject-with": "tcp-reset"}}
        case Reject():
            words = "icmp6-adm-prohibited" if rule.family == 6 else "icmp-admin-prohibited"
            return {"REJECT": {"reject-with": words}}
        case Masquerade():
            return "MASQUERADE"
        case Dnat(address=address, ports=ports):
            return {"DNAT": {"to-destination": f"{address}" + (f":{_range(ports, '-')}" if ports else "")}}
        case ClampMss():
            return {"TCPMSS": {"clamp-mss-to-pmtu": ""}}
        case SetConnectionMark(mark=mark, mask=mask):
            return {"CONNMARK": {"set-xmark": f"{mark:#x}/{mask:#x}"}}
        case SetMark(mark=mark, mask=mask):
            return {"MARK": {"set-xmark": f"{mark:#x}/{mask:#x}"}}
        case RestoreMark(mask=mask):
            return {"CONNMARK": {"restore-mark": "", "nfmask": f"{mask:#x}", "ctmask": f"{mask:#x}"}}


def _range(ports: tuple[int, int], dash: str) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}{dash}{last}"


def decode(chain: Chain, family: int, words: Mapping[str, Any]) -> Rule:
    """The rule that these words say.  Raises ValueError if no rule of ours says so."""
    found: dict[str, Any] = {}
    for key, value in words.items():
        for options in _list(value):
            try:
                news = dict(_decode(key, options))
            except (TypeError, KeyError, AttributeError, IndexError) as error:
                raise ValueError(f"no rule of ours says {key} {value}") from error
            if not news or any(found.get(name, each) != each for name, each in news.items()):
                raise ValueError(f"no rule of ours says {key} {value}")
            found |= news
    if "verdict" not in found:
        raise ValueError(f"a rule that does nothing: {words}")
    return Rule(chain=chain, family=family, why=found.pop("why", ""), **found)


def _decode(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of :class:`Rule` that one word sets; none if it is unknown."""
    match key, value:
        case "src", str():
            yield "source", ip_network(value)
        case "dst", str():
            yield "destination", ip_network(value)
        case "in-interface", str():
            yield "input_interface", value
        case "out-interface", str():
            yield "output_interface", value
        case "protocol", str():
            yield "protocol", value
        case "target", _:
            yield "verdict", _decode_target(value)
        case _, dict():
            yield from _decode_match(key, value)


_FLAGS = {"SYN": "tcp_syn", "NONE": "tcp_midstream"}


def _decode_match(name: str, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    match name, options:
        case "tcp" | "udp", {**every} if every and every.keys() <= {"dport", "tcp-flags"}:
            if "dport" in every:
                first, _, last = every["dport"].partition(":")
                yield "ports", (int(first), int(last or first))
            if "tcp-flags" in every:
                mask, flags = every["tcp-flags"]
                if {*mask.split(",")} != {"SYN", "RST"} or flags not in _FLAGS:
                    raise ValueError(f"no rule of ours says tcp-flags {mask} {flags}")
                yield _FLAGS[flags], True
        case ("icmp", {"icmp-type": number, **rest}) | ("icmp6", {"icmpv6-type": number, **rest}) if not rest:
            yield "icmp_types", (int(number),)
        case "mac", {"mac-source": address, **rest} if not rest:
            yield "source_mac", address.lower()
        case "length", {"length": length, **rest} if not rest:
            yield "length", int(length)
        case "conntrack", _:
            yield from _decode_conntrack(options)
        case "connmark", {"mark": mark, **rest} if not rest:
            yield "connection_mark", _mark(mark)
        case "mark", {"mark": mark, **rest} if not rest:
            yield "mark", _mark(mark)
        case "comment", {"comment": why, **rest} if not rest:
            yield "why", why


def _decode_conntrack(options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    match options:
        case {"ctdir": "REPLY", **rest} if not rest:
            yield "reply", True
        case {"ctstate": "DNAT", **rest} if not rest:
            yield "dnatted", True
        case {"ctstate": states, **rest} if not rest:
            yield "states", frozenset(ConnectionState(each.lower()) for each in states.split(","))


def _decode_target(target: Any) -> Verdict:
    match target:
        case str():
            return _PLAIN[target]
        case {"DNAT": {"to-destination": destination, **rest}} if not rest:
            address, _, ports = destination.partition(":")
            first, _, last = ports.partition("-")
            return Dnat(
                address=IPv4Address(address), ports=(int(first), int(last or first)) if ports else None
            )
        case {"REJECT": {"reject-with": words, **rest}} if not rest:
            return _REJECTED[words]
        case {"MARK": {"set-xmark": mark, **rest}} if not rest:
            value, mask = _mark(mark)
            return SetMark(mark=value, mask=mask)
        case {"TCPMSS": {"clamp-mss-to-pmtu": "", **rest}} if not rest:
            return ClampMss()
        case {"CONNMARK": {"set-xmark": mark, **rest}} if not rest:
            value, mask = _mark(mark)
            return SetConnectionMark(mark=value, mask=mask)
        case {"CONNMARK": {"restore-mark": "", "nfmask": mask, "ctmask": same, **rest}} if (
            mask == same and not rest
        ):
            return RestoreMark(mask=int(mask, 16))
        case _:
            raise ValueError(f"no rule of ours says target {target}")


def _mark(text: str) -> tuple[int, int]:
    mark, _, mask = text.partition("/")
    return int(mark, 16), int(mask, 16) if mask else 0xFFFFFFFF


def line(words: XRule) -> str:
    """The same rule as ``iptables-save`` writes it, without chain."""
    short = {"src": "-s", "dst": "-d", "in-interface": "-i", "out-interface": "-o", "protocol": "-p"}
    parts: list[str] = []
    for key, value in words.items():
        if key in short:
            parts += [short[key], value]
        elif key == "target":
            name, options = (value, {}) if isinstance(value, str) else next(iter(value.items()))
            parts += ["-j", name, *_options(options)]
        else:
            for options in _list(value):
                parts += ["-m", key, *_options(options)]
    return " ".join(parts)


def _options(options: Mapping[str, Any]) -> Iterator[str]:
    for option, value in options.items():
        yield f"--{option}"
        for each in _list(value):
            if each:
                yield f'"{each}"' if option == "comment" else each
