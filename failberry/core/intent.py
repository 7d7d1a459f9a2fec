"""What the kernel's routing shall look like: the whole wish, as one frozen value.

An intent is level-triggered.  It says what shall be true, never what to do; the adapter adds what is
missing before it deletes what is too much, and may be given the same intent any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

ROUTE_PROTOCOL = 0xFB
"""Our mark on routes and rules (``rtm_protocol``, rtnetlink(7)): clean-up touches only what carries it."""

MAIN_TABLE = 254
WIRED_TABLE = 2510
CELLULAR_TABLE = 2511
ROUTER_TABLE = 2512

WIRED_MARK = 0x01000000
CELLULAR_MARK = 0x02000000
ROUTER_MARK = 0x03000000
"""Of packets only: answers from the mobile line that shall pass the main router."""
MARK_MASK = 0x0F000000
"""Our bits of fwmark and connmark; the rest belongs to others: 0x00ff0000 to Tailscale, 0xc000 to Kubernetes,
0x3f00 to mwan3, the lower ones to Docker and wg-quick."""

# The kernel asks its rules in this order (ip-rule(8)).  Gaps let an owner put rules of his own in between.
PRIORITY_VIA_ROUTER = 20050
"""Answers that shall pass the main router; before the house, which would be reached directly."""
PRIORITY_NAMES = 20070
"""Name servers of the wired line, while the mobile one is active: systemd-networkd writes a route to each of
them into the main table, which would hold everybody who asks them on the line that is gone."""
PRIORITY_HOUSE = 20100
"""Networks that the main table knows by name, the LAN first of all, are reached directly."""
PRIORITY_MARK = 20200
"""Connections that a line carries, and probes of a line: by that line.  Asked before the source,
because the answer of a forwarded port still carries the house's address when it is routed."""
PRIORITY_MARK_ONLY = 20300
"""… or not at all."""
PRIORITY_SOURCE = 20400
"""What the Pi sends from a line's own address: by that line."""
PRIORITY_SOURCE_ONLY = 20500
"""… or not at all."""
PRIORITY_SPECIFIC = 20600
"""New flows: whatever the main table knows better than by its default route."""
PRIORITY_CLIENTS = 20630
"""New flows of the house, in standby-gateway mode: by the mobile line …"""
PRIORITY_CLIENTS_ONLY = 20660
"""… or not at all.  Numbers of their own, because to delete a rule without an interface is to delete any
of that number: rule_find() in net/core/fib_rules.c compares only what is said."""
PRIORITY_ACTIVE = 20700
"""New flows: the active line, where it is not the main table's own."""
PRIORITY_LAST_RESORT = 32800
"""After the main table (32766): used only where nothing else knows a way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A default route in one of our tables."""

    family: int
    """4 or 6."""
    table: int
    interface: str
    gateway: IPv4Address | IPv6Address | None = None
    """``None`` for a device route, the only right kind on PPP.
    An IPv4 route may have an IPv6 gateway (RFC 5549)."""

    def command(self) -> str:
        """Return the ``ip`` command line that makes it."""
        where = f"dev {self.interface}"
        if self.gateway is not None:
            family = "inet6 " if self.gateway.version != self.family else ""
            where = f"via {family}{self.gateway} {where} onlink"
        return f"ip -{self.family} route add default {where} table {self.table} proto {ROUTE_PROTOCOL}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """One ``ip rule``."""

    family: int
    """4 or 6."""
    priority: int
    table: int | None
    """Where to look; ``None``: nowhere, the destination is unreachable."""
    source: IPv4Network | IPv6Network | None = None
    destination: IPv4Network | IPv6Network | None = None
    mark: int | None = None
    """Compared under :data:`MARK_MASK`; 0: what belongs to no line yet."""
    input_interface: str | None = None
    """Only what came in there to be passed on."""
    suppress_prefixlength: int | None = None
    """Routes of that table with a prefix of this length or shorter do not count."""
    why: str = ""

    def same(self) -> tuple[object, ...]:
        """Return what the kernel stores: everything but the reason."""
        return (
            self.family,
            self.priority,
            self.table,
            self.source,
            self.destination,
            self.mark,
            self.input_interface,
            self.suppress_prefixlength,
        )

    def command(self) -> str:
        """Return the ``ip`` command line that makes it."""
        words = [f"ip -{self.family} rule add priority {self.priority}"]
        if self.source is not None:
            words.append(f"from {self.source}")
        if self.destination is not None:
            words.append(f"to {self.destination}")
        if self.input_interface is not None:
            words.append(f"iif {self.input_interface}")
        if self.mark is not None:
            words.append(f"fwmark {self.mark:#x}/{MARK_MASK:#x}")
        words.append("unreachable" if self.table is None else f"lookup {self.table}")
        if self.suppress_prefixlength is not None:
            words.append(f"suppress_prefixlength {self.suppress_prefixlength}")
        return " ".join((*words, f"protocol {ROUTE_PROTOCOL}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteIntent:
    """All routes and rules of ours."""

    routes: frozenset[Route] = frozenset()
    rules: tuple[RoutingRule, ...] = ()

    def matches(self, observed: RouteIntent) -> bool:
        """Whether the kernel holds exactly this."""
        return self.routes == observed.routes and {r.same() for r in self.rules} == {
            r.same() for r in observed.rules
        }


def render(intent: RouteIntent) -> str:
    """Return the ``ip`` command lines that would recreate the intent, for people and for tests."""
    routes = sorted(each.command() for each in intent.routes)
    rules = [each.command() for each in sorted(intent.rules, key=lambda rule: (rule.family, rule.priority))]
    return "".join(f"{line}\n" for line in (*routes, *rules))
