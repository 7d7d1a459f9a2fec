"""Between rtnetlink's messages and our values (rtnetlink(7), linux/rtnetlink.h, linux/fib_rules.h).

A message is pyroute2's: header fields by subscription, attributes by ``get_attr``, which is the part
that 0.7 and 0.9 have in common.  Nothing here talks to the kernel.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from failberry.core.facts import Address, DefaultRoute, Interface, InterfaceAddress
from failberry.core.intent import MAIN_TABLE, MARK_MASK, ROUTE_PROTOCOL, Route, RoutingRule

# linux/if.h, linux/if_addr.h
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
_IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x08, 0x40
# linux/rtnetlink.h, linux/fib_rules.h
_RTN_UNICAST = 1
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
_RTNH_F_ONLINK = 0x4
_RTM_F_CLONED = 0x200
_RTM_F_FIB_MATCH = 0x2000
_FR_ACT_TO_TBL, _FR_ACT_UNREACHABLE = 1, 7
_NO_SUPPRESSION = 0xFFFFFFFF

_AF = {4: socket.AF_INET, 6: socket.AF_INET6}
_FAMILY = {int(number): family for family, number in _AF.items()}

Attributes = dict[str, Any]
"""Keyword arguments of pyroute2's ``route`` and ``rule``."""
Message = Any


# --- what the kernel said ------------------------------------------------------------------------


def is_ours(message: Message) -> bool:
    """Whether a route carries our mark."""
    return bool(message["proto"] == ROUTE_PROTOCOL)


def is_route(message: Message) -> bool:
    """Whether it is a route of IPv4 or IPv6, and no clone that the kernel made (path MTU, redirect)."""
    return message["family"] in _FAMILY and not message["flags"] & _RTM_F_CLONED


def interfaces(links: Iterable[Message], addresses: Iterable[Message]) -> tuple[Interface, ...]:
    """Join RTM_NEWLINK and RTM_NEWADDR messages."""
    own: dict[int, list[InterfaceAddress]] = {}
    for message in addresses:
        # An IPv6 address is nobody's until duplicate detection is over (RFC 4862 section 5.4).
        if message["flags"] & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED) and message["family"] == socket.AF_INET6:
            continue
        # On a point-to-point link IFA_ADDRESS is the peer's (linux/if_addr.h).
        address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        own.setdefault(message["index"], []).append(ip_interface((address, message["prefixlen"])))
    return tuple(
        Interface(
            index=link["index"],
            name=link.get_attr("IFLA_IFNAME"),
            up=bool(link["flags"] & _IFF_UP),
            carrier=bool(link["flags"] & _IFF_LOWER_UP),
            addresses=tuple(own.get(link["index"], ())),
        )
        for link in sorted(links, key=lambda link: int(link["index"]))
    )


def defaults(message: Message, names: dict[int, str]) -> Iterator[DefaultRoute]:
    """Yield one default route for each next hop, if the route is a default of the main table."""
    if message["dst_len"] or message["type"] != _RTN_UNICAST or message.get_attr("RTA_TABLE") != MAIN_TABLE:
        return
    several = message.get_attr("RTA_MULTIPATH")
    for hop in several or (message,):
        index = hop["oif"] if several else hop.get_attr("RTA_OIF")
        if index in names:  # else it went away between two questions; its removal rings again
            yield DefaultRoute(
                interface=names[index],
                gateway=_gateway(hop),
                metric=message.get_attr("RTA_PRIORITY") or 0,
                family=_FAMILY[message["family"]],
            )


def our_route(message: Message, names: dict[int, str]) -> Route | None:
    """Return the route, or ``None`` if it carries our mark but is nothing that we make."""
    index = message.get_attr("RTA_OIF")
    if message["dst_len"] or message["type"] != _RTN_UNICAST or index not in names:
        return None
    return Route(
        family=_FAMILY[message["family"]],
        table=message.get_attr("RTA_TABLE"),
        interface=names[index],
        gateway=_gateway(message),
    )


def _gateway(hop: Message) -> Address | None:
    via = hop.get_attr("RTA_VIA")
    gateway = via["addr"] if via else hop.get_attr("RTA_GATEWAY")
    return ip_address(gateway) if gateway else None


def our_rule(message: Message) -> RoutingRule | None:
    """Return the rule, or ``None`` if it does not carry our mark."""
    if message["family"] not in _FAMILY or message.get_attr("FRA_PROTOCOL") != ROUTE_PROTOCOL:
        return None
    source, destination = message.get_attr("FRA_SRC"), message.get_attr("FRA_DST")
    limit, mark = message.get_attr("FRA_SUPPRESS_PREFIXLEN"), message.get_attr("FRA_FWMARK")
    if mark is None and message.get_attr("FRA_FWMASK"):
        mark = 0  # the kernel leaves it out (fib_nl_fill_rule(), net/core/fib_rules.c)
    return RoutingRule(
        family=_FAMILY[message["family"]],
        priority=message.get_attr("FRA_PRIORITY") or 0,
        table=message.get_attr("FRA_TABLE") if message["action"] == _FR_ACT_TO_TBL else None,
        source=ip_network((source, message["src_len"])) if source else None,
        destination=ip_network((destination, message["dst_len"])) if destination else None,
        mark=mark,
        input_interface=message.get_attr("FRA_IIFNAME"),
        suppress_prefixlength=None if limit == _NO_SUPPRESSION else limit,
    )


# --- what the kernel is asked --------------------------------------------------------------------


def route_deletion(message: Message) -> Attributes:
    """Name exactly this route; the kernel compares the protocol too, so no other's can be hit."""
    key = {
        "family": message["family"],
        "table": message.get_attr("RTA_TABLE"),
        "proto": ROUTE_PROTOCOL,
        "type": message["type"],
        "scope": message["scope"],
        "dst": message.get_attr("RTA_DST"),
        "dst_len": message["dst_len"],
        "oif": message.get_attr("RTA_OIF"),
        "gateway": message.get_attr("RTA_GATEWAY"),
        "via": message.get_attr("RTA_VIA"),
        "priority": message.get_attr("RTA_PRIORITY"),
    }
    return {name: value for name, value in key.items() if value is not None}


def route_request(route: Route, index: int) -> Attributes:
    """Name a route of ours through the interface of that index."""
    request: Attributes = {
        "family": _AF[route.family],
        "table": route.table,
        "proto": ROUTE_PROTOCOL,
        "dst_len": 0,
        "oif": index,
        "scope": _RT_SCOPE_UNIVERSE,
    }
    if route.gateway is None:
        # IPv6 knows no scopes of routes.
        return {**request, "scope": _RT_SCOPE_LINK} if route.family == 4 else request
    request["flags"] = _RTNH_F_ONLINK
    if route.gateway.version == route.family:
        return {**request, "gateway": str(route.gateway)}
    return {**request, "via": {"family": _AF[route.gateway.version], "addr": str(route.gateway)}}


def rule_request(rule: RoutingRule) -> Attributes:
    """Name a rule of ours, to add it or to delete it."""
    request: Attributes = {
        "family": _AF[rule.family],
        "priority": rule.priority,
        "protocol": ROUTE_PROTOCOL,
        "action": _FR_ACT_UNREACHABLE if rule.table is None else _FR_ACT_TO_TBL,
    }
    if rule.table is not None:
        request["table"] = rule.table
    if rule.source is not None:
        request |= {"src": str(rule.source.network_address), "src_len": rule.source.prefixlen}
    if rule.destination is not None:
        request |= {"dst": str(rule.destination.network_address), "dst_len": rule.destination.prefixlen}
    if rule.mark is not None:
        request |= {"fwmark": rule.mark, "fwmask": MARK_MASK}
    if rule.input_interface is not None:
        request["iifname"] = rule.input_interface
    if rule.suppress_prefixlength is not None:
        request["suppress_prefixlen"] = rule.suppress_prefixlength
    return request


def way_request(target: Address, source: Address, mark: int, index: int | None) -> Attributes:
    """Ask which route such a packet takes, from a socket bound to the interface of that index, if any.

    It must be a route that is really there (RTM_F_FIB_MATCH): of an IPv4 target to which a bound socket
    has none, the kernel would say that it must be a neighbour on that interface.  And of IPv6 the kernel
    takes an interface together with a source for a mere wish (ip6_route_output_flags()), which it does not
    with a socket that is bound; so the source is left out, and counts after the mark anyway.
    """
    request: Attributes = {"family": _AF[target.version], "dst": str(target), "flags": _RTM_F_FIB_MATCH}
    if index is not None:
        request["oif"] = index
    if index is None or target.version == 4:
        request["src"] = str(source)
    return {**request, "mark": mark} if mark else request
