"""Amounts as people write them: bytes and times."""

from __future__ import annotations

import argparse
import re

_OCTETS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
MOST_OCTETS, LONGEST = 10**15, 30 * 86_400.0


def octets(text: str) -> int:
    """Read ``1.2GB``, ``350 MB``, ``0``; powers of 1000, as carriers count, or of 1024 with an i (``GiB``).

    Raises :class:`argparse.ArgumentTypeError`.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([kmgt]?)(i?)b?", text.strip().lower())
    if found is None or (found[3] and not found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of data; write for example 1.2GB or 350MB")
    unit = 1024 ** " kmgt".index(found[2]) if found[3] else _OCTETS[found[2]]
    amount = round(float(found[1]) * unit)
    if amount > MOST_OCTETS:
        raise argparse.ArgumentTypeError(f"{text} is more than any plan holds")
    return amount


def seconds(text: str) -> float:
    """Read ``90s``, ``45m``, ``2h``, ``1d``; bare numbers are seconds.

    Raises :class:`argparse.ArgumentTypeError`.
    """
    found = re.fullmatch(r"([0-9]{1,8}(?:\.[0-9]{1,3})?) ?(s|m|min|h|d|)", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 45m, 2h or 1d")
    amount = float(found[1]) * _SECONDS[found[2]]
    if not 1 <= amount <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not between a second and 30 days")
    return amount
