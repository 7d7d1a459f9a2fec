"""What an error result means, and what to do about it.

The table is data: the numbers and texts of 3GPP TS 27.007 clause 9.2 (V17), each with the class of remedy
that helps.  Modems answer with the number after ``AT+CMEE=1``, but some answer with the text whatever
they are told, so both lead to the same row.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from failberry.at.codec import FinalResult, ResultKind


class CmeClass(StrEnum):
    """What kind of remedy an error calls for."""

    TELL = "tell"
    """Only a person can help: stop and say so."""
    PIN = "pin"
    """The SIM asks for its PIN: the PIN policy decides."""
    WAIT_SIM = "wait_sim"
    """The SIM is not ready yet."""
    WAIT_NETWORK = "wait_network"
    """The network cannot now: wait, with growing patience."""
    PLAN = "plan"
    """The subscription does not cover this."""
    APN = "apn"
    """Access point, user or password are wrong."""
    FAMILY = "family"
    """Another PDP type (IPv4, IPv6) is needed."""
    STUCK = "stuck"
    """A stale context is in the way: release it."""
    BROKEN = "broken"
    """The modem itself misbehaves: reset it."""
    UNSUPPORTED = "unsupported"
    """The modem does not know the command: do without."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CmeError:
    """One error of the modem: its number if known, its name, its class, and advice for a person."""

    code: int | None
    name: str
    klass: CmeClass
    advice: str


_ADVICE: Final = {
    CmeClass.TELL: "Put the SIM into a telephone and see whether it works there; then ask the carrier.",
    CmeClass.PIN: "Set cellular.pin to the PIN of the SIM, or switch the PIN off in a telephone.",
    CmeClass.WAIT_SIM: "The SIM is still starting; if it stays so, take it out, clean it and put it back.",
    CmeClass.WAIT_NETWORK: "The network cannot serve now: it is tried again; if that lasts, move the modem.",
    CmeClass.PLAN: "This SIM's contract does not cover data on this network: ask the carrier.",
    CmeClass.APN: "Check cellular.apn, user and password against what your carrier publishes.",
    CmeClass.FAMILY: "The carrier grants another kind of address: change cellular.pdp_type.",
    CmeClass.STUCK: "An old data connection is in the way: it is released and the dial repeated.",
    CmeClass.BROKEN: "The modem's firmware failed: it is reset; if that does not help, re-plug it.",
    CmeClass.UNSUPPORTED: "This modem does not support the command: it is left out.",
    CmeClass.UNKNOWN: "The modem gives no reason: it is tried again; if that lasts, re-plug it.",
}

_LOCKED: Final = (
    "The modem is locked to one carrier or SIM: use that SIM, or have the lock removed by its seller."
)
_BLOCKED: Final = "Put the SIM into a telephone and enter the PUK there; Failberry never sends a PUK."
_BARRED: Final = "The network bars this modem or SIM: ask the carrier whether it is active and paid for."
_SPECIAL_ADVICE: Final = {
    5: _LOCKED,
    6: _LOCKED,
    7: _LOCKED,
    10: "The modem sees no SIM: unplug it, seat the SIM card firmly, and plug it in again.",
    12: _BLOCKED,
    13: "The modem cannot read the SIM: take it out, clean it and put it back, or replace it.",
    15: "The modem refuses this SIM: use a SIM of the carrier it is locked to, or have the lock removed.",
    16: "The SIM refused the PIN: correct cellular.pin before anything else, for the tries are few.",
    17: "The SIM asks for PIN2, which data does not need: enter it in a telephone.",
    18: _BLOCKED,
    **dict.fromkeys(range(40, 49), _LOCKED),
    103: _BARRED,
    105: _BARRED,
    106: _BARRED,
    113: "Roaming is not allowed here: use a SIM whose own network covers this place.",
    192: 'The carrier grants IPv4 only: set cellular.pdp_type to "IP".',
    193: 'The carrier grants IPv6 only: set cellular.pdp_type to "IPV6".',
    196: 'The carrier grants IPv4 and IPv6 together only: set cellular.pdp_type to "IPV4V6".',
}

_TELL, _PIN, _SIM, _NET = CmeClass.TELL, CmeClass.PIN, CmeClass.WAIT_SIM, CmeClass.WAIT_NETWORK
_PLAN, _APN, _FAMILY, _STUCK = CmeClass.PLAN, CmeClass.APN, CmeClass.FAMILY, CmeClass.STUCK
_BROKEN, _CANNOT, _UNKNOWN = CmeClass.BROKEN, CmeClass.UNSUPPORTED, CmeClass.UNKNOWN

CME_ERRORS: Final[dict[int, tuple[str, CmeClass]]] = {
    # 9.2.1, general
    0: ("phone failure", _BROKEN),
    1: ("no connection to phone", _BROKEN),
    2: ("phone adaptor link reserved", _BROKEN),
    3: ("operation not allowed", _CANNOT),
    4: ("operation not supported", _CANNOT),
    5: ("PH-SIM PIN required", _TELL),
    6: ("PH-FSIM PIN required", _TELL),
    7: ("PH-FSIM PUK required", _TELL),
    10: ("SIM not inserted", _TELL),
    11: ("SIM PIN required", _PIN),
    12: ("SIM PUK required", _TELL),
    13: ("SIM failure", _SIM),
    14: ("SIM busy", _SIM),
    15: ("SIM wrong", _TELL),
    16: ("incorrect password", _TELL),
    17: ("SIM PIN2 required", _TELL),
    18: ("SIM PUK2 required", _TELL),
    20: ("memory full", _CANNOT),
    21: ("invalid index", _CANNOT),
    22: ("not found", _CANNOT),
    23: ("memory failure", _CANNOT),
    24: ("text string too long", _CANNOT),
    25: ("invalid characters in text string", _CANNOT),
    26: ("dial string too long", _CANNOT),
    27: ("invalid characters in dial string", _CANNOT),
    30: ("no network service", _NET),
    31: ("network timeout", _NET),
    32: ("network not allowed - emergency calls only", _NET),
    40: ("network personalization PIN required", _TELL),
    41: ("network personalization PUK required", _TELL),
    42: ("network subset personalization PIN required", _TELL),
    43: ("network subset personalization PUK required", _TELL),
    44: ("service provider personalization PIN required", _TELL),
    45: ("service provider personalization PUK required", _TELL),
    46: ("corporate personalization PIN required", _TELL),
    47: ("corporate personalization PUK required", _TELL),
    48: ("hidden key required", _TELL),
    49: ("EAP method not supported", _CANNOT),
    50: ("incorrect parameters", _CANNOT),
    51: ("command implemented but currently disabled", _CANNOT),
    52: ("command aborted by user", _UNKNOWN),
    53: ("not attached to network due to MT functionality restrictions", _NET),
    54: ("modem not allowed - MT restricted to emergency calls only", _NET),
    55: ("operation not allowed because of MT functionality restrictions", _NET),
    56: ("fixed dial number only allowed - called number is not a fixed dial number", _TELL),
    57: ("temporarily out of service due to other MT usage", _NET),
    58: ("language/alphabet not supported", _CANNOT),
    59: ("unexpected data value", _CANNOT),
    60: ("system failure", _BROKEN),
    61: ("data missing", _CANNOT),
    62: ("call barred", _PLAN),
    63: ("message waiting indication subscription failure", _CANNOT),
    100: ("unknown", _BROKEN),
    # 9.2.2, packet domain: failure to perform an attach
    102: ("IMSI unknown in HSS", _NET),
    103: ("illegal MS", _TELL),
    104: ("IMSI unknown in VLR", _NET),
    105: ("IMEI not accepted", _TELL),
    106: ("illegal ME", _TELL),
    107: ("GPRS services not allowed", _NET),
    108: ("GPRS services and non-GPRS services not allowed", _NET),
    109: ("MS identity cannot be derived by the network", _NET),
    110: ("implicitly detached", _NET),
    111: ("PLMN not allowed", _PLAN),
    112: ("location area not allowed", _PLAN),
    113: ("roaming not allowed in this location area", _PLAN),
    114: ("GPRS services not allowed in this PLMN", _PLAN),
    115: ("no suitable cells in location area", _NET),
    116: ("MSC temporarily not reachable", _NET),
    117: ("network failure", _NET),
    118: ("CS domain not available", _NET),
    119: ("ESM failure", _NET),
    122: ("congestion", _NET),
    125: ("not authorized for this CSG", _PLAN),
    # 9.2.2, packet domain: failure to activate a context, and others
    126: ("insufficient resources", _NET),
    127: ("missing or unknown APN", _APN),
    128: ("unknown PDP address or PDP type", _APN),
    129: ("user authentication failed", _APN),
    130: ("activation rejected by GGSN, serving GW or PDN GW", _APN),
    131: ("activation rejected, unspecified", _APN),
    132: ("service option not supported", _PLAN),
    133: ("requested service option not subscribed", _PLAN),
    134: ("service option temporarily out of order", _NET),
    135: ("NSAPI already used", _STUCK),
    136: ("regular deactivation", _NET),
    137: ("QoS not accepted", _PLAN),
    138: ("call cannot be identified", _NET),
    139: ("CS service temporarily not available", _NET),
    140: ("feature not supported", _CANNOT),
    143: ("unknown PDP context", _STUCK),
    146: ("PDP context without TFT already activated", _STUCK),
    148: ("unspecified GPRS error", _NET),
    149: ("PDP authentication failure", _APN),
    150: ("invalid mobile class", _CANNOT),
    151: ("last PDN disconnection not allowed", _CANNOT),
    171: ("last PDN disconnection not allowed", _CANNOT),
    176: ("protocol error, unspecified", _NET),
    177: ("operator determined barring", _PLAN),
    178: ("maximum number of PDP contexts reached", _STUCK),
    179: ("requested APN not supported in current RAT and PLMN combination", _APN),
    182: ("user data transmission via control plane is congested", _NET),
    189: ("service option not authorized in this PLMN", _PLAN),
    190: ("network failure in activation", _NET),
    191: ("reactivation requested", _NET),
    192: ("PDP type IPv4 only allowed", _FAMILY),
    193: ("PDP type IPv6 only allowed", _FAMILY),
    194: ("single address bearers only allowed", _FAMILY),
    195: ("collision with network initiated request", _NET),
    196: ("PDP type IPv4v6 only allowed", _FAMILY),
    197: ("PDP type non IP only allowed", _APN),
    199: ("APN restriction value incompatible with active PDP context", _APN),
    200: ("multiple accesses to a PDN connection not allowed", _STUCK),
    202: ("PDN connection does not exist", _STUCK),
    203: ("multiple PDN connections for a given APN not allowed", _STUCK),
    204: ("severe network failure", _NET),
}

CMS_ERRORS: Final = {
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    312: "PH-SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    317: "SIM PIN2 required",
    318: "SIM PUK2 required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}
"""3GPP TS 27.005 clause 3.2.5: messages, which some firmwares use for other failures, too."""


def _normal(text: str) -> str:
    """Letters and digits only: makers vary case, blanks and punctuation, and append ``(#33)``."""
    return re.sub(r"\(#[0-9]+\)|[^a-z0-9]", "", text.lower())


_CODES: Final = {_normal(name): code for code, (name, _) in reversed(CME_ERRORS.items())} | {
    # Older and makers' wordings.
    "noconnection": 1,
    "linkreserved": 2,
    "phsimpinrequired": 5,
    "simpin": 11,
    "simpuk": 12,
    "usimnotinserted": 10,
    "usimfailure": 13,
    "usimbusy": 14,
    "nonetwork": 30,
    "timeout": 31,
    "emergencycallsonly": 32,
    "unknownerror": 100,
    "illegalue": 103,
    "unspecifiederror": 148,
    "unspecifiedgprserror": 148,
    "pdpauthenticationfailed": 149,
}
_CMS_CODES: Final = {_normal(name): code for code, name in CMS_ERRORS.items()}
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_HEAD: Final = re.compile(r"\+CM[ES] ERROR:?\s*", re.IGNORECASE)


def cme(code_or_text: int | str) -> CmeError:
    """The error of that number or text; text may be the whole result line.  Never raises."""
    code, said = _resolved(code_or_text, _CODES)
    if code is None or code not in CME_ERRORS:
        name = f"unknown error {code}" if code is not None else said or "unknown error"
        return CmeError(code=code, name=name, klass=CmeClass.UNKNOWN, advice=_ADVICE[CmeClass.UNKNOWN])
    name, klass = CME_ERRORS[code]
    return CmeError(code=code, name=name, klass=klass, advice=_SPECIAL_ADVICE.get(code, _ADVICE[klass]))


def cms_name(code_or_text: int | str) -> str:
    """The name of a message error of that number or text.  Never raises."""
    code, said = _resolved(code_or_text, _CMS_CODES)
    if code is None:
        return said or "unknown error"
    return CMS_ERRORS.get(code, f"unknown error {code}")


def explain(result: FinalResult) -> CmeError | None:
    """What a final result means; None when its kind says all there is to say."""
    match result.kind:
        case ResultKind.CME_ERROR:
            return cme(result.text)
        case ResultKind.UNSUPPORTED:
            return cme(4)
        case ResultKind.MODEM_ERROR:
            return cme(100)
        case _:
            return None


def _resolved(code_or_text: int | str, codes: dict[str, int]) -> tuple[int | None, str]:
    if isinstance(code_or_text, int):
        return code_or_text, ""
    said = _HEAD.sub("", code_or_text.strip(), count=1).strip()
    if _NUMBER.fullmatch(said):
        return int(said), said
    return codes.get(_normal(said)), said
