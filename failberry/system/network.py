"""The configuration as files for systemd-networkd and dnsmasq; made anew at each boot, below ``/run``.

Pure.  See systemd.network(5) and dnsmasq(8).  A stick is not in here: its address and routes are the
daemon's, and ``05-failberry-*.network`` keep networkd off it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface

from failberry.card import Lan
from failberry.cardchecks import both_ends
from failberry.config import Config, Mode

WIRED_FILE = "systemd/network/10-failberry-wired.network"
LAN_FILE = "systemd/network/10-failberry-lan.network"
DNSMASQ_FILE = "failberry-dnsmasq.conf"
ALL_FILES = (WIRED_FILE, LAN_FILE, DNSMASQ_FILE)
LEASES = "/data/leases/dnsmasq.leases"
"""Kept over a power cut: or two hosts of the house could be given the same address."""
RESOLV_CONF = "/run/failberry-names/resolv.conf"
"""The name servers of the line that carries the house (:mod:`failberry.adapters.resolvers`)."""
DOMAIN = "lan"
"""Of the hosts in the house; nobody on the Internet has it."""

_HEAD = """\
# Written at each boot from /etc/failberry/failberry.toml. Changes here are lost.
"""


def network_files(config: Config, hostname: str) -> dict[str, str]:
    """Names below ``/run``, and what is in each."""
    files = {WIRED_FILE: _HEAD + "\n".join(_wired(config)) + "\n"}
    if config.mode is Mode.DUAL_WAN_ROUTER and config.lan is not None:
        files[LAN_FILE] = _HEAD + "\n".join(_lan(config.lan)) + "\n"
        files[DNSMASQ_FILE] = _HEAD + "\n".join(_dnsmasq(config.lan, hostname)) + "\n"
    return files


def _wired(config: Config) -> Iterator[str]:
    system = config.system
    servers = system.name_servers or (config.wired.dns if system.address else ())
    yield from ("[Match]", f"Name={config.wired.interface}", "", "[Network]")
    if system.address:
        yield from ("DHCP=no", f"Address={system.address}", f"Gateway={system.gateway}")
    else:
        yield "DHCP=ipv4"
    yield from (f"DNS={each}" for each in servers)
    # It says "no" by itself on a machine that passes IPv6 on.
    yield from ("IPv6AcceptRA=yes", "LinkLocalAddressing=ipv6", *_SILENT)
    told = ["UseDNS=no"] if servers else []
    if not system.address:
        yield from (
            "",
            "[DHCPv4]",
            # The same for as long as the card lives, and after it: what the router knows a host by.
            "ClientIdentifier=mac",
            "RouteMetric=100",
            "UseHostname=no",
            *told,
        )
    yield from ("", "[IPv6AcceptRA]", "RouteMetric=100", *told)


def _lan(lan: Lan) -> Iterator[str]:
    yield from ("[Match]", f"Name={lan.interface}", "")
    # A switch that has no power yet must not hold the boot up.
    yield from ("[Link]", "RequiredForOnline=no", "")
    yield from ("[Network]", "DHCP=no", f"Address={lan.address}")
    # The address is there before the house is, and stays when the switch is restarted.
    yield from ("ConfigureWithoutCarrier=yes", "IgnoreCarrierLoss=yes")
    # Nobody in the house is this machine's router.
    yield from ("IPv6AcceptRA=no", "LinkLocalAddressing=ipv6", *_SILENT)


_SILENT = ("LLMNR=no", "MulticastDNS=no", "LLDP=no", "EmitLLDP=no")


def _dnsmasq(lan: Lan, hostname: str) -> Iterator[str]:
    mine = IPv4Interface(lan.address)
    yield from (
        "# Nobody else is answered.",
        f"interface={lan.interface}",
        "except-interface=lo",
        "bind-dynamic",
        "",
        "# The line that carries the house: read again when it changes, and what was learned is forgotten.",
        f"resolv-file={RESOLV_CONF}",
        "clear-on-reload",
        "no-negcache",
        "all-servers",
        "dns-forward-max=1000",
        "cache-size=1000",
        "domain-needed",
        "bogus-priv",
        "",
        "# The house's own names.",
        "no-hosts",
        f"domain={DOMAIN}",
        f"local=/{DOMAIN}/",
        f"host-record={hostname.lower()},{hostname.lower()}.{DOMAIN},{mine.ip}",
    )
    if lan.dhcp:
        first, last = both_ends(lan.dhcp)
        yield from (
            "",
            f"dhcp-range={first},{last},{mine.netmask},12h",
            f"dhcp-leasefile={LEASES}",
            # There is no other server in the house: a host that comes with an old lease is told at once.
            "dhcp-authoritative",
        )
        for each in lan.hosts:
            mac, address, *names = each.lower().split()
            yield f"dhcp-host={','.join([mac, address, *names])}"
    else:
        for each in lan.hosts:
            _, address, *names = each.lower().split()
            yield from (f"host-record={name},{name}.{DOMAIN},{address}" for name in names)
