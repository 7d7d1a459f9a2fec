"""What the packet filter shall look like: annotated rules, independent of who writes them.

Both firewall back ends translate exactly this model, so it holds only what both can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network


class Chain(StrEnum):
    """Where in the kernel a rule stands: table and hook in one word."""

    MANGLE_PREROUTING = "mangle_prerouting"
    """Before routing: connection marks."""
    MANGLE_FORWARD = "mangle_forward"
    """MSS clamping."""
    MANGLE_OUTPUT = "mangle_output"
    """Marks of the Pi's own packets, before they are routed again."""
    MANGLE_POSTROUTING = "mangle_postrouting"
    """Connection marks of what leaves, once its line is known."""
    NAT_PREROUTING = "nat_prerouting"
    NAT_POSTROUTING = "nat_postrouting"
    INPUT = "input"
    FORWARD = "forward"


class ConnectionState(StrEnum):
    """Conntrack's words."""

    NEW = "new"
    ESTABLISHED = "established"
    RELATED = "related"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Let it pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Drop, and tell the sender: by a TCP reset, or by ICMP "administratively prohibited" (RFC 1812)."""

    reset: bool = False
    """Only with ``protocol="tcp"``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masquerade:
    """Source address becomes that of the outgoing interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dnat:
    """Destination address, and port if given, are rewritten."""

    address: IPv4Address
    ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampMss:
    """TCP MSS no larger than the path allows (RFC 4459 section 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConnectionMark:
    """Remember the line in the connection, under the mask."""

    mark: int
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreMark:
    """Packet mark becomes the connection's, under the mask."""

    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMark:
    """Mark this one packet, under the mask."""

    mark: int
    mask: int


Verdict = Accept | Drop | Reject | Masquerade | Dnat | ClampMss | SetConnectionMark | RestoreMark | SetMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: where, which packets, what happens, and why."""

    chain: Chain
    verdict: Verdict
    why: str
    """Written into the kernel as the rule's comment; at most 120 characters."""
    family: int | None = None
    """4, 6, or ``None`` for both."""
    input_interface: str | None = None
    output_interface: str | None = None
    protocol: str | None = None
    """``tcp``, ``udp``, ``icmp`` or ``icmpv6``."""
    ports: tuple[int, int] | None = None
    """Destination port range, with ``tcp`` or ``udp``."""
    icmp_types: tuple[int, ...] = ()
    source: IPv4Network | IPv6Network | None = None
    destination: IPv4Network | IPv6Network | None = None
    source_mac: str | None = None
    states: frozenset[ConnectionState] = frozenset()
    dnatted: bool = False
    """Only connections whose destination we rewrote."""
    reply: bool = False
    """Only packets against the direction in which their connection began."""
    connection_mark: tuple[int, int] | None = None
    """(value, mask)"""
    mark: tuple[int, int] | None = None
    """The packet's own mark: (value, mask)"""
    length: int | None = None
    """Bytes of the whole IP packet, its header included, in both families."""
    tcp_syn: bool = False
    """Only packets that open a TCP connection (SYN, not RST)."""
    tcp_midstream: bool = False
    """Only packets of a TCP connection that is open already (neither SYN nor RST)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterIntent:
    """Every rule of ours, in order."""

    rules: tuple[Rule, ...] = ()
