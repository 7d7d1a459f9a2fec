"""Which line a packet leaves by: network facts and the choice of the line in, a route intent out.

The main table is never touched, nor any route of anybody.  Each line has a table of its own with one
default route in it, and the kernel's rules choose between them, in the order of the priorities in
:mod:`failberry.core.intent`:

1. *The house first.*  A rule that looks into a line's table hides the connected routes of the main
   table, and the LAN would be sought on the Internet.  So the main table is asked before, for
   everything but its default routes.  ``0.0.0.0/1`` and its like are default routes in disguise (a VPN
   client writes them), hence everything up to /7 is skipped: such a route may carry new flows, but must
   not carry away the answers of a line.  The price: a more specific route in the main table (to the
   neighbours on a public wired network) beats the line's table.  That is its owner's word, and whoever
   must know the line for certain, as probes do, binds to its interface.  Routes to the wired line's name
   servers are nobody's word: systemd-networkd writes them by itself.  While the mobile line is active a
   rule before all others sends new flows to these servers over it.
2. *Answers leave by the line they came in on, or not at all.*  By connection mark, then by source.
   Where the line has no route any more an answer is refused: over the other line it would arrive with
   a foreign address, useless, and on the mobile line even costly.  The refusal is a rule and not a
   route in the line's table, because the rules below look into the same table, and for them an empty
   table must mean "ask the next one".
3. *What the house sends takes the mobile line, or none*, in standby-gateway mode.  There the main router
   chose before us: back to it would be a loop, also while the daemon is dead or the mobile line is gone.
4. *New flows take the active line*, of IPv4 and IPv6 apart: in standby-gateway mode those of the Pi itself.
   The wired line is the main table's own, so only an active mobile line needs a rule: a failover is one rule
   added, a failback the same rule deleted.  In dual-wan-router mode the house's IPv6 is refused where
   no line has it, so that clients turn to IPv4 at once.
5. *The last resort is the mobile line*, in both modes: if the wired default route goes away while the
   daemon is dead, the kernel finds the other way by itself.  And if the mobile line goes away, its
   routes go with it, its table is empty, and the kernel goes on to the main table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_network

from failberry.config import MOBILE_INTERFACE, Config, Mode
from failberry.core.facts import Address, Interface, NetworkFacts, Session
from failberry.core.intent import (
    CELLULAR_MARK,
    CELLULAR_TABLE,
    MAIN_TABLE,
    PRIORITY_ACTIVE,
    PRIORITY_CLIENTS,
    PRIORITY_CLIENTS_ONLY,
    PRIORITY_HOUSE,
    PRIORITY_LAST_RESORT,
    PRIORITY_MARK,
    PRIORITY_MARK_ONLY,
    PRIORITY_NAMES,
    PRIORITY_SOURCE,
    PRIORITY_SOURCE_ONLY,
    PRIORITY_SPECIFIC,
    PRIORITY_VIA_ROUTER,
    ROUTER_MARK,
    ROUTER_TABLE,
    WIRED_MARK,
    WIRED_TABLE,
    Route,
    RouteIntent,
    RoutingRule,
)
from failberry.core.snapshot import UplinkName

_LONGEST_DISGUISED_DEFAULT = 7
"""Prefix length: OpenVPN's redirect-gateway writes /1 (IPv4) and /3, /4, /7 (IPv6); no network is as wide."""
_LINES = (
    (WIRED_TABLE, WIRED_MARK, UplinkName.WIRED),
    (CELLULAR_TABLE, CELLULAR_MARK, UplinkName.CELLULAR),
)


def route_intent(
    config: Config,
    facts: NetworkFacts,
    session: Session | None,
    *,
    active: UplinkName | None,
    active6: UplinkName | None,
    name_servers: Sequence[Address] = (),
) -> RouteIntent:
    """Return the whole wish for the kernel's routing.

    ``session`` is the mobile line's, if it has one; ``active`` is the line that shall carry new flows of
    IPv4, ``active6`` of IPv6; ``name_servers`` are the wired line's.  What a line has is read from
    ``facts``, so a line that is not there yet, or no more, gets no route, whatever these say.
    """
    routes: list[Route] = []
    rules: list[RoutingRule] = []
    wired = facts.interface(config.wired.interface)
    gateway = session.gateway if session is not None else None
    for family in _families(facts):
        mobile = facts.interface(session.interface) if session is not None else None
        if gateway is not None and gateway.version != family:
            mobile = None  # nobody behind a stick that is a router would take it
        sources = {WIRED_TABLE: _addresses(wired, family), CELLULAR_TABLE: _addresses(mobile, family)}
        default = facts.default(config.wired.interface, family)
        if default is not None:
            routes += (
                Route(family=family, table=table, interface=default.interface, gateway=default.gateway)
                for table in _tables_of_the_wired_line(config)
            )
        mobile_ready = mobile is not None and mobile.up and bool(sources[CELLULAR_TABLE])
        if mobile is not None and mobile_ready:
            routes.append(Route(family=family, table=CELLULAR_TABLE, interface=mobile.name, gateway=gateway))
        rules += _via_router(config, family)
        line = active if family == 4 else active6
        if mobile_ready and line is UplinkName.CELLULAR:
            rules += _names(facts, family, name_servers)
        rules += _answers(family, sources)
        rules += _new_flows(config, family, mobile=mobile_ready, active=line)
    return RouteIntent(routes=frozenset(routes), rules=tuple(rules))


def _families(facts: NetworkFacts) -> tuple[int, ...]:
    """IPv6 only on a host that has it: a kernel without it refuses its rules."""
    six = any(address.version == 6 for interface in facts.interfaces for address in interface.addresses)
    return (4, 6) if six else (4,)


def _addresses(interface: Interface | None, family: int) -> tuple[Address, ...]:
    """The interface's addresses that can be seen from outside it, sorted."""
    if interface is None:
        return ()
    own = {each.ip for each in interface.addresses if each.version == family and not each.ip.is_link_local}
    return tuple(sorted(own, key=int))


def _tables_of_the_wired_line(config: Config) -> tuple[int, ...]:
    return (WIRED_TABLE, ROUTER_TABLE) if _replies_via_router(config) else (WIRED_TABLE,)


def _replies_via_router(config: Config) -> bool:
    return config.mode is Mode.STANDBY_GATEWAY and config.standby.reply_via_router


def _via_router(config: Config, family: int) -> Iterable[RoutingRule]:
    if _replies_via_router(config):
        yield RoutingRule(
            family=family,
            priority=PRIORITY_VIA_ROUTER,
            table=ROUTER_TABLE,
            input_interface=MOBILE_INTERFACE,
            mark=ROUTER_MARK,
            why="answers to clients go back through the main router",
        )


def _names(facts: NetworkFacts, family: int, servers: Sequence[Address]) -> Iterable[RoutingRule]:
    near = [address.network for interface in facts.interfaces for address in interface.addresses]
    for server in servers:
        if server.version != family or server.is_link_local or any(server in each for each in near):
            continue  # it is a neighbour, or the router itself
        yield RoutingRule(
            family=family,
            priority=PRIORITY_NAMES,
            table=CELLULAR_TABLE,
            destination=ip_network(server),
            mark=0,
            why="a name server of the wired line is asked over the active one, whatever the main table says",
        )


def _answers(family: int, sources: dict[int, tuple[Address, ...]]) -> Iterable[RoutingRule]:
    yield RoutingRule(
        family=family,
        priority=PRIORITY_HOUSE,
        table=MAIN_TABLE,
        suppress_prefixlength=_LONGEST_DISGUISED_DEFAULT,
        why="the LAN and every other network that the main table knows by name is reached directly",
    )
    # The rules by mark stand even while a line has no route: so its answers are refused, not diverted,
    # also when it goes away while the daemon is dead.
    for table, mark, line in _LINES:
        yield from _or_not_at_all(
            RoutingRule(
                family=family,
                priority=PRIORITY_MARK,
                table=table,
                mark=mark,
                why=f"what belongs to a connection or a probe of the {line} line leaves by it",
            ),
            line,
            priority=PRIORITY_MARK_ONLY,
        )
    for table, _, line in _LINES:
        for address in sources[table]:
            yield from _or_not_at_all(
                RoutingRule(
                    family=family,
                    priority=PRIORITY_SOURCE,
                    table=table,
                    source=ip_network(address),
                    why=f"what the Pi sends from its address on the {line} line leaves by it",
                ),
                line,
                priority=PRIORITY_SOURCE_ONLY,
            )


def _or_not_at_all(rule: RoutingRule, line: UplinkName, *, priority: int) -> Iterable[RoutingRule]:
    yield rule
    yield replace(rule, priority=priority, table=None, why=f"or not at all: the {line} line has no route")


def _new_flows(
    config: Config, family: int, *, mobile: bool, active: UplinkName | None
) -> Iterable[RoutingRule]:
    # These stand while there is no mobile line: so what the house sends is refused, not sent back.
    clients = tuple(_clients(config, family, active))
    if mobile or clients:
        yield RoutingRule(
            family=family,
            priority=PRIORITY_SPECIFIC,
            table=MAIN_TABLE,
            suppress_prefixlength=0,
            why="new flows obey every route of the main table but its default route",
        )
    yield from clients
    if not mobile:
        return
    if active is UplinkName.CELLULAR:
        yield RoutingRule(
            family=family,
            priority=PRIORITY_ACTIVE,
            table=CELLULAR_TABLE,
            why="the cellular line is active: new flows take it",
        )
    yield RoutingRule(
        family=family,
        priority=PRIORITY_LAST_RESORT,
        table=CELLULAR_TABLE,
        why="where the main table knows no way, the cellular line is one, even while the daemon is dead",
    )


def _clients(config: Config, family: int, active: UplinkName | None) -> Iterable[RoutingRule]:
    """What the house sends, where it does not simply take the active line."""
    if config.mode is Mode.STANDBY_GATEWAY:
        line = RoutingRule(
            family=family,
            priority=PRIORITY_CLIENTS,
            table=CELLULAR_TABLE,
            input_interface=config.lan_interface,
            why="what the house sends here is meant for the cellular line",
        )
        yield line
        why = "or for none: back to the main router it would go round in circles"
        yield replace(line, priority=PRIORITY_CLIENTS_ONLY, table=None, why=why)
    elif family == 6 and active is None:
        yield RoutingRule(
            family=family,
            priority=PRIORITY_CLIENTS_ONLY,
            table=None,
            input_interface=config.lan_interface,
            why="no line has IPv6: clients are told at once, and turn to IPv4",
        )
