"""Billing cycles: from the same day of each month on, as plans are billed.  Pure."""

from __future__ import annotations

from datetime import date, timedelta


def began(day: date, cycle_day: int) -> date:
    """Return the first day of the cycle that ``day`` is in.

    ``cycle_day`` is 1 to 31; a month that is too short begins its cycle on its last day.
    """
    this = _in_month(day.year, day.month, cycle_day)
    if this <= day:
        return this
    before = date(day.year, day.month, 1) - timedelta(days=1)
    return _in_month(before.year, before.month, cycle_day)


def ends(day: date, cycle_day: int) -> date:
    """Return the first day of the next cycle."""
    this = _in_month(day.year, day.month, cycle_day)
    if this > day:
        return this
    after = date(day.year, day.month, 28) + timedelta(days=4)
    return _in_month(after.year, after.month, cycle_day)


def _in_month(year: int, month: int, wanted: int) -> date:
    # The 28th and four days more are always in the next month.
    last = date(year, month, 28) + timedelta(days=4)
    return date(year, month, min(wanted, (last - timedelta(days=last.day)).day))
