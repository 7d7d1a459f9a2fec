"""``failberryctl failover``: the two lines, which of them is in use and why, and the owner's own choice."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import USAGE, status
from failberry.ctl.commands import request
from failberry.ctl.screen import NAMES, Page, active_row, line_row, next_row, verdict, view
from failberry.ctl.style import Style
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PART = (
    *("version", "failberry", "active", "active_for", "active_reason", "active6", "next", "next_in"),
    *("forced", "router", "wired", "cellular"),
)


class Failover:
    """The lines, and the choice between them."""

    @staticmethod
    def text(document: Any, style: Style, clock: float) -> list[str]:
        """For people; ``clock`` is the time of day, in seconds since the epoch."""
        told = view(document)
        page = Page(style=style, clock=clock)
        active_row(page, told)
        line_row(page, "Wired", told.wired)
        line_row(page, "Mobile", told.cellular)
        for line in (told.wired, told.cellular):
            if line.next:
                page.row("Verdict", f"{line.interface}: {line.next}")
        next_row(page, told)
        return page.lines

    @staticmethod
    def part(document: Any) -> Any:
        """For programs."""
        return {name: document[name] for name in _PART}

    @staticmethod
    def code(document: Any) -> int:
        """The same as of the status."""
        return verdict(view(document))


def show(arguments: SimpleNamespace) -> int:
    """The lines."""
    return status.run(arguments, Failover)


def force(arguments: SimpleNamespace) -> int:
    """Choose a line by hand, or leave it to the daemon again."""
    line, seconds = arguments.line, arguments.seconds
    if line == "auto":
        if seconds is not None:
            print("--for goes with wired or cellular; auto ends a choice at once.", file=sys.stderr)
            return USAGE
        done = "failberryd chooses by itself again."
    else:
        until = (
            f"for {duration(seconds)}" if seconds is not None else "until `failberryctl failover force auto`"
        )
        done = f"New connections take the {NAMES[line]} {until}."
    wanted = None if line == "auto" else line
    if arguments.dns:
        from failberry.ctl import hold  # late: it speaks to Route 53

        return hold.run(arguments, lambda: _request(arguments, wanted, done))
    return _request(arguments, wanted, done)


def _request(arguments: SimpleNamespace, wanted: str | None, done: str) -> int:
    return request(arguments, lambda: _call(arguments.socket, wanted, arguments.seconds), done=done)


def _call(path: str, line: str | None, seconds: float | None) -> None:
    client.call(path, "ForceLine", line=line, seconds=seconds)
