"""Whether one value of the configuration is possible.

Each check is pure, is given a value of the declared type, and answers ``None`` or ``"problem; cure"``,
where the cure holds no semicolon.  Values of secrets, and AT commands (which may hide one), are
never quoted in an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network

from failberry.namechecks import LONGEST_NAME
from failberry.tomltext import shown

# Plain text, compiled where it is first used: most files set few things, and a start shall be quick.
_INTERFACE = r"[A-Za-z0-9_.-]{1,15}"
_APN_FORBIDDEN = r"""[^!-~]|["'\\,;]"""
_PIN = r"[0-9]{4,8}"
_DIAL_STRING = r"[TtPp]?[*#][0-9][0-9*#]{0,38}"
_USB_PATH = r"[0-9]{1,3}-[0-9]{1,2}(\.[0-9]{1,2}){0,5}"
_ROOT_HUB = r"usb[0-9]{1,3}"
_MAC = r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"
_PORTS = r"([0-9]{1,5})(?:-([0-9]{1,5}))?"
_HOST_NAME = r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{1,63}"
_PAGE = r"http://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,1000}"
_HTTP_PATH = r"/[A-Za-z0-9._~/-]{1,63}"

SPENDS_A_TRY = r"PIN(?!G)|PUK|CLCK|CPWD|CSIM|UNLOCK|ZNCK"
"""Commands that take a PIN, PUK or network code (TS 27.007 clauses 7.4, 7.5, 8.3, 8.17), and vendors' own."""
_NOT_BASIC = r'"[^"]*"?|[^A-Z0-9&\\;=?][^;"]*'
"""Extended commands and texts: what is left of a command line are its basic ones (V.250 clauses 5.3, 5.4)."""
_DIALS = r"(?<![&\\])D"

_BAUD_RATES = frozenset(
    {9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1000000, 1500000, 2000000, 3000000, 4000000}
)


@dataclass(frozen=True, slots=True)
class Between:
    """A number within limits, both included; ``whole`` refuses a fraction."""

    low: float
    high: float
    whole: bool = False

    def __call__(self, value: float) -> str | None:
        """Check; an integer of any size, infinity and NaN included."""
        # Written so that NaN, which compares false with everything, is outside.
        if not self.low <= value <= self.high:
            return f"{shown(value)} is out of its limits; choose {self}"
        if self.whole and value != int(value):
            return f"{value} has a fraction; choose a whole number from {self}"
        return None

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


def interface_name(value: str) -> str | None:
    """A name that the kernel takes (its ``dev_valid_name()``) and that no tool reads as a pattern."""
    if len(value) > 15:
        return f"{shown(value)} is longer than an interface's 15 characters; `ip -br link` lists the names"
    if not re.fullmatch(_INTERFACE, value) or value in {".", ".."}:
        return f"{shown(value)} is not an interface name; `ip -br link` lists them, for example eth0"
    if value == "lo":
        return "lo is the Pi's inner loop, not a line; `ip -br link` lists the others"
    return None


def apn(value: str) -> str | None:
    """An access point name (3GPP TS 23.003 clause 9.1), or empty.

    Carriers bend that clause, so only what would break the AT command is refused.
    """
    if len(value) > 100:
        return f"has {len(value)} characters where 100 is the most; copy the APN from the carrier's page"
    if re.search(_APN_FORBIDDEN, value):
        return (
            f"{shown(value)} holds a character that no APN has; "
            "use letters, digits, dots and dashes as the carrier writes it"
        )
    return None


def credential(value: str) -> str | None:
    """A PAP or CHAP name or password: at most 255 bytes (RFC 1334 section 2.2.1), no control characters."""
    if not value.isprintable():
        return "holds a line break or another control character; remove it"
    if len(value.encode()) > 255:
        return "is longer than 255 bytes, the most that PAP can carry; copy it from the carrier's letter"
    return None


def pin(value: str) -> str | None:
    """A SIM's PIN (4 to 8 digits: ETSI TS 102 221), or empty."""
    if value and not re.fullmatch(_PIN, value):
        return (
            'is not a PIN, which is 4 to 8 digits; copy it from the carrier\'s letter, or write "" for none'
        )
    return None


def dial_string(value: str) -> str | None:
    """What follows ``ATD`` for a data session (3GPP TS 27.007 clause 10.2).

    Never a telephone number, and none of the codes that change a PIN (``**04*``; 3GPP TS 22.030).
    """
    if value[:3].upper() == "ATD":
        return f"{shown(value)} begins with ATD, which is sent anyway; write only what follows it"
    if not re.fullmatch(_DIAL_STRING, value):
        return f"{shown(value)} does not start a data session; *99# nearly always does"
    return None


def usb_path(value: str) -> str | None:
    """The kernel's name of a USB device: bus, then at most six ports (USB 2.0 section 4.1.1); or empty."""
    if value.startswith(("/dev/", "tty")):
        return f"{shown(value)} moves at every reset; give the USB path that `failberryctl status` shows"
    if value and not re.fullmatch(_USB_PATH, value):
        return f'{shown(value)} is not a USB path; write it as bus-port.port, for example "1-1.3"'
    return None


def usb_ports(value: tuple[str, ...]) -> str | None:
    """Ports of hubs: the hub's kernel name, a colon, the port from 1 (USB 2.0 section 11.23.2.1)."""
    for each in value:
        hub, colon, port = each.partition(":")
        known = re.fullmatch(_USB_PATH, hub) or re.fullmatch(_ROOT_HUB, hub)
        if not colon or not known or not re.fullmatch(r"[1-9][0-9]?", port):
            return (
                f'{shown(each)} is not a port of a hub; write it as hub:port, for example "1-1:2" or "usb1:1"'
            )
    return None


def probe_targets(value: tuple[str, ...]) -> str | None:
    """Addresses, for a probe must not depend on a name server; few, because all are asked each time."""
    if not 1 <= len(value) <= 8:
        return f"has {len(value)} addresses; give 1 to 8, of different operators"
    for each in value:
        try:
            address = ip_address(each)
        except ValueError:
            return f"{shown(each)} is not an IP address; write one that answers pings"
        if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local:
            return f"{shown(each)} is never beyond a line; write an address on the Internet"
    return None


def name_servers(value: tuple[str, ...]) -> str | None:
    """Addresses of name servers; the Pi's own resolver would ask over any line."""
    if len(value) > 4:
        return f"has {len(value)} addresses; give at most 4"
    for each in value:
        try:
            address = ip_address(each)
        except ValueError:
            return f"{shown(each)} is not an IP address; write the name server's, not its name"
        if address.is_multicast or address.is_unspecified or address.is_loopback:
            return f"{shown(each)} is no name server of a line; write the address that its DHCP gives"
    return None


def host_name(value: str) -> str | None:
    """A name that can be asked for (RFC 1123 section 2.1), with at least two labels."""
    if len(value) > LONGEST_NAME or not re.fullmatch(_HOST_NAME, value):
        return f"{shown(value)} is not a host name; write one like example.com"
    return None


def pages(value: tuple[str, ...]) -> str | None:
    """``http://host[:port]/path``, then perhaps a space and a text; no TLS, for a portal cannot speak it."""
    if len(value) > 4:
        return f"has {len(value)} pages; give at most 4"
    for each in value:
        address, _, text = each.partition(" ")
        if not re.fullmatch(_PAGE, address):
            return f"{shown(each)} is not a plain HTTP address; write it as http://example.com/page text"
        if not text.isascii() or len(text) > 200:
            return (
                f"{shown(each)} asks for a text that is not plain ASCII of at most 200 characters; shorten it"
            )
    return None


def percentages(value: tuple[str, ...]) -> str | None:
    """Whole percents, rising."""
    if any(not re.fullmatch(r"[1-9][0-9]{0,2}", each) for each in value):
        return f'{shown(", ".join(value))} are not percents; write whole numbers such as "50" and "80"'
    numbers = [int(each) for each in value]
    if numbers != sorted(set(numbers)) or len(numbers) > 10:
        return f"{shown(', '.join(value))} do not rise; write each once, the smallest first"
    return None


def health_address(value: str) -> str | None:
    """One IPv4 address of a LAN, or empty."""
    if not value:
        return None
    try:
        address = IPv4Address(value)
    except ValueError:
        return f"{shown(value)} is not an IPv4 address; write one of the LAN that nobody uses"
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_link_local:
        return f"{shown(value)} cannot be on a LAN; write one of the LAN that nobody uses"
    return None


def canary(value: str) -> str | None:
    """One IPv4 address of the block that is never routed on the Internet (RFC 2544), or empty."""
    if not value:
        return None
    try:
        address = IPv4Address(value)
    except ValueError:
        return f'{shown(value)} is not an IPv4 address; write one of 198.18.0.0/15, or "" for none'
    if address not in ip_network("198.18.0.0/15"):
        return f'{shown(value)} may belong to somebody; write one of 198.18.0.0/15, or "" for none'
    return None


def vrrp_address(value: str) -> str | None:
    """An address of the LAN with its prefix length."""
    try:
        address = ip_interface(value)
    except ValueError:
        return f"{shown(value)} is not an address with a prefix length; write it as 192.168.1.254/24"
    if "/" not in value or address.network.prefixlen == address.max_prefixlen or address.version != 4:
        return f"{shown(value)} does not say how large the LAN is; write it as 192.168.1.254/24"
    return None


def at_commands(value: tuple[str, ...]) -> str | None:
    """Commands for the owner's modem that can neither cost a PIN, nor dial, nor wear out its memory."""
    if len(value) > 20:
        return f"has {len(value)} commands, each with a wait of its own; 20 is the most"
    for number, command in enumerate(value, 1):
        problem = _at_command(command)
        if problem is not None:
            return f"command {number} {problem}"
    return None


def _at_command(command: str) -> str | None:
    # A modem ignores case and spaces, so neither may hide anything.
    line = command.upper().replace(" ", "")
    if not command.isascii() or not command.isprintable():
        return "holds a control character or one outside ASCII; remove it"
    if "+++" in line:
        return "holds +++, which is no command but ends a call; remove it"
    if not line.startswith("AT"):
        return "does not begin with AT; write it as it would be typed, for example AT+ZOPRT=5"
    if len(line) > 200:
        return "is longer than the 200 characters that modems take; split it in two"
    if re.search(SPENDS_A_TRY, line):
        return (
            "speaks of a PIN, PUK or lock, and three wrong tries block a SIM; "
            "remove it and give the PIN as `pin` in [cellular], where it is tried once"
        )
    basic = re.sub(_NOT_BASIC, "", line.removeprefix("AT"))
    if re.search(_DIALS, basic):
        return "dials; remove it and give the dial string as `dial` in [cellular]"
    if "&W" in basic:
        return "writes the modem's permanent memory at every dial (&W); type it once by hand instead"
    return None


def baud(value: int) -> str | None:
    """A speed that Linux has a name for (``termios(3)``)."""
    if value not in _BAUD_RATES:
        return f"{shown(value)} is not a serial speed; take 460800 or 115200"
    return None


def clients(value: tuple[str, ...]) -> str | None:
    """MAC addresses, IP addresses and networks."""
    for each in value:
        problem = _client(each)
        if problem is not None:
            return problem
    return None


def _client(value: str) -> str | None:
    if re.fullmatch(_MAC, value):
        if int(value[:2], 16) & 1:
            return f"{shown(value)} is a group address, which no client sends from; copy the client's own"
        return None
    if "%" in value:
        return f"{shown(value)} names an interface; leave out the % and what follows"
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return (
            f"{shown(value)} is neither a MAC address, nor an IP address, nor a network; "
            'write "02:00:00:aa:bb:cc", "192.168.1.20" or "192.168.1.0/24"'
        )
    if network.network_address != ip_address(value.partition("/")[0]):
        return f'{shown(value)} is a host in a network; write "{network}", or the address without the slash'
    return None


def port_range(value: str) -> str | None:
    """One port, or ``first-last``."""
    match = re.fullmatch(_PORTS, value)
    if match is None:
        return f'{shown(value)} is neither a port nor a range; write "443" or "8000-8010"'
    first, last = int(match[1]), int(match[2] or match[1])
    if not (1 <= first <= 65535 and 1 <= last <= 65535):
        return f"{shown(value)} holds a port that does not exist; ports go from 1 to 65535"
    if first > last:
        return f'{shown(value)} runs backwards; write "{last}-{first}"'
    return None


def forward_target(value: str) -> str | None:
    """An IPv4 address that a host in the house can have, with a port after a colon if it differs."""
    host, colon, port = value.partition(":")
    try:
        address = IPv4Address(host)
    except ValueError:
        return f'{shown(value)} is not an IPv4 address; write "192.168.1.20" or "192.168.1.20:8443"'
    if address.is_loopback or address.is_multicast or address.is_reserved or address.packed[0] == 0:
        return f"{shown(value)} cannot be a host's address; give that of the host in the house"
    if colon and not re.fullmatch(r"[0-9]{1,5}", port):
        return f'{shown(value)} does not end in one port; write "{address}:8443"'
    if colon and not 1 <= int(port) <= 65535:
        return f"{shown(value)} holds a port that does not exist; ports go from 1 to 65535"
    return None


def http_path(value: str) -> str | None:
    """A path that is hard to guess and needs no escaping (RFC 3986 section 2.3), or empty."""
    if value and not re.fullmatch(_HTTP_PATH, value):
        return (
            "is not a path of 1 to 63 letters, digits and ._~-/ after a slash; "
            'make one up, for example "/" and the output of `openssl rand -hex 8`'
        )
    return None
