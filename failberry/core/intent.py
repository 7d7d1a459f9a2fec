"""What the kernel's routing shall look like: the whole wish, as one frozen value.

An intent is level-triggered.  It says what shall be true, never what to do; the adapter adds what is
missing before it deletes what is too much, and may be given the same intent any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

ROUTE_PROTOCOL = 0xFB
"""Our mark on routes and rules (``rtm_protocol``, rtnetlink(7)): clean-up touches only what carries it."""

WIRED_TABLE = 2510
CELLULAR_TABLE = 2511

WIRED_MARK = 0x0FB10000
CELLULAR_MARK = 0x0FB20000
MARK_MASK = 0x0FFF0000
"""Our bits of fwmark and connmark; the rest belongs to others."""

# Gaps between the priorities let an owner put rules of his own in between.
PRIORITY_SOURCE = 20100
PRIORITY_MARK = 20200
PRIORITY_MAIN_SPECIFIC = 20300
PRIORITY_ACTIVE = 20400
PRIORITY_LAST_RESORT = 32800
"""After the main table (32766): used only where nothing else knows a way."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Route:
    """A default route in one of our tables."""

    family: int
    table: int
    interface: str
    gateway: IPv4Address | IPv6Address | None = None
    """``None`` for a device route, the only right kind on PPP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """One ``ip rule``."""

    family: int
    priority: int
    table: int
    """254 is the kernel's main table."""
    source: IPv4Network | IPv6Network | None = None
    mark: int | None = None
    """Compared under :data:`MARK_MASK`."""
    suppress_prefixlength: int | None = None
    """0: of that table, every route but the default one."""
    why: str = ""

    def same(self) -> tuple[object, ...]:
        """What the kernel stores: everything but the reason."""
        return (self.family, self.priority, self.table, self.source, self.mark, self.suppress_prefixlength)


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
