"""What was used of the mobile plan in each billing cycle, as the history tells.

Pure; days are local ones, as bills have them.  The samples of the mobile line come oldest first, one for each
:data:`STEP`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from failberry.core import cycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from failberry.control.answers import SampleView
    from failberry.core.snapshot import UsageView

STEP = 21_600
"""Seconds that a sample spans: a year of them is one answer."""
REACH = 395 * 86_400.0
"""Seconds that the history is asked for: of hours, it keeps 400 days."""


class Cycle:
    """One billing cycle; not a dataclass, since those are slow to import."""

    def __init__(self, *, began: date, ends: date, used: int) -> None:
        self.began = began
        self.ends = ends
        """The first day that is not in it."""
        self.used = used
        """Bytes, both directions."""


def cycles(usage: UsageView, samples: Sequence[SampleView], now: float) -> list[Cycle]:
    """Return this cycle and those before it of which something is known, the newest first.

    ``used`` counts from the beginning of a cycle, so its last figure in a cycle is what was used in that.  A
    sample that spans the beginning of one belongs to both: what the new one does not count was the old one's.
    ``now``: seconds since the epoch.
    """
    if usage.cycle_began is None or usage.days_left is None:
        return []
    began = date.fromisoformat(usage.cycle_began)
    # The day of the month is not told.  A cycle of the 31st begins earlier in short months.
    ends = date.fromtimestamp(now) + timedelta(days=usage.days_left)
    day = max(began.day, ends.day)
    found: dict[date, int] = {}
    for sample in samples:
        if sample.used is None:
            continue
        last = _began(sample.start + STEP - 1, day)
        first = _began(sample.start, day)
        if first != last and first in found:
            found[first] += max(0, sample.received + sample.sent - sample.used)
        found[last] = sample.used
    found = {each: used for each, used in found.items() if each < began}
    past = [Cycle(began=each, ends=cycle.ends(each, day), used=used) for each, used in found.items()]
    present = Cycle(began=began, ends=cycle.ends(began, day), used=usage.used)
    return [present, *sorted(past, key=lambda each: each.began, reverse=True)]


def _began(instant: float, day: int) -> date:
    return cycle.began(datetime.fromtimestamp(instant).date(), day)
