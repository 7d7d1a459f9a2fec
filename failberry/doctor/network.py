"""Routes, settings, filters, neighbours: what of the kernel's network is in the way.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from itertools import combinations

from failberry.config import HEALTH_PORT, MOBILE_INTERFACE, Mode
from failberry.core.snapshot import LineState, UplinkName
from failberry.doctor.evidence import Evidence, Interface
from failberry.doctor.finding import Finding, Severity
from failberry.doctor.ruleset import BaseChain, ForeignRule

_STRICT = 1
_OURS = ("failberry-health", "systemd", "init", "failberry-healt")
"""Who may hold port 9000; the kernel cuts names after 15 letters."""
_FULL = 0.9


def settings(seen: Evidence) -> Iterator[Finding]:
    """What the kernel must allow, once there is a configuration."""
    if seen.config is None:
        return
    again = "then `sudo systemctl restart failberry`"
    for on, name in (
        (seen.forwarding, "net.ipv4.ip_forward"),
        (seen.forwarding6, "net.ipv6.conf.all.forwarding"),
    ):
        if on is False:
            yield Finding(
                code="forwarding-off",
                severity=Severity.BAD if "ipv4" in name else Severity.ATTENTION,
                where=name,
                what="the kernel passes nothing on for the house's clients",
                evidence=(f"{name} = 0",),
                cure="`grep -rs forward /etc/sysctl.conf /etc/sysctl.d` shows who switched it off; "
                "remove that "
                f"line, {again}",
            )
    for each in _lines(seen):
        if each.rp_filter == _STRICT:
            yield Finding(
                code="rp-filter-strict",
                severity=Severity.BAD,
                where=each.name,
                what=f"rp_filter is strict on {each.name}: the kernel drops what comes in there and would be "
                "answered over the other line",
                evidence=(f"net.ipv4.conf.{each.name}.rp_filter, or that of all, is 1",),
                cure="`grep -rs rp_filter /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d` shows who "
                "set it; "
                "`sudo sysctl -w net.ipv4.conf.all.rp_filter=2` for now, a file in /etc/sysctl.d for "
                f"good, {again}",
            )


def pinning(seen: Evidence) -> Iterator[Finding]:
    """Whether questions for a line leave by it, as the daemon proved at its start."""
    status = seen.told.status
    told = [each for each in status.warnings if each.code == "pinning"] if status is not None else []
    strict = any(each.rp_filter == _STRICT for each in _lines(seen))
    for each in told:
        if strict and "rp_filter" in each.text:
            continue  # said already, with its cure
        yield Finding(
            code="pinning",
            severity=Severity.BAD,
            where="routing rules",
            what=each.text,
            cure="`ip rule` shows rules of other programs before ours (20100 to 20700): VPN clients and "
            "mwan3 "
            "write such; move theirs behind 20700, or remove them",
        )


def filters(seen: Evidence) -> Iterator[Finding]:
    """Rules of other programs that take what we pass on."""
    for chain in seen.filters:
        if chain.hook == "forward" and (rule := _swallows(chain, seen)) is not None:
            owner = _owner(chain)
            yield Finding(
                code="foreign-filter",
                severity=Severity.BAD,
                where=owner,
                what=f"{owner} drops what this Pi passes on between the house and its lines",
                evidence=(f"`nft list chain {chain.place}`: {rule}",),
                cure=_allowing(owner, seen),
            )
        if chain.hook == "prerouting":
            yield from _diverted(chain)
        if chain.hook == "postrouting":
            yield from _translated(chain, seen)


def _swallows(chain: BaseChain, seen: Evidence) -> str | None:
    """Say which rule takes packets of the house; ``None``: none does."""
    if any(
        each.names(MOBILE_INTERFACE) and each.verdict in ("accept", "jump", "goto") for each in chain.rules
    ):
        return None  # somebody has thought of it
    for rule in chain.rules:
        if rule.always and rule.verdict == "accept":
            return None
        if rule.verdict in ("drop", "reject") and (rule.always or _takes_ours(rule, seen)):
            return f"{rule.verdict} in {rule.chain}"
    return f"policy {chain.policy}" if chain.policy == "drop" else None


def _takes_ours(rule: ForeignRule, seen: Evidence) -> bool:
    """Whether it drops whatever passes one of our interfaces, without any other condition."""
    ours = [each.name for each in _lines(seen)] + (
        [seen.config.lan_interface] if seen.config is not None else []
    )
    return not rule.conditions and not rule.ports and any(rule.names(each) for each in ours)


def _diverted(chain: BaseChain) -> Iterator[Finding]:
    for rule in chain.rules:
        if rule.verdict not in ("dnat", "redirect"):
            continue
        ours = rule.takes(HEALTH_PORT) and not rule.inputs
        if ours or (rule.takes(HEALTH_PORT) and rule.names(MOBILE_INTERFACE)):
            yield Finding(
                code="health-port-diverted",
                severity=Severity.BAD,
                where=_owner(chain),
                what=f"{_owner(chain)} sends port {HEALTH_PORT} elsewhere: health checks do not reach us",
                evidence=(f"`nft list chain {chain.place}`: {rule.verdict} in {rule.chain}",),
                cure="publish the other program's port on another number; for Docker: "
                "`docker ps --filter publish=9000` names it",
            )


def _translated(chain: BaseChain, seen: Evidence) -> Iterator[Finding]:
    lan = seen.config.lan_interface if seen.config is not None else ""
    beside = seen.config is not None and seen.config.mode is Mode.STANDBY_GATEWAY
    for rule in chain.rules:
        if rule.verdict not in ("masquerade", "snat") or rule.conditions or rule.ports:
            continue
        if not rule.outputs or (lan and not beside and any(rule.names(each) for each in (lan,))):
            yield Finding(
                code="foreign-nat",
                severity=Severity.ATTENTION,
                where=_owner(chain),
                what=f"{_owner(chain)} gives this Pi's address to everything that it passes on, also "
                "into the house",
                evidence=(
                    f"`nft list chain {chain.place}`: {rule.verdict} in {rule.chain}, for every packet",
                ),
                cure="remove that rule: Failberry translates what leaves by its lines, and nothing else",
            )


def _owner(chain: BaseChain) -> str:
    names = (chain.table, chain.name, *chain.chains)
    for sign, owner in (
        ("DOCKER", "Docker"),
        ("docker", "Docker"),
        ("ufw", "ufw"),
        ("firewalld", "firewalld"),
    ):
        if any(each.startswith(sign) for each in names):
            return owner
    return f"table {chain.table} ({chain.family})"


def _allowing(owner: str, seen: Evidence) -> str:
    lan = seen.config.lan_interface if seen.config is not None else "LAN"
    wired = seen.config.wired.interface if seen.config is not None else ""
    lines = [MOBILE_INTERFACE, *([wired] if wired and wired != lan else [])]
    match owner:
        case "ufw":
            return "; ".join(f"`sudo ufw route allow in on {lan} out on {each}`" for each in lines) + (
                "; answers pass by themselves"
            )
        case "Docker":
            both = [
                f"`sudo iptables -I DOCKER-USER -i {a} -o {b} -j ACCEPT`"
                for each in lines
                for a, b in ((lan, each), (each, lan))
            ]
            return (
                'write {"ip-forward-no-drop": true} into /etc/docker/daemon.json (Docker 28 or newer) '
                "and restart "
                f"it; before that, at each start: {', '.join(both)}"
            )
        case "firewalld":
            return (
                "`sudo systemctl disable --now firewalld`: Failberry keeps out whatever comes in over "
                "its lines; "
                "or allow forwarding between their zones (`firewall-cmd --new-policy`)"
            )
        case _:
            return (
                f'add to that chain: `iifname "{lan}" oifname "{MOBILE_INTERFACE}" accept` and '
                f'`iifname "{MOBILE_INTERFACE}" oifname "{lan}" ct state established,related accept`, or '
                "remove it: "
                "Failberry has a filter of its own"
            )


def neighbours(seen: Evidence) -> Iterator[Finding]:
    """Networks that overlap, and two DHCP servers."""
    by_name = {each.name: each for each in (*_lines(seen), *_lan(seen))}
    status = seen.told.status
    if (
        status is not None
        and not any(each.startswith(MOBILE_INTERFACE) for each in by_name)
        and status.cellular.gateway
    ):
        by_name[MOBILE_INTERFACE] = Interface(name=MOBILE_INTERFACE, addresses=status.cellular.addresses)
    for one, other in combinations(sorted(by_name.values(), key=lambda each: each.name), 2):
        if shared := _shared(one, other):
            yield Finding(
                code="networks-overlap",
                severity=Severity.BAD,
                where=f"{one.name}, {other.name}",
                what=f"{one.name} and {other.name} have the same network: some machines in it cannot be "
                "reached",
                evidence=(shared,),
                cure="give one of them another network: the stick or the router on its own web page, the "
                "house by "
                "lan.address and its DHCP server",
            )
    for name in {each.interface for each in seen.dhcp}:
        servers = [each for each in seen.dhcp if each.interface == name]
        if len({each.address for each in servers}) > 1:
            yield Finding(
                code="two-dhcp-servers",
                severity=Severity.BAD,
                where=name,
                what=f"{len(servers)} DHCP servers answer on {name}: clients get whichever is quicker",
                evidence=tuple(
                    "this Pi" if each.own else f"{each.address}, gateway {each.gateway or 'none'}"
                    for each in servers
                ),
                cure="switch off all but one: on the router's own page, or on this Pi `sudo systemctl "
                "disable --now "
                "dnsmasq`",
            )


def _shared(one: Interface, other: Interface) -> str:
    for a in map(ip_interface, one.addresses):
        for b in map(ip_interface, other.addresses):
            if a.version != b.version or a.ip.is_link_local or b.ip.is_link_local:
                continue
            if a.ip in b.network or b.ip in a.network:
                return f"{a} and {b}"
    return ""


def health_port(seen: Evidence) -> Iterator[Finding]:
    """Who listens where health checks arrive."""
    held = seen.listener
    if held is not None and held.program and held.program not in _OURS:
        yield Finding(
            code="health-port-taken",
            severity=Severity.BAD,
            where=f"port {held.port}",
            what=f"{held.program} listens on port {held.port}, which health checks ask",
            evidence=(f"process {held.pid}",),
            cure=f"move {held.program} to another port, then `sudo systemctl restart "
            "failberry-health.socket`",
        )


def names(seen: Evidence) -> Iterator[Finding]:
    """Whether names are resolved, on this machine and over each line."""
    status = seen.told.status
    for test in seen.names:
        if test.answered:
            continue
        if test.line is not None and status is not None:
            line = status.wired if test.line is UplinkName.WIRED else status.cellular
            if line.state is not LineState.UP:
                continue  # of a line that is down nothing else is expected
        asked = ", ".join(test.servers) or "none are known"
        if test.line is None:
            cure = "`resolvectl status` or /etc/resolv.conf says whom this Pi asks; `sudo systemctl "
            "restart failberry`"
        elif test.line is UplinkName.WIRED:
            cure = "look at the router's DNS; or name servers that work as wired.dns"
        else:
            cure = "`sudo failberryctl modem redial` often brings others; some carriers block those of others"
        yield Finding(
            code="no-names",
            severity=Severity.BAD,
            where="this Pi" if test.line is None else f"{_LINES[test.line]} line",
            what="no name can be resolved, asked of " + asked
            if test.servers
            else "no name can be resolved: no name servers are known",
            evidence=test.problems,
            cure=cure,
        )


_LINES = {UplinkName.WIRED: "wired", UplinkName.CELLULAR: "mobile"}


def connections(seen: Evidence) -> Iterator[Finding]:
    """The kernel's table of connections."""
    table = seen.connections
    if table is not None and table.most and table.count > _FULL * table.most:
        yield Finding(
            code="connections-full",
            severity=Severity.BAD,
            where="connection tracking",
            what="the kernel's table of connections is nearly full: new ones will be dropped",
            evidence=(f"{table.count} of {table.most}",),
            cure=f"`sudo sysctl -w net.netfilter.nf_conntrack_max={2 * table.most}`; then look for the "
            "client that "
            "opens so many: `sudo conntrack -L | head`",
        )


def _lines(seen: Evidence) -> list[Interface]:
    """Both lines, as far as they are there."""
    wanted = {MOBILE_INTERFACE}
    if seen.config is not None:
        wanted.add(seen.config.wired.interface)
    return [each for each in seen.interfaces if each.name in wanted]


def _lan(seen: Evidence) -> list[Interface]:
    lan = seen.config.lan_interface if seen.config is not None else ""
    return [each for each in seen.interfaces if each.name == lan]
