"""The packet filter that this configuration calls for, as annotated rules.

*Uplinks* are the interfaces behind which strangers are: the mobile line always, the wired one only where
the Pi is itself the router.  In standby-gateway mode the wired interface is the house's own network.

Three ideas carry the whole:

* Rules name interfaces, so they stand before the interface exists and outlive it.
* What is not dropped here passes: every chain ends in the kernel's default, and nothing is said about
  other interfaces.  A rule that accepts is there to come before a rule that drops.
* A connection keeps the line that it came in over.  Its first packet marks the connection; packets that
  come back out of the house carry the mark to the ``fwmark`` rules of :mod:`failberry.core.intent`.  Packets
  from the uplink never get the mark, or they would be sent straight out again.  A connection that
  begins inside the house is not marked: it follows the active line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network

from failberry.config import HEALTH_PORT, MOBILE_INTERFACE, Client, Config, Mode, PortForward
from failberry.core.facts import NetworkFacts
from failberry.core.filter import (
    Accept,
    Chain,
    ClampMss,
    ConnectionState,
    Dnat,
    Drop,
    FilterIntent,
    Masquerade,
    RestoreMark,
    Rule,
    SetConnectionMark,
)
from failberry.core.intent import CELLULAR_MARK, MARK_MASK, WIRED_MARK

Network = IPv4Network | IPv6Network

_ICMP = (3, 8, 11, 12)
"""Destination unreachable, echo request, time exceeded, parameter problem (RFC 792)."""
_ICMPV6 = (1, 2, 3, 4, 128, 130, 134, 135, 136)
"""Unreachable, packet too big, time exceeded, parameter problem, echo request; then what the link itself
needs: listener query, router advertisement, neighbour solicitation and advertisement (RFC 4890 4.4.1)."""
_LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_LINK_LOCAL_6 = IPv6Network("fe80::/10")
_DHCP_CLIENT, _DHCPV6_CLIENT = (68, 68), (546, 546)

_BACK = frozenset({ConnectionState.ESTABLISHED, ConnectionState.RELATED})
_NEW = frozenset({ConnectionState.NEW})
_INVALID = frozenset({ConnectionState.INVALID})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Uplink:
    """An interface with strangers behind it."""

    interface: str
    mark: int
    words: str


def filter_intent(config: Config, facts: NetworkFacts) -> FilterIntent:
    """Every rule of ours, in order.

    Of ``facts`` only the addresses of the house's own interface are used; without them the rules that
    protect its prefixes are left out, and all others stand.
    """
    uplinks = _uplinks(config)
    return FilterIntent(
        rules=(
            *_no_forged_sources(uplinks, _house(config, facts)),
            *_marks(config, uplinks),
            *_port_forwards(config),
            *_source_addresses(config, facts),
            *(rule for uplink in uplinks for rule in _input(config, uplink)),
            *(rule for uplink in uplinks for rule in _forward_from(config, uplink)),
            *(rule for uplink in uplinks for rule in _forward_to(config, uplink)),
            *_segment_sizes(),
        )
    )


def _uplinks(config: Config) -> tuple[_Uplink, ...]:
    cellular = _Uplink(interface=MOBILE_INTERFACE, mark=CELLULAR_MARK, words="the mobile line")
    if config.mode is Mode.STANDBY_GATEWAY:
        return (cellular,)
    return (cellular, _Uplink(interface=config.wired.interface, mark=WIRED_MARK, words="the wired line"))


def _house(config: Config, facts: NetworkFacts) -> tuple[Network, ...]:
    """Prefixes of the house's own network, without the link-local ones that every link has."""
    interface = facts.interface(config.lan_interface)
    addresses = interface.addresses if interface is not None else ()
    prefixes = {address.network for address in addresses if not address.is_link_local}
    return tuple(sorted(prefixes, key=lambda each: (each.version, int(each.network_address), each.prefixlen)))


def _no_forged_sources(uplinks: tuple[_Uplink, ...], house: tuple[Network, ...]) -> Iterator[Rule]:
    # Before routing, so that one rule covers what is for the Pi and what is for the house (RFC 2827).
    for uplink in uplinks:
        for prefix in (*_LOOPBACK, *house):
            owner = "the Pi itself" if prefix.is_loopback else "the house"
            yield Rule(
                chain=Chain.MANGLE_PREROUTING,
                family=prefix.version,
                input_interface=uplink.interface,
                source=prefix,
                verdict=Drop(),
                why=f"Forged: a source address of {owner} cannot come from {uplink.words}",
            )


def _marks(config: Config, uplinks: tuple[_Uplink, ...]) -> Iterator[Rule]:
    for uplink in uplinks:
        yield Rule(
            chain=Chain.MANGLE_PREROUTING,
            input_interface=uplink.interface,
            states=_NEW,
            verdict=SetConnectionMark(mark=uplink.mark, mask=MARK_MASK),
            why=f"Remember that this connection came in over {uplink.words}",
        )
    for uplink in uplinks:
        # The first packet came from the uplink, so what the house sends of this connection are replies.
        yield Rule(
            chain=Chain.MANGLE_PREROUTING,
            input_interface=config.lan_interface,
            connection_mark=(uplink.mark, MARK_MASK),
            verdict=RestoreMark(mask=MARK_MASK),
            why=f"Replies of the house leave by {uplink.words}, where the question came from",
        )
        yield Rule(
            chain=Chain.MANGLE_OUTPUT,
            connection_mark=(uplink.mark, MARK_MASK),
            verdict=RestoreMark(mask=MARK_MASK),
            why=f"Replies of the Pi leave by {uplink.words}, where the question came from",
        )


def _port_forwards(config: Config) -> Iterator[Rule]:
    for forward in config.port_forward:
        address, port = forward.target()
        yield Rule(
            chain=Chain.NAT_PREROUTING,
            family=4,
            input_interface=MOBILE_INTERFACE,
            protocol=forward.proto.value,
            ports=forward.port_range(),
            verdict=Dnat(address=address, ports=(port, port) if port is not None else None),
            why=_offered(forward),
        )


def _offered(forward: PortForward) -> str:
    return f"Port forward: {forward.proto} {forward.ports} on the mobile line is {forward.to} in the house"


def _source_addresses(config: Config, facts: NetworkFacts) -> Iterator[Rule]:
    """Masquerading (RFC 3022)."""
    yield Rule(
        chain=Chain.NAT_POSTROUTING,
        output_interface=MOBILE_INTERFACE,
        verdict=Masquerade(),
        why="The mobile carrier routes back only the address that it granted",
    )
    if config.mode is Mode.DUAL_WAN_ROUTER:
        # Forwarded ports need nothing here: the house's gateway is the Pi, so replies come back anyway,
        # and the house sees who called.
        yield Rule(
            chain=Chain.NAT_POSTROUTING,
            output_interface=config.wired.interface,
            verdict=Masquerade(),
            why="The provider of the wired line routes back only the address that it granted",
        )
        return
    yield from _source_addresses_beside_a_router(config, facts)


def _source_addresses_beside_a_router(config: Config, facts: NetworkFacts) -> Iterator[Rule]:
    """The Pi is not the house's gateway: what shall come back through it must carry its address."""
    wired = config.wired.interface
    if config.port_forward:
        yield Rule(
            chain=Chain.NAT_POSTROUTING,
            family=4,
            output_interface=wired,
            dnatted=True,
            connection_mark=(CELLULAR_MARK, MARK_MASK),
            verdict=Masquerade(),
            why="Replies to forwarded ports must come back through the Pi, not leave by the main router",
        )
    interface = facts.interface(wired)
    for address in interface.addresses if interface is not None else ():
        yield Rule(
            chain=Chain.NAT_POSTROUTING,
            family=address.version,
            output_interface=wired,
            source=ip_network(address.ip),
            verdict=Accept(),
            why="Traffic of the Pi itself keeps its address",
        )
    for prefix in _house(config, facts):
        yield Rule(
            chain=Chain.NAT_POSTROUTING,
            family=prefix.version,
            output_interface=wired,
            destination=prefix,
            verdict=Accept(),
            why="Traffic within the house keeps its addresses",
        )
    yield Rule(
        chain=Chain.NAT_POSTROUTING,
        output_interface=wired,
        verdict=Masquerade(),
        why="What clients send by the Pi to the main router must come back through the Pi",
    )


def _input(config: Config, uplink: _Uplink) -> Iterator[Rule]:
    rule = partial(Rule, chain=Chain.INPUT, input_interface=uplink.interface)
    yield rule(states=_BACK, verdict=Accept(), why=f"Answers to what the Pi asked over {uplink.words}")
    # ICMP before the invalid: an error about a connection that conntrack has forgotten is still true.
    yield rule(
        family=4,
        protocol="icmp",
        icmp_types=_ICMP,
        verdict=Accept(),
        why="Errors, path MTU and ping (RFC 792)",
    )
    yield rule(
        family=6,
        protocol="icmpv6",
        icmp_types=_ICMPV6,
        verdict=Accept(),
        why="Errors, path MTU, ping, router and neighbour discovery (RFC 4890)",
    )
    yield rule(
        states=_INVALID, verdict=Drop(), why=f"Belongs to no connection that was seen over {uplink.words}"
    )
    if uplink.mark == WIRED_MARK:
        yield rule(
            family=4,
            protocol="udp",
            ports=_DHCP_CLIENT,
            verdict=Accept(),
            why="DHCP answers of the wired line (RFC 2131 section 4.1)",
        )
        yield rule(
            family=6,
            protocol="udp",
            ports=_DHCPV6_CLIENT,
            source=_LINK_LOCAL_6,
            verdict=Accept(),
            why="DHCPv6 answers of the wired line (RFC 8415 section 7.2)",
        )
    yield rule(
        protocol="tcp",
        ports=(HEALTH_PORT, HEALTH_PORT),
        verdict=Accept(),
        why=f"Health checks over {uplink.words}",
    )
    if uplink.mark == CELLULAR_MARK and config.port_forward:
        yield rule(family=4, dnatted=True, verdict=Accept(), why="A port forward may end at the Pi itself")
    yield rule(verdict=Drop(), why=f"Nothing else on the Pi is offered on {uplink.words}")


def _forward_from(config: Config, uplink: _Uplink) -> Iterator[Rule]:
    rule = partial(Rule, chain=Chain.FORWARD, input_interface=uplink.interface)
    yield rule(states=_BACK, verdict=Accept(), why=f"Answers to what the house asked over {uplink.words}")
    if uplink.mark == CELLULAR_MARK and config.port_forward:
        yield rule(
            family=4,
            output_interface=config.lan_interface,
            dnatted=True,
            verdict=Accept(),
            why="Port forwards into the house",
        )
    yield rule(verdict=Drop(), why=f"Nothing else in the house is offered on {uplink.words}")


def _forward_to(config: Config, uplink: _Uplink) -> Iterator[Rule]:
    rule = partial(Rule, chain=Chain.FORWARD, output_interface=uplink.interface)
    # Sources outside the house's prefixes may pass: further networks behind the main router, or a VPN.
    yield rule(
        states=_INVALID,
        verdict=Drop(),
        why="Belongs to no connection, so it would leave without masquerading and show a house address",
    )
    if uplink.mark != CELLULAR_MARK or not config.firewall.mobile_clients:
        return
    yield rule(
        connection_mark=(uplink.mark, MARK_MASK),
        verdict=Accept(),
        why="Replies to what came in over the mobile line, whoever gives them",
    )
    for text in config.firewall.mobile_clients:
        client, why = _client(text), f"May use the mobile line: {text}"
        if isinstance(client, str):
            yield rule(source_mac=client, verdict=Accept(), why=why)
        else:
            yield rule(family=client.version, source=client, verdict=Accept(), why=why)
    yield rule(verdict=Drop(), why="Only the clients listed in the configuration may use the mobile line")


def _client(text: str) -> Client:
    try:
        return ip_network(text)
    except ValueError:
        return text.lower()


def _segment_sizes() -> Iterator[Rule]:
    rule = partial(
        Rule,
        chain=Chain.MANGLE_FORWARD,
        protocol="tcp",
        tcp_syn=True,
        verdict=ClampMss(),
        why="Mobile lines often lose the ICMP by which TCP would learn the path MTU",
    )
    yield rule(input_interface=MOBILE_INTERFACE)
    yield rule(output_interface=MOBILE_INTERFACE)
