"""Whether a command that the owner types may go to the modem, and to which of its ports.

Three kinds of command exist besides the harmless ones.  Some are *never* passed on: they spend attempts
of the SIM, cost money, open a connection behind our back, change the stick for good, or make the port
unreadable for us.  Some *disturb*: they end a session, switch the radio, or change settings that a script
has just made; they wait until nobody else talks to the modem.  A command that nobody here knows counts
as one that disturbs.

A modem ignores case and blanks, so neither may hide anything; and it is not known how each firmware reads
a text in quotes, so what stands in quotes is judged as a command, too.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from failberry.at import commands
from failberry.at.commands import Command
from failberry.checks import SPENDS_A_TRY
from failberry.core.facts import PortRole
from failberry.core.modem_state import ModemState

QUIET_STATES: Final = frozenset({ModemState.UNKNOWN, ModemState.REGISTERED, ModemState.FAILED})
"""Nobody talks to the modem, or only for a moment: it waits for a dial, the home network, or a person."""
SESSION_STATES: Final = frozenset({ModemState.CONNECTING, ModemState.CONNECTED, ModemState.DISCONNECTING})
"""The dial port belongs to a session, or soon will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The command may go out."""

    port: PortRole
    command: Command[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The command must not go out (now)."""

    why: str
    """In words, with what to do instead."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Commands of one kind."""

    names: str
    """Which names, as a regular expression for the whole of it; basic commands as ``Z`` or ``&F``."""
    why: str
    forms: str = "set action"
    """``read`` (``?``), ``test`` (``=?``), ``set`` (``=…``), ``action`` (nothing behind the name)."""
    but: str = ""
    """Values of a ``set`` that are harmless, as a regular expression."""


_PIN = (
    "spends one of the few attempts of the SIM, or could: write the PIN to cellular.pin, where it is tried "
    "once; `failberryctl modem forget-pin` has it tried again"
)
_OPENS = "opens a connection behind the daemon's back: `failberryctl modem redial` dials what is configured"
_BLINDS = "makes the port unreadable for failberryd, so that it would take the modem for dead"
_MEMORY = (
    "changes the stick for good and could make it useless. If you must: `sudo systemctl stop failberry`, and "
    "type it into the port yourself"
)
_MESSAGES = "sends a message or asks the carrier to do something, which may cost money; Failberry never does"
_SCAN = "looks for networks, for minutes, in which the modem hears nothing else"
_CDROM = (
    "changes the stick for good: `failberryctl modem disable-cdrom` does that, and says what to know before"
)

_NEVER: Final = (
    _Rule(r"\+CSIM|\+CGLA|\+CCHO|\+CRLA", _PIN, "set"),
    # READ BINARY, READ RECORD, GET RESPONSE and STATUS only read (3GPP TS 27.007 clause 8.18).
    _Rule(r"\+CRSM", _PIN, "set", but=r"(176|178|192|242)(,.*)?"),
    # Quectel's question for the tries that are left looks like a setting.
    _Rule(rf"(?!\+QPINC$).*({SPENDS_A_TRY}).*", _PIN, "set"),
    _Rule(r"\^CARDLOCK|\+CMEPL|\^SIMLOCK", _PIN, "set"),
    _Rule(r"D|A|O|\+CGDATA|\^NDISDUP|\$QCRMCALL|\+CGANS|\^DCONN|!SCACT|#SGACT|\+ZGACT", _OPENS),
    _Rule(r"V0|Q1|S[345]|\+IPR|\+ICF|\+IFC|\+CMUX", _BLINDS),
    _Rule(r"\+CMG[SCW]|\+CMSS|\+CUSD|\+CCFC|\+CCWA|\+CLIR|\+CDTMF|\+VTS", _MESSAGES),
    _Rule(r"\+COPS", _SCAN, "test"),
    _Rule(r"\+ZCDRUN|\^U2DIAG", _CDROM),
    # Quectel's +QCFG with the name of a setting alone only asks for it.
    _Rule(r"\+QCFG", _MEMORY, "set", but=r'"[^"]*"'),
    _Rule(r"&W|&Y|&Z|\^SETPORT|\+QPRTPARA", _MEMORY),
    _Rule(
        r".*(USBCFG|USBCOMP|FLASH|NVW|NVRW|NVFW|DLOAD|DOWNLOAD|FOTA|FWUP|FACTORY|EGMR|FUSE|ERASE).*", _MEMORY
    ),
)

_RESTARTS = "`failberryctl modem reset` restarts the modem with everything that belongs to it"
_REDIALS = "`failberryctl modem redial` hangs up and dials anew"
_DISTURBING: Final = (
    _Rule(r"\+CFUN|\+ZRST|.*(RESET|REBOOT|PWROFF|PWRDN|POWD|SHDN|TURNOFF).*", _RESTARTS),
    _Rule(r"Z|&F|H|\+CGACT|\+CGATT|\+CHUP|\+CGDCONT|\+CGAUTH", _REDIALS),
    _Rule(r"\+COPS", _REDIALS, but=r"3,\d"),
)

_QUERIES: Final = (
    r"I|&V|\+C?G(MI|MM|MR|SN)|\+GCAP|\+CE?SQ|\+CIMI|\+CNUM|\+CLAC|\+CPAS|\+CEER|\+CPINR|[+#]Q?CCID|[+^]Z?ICCID"
    r"|\+CGPADDR|\+CGCONTRDP|\+UPINCNT|#PCT|\^SYSINFO(EX)?|\^HCSQ|\+QNWINFO|\+QCSQ|\+QSPN|!GSTATUS|#RFSTS"
)
"""Commands without a value that only ask."""
_HARMLESS: Final = (
    _Rule(r"E|V1|Q0|X|T|P|L|M", ""),
    _Rule(r"\+CMEE|\+C(G|E)?REG|\+CSCS|\+CMGF|\+CPMS|\+CNMI|\+CGPADDR|\+CGCONTRDP|\+CSQ|\+CESQ", ""),
    _Rule(r"\+QPINC|\^SPIC|\+QCFG|\^CURC|\+CGEREP|\+CTZ[UR]|\+CMG[LR]|\+CRSM|\+COPS", ""),
)
"""Settings that scripts make anew before they rely on them, and reading with a value."""

_LONGEST: Final = 512
"""Characters that are looked at; :func:`failberry.at.commands.raw` refuses half of that."""
_EXTENDED: Final = re.compile(r"([+^*%$#!_][A-Z][A-Z0-9/:_-]*)(\?|=\?|=.*|)")
_BASIC: Final = re.compile(r"(D).*|(S\d{1,3})(?:=(\d*)|(\?))|([&\\]?[A-Z])(\d*)")


@dataclass(frozen=True, slots=True)
class _Part:
    """One command of a line."""

    name: str
    form: str
    value: str = ""


def permit(
    text: str, *, state: ModemState, stepping: bool, open_ports: AbstractSet[PortRole]
) -> Allowed | Denied:
    """Decide on a command line of the owner's.

    ``state`` is the modem's, ``stepping`` whether a step of recovery is under way.
    """
    parts = _parts(text[:_LONGEST])
    if (refusal := _never(parts)) is not None:
        return Denied(why=refusal)
    try:
        command = commands.raw(text)
    except ValueError as error:
        return Denied(why=f"This is not passed on: {error}.")
    if any(part.form == "unread" for part in parts) or "+++" in text:
        return Denied(why="This cannot be understood: write one command, for example AT+CSQ.")
    busy = _busy(state, stepping=stepping)
    if busy:
        for part in parts:
            instead = _disturbs(part)
            if instead is not None:
                return Denied(why=f"{_shown(part)} must wait: {busy}{instead}.")
    port = port_for(state, open_ports)
    return port if isinstance(port, Denied) else Allowed(port=port, command=command)


def port_for(state: ModemState, open_ports: AbstractSet[PortRole]) -> PortRole | Denied:
    """The port on which the modem can be asked now."""
    wanted = (PortRole.STATUS,) if state in SESSION_STATES else (PortRole.DIAL, PortRole.STATUS)
    for port in wanted:
        if port in open_ports:
            return port
    if state in SESSION_STATES:
        return Denied(
            why=f"The modem is {state}, which takes its only AT port that works; try again without a session."
        )
    return Denied(
        why="No port of the modem is open now; `failberryctl modem status` tells why, and when it will be."
    )


def _busy(state: ModemState, *, stepping: bool) -> str:
    """Who else talks to the modem; empty: nobody."""
    if stepping:
        return "a step of recovery is under way"
    if state is ModemState.CONNECTED:
        return "a session is up"
    return "" if state in QUIET_STATES else f"the modem is being talked to ({state})"


def _parts(text: str) -> list[_Part]:
    """Take a line apart (V.250 clause 5.2.4); what cannot be read is a part of the form ``unread``."""
    line = text.upper().replace(" ", "")
    if not line.startswith("AT"):
        return [_Part("", "unread")]
    parts: list[_Part] = []
    for piece in line[2:].split(";"):
        rest = piece
        while rest:
            if found := _EXTENDED.fullmatch(rest):
                name, value = found[1], found[2]
                form = {"": "action", "?": "read", "=?": "test"}.get(value, "set")
                parts.append(_Part(name, form, value[1:] if form == "set" else ""))
                rest = ""
            elif found := _BASIC.match(rest):
                parts.append(_basic(found))
                rest = rest[found.end() :]
            else:
                parts.append(_Part("", "unread"))
                rest = ""
    return parts


def _basic(found: re.Match[str]) -> _Part:
    if found[1]:
        return _Part("D", "action")
    if found[2]:
        return _Part(found[2], "read") if found[4] else _Part(found[2], "set", found[3] or "0")
    # V and Q mean V0 and Q0 without a number (V.250 clause 5.3.1); the number decides what is harmful.
    number = found[6].lstrip("0") or ("0" if found[6] or found[5] in "VQ" else "")
    return _Part(f"{found[5]}{number}" if found[5] in "VQ" else found[5], "action")


def _never(parts: list[_Part]) -> str | None:
    """Why this line is never passed on; ``None``: it may be, at some time."""
    for part in parts:
        for rule in _NEVER:
            if _fits(rule, part):
                return f"{_shown(part)} is never passed on: it {rule.why}."
    return None


def _disturbs(part: _Part) -> str | None:
    """What to use instead of a command that disturbs, with what leads to it; ``None``: it is harmless."""
    for rule in _DISTURBING:
        if _fits(rule, part):
            return f"; {rule.why}"
    asks = part.form in ("read", "test") or (
        part.form == "action" and re.fullmatch(_QUERIES, part.name) is not None
    )
    if asks or any(_fits(rule, part) for rule in _HARMLESS):
        return None
    return ", and it is not known to be harmless; try again when `failberryctl modem status` says waiting"


def _fits(rule: _Rule, part: _Part) -> bool:
    if part.form not in rule.forms or re.fullmatch(rule.names, part.name) is None:
        return False
    return not (rule.but and part.form == "set" and re.fullmatch(rule.but, part.value))


def _shown(part: _Part) -> str:
    """The command without its value, which may be a secret."""
    return f"AT{part.name}" + {"read": "?", "test": "=?", "set": "=…", "action": ""}[part.form]
