"""``failberryctl usage``: what of the mobile plan is used, and where that leads."""

from __future__ import annotations

import time
from datetime import date, datetime
from types import SimpleNamespace

from failberry.ctl import ATTENTION, OK, client, status
from failberry.ctl.commands import request
from failberry.ctl.screen import Page, view
from failberry.ctl.style import Style
from failberry.ctl.words import count
from failberry.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.core.snapshot import UsageView

DAY = 86_400.0
_STATES = {
    "warned": "a percentage that you wished to be warned at is passed",
    "capped": "the cap is reached, and usage.action is in force",
    "lifted": "the cap is reached; it is lifted while the wired line is dead, as the last resort",
}


class Usage:
    """The usage alone."""

    @staticmethod
    def text(document: Any, style: Style, clock: float) -> list[str]:
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
        return page.lines

    @staticmethod
    def part(document: Any) -> Any:
        """For programs."""
        expected = projection(view(document["usage"]), time.time())
        names = ("version", "failberry", "running_for", "usage")
        return {name: document[name] for name in names} | {"projection": expected}

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


def show(arguments: SimpleNamespace) -> int:
    """What is used."""
    return status.run(arguments, Usage)


def correct(arguments: SimpleNamespace) -> int:
    """Take over what the carrier counts."""
    return request(
        arguments,
        lambda: _call(arguments.socket, arguments.amount),
        done=f"{size(arguments.amount)} are used in this cycle, by your word; counting goes on from there.",
    )


def _call(path: str, amount: int) -> None:
    client.call(path, "CorrectUsage", used=amount)
