"""Durations for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Say a time as a person would, in at most two units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return _both(f"{minutes} min", rest, "s")
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _both(f"{hours} h", minutes, "min")
    days, hours = divmod(hours, 24)
    return _both(f"{days} day" if days == 1 else f"{days} days", hours, "h")


def _both(large: str, small: int, unit: str) -> str:
    return f"{large} {small} {unit}" if small else large


def size(count: float) -> str:
    """Write an amount of data for people: ``999 B``, ``1.2 kB``, ``34 MB``, ``5.6 GB`` (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 9.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.0f} GB" if count >= 9.95 else f"{count:.1f} GB"
