"""Registration, operator, technology and packet contexts."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from failberry.at.parse.fields import Field, Lines, ParseError, failed, last_fields, payloads, split_fields

_TECHNOLOGIES: Final = {
    0: "GSM",
    1: "GSM",
    2: "UMTS",
    3: "EDGE",
    4: "HSDPA",
    5: "HSUPA",
    6: "HSPA",
    7: "LTE",
    8: "EC-GSM",
    9: "NB-IoT",
    10: "LTE",
    11: "5G",
    12: "5G",
    13: "5G",
}
"""AcT of 3GPP TS 27.007 clauses 7.2 and 7.3, in the words people use."""


class Domain(StrEnum):
    """Which network a registration is with."""

    CIRCUIT = "circuit"
    PACKET = "packet"
    EPS = "eps"
    FIVE_G = "5g"


class Stat(StrEnum):
    """How the network treats us: ``<stat>`` of 3GPP TS 27.007 clauses 7.2, 10.1.20, 10.1.22 and 10.1.47."""

    IDLE = "idle"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"
    SMS_ONLY = "sms-only"
    EMERGENCY_ONLY = "emergency-only"


_STATS: Final = (
    Stat.IDLE,
    Stat.HOME,
    Stat.SEARCHING,
    Stat.DENIED,
    Stat.UNKNOWN,
    Stat.ROAMING,
    Stat.SMS_ONLY,
    Stat.SMS_ONLY,
    Stat.EMERGENCY_ONLY,
    Stat.HOME,  # home, CSFB not preferred: that concerns calls, not data
    Stat.ROAMING,  # roaming, likewise
    Stat.EMERGENCY_ONLY,  # restricted local operator services
)
_DOMAINS: Final = {
    "+CREG": Domain.CIRCUIT,
    "+CGREG": Domain.PACKET,
    "+CEREG": Domain.EPS,
    "+C5GREG": Domain.FIVE_G,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where the modem is registered.  ``lac`` is the location, routing or tracking area code."""

    domain: Domain
    stat: Stat
    lac: int | None = None
    cell: int | None = None
    act: str | None = None

    @property
    def carries_data(self) -> bool:
        """Whether this network serves the modem, at home or abroad; the others do not, or no data."""
        return self.stat in (Stat.HOME, Stat.ROAMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The answer of ``+COPS?``; without a network only the selection mode is told (0 is automatic)."""

    mode: int
    format: int | None = None
    name: str | None = None
    technology: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One packet context as the modem has it stored."""

    cid: int
    pdp_type: str
    apn: str
    address: str = ""


class Attachment(StrEnum):
    """Which of its two domains a network serves."""

    NONE = "none"
    CIRCUIT = "circuit"
    PACKET = "packet"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What makers' own commands tell of the service; None where they tell nothing."""

    technology: str | None
    attachment: Attachment | None = None
    roaming: bool | None = None


def parse_registration(lines: Lines) -> Registration | ParseError:
    """``+CREG``, ``+CGREG``, ``+CEREG`` and ``+C5GREG``, asked for or not.

    The two forms differ by one leading field, which must be told apart by shape: areas are quoted or at
    least four digits long, states are neither.
    """
    for command in _DOMAINS:
        fields = last_fields(lines, command)
        if fields is not None:
            return _registration(command, fields, lines)
    return failed("+CREG", lines, "no registration line")


def _registration(command: str, fields: list[Field], lines: Lines) -> Registration | ParseError:
    rest = fields[1:] if _is_solicited(fields) else fields
    number = rest[0].number
    if number is None or number >= len(_STATS):
        return failed(command, lines, f"no registration state is called {rest[0].text[:20]!r}")
    lac, cell, act = rest[1:2], rest[2:3], rest[3:4]
    if len(rest) == 5 and len(rest[2].text) <= 2 and len(rest[3].text) > 2:
        # Some firmwares put the routing area code between area and cell.
        cell, act = rest[3:4], rest[4:5]
    return Registration(
        domain=_DOMAINS[command],
        stat=_STATS[number],
        lac=lac[0].hexadecimal if lac else None,
        cell=cell[0].hexadecimal if cell else None,
        act=technology(act[0].number) if act else None,
    )


def _is_solicited(fields: list[Field]) -> bool:
    if len(fields) < 3:
        return len(fields) == 2
    second, third = fields[1], fields[2]
    if second.quoted or third.quoted:
        return not second.quoted
    number = second.number
    return len(fields) > 3 and len(second.text) < 4 and number is not None and number < len(_STATS)


def technology(act: int | None) -> str | None:
    """The word for an ``<AcT>`` number, or None if there is none."""
    return None if act is None else _TECHNOLOGIES.get(act)


def parse_operator(lines: Lines) -> Operator | ParseError:
    """``+COPS?`` (3GPP TS 27.007 clause 7.3)."""
    fields = last_fields(lines, "+COPS")
    if fields is None:
        return failed("+COPS", lines, "no +COPS line")
    mode = fields[0].number
    if mode is None:
        return failed("+COPS", lines, "the selection mode is not a number")
    return Operator(
        mode=mode,
        format=fields[1].number if len(fields) > 1 else None,
        name=_operator_name(fields[2].text) if len(fields) > 2 else None,
        technology=technology(fields[3].number) if len(fields) > 3 else None,
    )


def _operator_name(text: str) -> str | None:
    if re.fullmatch(r"(?:00[0-9A-Fa-f]{2}){3,40}", text):
        # The character set UCS2 survives from another program's session in some modems.
        text = bytes.fromhex(text).decode("utf-16-be", "replace")
    return text or None


def parse_contexts(lines: Lines) -> tuple[Context, ...] | ParseError:
    """``+CGDCONT?`` (3GPP TS 27.007 clause 10.1.1): one line a context, none at all if none is stored."""
    contexts = []
    for payload in payloads(lines, "+CGDCONT"):
        fields = split_fields(payload)
        cid = fields[0].number
        if cid is None or len(fields) < 2:
            return failed("+CGDCONT", lines, "a context needs a number and a type")
        texts = [field.text for field in fields[1:4]] + ["", ""]
        contexts.append(Context(cid=cid, pdp_type=texts[0].upper(), apn=texts[1], address=texts[2]))
    return tuple(contexts)


_NO_SERVICE: Final = re.compile(r"(?:NO|LIMITED)[ _]?SERVICE|NONE|UNKNOWN|", re.IGNORECASE)
_ZTE_ATTACHMENTS: Final = {
    "CS_ONLY": Attachment.CIRCUIT,
    "PS_ONLY": Attachment.PACKET,
    "CS_PS": Attachment.BOTH,
}
_HUAWEI_ATTACHMENTS: Final = {
    0: Attachment.NONE,
    1: Attachment.CIRCUIT,
    2: Attachment.PACKET,
    3: Attachment.BOTH,
    4: Attachment.NONE,
}


def parse_zpas(lines: Lines) -> Service | ParseError:
    """ZTE's ``+ZPAS``: technology and domain, as in ``"HSPA","CS_PS"``."""
    fields = last_fields(lines, "+ZPAS", "+ZPASR")
    if fields is None:
        return failed("+ZPAS", lines, "no +ZPAS line")
    domain = fields[1].text.upper() if len(fields) > 1 else ""
    return Service(technology=_service_name(fields[0]), attachment=_ZTE_ATTACHMENTS.get(domain))


def parse_sysinfoex(lines: Lines) -> Service | ParseError:
    """Huawei's ``^SYSINFOEX``: status, domain, roaming, SIM, -, mode, its name, submode, its name."""
    fields = last_fields(lines, "^SYSINFOEX")
    if fields is None:
        return failed("^SYSINFOEX", lines, "no ^SYSINFOEX line")
    if len(fields) < 7 or fields[0].number is None:
        return failed("^SYSINFOEX", lines, "fewer fields than a status line has")
    domain, roaming = fields[1].number, fields[2].number
    return Service(
        technology=(_service_name(fields[8]) if len(fields) > 8 else None) or _service_name(fields[6]),
        attachment=None if domain is None else _HUAWEI_ATTACHMENTS.get(domain),
        roaming=None if roaming is None else roaming == 1,
    )


def _service_name(field: Field) -> str | None:
    return None if _NO_SERVICE.fullmatch(field.text) else field.text
