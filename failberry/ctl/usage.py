"""``failberryctl usage``: what of the mobile plan is used, and where that leads."""

from __future__ import annotations

import time
from datetime import date, datetime
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import ATTENTION, OK, status
from failberry.ctl.cells import bar
from failberry.ctl.commands import request
from failberry.ctl.cycles import REACH, STEP, cycles
from failberry.ctl.screen import Page, view
from failberry.ctl.style import Style
from failberry.ctl.words import count
from failberry.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from failberry.control.answers import SampleView
    from failberry.core.snapshot import UsageView

DAY = 86_400.0
BAR = 40
"""Cells of a bar."""
_DATE, _BESIDE = 12, 30
_STATES = {
    "warned": "a percentage that you wished to be warned at is passed",
    "capped": "the cap is reached, and usage.action is in force",
    "lifted": "the cap is reached; it is lifted while the wired line is dead, as the last resort",
}


class Usage:
    """The usage alone, of this cycle and of those before it."""

    def __init__(self, samples: Sequence[SampleView] = ()) -> None:
        self._samples = samples
        """Of the mobile line, as :mod:`failberry.ctl.cycles` wants them."""

    def text(self, document: Any, style: Style, clock: float) -> list[str]:
        """For people; ``clock`` is the time of day, in seconds since the epoch."""
        told = view(document)
        usage, running = told.usage, told.running_for
        page = Page(style=style, clock=clock)
        of = f" of {size(usage.cap)}, {usage.percent:.1f} %" if usage.cap else ", no cap is set (usage.cap)"
        page.row("Used", f"{size(usage.used)}{of}", _STATES.get(usage.state, ""))
        page.row("Cycle", *_cycle(usage))
        if (expected := projection(usage, clock)) is not None:
            share = f", {100 * expected / usage.cap:.0f} % of the cap" if usage.cap else ""
            page.row("Forecast", f"{size(expected)} at its end, if it goes on like this{share}")
        page.row(
            "Standby",
            f"{size(usage.standby_used)} in {duration(running)}, since the daemon started, while the wired "
            f"line carried the house{_monthly(usage.standby_used, running)}",
            f"{size(usage.probes_used)} were its own questions, whatever line carried the house"
            f"{_monthly(usage.probes_used, running)}",
        )
        return page.lines + self._bars(usage, expected, style, clock)

    def _bars(self, usage: UsageView, expected: int | None, style: Style, clock: float) -> list[str]:
        """One for each cycle, all of one scale."""
        known = cycles(usage, self._samples, clock)
        top = max([usage.cap or 0, expected or 0, *(each.used for each in known)], default=0)
        if not top:
            return []
        lines = ["", *style.wrap(_legend(usage.cap, top, style))]
        columns = min(BAR, style.width - _BESIDE)
        for each in known:
            coming = (expected or 0) / top if each is known[0] else 0.0
            drawn = bar(each.used / top, columns, style, expected=coming)
            if usage.cap and usage.cap < top:
                drawn = _marked(drawn, usage.cap / top, style)
            share = f", {100 * each.used / usage.cap:.0f} %" if usage.cap else ""
            over = usage.cap is not None and each.used >= usage.cap
            painted = style.paint(drawn, "bad" if over else "good")
            lines.append(f"{each.began.isoformat():<{_DATE}}{painted} {size(each.used)}{share}")
        return lines

    def part(self, document: Any) -> Any:
        """For programs."""
        usage, now = view(document["usage"]), time.time()
        names = ("version", "failberry", "running_for", "usage")
        told = [
            {"began": each.began.isoformat(), "ends": each.ends.isoformat(), "used": each.used}
            for each in cycles(usage, self._samples, now)
        ]
        return {name: document[name] for name in names} | {
            "projection": projection(usage, now),
            "cycles": told,
        }

    @staticmethod
    def code(document: Any) -> int:
        """Whether there is anything left."""
        return ATTENTION if document["usage"]["state"] in ("capped", "lifted") else OK


def projection(usage: UsageView, clock: float) -> int | None:
    """Bytes at the end of the cycle if it goes on like this; ``None``: not known, or too early to say."""
    if usage.cycle_began is None or usage.days_left is None:
        return None
    began = datetime.combine(date.fromisoformat(usage.cycle_began), datetime.min.time()).timestamp()
    elapsed = (clock - began) / DAY
    if not 1 <= elapsed <= 32:
        return None
    whole = int(elapsed) + usage.days_left
    return round(usage.used * max(1.0, whole / elapsed))


def _cycle(usage: UsageView) -> tuple[str, ...]:
    if usage.cycle_began is None:
        return ("not known: this machine's clock could not be believed yet",)
    left = usage.days_left
    words = f", {count(left, 'day', 'days')} left" if left is not None else ""
    return (f"began on {usage.cycle_began}{words}",)


def _monthly(octets: int, running: float) -> str:
    return f"; {size(round(octets * 30 * DAY / running))} a month" if running >= 3600 and octets else ""


def _legend(cap: int | None, top: int, style: Style) -> str:
    words = f"Each billing cycle by its first day, {'▒' if style.utf8 else '+'} expected"
    if not cap:
        return words
    place = "at the end" if cap == top else "at │" if style.utf8 else "at |"
    return f"{words}, the cap {place}"


def _marked(drawn: str, share: float, style: Style) -> str:
    """Show where the cap is in a bar that goes beyond it."""
    first = 0 if style.utf8 else 1  # the bracket
    place = first + min(len(drawn) - 1 - 2 * first, round(share * (len(drawn) - 2 * first)))
    return drawn[:place] + ("│" if style.utf8 else "|") + drawn[place + 1 :]


def show(arguments: SimpleNamespace) -> int:
    """What is used."""
    return status.run(arguments, Usage(_past(arguments.socket)))


def _past(path: str) -> tuple[Any, ...]:
    """Samples of a year; none where the history fails, or the daemon is older than it."""
    since = max(0.0, time.time() - REACH)
    try:
        told = client.call(path, "Samples", line="cellular", since=since, step=STEP)
    except client.RefusedError:
        return ()
    return tuple(view(told["samples"]))


def correct(arguments: SimpleNamespace) -> int:
    """Take over what the carrier counts."""
    return request(
        arguments,
        lambda: _call(arguments.socket, arguments.amount),
        done=f"{size(arguments.amount)} are used in this cycle, by your word; counting goes on from there.",
    )


def _call(path: str, amount: int) -> None:
    client.call(path, "CorrectUsage", used=amount)
