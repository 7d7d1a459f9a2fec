"""A terminal as a screen of its own that is given back as it was found, however the program ends.

The alternate screen, hidden cursor, silent keyboard (xterm's control sequences, termios(3)).  Only rows that
changed are written, in one piece, so that nothing flickers.  Signals are bytes in a pipe, so that one
``select`` waits for everything: the daemon, the keyboard, a new size, the end.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import termios
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Protocol, Self

    class Readable(Protocol):
        """What ``select`` waits for."""

        def fileno(self) -> int:
            """Its descriptor."""


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals after which the program ends, with 128 and the signal's number as its exit status."""
_HEARD = (*ENDINGS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
# Switched off: wrapping at the last column, so that a letter of unexpected width spoils one row only.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J", "\x1b[?7h\x1b[?25h\x1b[?1049l"
# Terminals that know of it show what comes between at once (mode 2026); others pass it over.
_HOLD, _SHOW = "\x1b[?2026h", "\x1b[?2026l"
_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_SMALLEST = (20, 4)


class Terminal:
    """The screen while the block lasts; standard output must be a terminal."""

    def __init__(self) -> None:
        self._keyboard: int | None = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._wake, self._woken = os.pipe()
        self._shown: list[str] = []
        self._size = (0, 0)

    def __enter__(self) -> Self:
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for each in _HEARD:
            self._handlers[each] = signal.signal(each, _nothing)
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._wake)
        os.close(self._woken)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            columns, rows = 0, 0
        # A serial console does not know its size.
        return max(columns or 80, _SMALLEST[0]), max(rows or 24, _SMALLEST[1])

    def wait(
        self, others: Sequence[Readable], seconds: float
    ) -> tuple[list[Readable], str, set[signal.Signals]]:
        """Wait for one of them, a key, or a signal; give what is ready, the keys, the signals."""
        watched: list[Any] = [*others, self._wake, *([] if self._keyboard is None else [self._keyboard])]
        ready = select.select(watched, [], [], max(0.0, seconds))[0]
        keys = self._read(self._keyboard).decode("utf-8", "replace") if self._keyboard in ready else ""
        if self._keyboard in ready and not keys:
            self._keyboard = None  # hung up: it would be ready for ever
        signals = {signal.Signals(each) for each in self._read(self._wake)} if self._wake in ready else set()
        if signal.SIGTSTP in signals:
            self._stop()
        return [each for each in others if each in ready], keys, signals

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, and nothing else."""
        columns, rows = size = self.size
        text = ""
        if size != self._size:
            self._size, self._shown = size, []
            text = "\x1b[2J"
        lines = lines[:rows]
        for number in range(max(len(lines), len(self._shown))):
            line = lines[number] if number < len(lines) else ""
            if number >= len(self._shown) or self._shown[number] != line:
                # Erasing to the end would take the letter in the last column, too.
                clear = "\x1b[K" if len(_COLOURS.sub("", line)) < columns else ""
                text += f"\x1b[{number + 1};1H{line}{clear}"
        self._shown = list(lines)
        if text:
            self._write(f"{_HOLD}{text}{_SHOW}")

    def _take(self) -> None:
        if self._keyboard is not None:
            self._before = termios.tcgetattr(self._keyboard)
            quiet = list(self._before)
            # Keys come at once and unseen; Ctrl-C and Ctrl-Z stay signals, Ctrl-S must not freeze us.
            quiet[0] &= ~termios.IXON
            quiet[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._keyboard, termios.TCSANOW, quiet)
        self._size = (0, 0)
        self._write(_ENTER)

    def _give_back(self) -> None:
        # A terminal that hung up takes nothing any more.
        with contextlib.suppress(OSError):
            self._write(_LEAVE)
        if self._keyboard is not None and self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._before)

    def _stop(self) -> None:
        """Ctrl-Z: the shell gets its screen, and we get ours again when it says so."""
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    @staticmethod
    def _read(end: int | None) -> bytes:
        try:
            return os.read(end, 1024) if end is not None else b""
        except OSError:
            return b""


def _nothing(*_: object) -> None:
    """A signal that has a handler is told through the pipe; one that is ignored is not."""
