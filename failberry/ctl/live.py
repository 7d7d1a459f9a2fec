"""The live views of ``failberryctl``: what the daemon tells, drawn each second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import SimpleNamespace

from failberry.control.client import ANSWER_TIME, Conversation, RefusedError, UnreachableError
from failberry.ctl import ATTENTION, OK
from failberry.ctl.kinds import KINDS, LINES
from failberry.ctl.screen import older, view
from failberry.ctl.status import DOCUMENT_VERSION, understood
from failberry.ctl.style import Style
from failberry.ctl.terminal import ENDINGS, Terminal
from failberry.ctl.words import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TICK = 1.0
"""Seconds between two looks at the clock while nothing happens: countdowns move."""
RECONNECT = 600.0
"""Seconds for which it waits for a daemon that went away."""
HOUR = 3600.0
MINUTE = 60.0
_SETTLED = 2.0
"""Seconds after a full minute at which its sample is there."""
_HURRY = 2.0
"""Seconds in which a daemon that listens accepts a connection, or is called again later."""
_FEW = 40
"""Events that are asked for."""
_KINDS = [each for each in KINDS if each != "deed"]

Draw = Callable[["Heard", Style, int, float], list[str]]
"""Makes lines of what was heard: with the terminal's style, its height, and the time of day."""


class Heard:
    """What is known at one moment; not a dataclass, since those are slow to import."""

    def __init__(self, document: Any) -> None:
        self.document = document
        """The status, its ages as of now."""
        self.samples: dict[str, Any] = dict.fromkeys(LINES, ())
        self.events: list[Any] = []
        self.lost = ""
        """Why the daemon is not heard any more; empty: it is."""
        self.away: tuple[float, float] | None = None
        """Since when, on the monotonic clock and by the time of day."""


class _Feed:
    """The connections to the daemon."""

    def __init__(self, path: str, heard: Heard, *, history: bool) -> None:
        self._heard = heard
        self.status = Conversation(path, patience=_HURRY)
        self._open: list[Conversation] = [self.status]
        self._samples: Conversation | None = None
        self._events: Conversation | None = None
        self._waiting: list[str] = []
        self._due = 0.0
        self._told = heard.document
        self._at = time.monotonic()
        """The status that was told last, and when."""
        try:
            self.status.ask("Watch", more=True)
            if history:
                self._samples = self._more(path)
                self._events = self._more(path)
                self._events.ask("Events", more=True, limit=_FEW, kinds=_KINDS)
                heard.events = []
        except BaseException:
            self.close()
            raise

    def _more(self, path: str) -> Conversation:
        conversation = Conversation(path, patience=_HURRY)
        self._open.append(conversation)
        return conversation

    @property
    def open(self) -> list[Conversation]:
        """What may have something to tell."""
        return self._open

    def close(self) -> None:
        for each in self._open:
            each.close()

    def ask(self) -> None:
        """Ask for the hour's samples when there may be a new one."""
        wall = time.time()
        if self._samples is None or self._waiting or wall < self._due:
            return
        self._due = (wall - _SETTLED) // MINUTE * MINUTE + MINUTE + _SETTLED
        self._waiting = list(LINES)
        for line in LINES:
            self._samples.ask("Samples", line=line, since=max(0.0, wall - HOUR - MINUTE), step=60)

    def listen(self, ready: Any) -> None:
        """Take what has come; raises :class:`UnreachableError`, and :class:`RefusedError` of the status."""
        for each in ready:
            try:
                answers = each.hear()
            except RefusedError:
                if each is self.status:
                    raise
                # An older daemon, or a disk that fails: the view goes on without graphs, or events.
                self._open.remove(each)
                continue
            for answer in answers:
                self._take(each, answer)
        silent = time.monotonic() - self._at
        if silent > ANSWER_TIME:
            raise UnreachableError(TimeoutError(f"no answer within {ANSWER_TIME:.0f} s"))
        self._heard.document = older(self._told, silent)

    def _take(self, source: Conversation, answer: dict[str, Any]) -> None:
        if source is self.status:
            self._told, self._at = answer["status"], time.monotonic()
            self._heard.lost, self._heard.away = "", None
        elif source is self._samples:
            self._heard.samples[self._waiting.pop(0)] = view(answer["samples"])
        else:
            self._heard.events = [*self._heard.events, *view(answer["events"])][-_FEW:]


def run(arguments: SimpleNamespace, document: Any, draw: Draw, style: Style, *, history: bool) -> int:
    """Show it until somebody ends it; ``document`` is the first status.  Return the exit code.

    ``history``: whether samples and events are wanted, too.  Raises :class:`UnreachableError` when the daemon
    stays away for longer than :data:`RECONNECT`, :class:`RefusedError`.
    """
    heard = Heard(document)
    with Terminal() as terminal:
        code = _until_enough(terminal, arguments.socket, heard, draw, style, history=history)
    return code if understood(heard.document) else ATTENTION


def _until_enough(
    terminal: Terminal, path: str, heard: Heard, draw: Draw, style: Style, *, history: bool
) -> int:
    while True:
        try:
            with contextlib.closing(_Feed(path, heard, history=history)) as feed:
                return _show(terminal, feed, heard, draw, style)
        except UnreachableError as lost:
            heard.away = heard.away or (time.monotonic(), time.time())
            if time.monotonic() - heard.away[0] > RECONNECT:
                raise
            heard.lost = unreachable(path, lost.cause, style=Style(width=10_000)).splitlines()[0]
        if (code := _wait(terminal, heard, draw, style, clock=heard.away[1])) is not None:
            return code


def _show(terminal: Terminal, feed: _Feed, heard: Heard, draw: Draw, style: Style) -> int:
    """While the daemon is heard; return the exit code, or raise what ended it."""
    while True:
        feed.ask()
        ready, keys, signals = terminal.wait(feed.open, TICK)
        feed.listen(ready)
        if (code := _ended(keys, signals)) is not None:
            return code
        if heard.document["version"] != DOCUMENT_VERSION:
            return ATTENTION
        _paint(terminal, heard, draw, style, heard.away[1] if heard.away else time.time())


def _wait(terminal: Terminal, heard: Heard, draw: Draw, style: Style, *, clock: float) -> int | None:
    """Until it is time to try again (``None``), or somebody ends it; the picture stands still."""
    until = time.monotonic() + TICK
    while (left := until - time.monotonic()) > 0:
        _paint(terminal, heard, draw, style, clock)
        _, keys, signals = terminal.wait((), left)
        if (code := _ended(keys, signals)) is not None:
            return code
    return None


def _ended(keys: str, signals: Any) -> int | None:
    for each in ENDINGS:
        if each in signals:
            return 128 + each
    return OK if not {"q", "Q", "\x04"}.isdisjoint(keys) else None


def _paint(terminal: Terminal, heard: Heard, draw: Draw, style: Style, clock: float) -> None:
    columns, rows = terminal.size
    wide = Style(width=columns, utf8=style.utf8, colour=style.colour)
    terminal.draw(draw(heard, wide, rows, clock))
