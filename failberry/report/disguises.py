"""The ways in which one secret may be written.  Pure.

Texts are compared *folded*: letters and digits alone, in lower case.  So it makes no difference how a value
was broken over lines, quoted, escaped or grouped, and many disguises are the same one: ``%68%75`` and
``68:75`` are hexadecimal digits with something between.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

SHORT = 6
"""Folded characters below which a value is sought as it stands only: it would be found everywhere."""
_SHORTEST_CODE = 8
"""Folded characters of a disguise that are sought; of base64 some at both ends depend on the neighbours."""


def folded(text: str) -> tuple[str, list[int]]:
    """Letters and digits in lower case, and for each the place where it stood."""
    kept, places = [], []
    for place, letter in enumerate(text):
        if letter.isalnum():
            # A few letters have two in lower case; the first will do to compare.
            kept.append(letter.lower()[:1])
            places.append(place)
    return "".join(kept), places


def disguises(value: str) -> frozenset[str]:
    """Every way to write it, folded; empty for what is too short."""
    return frozenset(each for each in _forms(value) if len(each) >= SHORT)


def _forms(value: str) -> Iterator[str]:
    plain = folded(value)[0]
    yield plain
    octets = value.encode()
    escaped = value.encode("unicode_escape").decode()
    written = (
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        escaped,
        ascii(value),
        json.dumps(value),
    )
    for each in written:
        yield folded(each)[0]
    codes = [octets.hex(), value.upper().encode().hex(), value.lower().encode().hex()]
    codes.append(value.encode("utf-16-be").hex())  # UCS2 of modems (3GPP TS 27.007, +CSCS)
    codes += ["".join(f"{mark}{each:02x}" for each in octets) for mark in ("x", "u00")]
    if plain.isdigit():
        padded = plain + "f" * (len(plain) % 2)
        # Digits of SMS and of files on the SIM: pairs that are swapped (3GPP TS 23.040 clause 9.1.2.3).
        codes.append("".join(b + a for a, b in zip(padded[::2], padded[1::2], strict=True)))
    for variant in {octets, value.lower().encode(), value.upper().encode(), value.encode("utf-16-le")}:
        codes += _base64(variant)
    yield from (each for each in codes if len(each) >= _SHORTEST_CODE)


def _base64(octets: bytes) -> Iterator[str]:
    """The characters that do not depend on what stands before and after, for each of the three places."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + octets).decode()
        first = -(-before * 8 // 6)
        last = (before + len(octets)) * 8 // 6
        yield folded(text[first:last])[0]
        yield folded(text[first:last].replace("+", "-").replace("/", "_"))[0]


def exact(value: str) -> Iterator[str]:
    """Ways to write what is short, as they stand."""
    octets = value.encode()
    yield value
    yield octets.hex()
    yield octets.hex().upper()
    yield "".join(f"%{each:02X}" for each in octets)
    yield "".join(f"%{each:02x}" for each in octets)
    yield base64.b64encode(octets).decode().rstrip("=")
