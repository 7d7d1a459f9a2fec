"""pppd's command line, for the version that is installed.  Pure.

pppd is a one-shot worker here: no routes, no persistence, no authentication of the peer, its own
interface name.  ``/etc/ppp/options`` is always read first (Debian's sets ``auth``, ``lock`` and
echo requests), so whatever matters is said explicitly.  An unknown option ends pppd with status 2,
hence the version.  Source: pppd(8) of 2.4.9 and 2.5.x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from failberry.config import MOBILE_INTERFACE, Config, PdpType

Version = tuple[int, int, int]

BOGUS_DNS = frozenset({"10.11.12.13", "10.11.12.14", "0.0.0.0", "255.255.255.255"})  # noqa: S104  (not bound to)
"""Placeholders that sticks hand out before their context is up."""
INVENTED_PEERS = IPv4Address("10.64.64.64")
"""pppd makes up this address, plus its unit number, where the peer names none (pppd/ipcp.c)."""


def parse_version(text: str) -> Version | None:
    """Read the output of ``pppd --version``."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def invented_peer(address: IPv4Address) -> bool:
    """Whether pppd made this peer address up."""
    return 0 <= int(address) - int(INVENTED_PEERS) < 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Files that pppd is pointed at."""

    hook: Path
    """Executable run when IPv4 or IPv6 comes up or goes down; root-owned down the whole path (pppd 2.5.3
    insists).  Named for the way down, too: Debian's own scripts would rewrite resolv.conf."""
    secrets: Path
    """Root-only file with user and password, so that neither shows in ``ps``."""


def options(
    config: Config, tty: str, *, version: Version, carrier: bool, logfd: int, places: Places
) -> list[str]:
    """Build the argument list; ``carrier``: the modem raises DCD, so a drop of it means hang-up."""
    ppp, cellular = config.ppp, config.cellular
    words = [
        *(tty, str(ppp.baud), "nodetach", "nolock", "noauth", "nodefaultroute"),
        # Sticks take no proposal of ours and often name no peer.
        *("noipdefault", "ipcp-accept-local", "ipcp-accept-remote", "noremoteip", "usepeerdns"),
        # Compression that sticks reject or get wrong.
        *("novj", "novjccomp", "noccp", "nobsdcomp", "nodeflate", "nopredictor1"),
        "modem" if carrier else "local",
        "crtscts" if ppp.flow_control else "nocrtscts",
        *("nopersist", "maxfail", "1", "child-timeout", "5", "hide-password"),
        *("ifname", MOBILE_INTERFACE, "linkname", "failberry", "ipparam", "failberry"),
        *("ip-up-script", str(places.hook), "ip-down-script", str(places.hook)),
        *("logfd", str(logfd)),
    ]
    if ppp.echo_interval > 0:
        words += ["lcp-echo-interval", f"{ppp.echo_interval:.0f}", "lcp-echo-failure", str(ppp.echo_failures)]
        if version >= (2, 5, 0):
            # Before 2.5.0 its counter was wrong.
            words.append("lcp-echo-adaptive")
    else:
        words += ["lcp-echo-interval", "0"]
    if cellular.pdp_type is PdpType.IPV4:
        words.append("noipv6")
    else:
        words.append("+ipv6")
        if version >= (2, 5, 0):
            words += ["ipv6-up-script", str(places.hook), "ipv6-down-script", str(places.hook)]
        if cellular.pdp_type is PdpType.IPV6:
            words.append("noip")
    if version >= (2, 5, 1):
        # What Debian's hooks do with name servers is decided by us, not by a file of pppd's.
        words.append("noresolvconf")
    if cellular.user:
        words += ["file", str(places.secrets)]
    return words


def secrets_text(config: Config) -> str:
    """Contents of the secrets file: a pppd options file, quoted as pppd(8) reads it."""

    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    return f"user {quoted(config.cellular.user)}\npassword {quoted(config.cellular.password)}\n"
