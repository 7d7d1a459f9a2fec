"""The SIM and the modem themselves: locks, remaining tries, identity, power, last failure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from failberry.at.parse.fields import Lines, ParseError, failed, last_fields, payloads, split_fields


class SimState(StrEnum):
    """What ``+CPIN?`` says is needed before the SIM can be used (3GPP TS 27.007 clause 8.3)."""

    READY = "ready"
    SIM_PIN = "sim-pin"
    SIM_PUK = "sim-puk"
    SIM_PIN2 = "sim-pin2"
    SIM_PUK2 = "sim-puk2"
    PH_SIM_PIN = "ph-sim-pin"
    PH_FSIM_PIN = "ph-fsim-pin"
    PH_FSIM_PUK = "ph-fsim-puk"
    PH_NET_PIN = "ph-net-pin"
    PH_NET_PUK = "ph-net-puk"
    PH_NETSUB_PIN = "ph-netsub-pin"
    PH_NETSUB_PUK = "ph-netsub-puk"
    PH_SP_PIN = "ph-sp-pin"
    PH_SP_PUK = "ph-sp-puk"
    PH_CORP_PIN = "ph-corp-pin"
    PH_CORP_PUK = "ph-corp-puk"


# Longest first: "SIM PIN" is the start of "SIM PIN2".
_SIM_STATES: Final = sorted(SimState, key=len, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinTries:
    """How many wrong tries the SIM still forgives; None is not known."""

    pin: int | None = None
    puk: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """How much of the modem works: level 1 is all, 4 is all but the radio, 0 is as little as possible."""

    level: int


def parse_cpin(lines: Lines) -> SimState | ParseError:
    """``+CPIN?``, quoted or not."""
    found = payloads(lines, "+CPIN")
    if not found:
        return failed("+CPIN", lines, "no +CPIN line")
    word = re.sub(r"[\s_-]+", "-", found[-1].strip('" ').lower())
    for state in _SIM_STATES:
        if word.startswith(state):
            return state
    return failed("+CPIN", lines, "a lock that is not known here")


_MAX_TRIES: Final = 10
# Which field holds the remaining PIN and PUK tries.
_TRIES: Final[dict[str, tuple[int, int | None]]] = {
    "+ZPINPUK": (0, 1),
    "^CPIN": (3, 2),
    "+CPINC": (0, 2),
    "+EPINC": (0, 2),
    "+UPINCNT": (0, 2),
    "^SPIC": (0, None),
    "#PCT": (0, None),
}


def parse_pin_tries(lines: Lines) -> PinTries | ParseError:
    """The remaining tries in any maker's form, and in that of 3GPP TS 27.007 clause 8.65 (``+CPINR``)."""
    tries = _standard_tries(lines) or _quectel_tries(lines)
    for command, (pin, puk) in _TRIES.items():
        fields = last_fields(lines, command)
        if fields is not None:
            numbers = [field.number for field in fields] + [None] * 4
            tries = PinTries(
                pin=_plausible(numbers[pin]), puk=_plausible(None if puk is None else numbers[puk])
            )
    if tries is None or tries == PinTries():
        return failed("PIN tries", lines, "no number of remaining tries")
    return tries


def _standard_tries(lines: Lines) -> PinTries | None:
    counts = {}
    for payload in payloads(lines, "+CPINR"):
        fields = split_fields(payload)
        counts[fields[0].text.upper()] = fields[1].number if len(fields) > 1 else None
    return (
        PinTries(pin=_plausible(counts.get("SIM PIN")), puk=_plausible(counts.get("SIM PUK")))
        if counts
        else None
    )


def _quectel_tries(lines: Lines) -> PinTries | None:
    for payload in payloads(lines, "+QPINC"):
        fields = split_fields(payload)
        if fields[0].text.upper() == "SC" and len(fields) > 2:
            return PinTries(pin=_plausible(fields[1].number), puk=_plausible(fields[2].number))
    return None


def _plausible(count: int | None) -> int | None:
    """No SIM grants more than ten tries; some modems say 99 or 999 for "not known"."""
    return count if count is not None and count <= _MAX_TRIES else None


_TEXT_NAMES: Final = ("+CGMI", "+CGMM", "+CGMR", "MANUFACTURER", "MODEL", "REVISION")
_SERIAL_NAMES: Final = ("+CGSN", "+GSN", "IMEI")
_ICCID_NAMES: Final = ("+CCID", "+ICCID", "^ICCID", "ICCID", "+QCCID", "#CCID", "!ICCID", "+ZICCID", "+CRSM")


def parse_identity(lines: Lines) -> str | ParseError:
    """``+CGMI``, ``+CGMM`` or ``+CGMR`` (3GPP TS 27.007 clause 5): the first line with a name on it."""
    return next((value for value in _values(lines, _TEXT_NAMES) if value), None) or failed(
        "identity", lines, "an empty answer"
    )


def parse_imei(lines: Lines) -> str | ParseError:
    """``+CGSN`` (3GPP TS 27.007 clause 5.4): the serial number, 14 to 17 digits."""
    return _matching("+CGSN", r"[0-9]{14,17}", lines, _SERIAL_NAMES)


def parse_imsi(lines: Lines) -> str | ParseError:
    """``+CIMI`` (3GPP TS 27.007 clause 5.6): the subscriber, 6 to 15 digits (TS 23.003 clause 2.2)."""
    return _matching("+CIMI", r"[0-9]{6,15}", lines, ("+CIMI",))


def parse_iccid(lines: Lines) -> str | ParseError:
    """The SIM card's number (ITU-T E.118), from any of the commands that tell it.

    Modems that copy the file EF_ICCID swap the digits of each byte and pad with F
    (3GPP TS 31.102 clause 4.2.2 and TS 51.011 clause 10.1.1).
    """
    for value in _values(lines, _ICCID_NAMES):
        # +CRSM has two status words before the content of the file.
        text = split_fields(value)[-1].text.replace(" ", "").upper()
        if not re.fullmatch(r"[0-9A-F]{18,22}", text):
            continue
        if text.startswith("98") and len(text) % 2 == 0:
            text = "".join(text[i + 1] + text[i] for i in range(0, len(text), 2))
        if text.startswith("89"):
            return text.rstrip("F")
    return failed("ICCID", lines, "no SIM card number")


def _matching(command: str, pattern: str, lines: Lines, names: tuple[str, ...]) -> str | ParseError:
    accept: Callable[[str], re.Match[str] | None] = re.compile(pattern).fullmatch
    return next((value for value in _values(lines, names) if accept(value)), None) or failed(
        command, lines, "no number of the right length"
    )


def _values(lines: Lines, names: tuple[str, ...]) -> list[str]:
    """What the lines say, with or without the command's name in front."""
    values = []
    for line in [lines] if isinstance(lines, str) else lines:
        text = next(iter(payloads(line, *names)), line.strip())
        values.append(text.strip('"').strip())
    return values


def parse_function(lines: Lines) -> Function | ParseError:
    """``+CFUN?`` (3GPP TS 27.007 clause 8.2)."""
    fields = last_fields(lines, "+CFUN")
    if fields is None or (level := fields[0].number) is None:
        return failed("+CFUN", lines, "no +CFUN line with a number")
    return Function(level=level)


def parse_ceer(lines: Lines) -> str | ParseError:
    """``+CEER`` (3GPP TS 27.007 clause 6.10): why the last call failed, in the modem's words."""
    words = [value for value in _values(lines, ("+CEER",)) if value]
    return " ".join(words) or failed("+CEER", lines, "an empty answer")
