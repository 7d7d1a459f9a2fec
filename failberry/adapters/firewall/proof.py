"""One rule of every kind that the packet filter uses, for a back end to prove itself on.

Every rule names an interface that no machine has, so the proof touches no packet while it stands.
"""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Network

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
from failberry.core.intent import CELLULAR_MARK, MARK_MASK, ROUTER_MARK

NOWHERE = "fbproof0"
"""An interface that does not exist."""

_WHY = "Proof (1.2): read back & removed, 3/4; all of it"
_LONGEST = f"{_WHY:=<120}"
_MARK = (CELLULAR_MARK, MARK_MASK)

_into = partial(Rule, why=_WHY, input_interface=NOWHERE)
_out = partial(Rule, why=_WHY, output_interface=NOWHERE)
_input = partial(_into, chain=Chain.INPUT, verdict=Accept())
_forward = partial(_out, chain=Chain.FORWARD, verdict=Accept())

PROOF = FilterIntent(
    rules=(
        _into(
            chain=Chain.MANGLE_PREROUTING,
            states=frozenset({ConnectionState.NEW}),
            verdict=SetConnectionMark(mark=CELLULAR_MARK, mask=MARK_MASK),
        ),
        _into(chain=Chain.MANGLE_PREROUTING, source=IPv4Network("192.0.2.0/24"), verdict=Drop()),
        _into(chain=Chain.MANGLE_PREROUTING, source=IPv6Network("2001:db8::/64"), verdict=Drop()),
        _into(chain=Chain.MANGLE_PREROUTING, connection_mark=_MARK, verdict=RestoreMark(mask=MARK_MASK)),
        _into(
            chain=Chain.MANGLE_PREROUTING,
            reply=True,
            verdict=SetMark(mark=ROUTER_MARK, mask=MARK_MASK),
        ),
        _out(chain=Chain.MANGLE_OUTPUT, connection_mark=_MARK, verdict=RestoreMark(mask=MARK_MASK)),
        _into(chain=Chain.MANGLE_FORWARD, protocol="tcp", tcp_syn=True, verdict=ClampMss()),
        _out(chain=Chain.MANGLE_FORWARD, protocol="tcp", tcp_syn=True, verdict=ClampMss()),
        _out(
            chain=Chain.MANGLE_POSTROUTING,
            connection_mark=(0, MARK_MASK),
            mark=(0, MARK_MASK),
            verdict=SetConnectionMark(mark=CELLULAR_MARK, mask=MARK_MASK),
        ),
        _into(
            chain=Chain.NAT_PREROUTING,
            protocol="icmp",
            icmp_types=(8,),
            destination=IPv4Network("198.18.0.251/32"),
            verdict=Dnat(address=IPv4Address("192.0.2.1")),
        ),
        _into(
            chain=Chain.NAT_PREROUTING,
            protocol="tcp",
            ports=(443, 443),
            verdict=Dnat(address=IPv4Address("192.0.2.1"), ports=(8443, 8443)),
        ),
        _into(
            chain=Chain.NAT_PREROUTING,
            protocol="udp",
            ports=(5000, 5010),
            verdict=Dnat(address=IPv4Address("192.0.2.1")),
        ),
        _out(
            chain=Chain.NAT_POSTROUTING,
            family=4,
            dnatted=True,
            connection_mark=_MARK,
            verdict=Masquerade(),
        ),
        _out(chain=Chain.NAT_POSTROUTING, source=IPv4Network("192.0.2.1/32"), verdict=Accept()),
        _out(chain=Chain.NAT_POSTROUTING, destination=IPv4Network("192.0.2.0/24"), verdict=Accept()),
        _out(chain=Chain.NAT_POSTROUTING, source=IPv6Network("2001:db8::1/128"), verdict=Accept()),
        _out(chain=Chain.NAT_POSTROUTING, destination=IPv6Network("2001:db8::/64"), verdict=Accept()),
        _out(chain=Chain.NAT_POSTROUTING, verdict=Masquerade()),
        _input(states=frozenset({ConnectionState.ESTABLISHED, ConnectionState.RELATED})),
        _input(states=frozenset({ConnectionState.INVALID}), verdict=Drop(), why=_LONGEST),
        _input(protocol="icmp", icmp_types=(3, 8, 11, 12)),
        _input(protocol="icmpv6", icmp_types=(1, 2, 3, 4, 128, 130, 134, 135, 136)),
        _input(protocol="udp", ports=(546, 546), source=IPv6Network("fe80::/10")),
        _input(family=4, protocol="udp", ports=(68, 68)),
        _input(protocol="tcp", ports=(9000, 9000)),
        _input(family=4, dnatted=True),
        _forward(states=frozenset({ConnectionState.INVALID}), verdict=Drop()),
        _forward(input_interface=NOWHERE, dnatted=True),
        _forward(connection_mark=_MARK, reply=True),
        _forward(
            protocol="icmp",
            icmp_types=(8,),
            length=37,
            destination=IPv4Network("192.0.2.1/32"),
            verdict=Drop(),
        ),
        _forward(
            protocol="icmpv6",
            icmp_types=(128,),
            length=57,
            destination=IPv6Network("2001:db8::1/128"),
            verdict=Drop(),
        ),
        _forward(
            protocol="tcp",
            tcp_midstream=True,
            states=frozenset({ConnectionState.NEW}),
            verdict=Reject(reset=True),
        ),
        _forward(protocol="tcp", verdict=Reject(reset=True)),
        _forward(verdict=Reject()),
        _forward(source_mac="02:00:00:aa:bb:cc"),
        _forward(source=IPv4Network("192.0.2.7/32")),
        _forward(source=IPv6Network("2001:db8::/64")),
        _forward(verdict=Drop()),
    )
)
