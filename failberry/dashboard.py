"""What the owner can say of the dashboard: whether there is one, where, and who may look.

Part of :mod:`failberry.config`, which see.  :mod:`failberry.web` is the dashboard.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from failberry.checks import Between
from failberry.setting import setting
from failberry.tomltext import shown

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def own_address(value: str) -> str | None:
    """Check: an address, or empty."""
    try:
        ip_address(value or "127.0.0.1")
    except ValueError:
        return f'{shown(value)} is not an IP address; give one that the Pi has on the LAN, or "" for all'
    return None


def host_names(value: tuple[str, ...]) -> str | None:
    """Check: names of hosts, without a port."""
    for each in value:
        if len(each) > 253 or not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", each):
            return f'{shown(each)} is not a host name; write it as in the browser, without port: "pi.home"'
    return None


def private_networks(value: tuple[str, ...]) -> str | None:
    """Check: networks that nobody on the Internet can be in (RFC 1918, RFC 4193)."""
    for each in value:
        try:
            network = ip_network(each)
        except ValueError:
            return f"{shown(each)} is not a network; write it as 10.8.0.0/24, with zeros behind its prefix"
        if not network.is_private or network.is_link_local or network.prefixlen == 0:
            return f"{shown(each)} is on the Internet; give a private network, such as that of a VPN"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A page in the browser for those in the house, and metrics for Prometheus; without this section neither.

    It is never offered to the uplinks. `failberryctl web password` sets the password.
    """

    port: int = setting("TCP port of the page.", default=8080, check=Between(1024, 65535))
    address: str = setting(
        "The one address of the Pi on the LAN at which the page is. Empty: each private one that it has "
        "there.",
        default="",
        example='"192.168.1.2"',
        check=own_address,
    )
    names: tuple[str, ...] = setting(
        "Further names by which browsers call the Pi. Its host name, alone and with .local, .lan, .home, "
        ".home.arpa and .internal behind it, and its addresses are known anyway; other names are refused.",
        default=(),
        example='["failberry.example.net"]',
        check=host_names,
    )
    networks: tuple[str, ...] = setting(
        "Further private networks, behind the LAN, from which the page may be read, such as that of a VPN.",
        default=(),
        example='["10.8.0.0/24"]',
        check=private_networks,
    )
    open_reading: bool = setting(
        "Whether everybody on the LAN may read the page without the password. The buttons always need it.",
        default=False,
    )
    open_metrics: bool = setting(
        "Whether everybody on the LAN may read /metrics without the password, as Prometheus does.",
        default=False,
    )
