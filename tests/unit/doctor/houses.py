"""A healthy house as the doctor sees it, and rulesets of other programs as nft shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from failberry.config import Cellular, Config, Lan, Mode, PortForward, Protocol, Wired
from failberry.core.snapshot import Reachability, UplinkName, UsageView
from failberry.doctor.evidence import (
    Clock,
    Connections,
    Disk,
    Evidence,
    Interface,
    Listener,
    MainRoute,
    Modules,
    NameTest,
    PowerSensors,
    Program,
    SimFacts,
    Stick,
    Told,
    Unit,
    Watchdog,
)
from failberry.naming import Dns
from tests.unit.ctl.scenarios import ROUTER_ALL_WELL

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
MODEM = "1-1.3"
CONFIG = Config(
    mode=Mode.DUAL_WAN_ROUTER,
    wired=Wired(interface="wan0"),
    lan=Lan(interface="lan0"),
    cellular=Cellular(apn="internet", pin="4711"),
)
FORWARD = PortForward(proto=Protocol.TCP, ports="443", to="192.168.7.20")
NAMED = Dns(
    zone="example.com",
    name="home.example.com",
    wired_name="wired.example.com",
    cellular_name="mobile.example.com",
    url="https://abc.lambda-url.eu-central-1.on.aws/",
)
STATUS = replace(
    ROUTER_ALL_WELL,
    usage=UsageView(
        used=1_200_000_000, cap=5_000_000_000, percent=24.0, cycle_began="2026-11-09", days_left=17
    ),
    cellular=replace(
        ROUTER_ALL_WELL.cellular,
        interface="fbcell0",
        reachability=Reachability.PUBLIC,
        proven_age=240.0,
    ),
)
STICK = Stick(
    path=MODEM,
    ids="19d2:0117",
    product="ZTE MF180",
    ttys=("/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2"),
    kept_from_modemmanager=True,
)
HEALTHY = Evidence(
    config=CONFIG,
    told=Told(status=STATUS),
    installed=STATUS.failberry,
    packaged=f"{STATUS.failberry}-1",
    uptime=300_000.0,
    kernel_log=("[    1.2] usb 1-1.3: new high-speed USB device number 4 using xhci_hcd",),
    sensors=PowerSensors(model="Raspberry Pi 4 Model B Rev 1.4"),
    sticks=(STICK,),
    programs=(
        Program(pid=712, name="pppd", command="/usr/sbin/pppd /dev/ttyUSB2 460800", ttys=("/dev/ttyUSB2",)),
        Program(pid=700, name="failberryd", ttys=("/dev/ttyUSB1",)),
        Program(pid=411, name="ModemManager"),
    ),
    sim=SimFacts(home="26201", modem_apn="internet", providers=None),
    interfaces=(
        Interface(name="wan0", addresses=("203.0.113.77/24", "fe80::1/64"), rp_filter=2),
        Interface(name="lan0", addresses=("192.168.7.1/24", "fe80::2/64"), rp_filter=2),
        Interface(name="fbcell0", addresses=("198.51.100.23/32",), rp_filter=2),
    ),
    main_routes=(
        MainRoute(family=4, interface="wan0", gateway="203.0.113.254", protocol="dhcp", metric=100),
    ),
    names=(
        NameTest(line=None, servers=("127.0.0.53",), answered=True),
        NameTest(line=UplinkName.WIRED, servers=("203.0.113.254",), answered=True),
        NameTest(line=UplinkName.CELLULAR, servers=("203.0.113.1",), answered=True),
    ),
    disks=(Disk(path="/var/lib/failberry", size=30_000_000_000, free=20_000_000_000, inodes_free=93.0),),
    watchdog=Watchdog(device=True, fed=True),
    modules=Modules(release="6.12.47+rpt-rpi-v8"),
    units=(
        Unit(name="failberry.service"),
        Unit(name="failberry-health.socket", sub="listening"),
        Unit(name="failberry-dns.socket", sub="listening"),
    ),
    listener=Listener(port=9000, program="systemd", pid=1),
    connections=Connections(count=900, most=65_536),
    clock=Clock(now=NOON, synchronised=True, service=True),
)


def chain(
    name: str, hook: str = "", *, policy: str = "accept", table: str = "filter", family: str = "ip"
) -> Any:
    """One chain as nft -j lists it."""
    head = {"family": family, "table": table, "name": name}
    base = {"type": "filter", "hook": hook, "prio": 0, "policy": policy} if hook else {}
    return {"chain": head | base}


def rule(where: str, *words: Any, table: str = "filter", family: str = "ip") -> Any:
    """One rule."""
    return {"rule": {"family": family, "table": table, "chain": where, "expr": list(words)}}


def interface(key: str, name: str) -> Any:
    """Match an interface: ``iifname`` or ``oifname``."""
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": name}}


def port(number: int) -> Any:
    """Match a destination port."""
    left = {"payload": {"protocol": "tcp", "field": "dport"}}
    return {"match": {"op": "==", "left": left, "right": number}}


def state(*states: str) -> Any:
    """Match the state of the connection."""
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": list(states)}}


def source(network: str) -> Any:
    """Match a source address."""
    address, _, length = network.partition("/")
    right = {"prefix": {"addr": address, "len": int(length)}}
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": right}}


def ruleset(*members: Any) -> Any:
    """The whole document."""
    return {"nftables": [{"metainfo": {"version": "1.1.3"}}, *members]}


OURS = (
    chain("forward", "forward", table="failberry", family="inet"),
    rule("forward", interface("iifname", "fbcell0"), {"drop": None}, table="failberry", family="inet"),
)
DOCKER = ruleset(
    *OURS,
    chain("FORWARD", "forward", policy="drop"),
    chain("DOCKER-USER"),
    chain("DOCKER-ISOLATION-STAGE-1"),
    chain("DOCKER-ISOLATION-STAGE-2"),
    rule("FORWARD", {"jump": {"target": "DOCKER-USER"}}),
    rule("FORWARD", {"jump": {"target": "DOCKER-ISOLATION-STAGE-1"}}),
    rule("FORWARD", interface("oifname", "docker0"), state("established", "related"), {"accept": None}),
    rule("FORWARD", interface("iifname", "docker0"), {"accept": None}),
    rule("DOCKER-USER", {"return": None}),
    rule(
        "DOCKER-ISOLATION-STAGE-1",
        interface("iifname", "docker0"),
        {"jump": {"target": "DOCKER-ISOLATION-STAGE-2"}},
    ),
    rule("DOCKER-ISOLATION-STAGE-2", interface("oifname", "docker0"), {"drop": None}),
)
DOCKER_ALLOWED = ruleset(
    *DOCKER["nftables"][1:],
    rule("DOCKER-USER", interface("iifname", "lan0"), interface("oifname", "fbcell0"), {"accept": None}),
)
DOCKER_NAT = ruleset(
    chain("POSTROUTING", "postrouting", table="nat"),
    chain("PREROUTING", "prerouting", table="nat"),
    chain("DOCKER", table="nat"),
    rule(
        "POSTROUTING", source("172.17.0.0/16"), {"match": {"op": "!=", "left": {"meta": {"key": "oifname"}},
        "right": "docker0"}}, {"xt": {"type": "target", "name": "MASQUERADE"}}, table="nat",
    ),
    rule("PREROUTING", {"xt": {"type": "match", "name": "addrtype"}}, {"jump": {"target": "DOCKER"}},
     table="nat"),
)  # fmt: skip
PORTAINER = ruleset(
    *DOCKER_NAT["nftables"][1:],
    rule("DOCKER", port(9000), {"xt": {"type": "target", "name": "DNAT"}}, table="nat"),
)
UFW = ruleset(
    chain("FORWARD", "forward", policy="drop"),
    chain("ufw-before-forward"),
    rule("FORWARD", {"jump": {"target": "ufw-before-forward"}}),
    rule("ufw-before-forward", state("established", "related"), {"accept": None}),
)
FIREWALLD = ruleset(
    chain("filter_FORWARD", "forward", table="firewalld", family="inet"),
    rule("filter_FORWARD", state("established", "related"), {"accept": None}, table="firewalld",
     family="inet"),
    rule(
        "filter_FORWARD", {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}, table="firewalld",
        family="inet",
    ),
)  # fmt: skip
EVERYTHING_TRANSLATED = ruleset(
    chain("out", "postrouting", table="mine"), rule("out", {"masquerade": None}, table="mine")
)
LEGACY = """\
# Generated by iptables-save v1.8.11
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [3:180]
:OUTPUT ACCEPT [9:700]
-A FORWARD -i wg0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD ! -i eth7 -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""
