"""Durations and amounts of data, for people."""

from __future__ import annotations

_STEPS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


def duration(seconds: float) -> str:
    """Write a finite duration in its two largest units: ``0.4 s``, ``59 s``, ``3 min 20 s``, ``2 d 5 h``.

    Tenths of a second are told below ten seconds only; what the second unit cannot hold is cut off.
    A negative one, of a moment that is overdue, is ``0 s``.
    """
    seconds = max(0.0, float(seconds))
    tenths = round(seconds, 1)
    if tenths < 10 and not tenths.is_integer():
        return f"{tenths} s"
    whole = round(seconds)
    for size, unit, part, smaller in _STEPS:
        if whole >= size:
            count, parts = whole // size, whole % size // part
            return f"{count} {unit} {parts} {smaller}" if parts else f"{count} {unit}"
    return f"{whole} s"


def amount(size: int) -> str:
    """Write a number of bytes in decimal units, as carriers bill: ``999 B``, ``1.5 MB``, ``12 GB``."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:  # what would be rounded to 1000 is one of the next unit
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"
