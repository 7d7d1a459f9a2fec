"""A text message as the modem takes it: SMS-SUBMIT in PDU mode (3GPP TS 23.040 clause 9.2.2.2).  Pure.

Seven bits a character where the default alphabet has them all (3GPP TS 23.038 clause 6.2.1), else UCS-2; what
is too long goes in a few parts that telephones put together (TS 23.040 clause 9.2.3.24.1); the rest is cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST_PARTS: Final = 3
VALIDITY: Final = 11
"""For how long the network tries: an hour ((n + 1) times 5 min, TS 23.040 clause 9.2.3.12.1)."""

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = {
    "\f": 10,
    "^": 20,
    "{": 40,
    "}": 41,
    "\\": 47,
    "[": 60,
    "~": 61,
    "]": 62,
    "|": 64,
    "€": 101,
}
_ESCAPE: Final = 27
_PLAIN: Final = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "…": "...",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "→": "->",
        "\xa0": " ",
        "\t": " ",
    }
)
_NUMBER: Final = re.compile(r"\+([1-9][0-9]{6,14})")
_DOTS: Final = "..."


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One message; :attr:`pdu` holds the number and the text, and is not to be logged."""

    length: int
    """Octets without the service centre's address, which is what ``+CMGS`` asks for."""
    pdu: str
    """In hexadecimal."""

    def __repr__(self) -> str:
        return f"Part(length={self.length!r})"


def encode(number: str, text: str, *, reference: int) -> tuple[Part, ...]:
    """Make the parts; ``reference`` (0 to 255) tells telephones which belong together.

    Raises ValueError for a number that is not ``+`` and 7 to 15 digits (ITU-T E.164).
    """
    found = _NUMBER.fullmatch(number)
    if found is None:
        raise ValueError("the number is not + and the country, then digits only")
    clean = "".join(each for each in text.translate(_PLAIN) if each.isprintable() or each == "\n")
    units = _septets(clean)
    wide = units is None
    chunks = _chunks([_utf16(each) for each in clean] if units is None else units, wide=wide)
    return tuple(
        _part(found[1], chunk, wide=wide, header=_header(reference, len(chunks), place))
        for place, chunk in enumerate(chunks, 1)
    )


def _septets(text: str) -> list[list[int]] | None:
    """Each character as one or two septets; ``None``: one of them is not in the alphabet."""
    units: list[list[int]] = []
    for each in text:
        if each in _EXTENDED:
            units.append([_ESCAPE, _EXTENDED[each]])
        elif (place := _BASIC.find(each)) >= 0 and place != _ESCAPE:
            units.append([place])
        else:
            return None
    return units


def _utf16(character: str) -> list[int]:
    octets = character.encode("utf-16-be", "replace")
    return [int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2)]


def _chunks(units: list[list[int]], *, wide: bool) -> list[list[int]]:
    """Whole characters, as many as fit; the last part ends in dots where something was cut off."""
    whole, piece = (70, 67) if wide else (160, 153)
    if sum(map(len, units)) <= whole:
        return [[unit for each in units for unit in each]]
    chunks: list[list[int]] = [[]]
    for at, each in enumerate(units):
        room = piece - len(chunks[-1])
        if len(chunks) == MOST_PARTS and room - len(each) < len(_DOTS) and sum(map(len, units[at:])) > room:
            chunks[-1] += [_BASIC.index(dot) if not wide else ord(dot) for dot in _DOTS]
            break
        if room < len(each):
            chunks.append([])
        chunks[-1] += each
    return chunks


def _header(reference: int, total: int, place: int) -> bytes:
    return bytes((5, 0, 3, reference & 0xFF, total, place)) if total > 1 else b""


def _part(digits: str, chunk: list[int], *, wide: bool, header: bytes) -> Part:
    if wide:
        body = header + b"".join(unit.to_bytes(2, "big") for unit in chunk)
        length = len(body)
    else:
        # The text begins at a septet's boundary (TS 23.040 clause 9.2.3.24).
        skipped = -(-len(header) * 8 // 7)
        body = _packed(header, [0] * skipped + chunk)
        length = skipped + len(chunk)
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    submit = bytes((0x11 | (0x40 if header else 0), 0, len(digits), 0x91)) + bytes.fromhex(swapped)
    submit += bytes((0, 8 if wide else 0, VALIDITY, length)) + body
    # 00: the service centre that the SIM knows.
    return Part(length=len(submit), pdu=f"00{submit.hex().upper()}")


def _packed(header: bytes, septets: list[int]) -> bytes:
    """Septets one behind the other, lowest bit first (TS 23.038 clause 6.1.2.1); the header lies on top."""
    bits = sum(value << (7 * place) for place, value in enumerate(septets))
    packed = bits.to_bytes(-(-len(septets) * 7 // 8), "little")
    return header + packed[len(header) :]
