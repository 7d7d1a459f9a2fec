"""Settings of ``[system]`` and ``[lan]`` that are each possible, and together are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from failberry.cardchecks import both_ends
from failberry.config import Mode
from failberry.configread import Fault
from failberry.tomltext import KeyPath, literal

ZONES = "/usr/share/zoneinfo"
_ADDRESS: KeyPath = ("system", "address")
_GATEWAY: KeyPath = ("system", "gateway")
_SERVERS: KeyPath = ("system", "name_servers")
_LAN: KeyPath = ("lan", "address")
_DHCP: KeyPath = ("lan", "dhcp")
_HOSTS: KeyPath = ("lan", "hosts")


def card_faults(well: Mapping[KeyPath, Any], given: AbstractSet[KeyPath]) -> Iterator[Fault]:
    """As :func:`failberry.contradictions.contradictions`."""
    yield from _zone(well)
    yield from _keys(well)
    yield from _fixed(well)
    if well.get(("mode",)) is Mode.DUAL_WAN_ROUTER:
        yield from _house(well, given)


def _zone(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    path: KeyPath = ("system", "timezone")
    name = well.get(path, "")
    if not name or _is_zone(name) or not _is_zone("UTC"):  # a Debian without tzdata cannot tell
        return
    import zoneinfo  # late, and all of them read: only when something is wrong
    from difflib import get_close_matches

    known = sorted(zoneinfo.available_timezones())
    folded = {each.lower(): each for each in known}
    cities = {each.rpartition("/")[2].lower(): each for each in known if each.count("/") == 1}
    meant = folded.get(name.lower()) or cities.get(name.rpartition("/")[2].lower())
    if meant is None:
        close = get_close_matches(name.lower(), folded, 1)
        meant = folded[close[0]] if close else "Europe/Berlin"
    yield Fault(
        path=path,
        problem=f"there is no time zone {literal(name)}",
        hint=f"write continent and city; did you mean {literal(meant)}?",
    )


def _is_zone(name: str) -> bool:
    try:
        with open(f"{ZONES}/{name}", "rb") as file:  # noqa: PTH123 - pathlib costs 1 MB
            return file.read(4) == b"TZif"
    except OSError:
        return False


def _keys(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    path: KeyPath = ("system", "authorized_keys")
    if not (keys := well.get(path)):
        return
    from failberry.loginkeys import NoKeyError, login_key

    for number, each in enumerate(keys):
        try:
            login_key(each)
        except NoKeyError as refusal:
            problem, _, hint = str(refusal).rpartition("; ")
            yield Fault(path=(*path, number), problem=problem, hint=hint)


def _fixed(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    if _ADDRESS not in well or _GATEWAY not in well:
        return
    address, gateway = well[_ADDRESS], well[_GATEWAY]
    if not address:
        if gateway:
            yield Fault(
                path=_GATEWAY,
                problem="has no address beside it, and DHCP tells the gateway",
                hint='add address = "…" under [system], or remove the gateway',
            )
        return
    mine = IPv4Interface(address)
    if not gateway:
        yield Fault(
            path=_ADDRESS,
            problem="has no gateway beside it, so the wired line would lead nowhere",
            hint=f"add gateway under [system], the router's address in {mine.network}",
        )
    elif IPv4Address(gateway) == mine.ip:
        yield Fault(
            path=_GATEWAY,
            problem=f"{literal(gateway)} is the Pi's own address",
            hint="write the router's",
        )
    elif IPv4Address(gateway) not in mine.network:
        yield Fault(
            path=_GATEWAY,
            problem=f"{literal(gateway)} is not in {mine.network}, the network of system.address",
            hint="correct one of the two; the router must be in the Pi's own network",
        )
    if _SERVERS in well and not well[_SERVERS] and not well.get(("wired", "dns"), ()):
        yield Fault(
            path=_ADDRESS,
            problem="has no name servers beside it, and without DHCP nobody tells them",
            hint=f'add name_servers = ["{gateway or "…"}"] under [system]; in a house the router is one',
        )
    for path in (("standby", "health_address"), ("vrrp", "address")):
        if str(well.get(path, "")).partition("/")[0] == str(mine.ip):
            yield Fault(
                path=path,
                problem=f"{literal(str(mine.ip))} is system.address, too",
                hint="give it an address of its own, that nobody uses",
            )


def _house(well: Mapping[KeyPath, Any], given: AbstractSet[KeyPath]) -> Iterator[Fault]:
    if _LAN not in well:
        return
    mine = IPv4Interface(well[_LAN])
    if well.get(_ADDRESS) and IPv4Interface(well[_ADDRESS]).network.overlaps(mine.network):
        yield Fault(
            path=_LAN if _LAN in given else _ADDRESS,
            problem=f"the house ({mine.network}) and the wired line ({well[_ADDRESS]}) are in one network",
            hint="choose another network for the house: lan.address and lan.dhcp",
        )
    if well.get(_DHCP):
        first, last = both_ends(well[_DHCP])
        # A range that only the sample knows is told where the owner has written something.
        path = _DHCP if _DHCP in given else _LAN
        if first not in mine.network or last not in mine.network:
            yield Fault(
                path=path,
                problem=f"lan.dhcp {literal(well[_DHCP])} is not in {mine.network}, lan.address' network",
                hint=f'write dhcp = "first-last" with addresses in {mine.network}, or dhcp = "" for none',
            )
        elif first <= mine.ip <= last:
            yield Fault(
                path=path,
                problem=f"lan.dhcp {literal(well[_DHCP])} would give away {mine.ip}, which is the Pi's own",
                hint="begin the range behind it",
            )
        elif first == mine.network.network_address or last == mine.network.broadcast_address:
            yield Fault(
                path=path,
                problem=f"lan.dhcp {literal(well[_DHCP])} holds the first or last address of {mine.network}, "
                "which no host can have",
                hint="leave it out",
            )
    yield from _hosts(well.get(_HOSTS, ()), mine)


def _hosts(hosts: tuple[str, ...], mine: IPv4Interface) -> Iterator[Fault]:
    taken = {str(mine.ip): "the Pi itself"}
    for number, each in enumerate(hosts):
        mac, text, *names = each.lower().split()
        path = (*_HOSTS, number)
        address = IPv4Address(text)
        if address not in mine.network or address in {
            mine.network.network_address,
            mine.network.broadcast_address,
        }:
            yield Fault(
                path=path,
                problem=f"{address} is not a host's address in {mine.network}, the network of lan.address",
                hint=f"choose one in {mine.network}",
            )
        for one in (mac, str(address), *names):
            if one in taken:
                yield Fault(
                    path=path,
                    problem=f"{one} belongs to {taken[one]} already",
                    hint="give each host an address and a name of its own",
                )
            taken[one] = f"lan.hosts[{number + 1}]"
