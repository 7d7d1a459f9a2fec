"""Each planted fault is named with its place and its cure; a healthy house gives nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failberry.config import Cellular, CellularType, Config, Mode, Recovery, Wired
from failberry.core.causes import Fault
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import (
    NameState,
    NamesView,
    NameView,
    Notice,
    Reachability,
    Snapshot,
    UplinkName,
)
from failberry.doctor.diagnose import CHECKS, diagnose
from failberry.doctor.evidence import (
    AwsFacts,
    Clock,
    Connections,
    DhcpServer,
    Disk,
    Evidence,
    Listener,
    MainRoute,
    Modules,
    NameTest,
    PowerSensors,
    Program,
    Provider,
    Remote,
    SimFacts,
    Stick,
    Told,
    Unit,
    Watchdog,
)
from failberry.doctor.finding import Finding, Severity
from failberry.doctor.ruleset import foreign, saved
from tests.unit.ctl.scenarios import NO_CELLULAR
from tests.unit.doctor.houses import (
    CONFIG,
    DOCKER,
    DOCKER_ALLOWED,
    DOCKER_NAT,
    EVERYTHING_TRANSLATED,
    FIREWALLD,
    FORWARD,
    HEALTHY,
    LEGACY,
    MODEM,
    NAMED,
    PORTAINER,
    STATUS,
    STICK,
    UFW,
)

BAD, ATTENTION, UNKNOWN = Severity.BAD, Severity.ATTENTION, Severity.UNKNOWN


def told(status: Snapshot, **more: Any) -> Told:
    return Told(status=status, **more)


def down(reason: str, fault: Fault | None, *, state: ModemState = ModemState.FAILED, **modem: Any) -> Told:
    """The mobile line is down, as the daemon tells it."""
    return told(
        replace(
            STATUS,
            cellular=replace(NO_CELLULAR, reason=reason, proven_age=900.0),
            modem=replace(STATUS.modem, state=state, reason=reason, fault=fault, **modem),
            warnings=(Notice(code="cellular-down", text=f"the mobile line is down: {reason}", cure="wait"),),
        )
    )


def config(**more: Any) -> Config:
    return replace(CONFIG, **more)


def warned(code: str, text: str) -> Told:
    return told(replace(STATUS, warnings=(Notice(code=code, text=text, cure="a cure"),)))


def mobile(**more: Any) -> Told:
    return told(replace(STATUS, cellular=replace(STATUS.cellular, **more)))


def interfaces(name: str, **more: Any) -> Any:
    return tuple(replace(each, **more) if each.name == name else each for each in HEALTHY.interfaces)


CGNAT = mobile(
    addresses=("100.64.7.2",), reachability=Reachability.CGNAT, reachability_text="shared address (CGNAT)"
)
NO_MODEM_IN_STATUS = down("no modem is plugged in", Fault.ABSENT, usb_path=None, dial_tty=None)
LOCKED = "the SIM asks for a PIN and none is configured"
REFUSED = "this SIM has refused this PIN before, or the answer was lost; it is not tried again"
LOW = "[  811.2] hwmon hwmon1: Undervoltage detected!"
NAME = NameView(
    line=UplinkName.CELLULAR, name="mobile.example.com", source="lambda", addresses=(),
     state=NameState.FAILED,
    state_for=60.0, reason="the function answers 403 signature",
)  # fmt: skip

Change = dict[str, Any]
Fault_ = tuple[str, Change, str, Severity, str, str]
"""What it is; what of the healthy house is changed; code, severity, part of the place, part of the cure."""
PLANTED: list[Fault_] = [
    # power
    ("voltage low now", {"sensors": replace(HEALTHY.sensors, under_voltage=True), "kernel_log": (LOW,)},
     "power-supply", BAD, "Raspberry Pi 4", "5.1 V"),
    ("voltage was low, by the log", {"kernel_log": (*HEALTHY.kernel_log, LOW)},
     "power-supply", ATTENTION, "Raspberry Pi 4", "supply of its own"),
    ("voltage was low, by the flags", {"sensors": replace(HEALTHY.sensors, under_voltage_before=True)},
     "power-supply", ATTENTION, "Raspberry Pi 4", "power supply"),
    ("a port drew too much", {"sensors": replace(HEALTHY.sensors, over_current=(("1-1:1.0/1-1-port3", 2),))},
     "over-current", ATTENTION, "USB", "hub"),
    ("the modem comes and goes", {"told": told(replace(STATUS, supply=replace(STATUS.supply,
     disconnects=4)))},
     "unsteady-modem", ATTENTION, "modem", "another cable"),
    # modem
    ("no modem", {"told": NO_MODEM_IN_STATUS, "sticks": ()}, "modem-absent", BAD, "USB", "plug it in"),
    ("a modem elsewhere", {"told": NO_MODEM_IN_STATUS, "config": config(modem=replace(CONFIG.modem,
     usb_path="1-2"))},
     "modem-elsewhere", BAD, "USB 1-2", f'usb_path = "{MODEM}"'),
    ("a CD-ROM", {"told": down("a CD-ROM", Fault.NOT_SWITCHED, usb_path=None),
                  "sticks": (Stick(path="1-1.3", ids="19d2:2000", product="ZTE", storage_only=True),)},
     "modem-is-a-cdrom", BAD, "USB 1-1.3", "usb-modeswitch"),
    ("no driver", {"told": NO_MODEM_IN_STATUS,
                   "sticks": (Stick(path="1-1.3", ids="19d2:0117", product="ZTE", driverless=True),)},
     "modem-without-driver", BAD, "USB 1-1.3", "modprobe option"),
    ("the modem hangs", {"told": down("no answer to AT", Fault.HUNG)}, "modem-unreachable", BAD, "modem",
     "modem power-cycle"),
    # who else wants it
    ("ModemManager", {"sticks": (replace(STICK, kept_from_modemmanager=False),)}, "modemmanager", BAD, MODEM,
     "disable --now ModemManager"),
    ("wvdial", {"programs": (*HEALTHY.programs, Program(pid=5, name="wvdial", command="wvdial"))},
     "other-dialler", BAD, "wvdial", "kill 5"),
    ("a second pppd", {"programs": (*HEALTHY.programs, Program(pid=6, name="pppd", ttys=("/dev/ttyUSB0",)))},
     "other-dialler", BAD, "pppd", "/etc/ppp/peers"),
    ("minicom on the port", {"programs": (*HEALTHY.programs, Program(pid=7, name="minicom",
     ttys=("/dev/ttyUSB1",)))},
     "modem-port-taken", BAD, "/dev/ttyUSB1", "kill 7"),
    ("NetworkManager dials", {"profiles": ("/etc/NetworkManager/system-connections/o2.nmconnection",)},
     "networkmanager-dials", ATTENTION, "NetworkManager", "nmcli connection delete"),
    ("a default route through the stick",
     {"main_routes": (*HEALTHY.main_routes, MainRoute(family=4, interface="fbcell0", protocol="dhcp"))},
     "stick-default-route", BAD, "fbcell0", "nmcli device set fbcell0"),
    # SIM and APN
    ("no SIM", {"told": down("SIM not inserted", Fault.SIM)}, "sim-missing", BAD, "SIM", "until it clicks"),
    ("PUK", {"told": down("the SIM is blocked and asks for its PUK", Fault.SIM)}, "sim-puk", BAD, "SIM",
     "telephone"),
    ("no PIN", {"told": down(LOCKED, Fault.SIM), "config": config(cellular=Cellular(apn="internet"))},
     "sim-pin", BAD, "SIM", 'pin = "'),
    ("PIN latch", {"told": down(REFUSED, Fault.SIM), "sim": replace(HEALTHY.sim, refused_pins=1)},
     "pin-latched", BAD, "SIM", "forget-pin"),
    ("SIM of another lock", {"told": down("the SIM or modem is locked: PH-NET PIN", None,
     state=ModemState.LOCKED,
                                          advice="have the lock removed by the carrier"),
                             "config": config(cellular=Cellular(apn="internet", pin="4711"))},
     "sim", BAD, "SIM", "lock removed"),
    ("no APN", {"told": down("no APN", Fault.REFUSED), "config": config(cellular=Cellular()),
                "sim": SimFacts(home="26201", modem_apn="", providers=(Provider(name="Telekom",
                apn="internet.t-d1.de"),))},
     "no-apn", BAD, "mobile line", 'apn = "internet.t-d1.de" (Telekom)'),
    ("no APN, no list", {"told": down("no APN", Fault.REFUSED), "config": config(cellular=Cellular()),
                         "sim": SimFacts(modem_apn="")},
     "no-apn", BAD, "mobile line", "apt install mobile-broadband-provider-info"),
    ("wrong APN", {"told": down("missing or unknown APN", Fault.REFUSED)}, "apn-refused", BAD, "mobile line",
     "ask the carrier"),
    ("no coverage", {"told": down("no network", Fault.NO_COVERAGE)}, "no-coverage", BAD, "mobile line",
     "antenna"),
    ("plan used up", {"told": down("only the carrier answers", Fault.CAPPED)}, "carrier-cap", BAD,
     "mobile line", ""),
    ("down for a reason of its own", {"told": down("pppd: exit 4", Fault.HOST)}, "mobile-line-down", BAD,
     "mobile line", "wait"),
    # what the line is good for
    ("CGNAT and forwards", {"told": CGNAT, "config": config(port_forward=(FORWARD,))},
     "forwards-unreachable", BAD,
     "mobile line", "public address"),
    ("CGNAT and a name", {"told": CGNAT, "config": config(dns=NAMED)}, "name-unreachable", ATTENTION,
     "mobile.example.com", "public address"),
    ("standby not proven", {"told": mobile(proven_age=2 * 86_400.0)}, "standby-unproven", ATTENTION,
     "mobile line",
     "failover force cellular"),
    ("cap nearly reached",
     {"told": told(replace(STATUS, usage=replace(STATUS.usage, used=4_700_000_000, percent=94.0,
     state="warned")))},
     "cap-near", ATTENTION, "mobile plan", "failberryctl usage"),
    ("cap reached", {"told": told(replace(STATUS, usage=replace(STATUS.usage, percent=101.0,
     state="capped")))},
     "cap-reached", BAD, "mobile plan", "usage set"),
    # the kernel's network
    ("pinning", {"told": warned("pinning", "questions for the wired line would leave by wg0 instead of "
    "wan0")},
     "pinning", BAD, "routing rules", "ip rule"),
    ("rp_filter", {"interfaces": interfaces("fbcell0", rp_filter=1)}, "rp-filter-strict", BAD, "fbcell0",
     "rp_filter=2"),
    ("no forwarding", {"forwarding": False}, "forwarding-off", BAD, "ip_forward", "restart failberry"),
    ("no forwarding of IPv6", {"forwarding6": False}, "forwarding-off", ATTENTION, "ipv6",
     "restart failberry"),
    ("Docker drops", {"filters": foreign(DOCKER)}, "foreign-filter", BAD, "Docker", "DOCKER-USER -i lan0 "
    "-o fbcell0"),
    ("ufw drops", {"filters": foreign(UFW)}, "foreign-filter", BAD, "ufw", "ufw route allow in on lan0 "
    "out on wan0"),
    ("firewalld rejects", {"filters": foreign(FIREWALLD)}, "foreign-filter", BAD, "firewalld",
     "disable --now firewalld"),
    ("old iptables drop", {"filters": saved(LEGACY)}, "foreign-filter", BAD, "table filter (legacy)", "lan0"),
    ("Docker takes our port", {"filters": foreign(PORTAINER)}, "health-port-diverted", BAD, "Docker",
     "publish=9000"),
    ("all is translated", {"filters": foreign(EVERYTHING_TRANSLATED)}, "foreign-nat", ATTENTION, "table mine",
     "remove that rule"),
    ("the stick has the house's network", {"interfaces": interfaces("fbcell0",
     addresses=("192.168.7.100/32",))},
     "networks-overlap", BAD, "fbcell0, lan0", "lan.address"),
    ("the router has the house's network", {"interfaces": interfaces("wan0", addresses=("192.168.0.5/16",))},
     "networks-overlap", BAD, "lan0, wan0", "another network"),
    ("two DHCP servers", {"dhcp": (DhcpServer(interface="lan0", address="192.168.7.1", own=True),
                                   DhcpServer(interface="lan0", address="192.168.7.254",
                                   gateway="192.168.7.254"))},
     "two-dhcp-servers", BAD, "lan0", "switch off all but one"),
    ("port 9000 is taken", {"listener": Listener(port=9000, program="php-fpm8.2", pid=88)},
     "health-port-taken", BAD,
     "port 9000", "php-fpm8.2"),
    ("connections full", {"connections": Connections(count=65_000, most=65_536)}, "connections-full", BAD,
     "connection tracking", "nf_conntrack_max=131072"),
    # names
    ("no names on the Pi", {"names": (NameTest(line=None, servers=("10.0.0.9",), answered=False),)},
     "no-names", BAD,
     "this Pi", "resolv.conf"),
    ("no names on the wired line",
     {"names": (NameTest(line=UplinkName.WIRED, servers=("203.0.113.254",), answered=False),)}, "no-names",
     BAD,
     "wired line", "wired.dns"),
    ("no names on the mobile line", {"names": (NameTest(line=UplinkName.CELLULAR, servers=(),
     answered=False),)},
     "no-names", BAD, "mobile line", "redial"),
    ("a name that is not written", {"told": told(replace(STATUS, names=NamesView(name="h", lines=(NAME,))))},
     "name-not-written", BAD, "mobile.example.com", "dns verify"),
    ("no boto3", {"aws": AwsFacts(boto=False)}, "no-boto3", BAD, "AWS", "apt install python3-boto3"),
    ("no key", {"aws": AwsFacts(key="/etc/failberry/ddns.key is missing")}, "aws-key", BAD, "AWS",
     "aws deploy"),
    ("AWS says no", {"aws": AwsFacts(findings=(Remote(bad=True, unknown=False, what="URL", words="is another",
                                                      cure='write url = "x"'),))}, "aws", BAD, "AWS: URL",
                                                      "url ="),
    # the machine
    ("1970", {"clock": Clock(now=4000.0, synchronised=False)}, "clock-unset", BAD, "clock", "timesyncd"),
    ("no time server", {"clock": replace(HEALTHY.clock, synchronised=False)}, "clock-unsynchronised",
     ATTENTION,
     "clock", "UDP port 123"),
    ("no time service", {"clock": replace(HEALTHY.clock, synchronised=False, service=False)},
     "clock-unsynchronised", ATTENTION, "clock", "set-ntp true"),
    ("disk full", {"disks": (Disk(path="/var", size=10**10, free=10**6),)}, "disk-full", BAD, "/var",
     "vacuum-size"),
    ("disk nearly full", {"disks": (Disk(path="/var", size=10**10, free=5 * 10**7),)}, "disk-nearly-full",
     ATTENTION,
     "/var", "apt clean"),
    ("no inodes", {"disks": (Disk(path="/var", size=10**10, free=10**9, inodes_free=0.0),)}, "disk-full", BAD,
     "/var", "du -xh"),
    ("disk read-only", {"disks": (replace(HEALTHY.disks[0], read_only=True),)}, "disk-read-only", BAD,
     "/var/lib/failberry", "remount"),
    ("disk errors", {"kernel_log": ("[9.1] mmcblk0: error -110 sending stop command",)}, "disk-errors", BAD,
     "disk",
     "another card"),
    ("watchdog off", {"watchdog": Watchdog(device=True, fed=False)}, "watchdog-off", ATTENTION, "watchdog0",
     "RuntimeWatchdogSec"),
    ("no watchdog on a Pi", {"watchdog": Watchdog(device=False)}, "watchdog-absent", ATTENTION, "Raspberry",
     "dtparam"),
    ("modules gone", {"modules": Modules(release="6.12.1", folder=False)}, "modules-gone", BAD, "6.12.1",
     "reboot"),
    ("no PPP", {"modules": Modules(release="6.12.1", missing=("ppp_async",))}, "module-missing", BAD,
     "6.12.1",
     "linux-modules-extra"),
    ("power cannot be cut", {"told": told(STATUS, no_power_switch="the hub at 1-1 does not switch power")},
     "no-power-switch", ATTENTION, "USB", "switches power per port"),
    # configuration, daemon, units
    ("no configuration", {"config": None, "config_problems": ("it does not exist",), "units": (),
                          "told": Told(problem="no socket", stopped=True)},
     "not-configured", BAD, "failberry.toml", "wizard"),
    ("a broken configuration", {"config": None, "config_problems": ("line 1, mode: is unknown",)},
     "configuration-broken", BAD, "failberry.toml", "config check"),
    ("a file that all can read", {"config_warnings": ("/etc/f.toml: every user can read cellular.pin "
    "(chmod o= /etc/f.toml)",)},
     "configuration-odd", ATTENTION, "/etc/f.toml", "chmod o= /etc/f.toml"),
    ("no daemon", {"told": Told(problem="there is no socket", stopped=True)}, "daemon-stopped", BAD,
     "failberryd",
     "systemctl start failberry"),
    ("a stuck daemon", {"told": Told(problem="no answer within 10 s")}, "daemon-silent", BAD, "failberryd",
     "systemctl restart failberry"),
    ("an old daemon", {"told": told(replace(STATUS, failberry="0.0.9"))}, "old-daemon", ATTENTION,
     "failberryd",
     "systemctl restart failberry"),
    ("half an upgrade", {"packaged": "0.9.0-1"}, "mixed-versions", ATTENTION, "package failberry",
     "--reinstall"),
    ("the kernel refuses", {"told": told(replace(STATUS, firewall=replace(STATUS.firewall,
     problem="no nft")))},
     "firewall-refused", BAD, "kernel", "journalctl"),
    ("a unit that fails", {"units": (Unit(name="failberry.service", active="failed", sub="failed",
     result="exit-code"),)},
     "unit-failed", BAD, "failberry.service", "journalctl -u failberry -n 30"),
    ("a unit that is stopped", {"units": (Unit(name="failberry-health.socket", active="inactive",
     sub="dead"),)},
     "unit-stopped", BAD, "failberry-health.socket", "systemctl start failberry-health.socket"),
    ("a unit that is disabled", {"units": (Unit(name="failberry.service", enabled="disabled"),)},
     "unit-disabled", BAD,
     "failberry.service", "systemctl enable failberry.service"),
    ("a unit that is masked", {"units": (Unit(name="failberry.service", load="masked", enabled="masked"),)},
     "unit-masked", BAD, "failberry.service", "unmask"),
    ("a unit that is missing", {"units": (Unit(name="failberry-health.socket", load="not-found",
     active="inactive"),)},
     "unit-missing", BAD, "failberry-health.socket", "--reinstall"),
    ("a unit that restarts", {"units": (Unit(name="failberry.service", restarts=7, result="watchdog"),)},
     "unit-restarts", ATTENTION, "failberry.service", "journalctl -u failberry"),
    ("what only the daemon knows", {"told": warned("bogus-dns", "the stick handed out placeholders")},
     "bogus-dns",
     ATTENTION, "failberryd", "a cure"),
    ("not root", {"root": False}, "not-root", UNKNOWN, "doctor", "sudo"),
]  # fmt: skip


def found(**change: Any) -> tuple[Finding, ...]:
    return diagnose(replace(HEALTHY, **change)).findings


@pytest.mark.parametrize(
    ("change", "code", "severity", "where", "cure"),
    [each[1:] for each in PLANTED],
    ids=[each[0] for each in PLANTED],
)
def test_a_planted_fault_is_named_with_its_cure_and_nothing_else(
    change: Change, code: str, severity: Severity, where: str, cure: str
) -> None:
    findings = found(**change)
    assert [(each.code, each.severity) for each in findings] == [(code, severity)], findings
    assert where in findings[0].where
    assert cure in findings[0].cure
    assert findings[0].what


def test_there_are_many_and_each_check_finds_something() -> None:
    assert len({each[2] for each in PLANTED}) >= 50
    for check in CHECKS:
        assert any(list(check(replace(HEALTHY, **change))) for _, change, *_ in PLANTED), check.__name__


BESIDE = replace(
    HEALTHY,
    config=replace(CONFIG, mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="lan0"), lan=None),
    told=told(replace(STATUS, mode=Mode.STANDBY_GATEWAY)),
    interfaces=HEALTHY.interfaces[1:],
)
ROUTER_STICK = replace(
    HEALTHY,
    config=config(cellular=Cellular(type=CellularType.ETHER)),
    sticks=(Stick(path="1-1", ids="12d1:14db", product="HiLink", interface="fbcell0"),),
    programs=(),
    sim=SimFacts(),
)
COLD = replace(
    HEALTHY,
    told=told(
        replace(
            STATUS,
            cellular=replace(STATUS.cellular, proven_age=20 * 3600.0),
            modem=replace(STATUS.modem, state=ModemState.REGISTERED),
        )
    ),
)


@pytest.mark.parametrize(
    "house",
    [
        HEALTHY,
        BESIDE,
        ROUTER_STICK,
        COLD,
        replace(HEALTHY, filters=foreign(DOCKER_ALLOWED)),
        replace(HEALTHY, filters=foreign(DOCKER_NAT)),
        replace(HEALTHY, sensors=PowerSensors(), watchdog=None, modules=None, units=(), connections=None),
        replace(HEALTHY, clock=Clock(now=HEALTHY.clock.now), packaged=None, listener=None, dhcp=()),
        replace(HEALTHY, told=CGNAT),
        replace(HEALTHY, config=config(recovery=Recovery(usb_power=False)),
                told=told(STATUS, no_power_switch="there is no hub")),
        replace(HEALTHY, watchdog=Watchdog(device=False), sensors=PowerSensors()),
        replace(HEALTHY, uptime=60.0, clock=replace(HEALTHY.clock, synchronised=False)),
        replace(HEALTHY, config=config(cellular=Cellular()), sim=SimFacts(modem_apn="")),
        replace(HEALTHY, told=mobile(proven_age=3 * 3600.0)),
        replace(HEALTHY, dhcp=(DhcpServer(interface="lan0", address="192.168.7.1", own=True),)),
    ],
)  # fmt: skip
def test_a_healthy_house_is_left_in_peace(house: Evidence) -> None:
    assert diagnose(house).findings == ()


def test_the_worst_comes_first_and_nothing_twice() -> None:
    findings = found(
        forwarding6=False,
        root=False,
        disks=(replace(HEALTHY.disks[0], read_only=True),) * 2,
        kernel_log=(LOW,),
    )
    assert [each.severity for each in findings] == [BAD, ATTENTION, ATTENTION, UNKNOWN]


def test_a_line_that_is_down_has_no_names_to_miss() -> None:
    silent = NameTest(line=UplinkName.CELLULAR, servers=("203.0.113.1",), answered=False)
    findings = found(told=down("no network", Fault.NO_COVERAGE), names=(silent,))
    assert [each.code for each in findings] == ["no-coverage"]


def test_the_reason_for_a_line_that_is_down_is_told_once() -> None:
    findings = found(told=down(REFUSED, Fault.SIM), sim=replace(HEALTHY.sim, refused_pins=1))
    assert [each.code for each in findings] == ["pin-latched"]
    assert findings[0].evidence[0] == REFUSED
