"""What the owner can say: one declaration for each setting.

These declarations are the only place where a setting exists.  The file parser, the sample in
``etc/``, the reference in ``docs/`` and ``failberryctl config show`` are all derived from them
(:mod:`failberry.configfile`).  Durations are seconds; addresses are :mod:`ipaddress` objects.
"""
# No postponed annotations here: the parser reads the types themselves, at every start of every program.
# ruff: noqa: RUF009 -- setting() is dataclasses.field() with a text, made anew for each class.

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from failberry import checks
from failberry.card import Lan, System
from failberry.dashboard import Web
from failberry.naming import Dns
from failberry.notifying import Notify, Receiver
from failberry.policy import Failover, Probe, Standby, Usage, Vrrp
from failberry.setting import setting

HEALTH_PORT = 9000
"""TCP port of the health server; Route 53 health checks are pointed at it."""

MOBILE_INTERFACE = "fbcell0"
"""The mobile line's interface, whatever the stick is: so named by pppd (``ifname``), or renamed by us."""

Client = IPv4Network | IPv6Network | str
"""One entry of ``firewall.mobile_clients`` once parsed; a ``str`` is a MAC address in lower case."""


class Mode(StrEnum):
    """Where the Pi stands in the house."""

    STANDBY_GATEWAY = "standby-gateway"
    DUAL_WAN_ROUTER = "dual-wan-router"


class Roaming(StrEnum):
    """Whether a foreign network may be dialled; roaming data is what ruins people."""

    FORBID = "forbid"
    ALLOW = "allow"


class PdpType(StrEnum):
    """Address families asked of the mobile network (3GPP TS 27.007, +CGDCONT)."""

    IPV4 = "IP"
    IPV6 = "IPV6"
    IPV4V6 = "IPV4V6"


class CellularType(StrEnum):
    """What the stick is to the Pi."""

    AUTO = "auto"
    PPP = "ppp"
    """A modem: dialled over AT, carries PPP."""
    ETHER = "ether"
    """A router of its own (HiLink, RNDIS, cdc_ether, NCM): a network interface with DHCP."""


class Keep(StrEnum):
    """Whether the mobile line is dialled while it is not needed."""

    WARM = "warm"
    COLD = "cold"


class FirewallBackend(StrEnum):
    """Who writes the kernel's packet filter."""

    AUTO = "auto"
    NFTABLES = "nftables"
    IPTABLES = "iptables"


class Protocol(StrEnum):
    """Transport of a port forward."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """The wired line, the one that normally carries the house."""

    interface: str = setting(
        "Network interface of the wired line; `ip -br link` lists them. In standby-gateway mode this is the "
        "Pi's only Ethernet port, on the same LAN as the main router.",
        example='"eth0"',
        check=checks.interface_name,
    )
    dns: tuple[str, ...] = setting(
        "Name servers of the wired line, asked over it to see whether names can be resolved. Empty: those "
        "that its DHCP server gave.",
        default=(),
        example='["192.0.2.53"]',
        check=checks.name_servers,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cellular:
    """The SIM card and what its network wants to hear."""

    type: CellularType = setting(
        "What the stick is: ppp (a modem that is dialled), ether (a router with a network interface of its "
        "own: HiLink, RNDIS, most new sticks), or auto: whichever it shows on the USB bus, a modem first.",
        default=CellularType.AUTO,
    )
    apn: str = setting(
        "Access point name, from the carrier. It decides whether the line gets a public address, a shared "
        "one (CGNAT) or a filtered one; `failberryctl status` shows what was granted. Empty: the one that "
        "is stored in the modem.",
        default="",
        example='"internet"',
        check=checks.apn,
    )
    pdp_type: PdpType = setting(
        "Address families to ask for: IP (which is IPv4), IPV6 or IPV4V6 (both).", default=PdpType.IPV4
    )
    user: str = setting(
        "User name for PAP or CHAP, with the password; most carriers want neither.",
        default="",
        check=checks.credential,
    )
    password: str = setting(
        "Password for PAP or CHAP, with the user name.", default="", secret=True, check=checks.credential
    )
    pin: str = setting(
        "PIN of the SIM, if it asks for one. It is tried once only: a wrong PIN is never repeated, and a PUK "
        "is never sent. Better still: switch the PIN off in a telephone.",
        default="",
        example='"1234"',
        secret=True,
        check=checks.pin,
    )
    roaming: Roaming = setting(
        "Whether data may flow over a foreign network: forbid or allow. Roaming can cost a fortune.",
        default=Roaming.FORBID,
    )
    standby: Keep = setting(
        "What the mobile line does while the wired line works: warm (dialled, ready within a second) or cold "
        "(registered only, and dialled when the wired line fails, which takes some 5 to 30 seconds more; for "
        "plans that are paid by the day).",
        default=Keep.WARM,
    )
    dial: str = setting(
        "Dial string. `*99#` nearly always; some modems want `*99***1#`.",
        default="*99#",
        check=checks.dial_string,
    )
    registration_timeout: float = setting(
        "Seconds to wait for the network before the radio is restarted.",
        default=120.0,
        check=checks.Between(20, 1800),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Modem:
    """The USB modem: which one, and which of its ports."""

    usb_path: str = setting(
        "Where the modem is plugged in, as a USB path (`failberryctl status` shows it). Empty: the only "
        "modem there is. Never a ttyUSB number: those move.",
        default="",
        example='"1-1.3"',
        check=checks.usb_path,
    )
    dial_interface: int = setting(
        "USB interface number of the port that dials; -1: known from the modem's table, or found.",
        default=-1,
        check=checks.Between(-1, 31),
    )
    status_interface: int = setting(
        "USB interface number of the second AT port, which is asked for signal while PPP is up; -1: known "
        "from the modem's table, or found.",
        default=-1,
        check=checks.Between(-1, 31),
    )
    init: tuple[str, ...] = setting(
        "Further AT commands to send before dialling. An ERROR to one of them is ignored.",
        default=(),
        example='["AT+ZOPRT=5"]',
        check=checks.at_commands,
    )
    poll_interval: float = setting(
        "Seconds between two questions for signal and operator on the second port.",
        default=30.0,
        check=checks.Between(5, 3600),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Cutting the stick's USB power, which is what a person would do by pulling the plug."""

    ports: tuple[str, ...] = setting(
        "Hub ports that must be off together before the stick loses its power, each as hub:port with the "
        "hub's name from `failberryctl usb`. Needed only where neither the table of boards nor the hub's own "
        "description tells the truth. Empty: known from the board, or from the hub.",
        default=(),
        example='["1-1:2"]',
        check=checks.usb_ports,
    )
    off_time: float = setting(
        "Seconds without power; too short, and the stick's capacitors carry it over.",
        default=10.0,
        check=checks.Between(3, 60),
    )
    force: bool = setting(
        "Whether power may be cut although something else hangs on the same ports: a mounted disk, the LAN "
        "or wired interface, an Ethernet chip. `failberryctl usb` shows what would go dark.",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How far the daemon may go by itself to bring the mobile line back."""

    usb_power: bool = setting(
        "Whether the stick may be reset on the USB bus and its power be cut.", default=True
    )
    reboot: bool = setting(
        "Whether the Pi may be rebooted as the last resort: only with both lines dead, everything else tried "
        "twice, never in its first hour, and at most three times a day.",
        default=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ppp:
    """How pppd is run; the defaults suit nearly every stick."""

    baud: int = setting("Speed set on the port; without meaning on USB.", default=460800, check=checks.baud)
    carrier_detect: bool = setting(
        "Whether the stick's carrier signal (DCD) is believed. Set false if a session never starts although "
        "the modem says CONNECT.",
        default=True,
    )
    flow_control: bool = setting("Hardware flow control (RTS/CTS).", default=True)
    echo_interval: float = setting(
        "Seconds between LCP echo requests, without a fraction; 0 sends none, for modems that do not answer "
        "them when idle.",
        default=15.0,
        check=checks.Between(0, 600, whole=True),  # pppd reads it with strtol()
    )
    echo_failures: int = setting(
        "Echo requests without an answer before the session is given up.",
        default=4,
        check=checks.Between(1, 100),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """What may pass."""

    backend: FirewallBackend = setting(
        "Who writes the rules: auto, nftables or iptables. auto takes nftables where it works.",
        default=FirewallBackend.AUTO,
    )
    mobile_clients: tuple[str, ...] = setting(
        "LAN clients that may use the mobile line, each a MAC address, an IP address or a network. Empty: "
        "all of them.",
        default=(),
        example='["02:00:00:aa:bb:cc", "192.168.1.20"]',
        check=checks.clients,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForward:
    """One service of the house that is offered on the mobile line. There may be any number of these."""

    proto: Protocol = setting("Transport: tcp or udp.", example='"tcp"')
    ports: str = setting(
        "Port as seen from the Internet, or a range of them as first-last. TCP port 9000 is taken by the "
        "health server.",
        example='"443"',
        check=checks.port_range,
    )
    to: str = setting(
        'Address in the house, with a port if it differs: "192.168.1.20" or "192.168.1.20:8443". A range '
        "keeps its ports.",
        example='"192.168.1.20"',
        check=checks.forward_target,
    )

    def port_range(self) -> tuple[int, int]:
        """First and last port; equal for a single one."""
        first, _, last = self.ports.partition("-")
        return int(first), int(last or first)

    def target(self) -> tuple[IPv4Address, int | None]:
        """Address, and the port if it differs."""
        address, _, port = self.to.partition(":")
        return IPv4Address(address), int(port) if port else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The answer to health checks on port 9000. The path "/" answers on both lines."""

    wired_path: str = setting(
        "A secret path that answers on the wired line only, so that a check proves the line.",
        default="",
        example='"/w-5f0c7e"',
        secret=True,
        check=checks.http_path,
    )
    cellular_path: str = setting(
        "The same for the mobile line.",
        default="",
        example='"/c-91ab42"',
        secret=True,
        check=checks.http_path,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    mode: Mode = setting(
        "standby-gateway: the Pi stands on the LAN beside the main router, which sends traffic to it when "
        "the wired line is dead. dual-wan-router: the Pi is the router, with LAN, wired line and modem.",
        example='"standby-gateway"',
    )
    wired: Wired
    lan: Lan | None = None
    cellular: Cellular = Cellular()
    modem: Modem = Modem()
    power: Power = Power()
    recovery: Recovery = Recovery()
    probe: Probe = Probe()
    failover: Failover = Failover()
    usage: Usage = Usage()
    standby: Standby = Standby()
    vrrp: Vrrp | None = None
    dns: Dns | None = None
    ppp: Ppp = Ppp()
    firewall: Firewall = Firewall()
    port_forward: tuple[PortForward, ...] = ()
    health: Health = Health()
    web: Web | None = None
    notify: Notify = Notify()
    receiver: tuple[Receiver, ...] = ()
    system: System = System()

    @property
    def lan_interface(self) -> str:
        """The interface behind which the house's clients are."""
        return self.lan.interface if self.lan is not None else self.wired.interface
