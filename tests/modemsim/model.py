"""Everything about the simulated modem that is a value: what can be set, and what comes out.

``Sim``, ``Network`` and ``Faults`` are the knobs. Their field names are unique across the three, so that one
flat ``{"registration": "roaming", "silent": true}`` can turn any of them while the modem runs.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .profiles import STAT, TECHNOLOGIES

REFUSALS = ("no_carrier", "cme")
DROPS = ("", "cr", "crlf", "lf")
EXITS = ("dtr", "plus", "hdlc")
# What ends a hang, gentlest first; each does what those before it do. "hang_up": a DTR drop, ATH, +CGACT=0 or
# +CGATT=0; "radio": +CFUN=4 or 0, and then 1; "reboot": +CFUN=1,1 or the maker's own word; "usb_reset": the
# host resets the device; "power": its power is cut.
REMEDIES = ("hang_up", "radio", "reboot", "usb_reset", "power")


def _choose(name: str, values: Iterable[str], choices: Iterable[str]) -> None:
    wrong = [value for value in values if value not in choices]
    if wrong:
        raise ValueError(f"{name}: {wrong[0]!r} is none of {', '.join(filter(None, choices))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sim:
    """The SIM card. Tries, PIN and PUK state survive power cuts; whether the PIN was entered does not."""

    sim_present: bool = True
    iccid: str = "8944501712345678901"
    imsi: str = "001010123456789"
    pin: str = "1234"
    pin_enabled: bool = False
    pin_tries: int = 3
    puk: str = "12345678"
    puk_tries: int = 10
    # Seconds after power-on in which the SIM is not yet there (+CME ERROR: 14).
    sim_busy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The carrier: what the radio finds, and what a data call is given."""

    # home, roaming, denied, searching, idle, emergency, unknown (3GPP TS 27.007 clause 7.2).
    registration: str = "home"
    # Seconds from a ready SIM to the registration above, and from then until it is lost again (0: never).
    search_for: float = 0.0
    lost_after: float = 0.0
    # False: circuit-switched service only; +CGREG and +CEREG keep searching.
    packet_service: bool = True
    signal: int = 18  # +CSQ scale: 0..31, 99 unknown
    operator: str = "Test PLMN 1-1"
    plmn: str = "00101"
    technology: str = ""  # gsm, edge, umts, hsdpa, hspa, lte; empty: the profile's own
    lac: str = "00A1"
    cell: str = "0001C2D3"
    # APNs that are accepted, in any letter case; none listed: all are.
    apns: tuple[str, ...] = ()
    pdp_types: tuple[str, ...] = ("IP", "IPV6", "IPV4V6")
    # How an APN or PDP type is refused: "no_carrier" (reason in +CEER) or "cme".
    refusal: str = "no_carrier"
    connect_after: float = 0.0
    address: str = "100.64.7.2"
    peer: str = "100.64.7.1"  # the carrier's end
    dns: tuple[str, ...] = ("192.0.2.53", "192.0.2.54")
    ipv6: bool = False
    # More options for the carrier's pppd, for instance require-pap.
    ppp_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _choose("registration", [self.registration], STAT)
        _choose("technology", [self.technology], ["", *TECHNOLOGIES])
        _choose("refusal", [self.refusal], REFUSALS)
        if not self.plmn.isdecimal() or len(self.plmn) not in (5, 6):
            raise ValueError(
                f"plmn: {self.plmn!r} is not a country's three digits and a network's two or three"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong. Every field's default means that nothing does.

    ``heals_by`` names the gentlest of REMEDIES that ends what hangs: ``silent``, ``silent_ports``,
    ``no_data``, ``garbage``, ``garbage_only``, ``stuck_in_data_mode`` and ``dial_result`` are then back at
    their defaults, and so is ``heals_by`` itself. A gentler one does nothing, though it looks as if it did.
    Empty: until changed. What is not heard cannot heal: a modem silent on every port obeys no AT command, so
    that only DTR, a USB reset and power reach it.
    """

    heals_by: str = ""
    # Seconds from power-on, reboot, USB reset or mode switch until the device is on the bus (Appear).
    enumerates_after: float = 0.0
    # After each start of the firmware the stick shows a CD-ROM, and is a modem only once it was switched.
    cd_rom: bool = False
    # Whether +CFUN=1,1 and the maker's own word are obeyed; if not, they are answered with OK nevertheless.
    reboots_by_at: bool = True
    # Sessions come up and LCP is answered, but the network forwards nothing; when it is capped, the carrier's
    # own name servers answer nevertheless, and no remedy changes that. What passes is SimModem.reach.
    no_data: bool = False
    capped: bool = False
    # The firmware hangs: nothing is read, nothing is answered, an open session passes no bytes.
    silent: bool = False
    silent_ports: tuple[int, ...] = ()
    slow: float = 0.0  # seconds before every answer
    garbage: int = 0  # random bytes before every answer
    garbage_only: bool = False  # … and no answer behind them
    leading_nuls: int = 0  # NUL bytes before every answer
    # Framing of answers: "cr" loses the leading CR, "crlf" the leading CRLF, "lf" the trailing LF.
    drop_crlf: str = ""
    keep_echo: bool = False  # ATE0 says OK and changes nothing
    urc_between: str = ""  # an unsolicited line between each command and its result
    urc_glued: str = (
        ""  # an unsolicited line in the same write as each OK, with no line break of its own before
    )
    # Command name to what it answers: a CME code (30), a final result ("ERROR"), or "" for no answer at all.
    refuse: dict[str, int | str] = dataclasses.field(default_factory=dict)
    cme_text: bool = False  # +CME ERROR in words although AT+CMEE=1 was asked for
    # What dialling answers instead of CONNECT: NO CARRIER, BUSY, NO DIALTONE, NO ANSWER, DELAYED, ERROR,
    # +CME ERROR: 30 …, or SILENCE; for so many dials (-1: until changed).
    dial_result: str = ""
    dial_result_times: int = -1
    ppp_glued: bool = False  # an LCP frame in the same write as CONNECT
    no_carrier_after: float = (
        0.0  # seconds until the network ends each session dialled from now on (0: never)
    )
    no_carrier_graceful: bool = False  # … with an LCP Terminate-Request first
    # After a session the port does not return to command mode: it swallows everything.
    stuck_in_data_mode: bool = False
    # Ways out of data mode that work: a DTR drop, "+++" with its guard time, a bogus HDLC frame.
    data_mode_exits: tuple[str, ...] = EXITS
    bogus_dns: bool = False  # 10.11.12.13 and .14, as sticks hand out before their PDP context is up
    no_peer_address: bool = False  # the stick names no address of its own in IPCP

    def __post_init__(self) -> None:
        _choose("heals_by", [self.heals_by], ["", *REMEDIES])
        _choose("drop_crlf", [self.drop_crlf], DROPS)
        _choose("data_mode_exits", self.data_mode_exits, EXITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes for the host on one port."""

    port: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPpp:
    """A data call is up: a PPP peer is wanted. Answered by ``ppp_ended`` when that peer is gone."""

    port: int
    apn: str
    pdp_type: str
    dial: str
    address: str
    peer: str
    dns: tuple[str, ...]
    ipv6: bool
    send_peer_address: bool
    ppp_options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PppBytes:
    """Bytes from the host for the PPP peer of this port."""

    port: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPpp:
    """The PPP peer must go: at once, or when graceful with a Terminate-Request, and ``ppp_ended`` follows."""

    port: int
    graceful: bool


class Shows(StrEnum):
    """What the stick shows of itself on the USB bus."""

    NOTHING = "nothing"
    MODEM = "modem"
    CD_ROM = "cd_rom"


class Reach(StrEnum):
    """How far the packets of a session get."""

    EVERYWHERE = "everywhere"
    CARRIER = "carrier"  # to the carrier's name servers
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanish:
    """The device leaves the USB bus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appear:
    """The device is on the USB bus: MODEM with its ports, or CD_ROM with none."""

    shows: Shows = Shows.MODEM


Output = Write | StartPpp | PppBytes | StopPpp | Vanish | Appear


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One line the modem was sent, PINs in clear: this log is the judge of what was really transmitted."""

    at: float
    port: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that the modem did of its own: booted, connected, lost the network."""

    at: float
    text: str


def coerce(hint: Any, value: object, name: str) -> Any:
    """Turn a JSON value or the text of a command line into a field's type.

    Raises ValueError with the field's name and what was expected.
    """
    origin = get_origin(hint)
    if isinstance(value, str) and hint is not str:
        if origin is tuple and not value.startswith("["):
            value = [part for part in value.split(",") if part]
        else:
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError(f"{name}: {value!r} is not a {getattr(hint, '__name__', hint)}") from None
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(coerce(get_args(hint)[0], item, name) for item in value)
    if origin is dict and isinstance(value, dict):
        return dict(value)
    if hint is str and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (bool, int) and type(value) is hint:
        return value
    raise ValueError(f"{name}: {value!r} is not a {getattr(hint, '__name__', hint)}")


T = TypeVar("T", Sim, Network, Faults)


def replace_fields(value: T, fields: dict[str, object]) -> tuple[T, dict[str, object]]:
    """Set those of the fields that this value has; return the new value and the fields that are left over."""
    hints = get_type_hints(type(value))
    mine = {name: coerce(hints[name], new, name) for name, new in fields.items() if name in hints}
    return dataclasses.replace(value, **mine), {n: v for n, v in fields.items() if n not in hints}
