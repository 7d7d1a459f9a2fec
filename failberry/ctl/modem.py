"""``failberryctl modem status`` and ``modem signal``: parts of the status, in more detail."""

from __future__ import annotations

from types import SimpleNamespace

from failberry.ctl import ATTENTION, OK, repair, status
from failberry.ctl.screen import Page, modem_row, next_row, signal_row, view
from failberry.ctl.style import Style
from failberry.ctl.words import count, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Modem:
    """The modem, its supply, and what is done to bring it back."""

    @staticmethod
    def text(document: Any, style: Style, clock: float) -> list[str]:
        """For people; ``clock`` is the time of day, in seconds since the epoch."""
        told = view(document)
        modem, recovery = told.modem, told.recovery
        page = Page(style=style, clock=clock)
        modem_row(page, modem)
        page.row("Advice", sentence(modem.advice))
        if told.supply.good:
            repair.fault(page, modem.fault)
        page.row("Power", repair.supply(told.supply))
        signal_row(page, modem.signal)
        page.row(
            "Line",
            f"{told.cellular.state}, {page.since(told.cellular.state_for)}: {told.cellular.reason}",
            f"{count(modem.dials, 'dial', 'dials')} and {count(modem.sessions, 'session', 'sessions')} "
            "since the daemon started",
        )
        repair.doing(page, recovery)
        next_row(page, told)
        repair.tried(page, recovery, at_most=len(recovery.steps), why=True)
        return page.lines

    @staticmethod
    def part(document: Any) -> Any:
        """For programs."""
        names = ("version", "failberry", "cellular", "modem", "recovery", "supply")
        return {name: document[name] for name in names}

    @staticmethod
    def code(document: Any) -> int:
        """Whether the mobile line works, on good power."""
        return OK if document["cellular"]["state"] == "up" and document["supply"]["good"] else ATTENTION


class Signal:
    """Signal, operator and registration alone: to find the place for an antenna."""

    @staticmethod
    def text(document: Any, style: Style, clock: float) -> list[str]:
        """For people; ``clock`` is the time of day, in seconds since the epoch."""
        told = view(document)
        page = Page(style=style, clock=clock)
        if told.modem.signal.age is None:
            second = "" if told.modem.status_tty else ", which this modem lacks or which was not found"
            page.row("Signal", f"not heard yet: it is asked on the second AT port{second}")
        signal_row(page, told.modem.signal)
        page.row("Modem", f"{told.modem.state}, {page.since(told.modem.state_for)}", told.modem.reason)
        return page.lines

    @staticmethod
    def part(document: Any) -> Any:
        """For programs."""
        return document["modem"]["signal"]

    @staticmethod
    def code(document: Any) -> int:
        """Whether there is a signal to speak of."""
        return ATTENTION if document["modem"]["signal"]["dbm"] is None else OK


def show_status(arguments: SimpleNamespace) -> int:
    """The modem, in detail."""
    return status.run(arguments, Modem)


def show_signal(arguments: SimpleNamespace) -> int:
    """The radio, once or live."""
    return status.run(arguments, Signal)
