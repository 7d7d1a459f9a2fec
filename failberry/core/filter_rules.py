"""The packet filter that this configuration calls for, as annotated rules.

*Uplinks* are the interfaces behind which strangers are: the mobile line always, the wired one only where
the Pi is itself the router.  In standby-gateway mode the wired interface is the house's own network.

Three ideas carry the whole:

* Rules name interfaces, so they stand before the interface exists and outlive it.
* What is not dropped here passes: every chain ends in the kernel's default, and nothing is said about
  other interfaces.  A rule that accepts is there to come before a rule that drops.
* A connection keeps its line: the one that it came in over, or the one that its first packet left by.
  That packet marks the connection; packets that go out of the house carry the mark to the ``fwmark``
  rules of :mod:`failberry.core.intent`.  Packets from the uplink never get the mark, or they would be sent
  straight out again.  By their mark the connections of a line are also dropped and counted, so the Pi's
  own probes are not marked: an answer that is late must still find its way in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from failberry.config import HEALTH_PORT, MOBILE_INTERFACE, Client, Config, Mode, PortForward
from failberry.core.facts import InterfaceAddress, NetworkFacts
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
from failberry.core.intent import CELLULAR_MARK, MARK_MASK, ROUTER_MARK, WIRED_MARK

Network = IPv4Network | IPv6Network

_ICMP = (3, 8, 11, 12)
"""Destination unreachable, echo request, time exceeded, parameter problem (RFC 792)."""
_ICMPV6 = (1, 2, 3, 4, 128, 130, 134, 135, 136)
"""Unreachable, packet too big, time exceeded, parameter problem, echo request; then what the link itself
needs: listener query, router advertisement, neighbour solicitation and advertisement (RFC 4890 4.4.1)."""
_ECHO = {4: ("icmp", 8, 37), 6: ("icmpv6", 128, 57)}
"""Protocol and type of an echo request, and how long ours are (:mod:`failberry.adapters.icmp`)."""
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


def filter_intent(config: Config, facts: NetworkFacts, *, block_clients: bool = False) -> FilterIntent:
    """Every rule of ours, in order.

    Of ``facts`` only the addresses of the house's own interface are used; without them the rules that
    speak of them are left out, and all others stand.  ``block_clients``: the mobile line is kept for
    the Pi itself and for answers to what comes in over it.
    """
    uplinks = _uplinks(config)
    return FilterIntent(
        rules=(
            *_no_forged_sources(uplinks, _house(config, facts)),
            *_marks(config, uplinks),
            *_port_forwards(config),
            *_canary(config, facts),
            *_source_addresses(config, facts),
            *(rule for uplink in uplinks for rule in _input(config, uplink)),
            *_hairpin(config, facts),
            *(rule for uplink in uplinks for rule in _forward_from(config, uplink)),
            *(
                rule
                for uplink in uplinks
                for rule in _forward_to(config, uplink, block_clients=block_clients)
            ),
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
    prefixes = {address.network for address in _own(config, facts)}
    return tuple(sorted(prefixes, key=lambda each: (each.version, int(each.network_address), each.prefixlen)))


def _own(config: Config, facts: NetworkFacts) -> tuple[InterfaceAddress, ...]:
    """The Pi's addresses in the house, without the link-local ones."""
    interface = facts.interface(config.lan_interface)
    addresses = interface.addresses if interface is not None else ()
    return tuple(each for each in addresses if not each.ip.is_link_local)


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
        yield Rule(
            chain=Chain.MANGLE_PREROUTING,
            input_interface=config.lan_interface,
            connection_mark=(uplink.mark, MARK_MASK),
            verdict=RestoreMark(mask=MARK_MASK),
            why=f"What the house sends on a connection of {uplink.words} leaves by it",
        )
        yield Rule(
            chain=Chain.MANGLE_OUTPUT,
            connection_mark=(uplink.mark, MARK_MASK),
            verdict=RestoreMark(mask=MARK_MASK),
            why=f"What the Pi sends on a connection of {uplink.words} leaves by it",
        )
        # Once the line is chosen; forwarded or the Pi's own.  Probes bring a mark, set by themselves.
        yield Rule(
            chain=Chain.MANGLE_POSTROUTING,
            output_interface=uplink.interface,
            connection_mark=(0, MARK_MASK),
            mark=(0, MARK_MASK),
            verdict=SetConnectionMark(mark=uplink.mark, mask=MARK_MASK),
            why=f"Remember that this connection began over {uplink.words}, and keep it there",
        )
    if config.mode is Mode.STANDBY_GATEWAY and config.standby.reply_via_router:
        # Only what answers: behind a forwarded port the house answers to the Pi itself, not by the router.
        yield Rule(
            chain=Chain.MANGLE_PREROUTING,
            input_interface=MOBILE_INTERFACE,
            reply=True,
            verdict=SetMark(mark=ROUTER_MARK, mask=MARK_MASK),
            why="Answers to clients go back through the main router, which must see both directions",
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


def _canary(config: Config, facts: NetworkFacts) -> Iterator[Rule]:
    """Answer, in the name of nobody, whatever the main router sends to us and not to the Internet."""
    own = next((each.ip for each in _own(config, facts) if isinstance(each.ip, IPv4Address)), None)
    if config.mode is not Mode.STANDBY_GATEWAY or not config.standby.canary or own is None:
        return
    # Nothing needs to let it in: the house may speak to the Pi.
    yield Rule(
        chain=Chain.NAT_PREROUTING,
        family=4,
        input_interface=config.lan_interface,
        protocol="icmp",
        icmp_types=(_ECHO[4][1],),
        destination=IPv4Network(config.standby.canary),
        verdict=Dnat(address=own),
        why="The canary is answered by the Pi itself exactly when the main router sends its traffic here",
    )


def _hairpin(config: Config, facts: NetworkFacts) -> Iterator[Rule]:
    """What the Pi asks over the wired line must not be answered over the mobile one by way of the router."""
    if config.mode is not Mode.STANDBY_GATEWAY:
        return
    rule = partial(Rule, chain=Chain.FORWARD, input_interface=config.lan_interface, verdict=Drop())
    for text in config.probe.targets:
        target = ip_network(text)
        protocol, kind, length = _ECHO[target.version]
        yield rule(
            family=target.version,
            protocol=protocol,
            icmp_types=(kind,),
            destination=target,
            length=length,
            why="A probe of the wired line, sent back by the router, proves nothing and gets no answer",
        )
    for address in _own(config, facts):
        # The kernel itself takes none of IPv4 ("martian source"), but lets those of IPv6 pass.
        if address.version == 6:
            yield rule(
                family=6,
                source=ip_network(address.ip),
                why="Sent by the Pi and back by the router: it would leave with an address without answers",
            )


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


def _forward_to(config: Config, uplink: _Uplink, *, block_clients: bool) -> Iterator[Rule]:
    rule = partial(Rule, chain=Chain.FORWARD, output_interface=uplink.interface)
    # Sources outside the house's prefixes may pass: further networks behind the main router, or a VPN.
    yield rule(
        states=_INVALID,
        verdict=Drop(),
        why="Belongs to no connection, so it would leave without masquerading and show a house address",
    )
    yield rule(
        protocol="tcp",
        tcp_midstream=True,
        states=_NEW,
        verdict=Reject(reset=True),
        why=f"Began over another line or was dropped, and nobody over {uplink.words} knows it: begin anew",
    )
    if uplink.mark != CELLULAR_MARK or not (block_clients or config.firewall.mobile_clients):
        return
    yield rule(
        reply=True,
        connection_mark=(uplink.mark, MARK_MASK),
        verdict=Accept(),
        why="Replies to what came in over the mobile line, whoever gives them",
    )
    if block_clients:
        # Told, not silent: whoever hears no answer tries for minutes.
        why = "The data cap is reached: the mobile line is for the Pi itself, and for what comes in over it"
        yield rule(protocol="tcp", verdict=Reject(reset=True), why=why)
        yield rule(verdict=Reject(), why=why)
        return
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
