"""Every command that Failberry sends: its text, its deadline, and how its answer reads.

Deadlines leave room for the slow firmwares that were seen in the field; a command without an own reason
gets :data:`QUICK`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from failberry.at import parse
from failberry.at.codec import conceal
from failberry.at.parse import (
    Context,
    Function,
    Operator,
    ParseError,
    PinTries,
    Registration,
    Service,
    Signal,
    SimState,
)
from failberry.at.sms import Part

T = TypeVar("T")

QUICK: Final = 3.0
"""Seconds for what a modem answers from memory."""

DIAL_CONTEXT: Final = 1
"""The packet context that ``*99#`` dials (3GPP TS 27.007 clause 10.2.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Command(Generic[T]):
    """One command: ``text`` without its ``<CR>``, ``timeout`` in seconds, the starts of its answer lines.

    ``parse`` takes the answer's lines; it returns a value or a :class:`ParseError`, and never raises.
    The text of a ``secret`` command is for the port only: log :attr:`shown`.
    """

    text: str
    timeout: float = QUICK
    prefixes: tuple[str, ...] = ()
    parse: Callable[[Sequence[str]], T | ParseError]
    secret: bool = False
    body: str = ""
    """What is sent when the modem asks for it, ended by Ctrl-Z (3GPP TS 27.005 clause 3.5.1)."""

    @property
    def shown(self) -> str:
        """The command as it may be logged."""
        if not self.secret:
            return self.text
        head, equals, _ = self.text.partition("=")
        return f"{head}{equals}****"

    def __repr__(self) -> str:
        return f"Command({self.shown!r}, timeout={self.timeout!r})"


def _nothing(lines: Sequence[str]) -> None:
    """Success is all that the answer says."""


def _order(text: str, *, timeout: float = QUICK, secret: bool = False) -> Command[None]:
    return Command(text=text, timeout=timeout, parse=_nothing, secret=secret)


def _named(text: str, answer: Callable[[Sequence[str]], T | ParseError], *names: str) -> Command[T]:
    """A query whose answer lines always bear a name."""
    return Command(text=text, prefixes=tuple(f"{name}:" for name in names), parse=answer)


def _bare(text: str, answer: Callable[[Sequence[str]], T | ParseError]) -> Command[T]:
    """A query whose answer lines may lack a name."""
    return Command(text=text, parse=answer)


# --- the port (ITU-T V.250) ------------------------------------------------------------------------

ATTENTION: Final = _order("AT")
"""Nothing, to see whether the modem listens (clause 5.2.1)."""

RESET: Final = _order("ATZ", timeout=6.0)
"""Back to the stored profile (clause 6.1.1).  Alone: the rest of its line may be ignored."""

ECHO_OFF_VERBOSE: Final = _order("ATE0V1")
"""No echo, results in words (clauses 6.2.4 and 6.2.6)."""

EXTENDED_RESULTS: Final = _order("ATX4&C1&D2")
"""All call results; DCD tells of the carrier; dropping DTR hangs up (clauses 6.2.7 to 6.2.9)."""

HANG_UP: Final = _order("ATH", timeout=10.0)
"""End the call (clause 6.3.6)."""

_DIAL_STRING: Final = re.compile(r"[TtPp]?(?:[*#](?=[0-9]))?[0-9][0-9*#]{0,38}")


def dial(string: str) -> Command[None]:
    """Start a data call to ``*99#`` or the like (3GPP TS 27.007 clause 10.2.1.1).

    Raises ValueError for anything but digits, ``*`` and ``#``, and for the codes that telephones use to
    change PINs and services (``**04*``, ``*#``, ``##``; 3GPP TS 22.030 clause 6.5).
    """
    if not _DIAL_STRING.fullmatch(string):
        raise ValueError(f"{string!r} is not a data number: use one like *99# or *99***1#")
    return _order(f"ATD{string}", timeout=60.0)


_RAW: Final = re.compile(r"AT[!-~]{0,253}", re.IGNORECASE)
_DIALS: Final = re.compile(r"ATD", re.IGNORECASE)
_SPENDS_A_TRY: Final = re.compile(r"(?:PIN|CPWD|CLCK)[0-9]?=[^?]", re.IGNORECASE)


def raw(text: str) -> Command[None]:
    """A command as the owner or a quirk wrote it, such as an init string.

    Raises ValueError if it is not one line of printable ASCII that starts with ``AT``, if it dials, or if
    it enters a PIN, of which each attempt is counted and recorded elsewhere.
    """
    # Modems ignore blanks, so a blank must not hide anything.
    dense = text.replace(" ", "")
    if not _RAW.fullmatch(dense):
        raise ValueError(
            f"{conceal(text)!r} is not an AT command: one line of ASCII, AT first, at most 255 long"
        )
    if _DIALS.match(dense):
        raise ValueError(f"{text!r} dials: set the number to dial as cellular.dial")
    if _SPENDS_A_TRY.search(dense):
        raise ValueError("a command that enters a PIN does not belong here: set cellular.pin")
    return _order(text, timeout=10.0, secret=conceal(text) != text)


# --- text messages (3GPP TS 27.005) ------------------------------------------------------------------

PDU_MODE: Final = _order("AT+CMGF=0")
"""Messages as the network has them (clause 3.2.3): the one mode that every modem knows."""


def send_message(part: Part, *, timeout: float) -> Command[None]:
    """Send a text message (clause 3.5.1 and 4.3); it costs money."""
    return Command(text=f"AT+CMGS={part.length:d}", timeout=timeout, parse=_nothing, body=part.pdu)


# --- the modem and its SIM (3GPP TS 27.007) ----------------------------------------------------------

NUMERIC_ERRORS: Final = _order("AT+CMEE=1")
"""Errors as numbers (clause 9.1)."""

QUERY_PIN: Final[Command[SimState]] = _named("AT+CPIN?", parse.parse_cpin, "+CPIN")
"""What the SIM waits for (clause 8.3)."""

_PIN: Final = re.compile(r"[0-9]{4,8}")


def enter_pin(pin: str) -> Command[None]:
    """Enter the PIN (clause 8.3): one of three tries.  Raises ValueError unless it is 4 to 8 digits."""
    if not _PIN.fullmatch(pin):
        raise ValueError("a PIN has 4 to 8 digits")
    return _order(f'AT+CPIN="{pin}"', timeout=10.0, secret=True)


QUERY_FUNCTION: Final[Command[Function]] = _named("AT+CFUN?", parse.parse_function, "+CFUN")
"""How much of the modem is switched on (clause 8.2)."""


def set_function(level: int, *, reset: bool = False) -> Command[None]:
    """Switch the radio: 1 is on, 4 is off; ``reset`` restarts the modem first (clause 8.2)."""
    return _order(f"AT+CFUN={level:d},1" if reset else f"AT+CFUN={level:d}", timeout=20.0)


QUERY_MANUFACTURER: Final[Command[str]] = _bare("AT+CGMI", parse.parse_identity)
"""Clause 5.1."""
QUERY_MODEL: Final[Command[str]] = _bare("AT+CGMM", parse.parse_identity)
"""Clause 5.2."""
QUERY_REVISION: Final[Command[str]] = _bare("AT+CGMR", parse.parse_identity)
"""Clause 5.3."""
QUERY_IMEI: Final[Command[str]] = _bare("AT+CGSN", parse.parse_imei)
"""Clause 5.4."""
QUERY_IMSI: Final[Command[str]] = _bare("AT+CIMI", parse.parse_imsi)
"""Clause 5.6."""

READ_ICCID: Final[Command[str]] = _named("AT+CRSM=176,12258,0,0,10", parse.parse_iccid, "+CRSM")
"""The file EF_ICCID, readable before the PIN (clause 8.18, 3GPP TS 31.102 annex B)."""
QUERY_CCID: Final[Command[str]] = _bare("AT+CCID", parse.parse_iccid)
QUERY_ICCID: Final[Command[str]] = _bare("AT+ICCID", parse.parse_iccid)
QUERY_HUAWEI_ICCID: Final[Command[str]] = _bare("AT^ICCID?", parse.parse_iccid)
QUERY_QUECTEL_ICCID: Final[Command[str]] = _bare("AT+QCCID", parse.parse_iccid)
QUERY_TELIT_ICCID: Final[Command[str]] = _bare("AT#CCID", parse.parse_iccid)
QUERY_SIERRA_ICCID: Final[Command[str]] = _bare("AT!ICCID?", parse.parse_iccid)

# --- remaining PIN tries: 3GPP TS 27.007 clause 8.65, and makers' own --------------------------------

QUERY_PIN_TRIES: Final[Command[PinTries]] = _named("AT+CPINR", parse.parse_pin_tries, "+CPINR")
QUERY_ZTE_PIN_TRIES: Final[Command[PinTries]] = _named("AT+ZPINPUK=?", parse.parse_pin_tries, "+ZPINPUK")
QUERY_HUAWEI_PIN_TRIES: Final[Command[PinTries]] = _named("AT^CPIN?", parse.parse_pin_tries, "^CPIN")
QUERY_SIERRA_PIN_TRIES: Final[Command[PinTries]] = _named("AT+CPINC?", parse.parse_pin_tries, "+CPINC")
QUERY_QUECTEL_PIN_TRIES: Final[Command[PinTries]] = _named('AT+QPINC="SC"', parse.parse_pin_tries, "+QPINC")
QUERY_CINTERION_PIN_TRIES: Final[Command[PinTries]] = _named('AT^SPIC="SC"', parse.parse_pin_tries, "^SPIC")
QUERY_MEDIATEK_PIN_TRIES: Final[Command[PinTries]] = _named("AT+EPINC?", parse.parse_pin_tries, "+EPINC")
QUERY_UBLOX_PIN_TRIES: Final[Command[PinTries]] = _named("AT+UPINCNT", parse.parse_pin_tries, "+UPINCNT")
QUERY_TELIT_PIN_TRIES: Final[Command[PinTries]] = _named("AT#PCT", parse.parse_pin_tries, "#PCT")
"""Telit tells the tries of the password that is asked for now: send only when that is the PIN."""

# --- the network (3GPP TS 27.007) --------------------------------------------------------------------

QUERY_REGISTRATION: Final[Command[Registration]] = _named("AT+CREG?", parse.parse_registration, "+CREG")
"""Circuit-switched (clause 7.2): says little about data."""
QUERY_GPRS_REGISTRATION: Final[Command[Registration]] = _named(
    "AT+CGREG?", parse.parse_registration, "+CGREG"
)
"""Packet-switched, 2G and 3G (clause 10.1.20)."""
QUERY_EPS_REGISTRATION: Final[Command[Registration]] = _named("AT+CEREG?", parse.parse_registration, "+CEREG")
"""LTE (clause 10.1.22)."""

QUERY_SIGNAL: Final[Command[Signal]] = _named("AT+CSQ", parse.parse_csq, "+CSQ")
"""Clause 8.5."""
QUERY_EXTENDED_SIGNAL: Final[Command[Signal]] = _named("AT+CESQ", parse.parse_cesq, "+CESQ")
"""Clause 8.69; 3G sticks do not have it."""
QUERY_HUAWEI_SIGNAL: Final[Command[Signal]] = _named("AT^HCSQ?", parse.parse_hcsq, "^HCSQ")

SET_OPERATOR_FORMAT: Final = _order("AT+COPS=3,0")
"""Operators by their long names (clause 7.3); leaves the selection alone."""
QUERY_OPERATOR: Final[Command[Operator]] = _named("AT+COPS?", parse.parse_operator, "+COPS")
"""Clause 7.3.  Never ``=?``, which scans for minutes, nor ``=0``, which makes some modems start over."""


def _technology(
    answer: Callable[[Sequence[str]], Service | ParseError],
) -> Callable[[Sequence[str]], str | ParseError]:
    def word(lines: Sequence[str]) -> str | ParseError:
        service = answer(lines)
        if isinstance(service, ParseError):
            return service
        return service.technology or ParseError(
            command="technology", line=" | ".join(lines), problem="no service"
        )

    return word


QUERY_ZTE_TECHNOLOGY: Final[Command[str]] = _named("AT+ZPAS?", _technology(parse.parse_zpas), "+ZPAS")
QUERY_HUAWEI_TECHNOLOGY: Final[Command[str]] = _named(
    "AT^SYSINFOEX", _technology(parse.parse_sysinfoex), "^SYSINFOEX"
)

QUERY_CONTEXTS: Final[Command[tuple[Context, ...]]] = _named("AT+CGDCONT?", parse.parse_contexts, "+CGDCONT")
"""Clause 10.1.1."""

_PDP_TYPES: Final = ("IP", "IPV6", "IPV4V6", "PPP")
_APN: Final = re.compile(r"""(?!.*["\\])[!-~]{0,100}""")


def define_context(cid: int, pdp_type: str, apn: str) -> Command[None]:
    """Store a packet context (clause 10.1.1).  An empty APN asks for the subscription's own.

    Raises ValueError for a type that is none, and for an APN that cannot stand in quotes (3GPP TS 23.003
    clause 9.1 allows letters, digits, dots and hyphens only, but some carriers use others).
    """
    if pdp_type not in _PDP_TYPES:
        raise ValueError(f"{pdp_type!r} is not a PDP type: use one of {', '.join(_PDP_TYPES)}")
    if not _APN.fullmatch(apn):
        raise ValueError(f"{apn!r} is not an APN: copy it as the carrier writes it, at most 100 characters")
    return _order(f'AT+CGDCONT={cid:d},"{pdp_type}","{apn}"')


def activate_context(cid: int, *, active: bool) -> Command[None]:
    """Activate or release a packet context (clause 10.1.10)."""
    return _order(f"AT+CGACT={active:d},{cid:d}", timeout=45.0)


LAST_FAILURE: Final[Command[str]] = _bare("AT+CEER", parse.parse_ceer)
"""Why the last call or activation failed (clause 6.10)."""
