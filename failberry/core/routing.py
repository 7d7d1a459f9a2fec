"""Which line a packet leaves by: network facts and the choice of the line in, a route intent out.

The main table is never touched, nor any route of anybody.  Each line has a table of its own with one
default route in it, and the kernel's rules choose between them, in the order of the priorities in
:mod:`failberry.core.intent`:

1. *The house first.*  A rule that looks into a line's table hides the connected routes of the main
   table, and the LAN would be sought on the Internet.  So the main table is asked before, for
   everything but its default routes.  ``0.0.0.0/1`` and its like are default routes in disguise (a VPN
   client writes them), hence everything up to /7 is skipped: such a route may carry new flows, but must
   not carry away the answers of a line.  The price: a more specific route in the main table (a host
   route to a name server, the neighbours on a public wired network) beats the line's table.  That is
   its owner's word, and whoever must know the line for certain, as probes do, binds to its interface.
2. *Answers leave by the line they came in on, or not at all.*  By connection mark, then by source.
   Where the line has no route any more an answer is refused: over the other line it would arrive with
   a foreign address, useless, and on the mobile line even costly.  The refusal is a rule and not a
   route in the line's table, because the rules below look into the same table, and for them an empty
   table must mean "ask the next one".
3. *New flows take the active line.*  The wired line is the main table's own, so only an active mobile
   line needs a rule: a failover is one rule added, a failback the same rule deleted.
4. *The last resort is the mobile line*, in both modes: if the wired default route goes away while the
   daemon is dead, the kernel finds the other way by itself.  And if the mobile line goes away, its
   routes go with it, its table is empty, and the kernel goes on to the main table.
"""

from __future__ import annotations

from collections.abc import Iterable

from failberry.config import Config
from failberry.core.facts import Address, Interface, NetworkFacts, Session
from failberry.core.intent import (
    CELLULAR_MARK,
    CELLULAR_TABLE,
    MAIN_TABLE,
    PRIORITY_ACTIVE,
    PRIORITY_HOUSE,
    PRIORITY_LAST_RESORT,
    PRIORITY_MARK,
    PRIORITY_MARK_ONLY,
    PRIORITY_SOURCE,
    PRIORITY_SOURCE_ONLY,
    PRIORITY_SPECIFIC,
    WIRED_MARK,
    WIRED_TABLE,
    Route,
    RouteIntent,
    RoutingRule,
)
from failberry.core.snapshot import UplinkName

_LONGEST_DISGUISED_DEFAULT = 7
"""Prefix length; OpenVPN's redirect-gateway writes /1 (IPv4) and /3, /4, /7 (IPv6).  No real network is as wide."""
