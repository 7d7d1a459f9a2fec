"""Settings that are each possible, and together are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from failberry.cardrules import card_faults
from failberry.config import HEALTH_PORT, MOBILE_INTERFACE, Health, Mode, PortForward, Protocol
from failberry.configread import Fault
from failberry.naming import Dns, Publisher
from failberry.notifyrules import receiver_faults
from failberry.tomltext import KeyPath, dotted, literal

_WIRED: KeyPath = ("wired", "interface")
_LAN: KeyPath = ("lan", "interface")


def contradictions(well: Mapping[KeyPath, Any], given: AbstractSet[KeyPath]) -> Iterator[Fault]:
    """Compare what was read well with each other.

    ``well`` lacks whatever is faulty in itself, so that nothing is reported twice; ``given`` is what
    stands in the file.
    """
    yield from _interfaces(well, given)
    yield from _credentials(well, given)
    yield from _modem_ports(well)
    yield from _health_paths(well)
    yield from _port_forwards(well)
    yield from _page_port(well)
    yield from _beside_a_router(well)
    yield from _names(well)
    yield from receiver_faults(well)
    yield from card_faults(well, given)


def _interfaces(well: Mapping[KeyPath, Any], given: AbstractSet[KeyPath]) -> Iterator[Fault]:
    mode, wired, lan = well.get(("mode",)), well.get(_WIRED), well.get(_LAN)
    for path in (_WIRED, _LAN):
        if well.get(path) == MOBILE_INTERFACE:
            yield Fault(
                path=path,
                problem=f"{literal(MOBILE_INTERFACE)} is the mobile line itself",
                hint="name the Ethernet interface; `ip -br link` lists them",
            )
    if mode is Mode.DUAL_WAN_ROUTER and ("lan",) not in given:
        yield Fault(
            path=_LAN,
            problem="is missing, and a dual-wan-router needs it",
            hint='add interface = "lan0" under [lan], with the name of the interface towards the house',
        )
    if mode is Mode.DUAL_WAN_ROUTER and lan is not None and lan == wired:
        yield Fault(
            path=_LAN,
            problem=f"{literal(lan)} is the wired line already",
            hint="a dual-wan-router has two Ethernet interfaces; name the one towards the house",
        )
    if mode is Mode.STANDBY_GATEWAY and ("lan",) in given and (lan is None or lan != wired):
        yield Fault(
            path=("lan",),
            problem="has no place in standby-gateway mode, where the house is behind wired.interface",
            hint='remove [lan], or write mode = "dual-wan-router" if the Pi is the router',
        )


def _page_port(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    path = ("web", "port")
    if well.get(path) == HEALTH_PORT:
        yield Fault(
            path=path,
            problem=f"{HEALTH_PORT} is the health server's port",
            hint="give the page another one, such as 8080",
        )


def _beside_a_router(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    health, shared = ("standby", "health_address"), ("vrrp", "address")
    if well.get(("mode",)) is Mode.DUAL_WAN_ROUTER and well.get(health):
        yield Fault(
            path=health,
            problem="has no place in dual-wan-router mode, where there is no other router to tell",
            hint='remove it, or write mode = "standby-gateway"',
        )
    if well.get(health) and str(well.get(shared, "")).partition("/")[0] == well.get(health):
        yield Fault(
            path=health,
            problem=f"{literal(well[health])} is vrrp.address, too",
            hint="give it an address of its own, that nobody uses",
        )


def _credentials(well: Mapping[KeyPath, Any], given: AbstractSet[KeyPath]) -> Iterator[Fault]:
    user, password = ("cellular", "user"), ("cellular", "password")
    if well.get(user) and password not in given:
        yield Fault(
            path=user,
            problem="has no password beside it",
            hint='add password under [cellular]; if the carrier wants an empty one, say so: password = ""',
        )
    if well.get(password) and well.get(user) == "":
        yield Fault(
            path=password,
            problem="has no user beside it",
            hint="add user under [cellular], or remove the password",
        )


def _modem_ports(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    dial, status = ("modem", "dial_interface"), ("modem", "status_interface")
    if well.get(dial, -1) != -1 and well.get(dial) == well.get(status):
        yield Fault(
            path=status,
            problem=f"{well[status]} is the port that dials already",
            hint="give the number of another port, or -1 to have it found",
        )


def _health_paths(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    wired, cellular = ("health", "wired_path"), ("health", "cellular_path")
    if well.get(wired) and well.get(wired) == well.get(cellular):
        yield Fault(
            path=cellular,
            problem="is the same as wired_path, so an answer would not tell the lines apart",
            hint="make up another one",
        )


def _port_forwards(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    forwards = [(path, each) for path, each in well.items() if isinstance(each, PortForward)]
    for path, each in forwards:
        first, last = each.port_range()
        if each.proto is Protocol.TCP and first <= HEALTH_PORT <= last:
            yield Fault(
                path=(*path, "ports"),
                problem=f"{each.ports} takes port {HEALTH_PORT} from the health server",
                hint="offer the service on another port; health checks need this one",
            )
        if last > first and each.target()[1] is not None:
            yield Fault(
                path=(*path, "to"),
                problem=f"names one port for the {last - first + 1} of {literal(each.ports)}",
                hint="leave the port out, a range keeps its ports; or forward each port on its own",
            )
    for number, (path, each) in enumerate(forwards):
        for other, earlier in forwards[:number]:
            if each.proto is earlier.proto and _overlap(each.port_range(), earlier.port_range()):
                yield Fault(
                    path=(*path, "ports"),
                    problem=f"{each.proto} {each.ports} overlaps {earlier.ports} of {dotted(other)}",
                    hint="give each port to one host only",
                )
                break


def _names(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    dns = well.get(("dns",))
    if not isinstance(dns, Dns):
        return
    # Late: most houses have no name.
    from failberry.dns.checks import wish_problems
    from failberry.dns.wish import wish_of

    for each in wish_problems(wish_of(dns, well.get(("health",), Health()))):
        yield Fault(path=tuple(each.key.split(".")), problem=each.problem, hint=each.hint)
    sources = {"wired_source": dns.wired_source, "cellular_source": dns.cellular_source}
    by_function = [key for key, source in sources.items() if source is Publisher.LAMBDA]
    if by_function and not dns.url:
        yield Fault(
            path=("dns", "url"),
            problem=f"is missing, and dns.{by_function[0]} is lambda: our function writes the address",
            hint="write the address that `failberryctl aws deploy` tells, or choose another source",
        )
    if dns.fast and Publisher.ROUTE53 not in sources.values():
        yield Fault(
            path=("dns", "fast"),
            problem="needs an AWS key on the Pi, and none of the lines has the source route53",
            hint='set dns.wired_source or dns.cellular_source to "route53", or remove fast',
        )


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
