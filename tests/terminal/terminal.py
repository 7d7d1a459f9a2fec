"""A program in a real terminal: a pseudo-terminal that is typed into and read, with deadlines."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

PATIENCE = 20.0
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;?<>=!]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>()][0-9A-B]?)|[\x07\x08\r]"
)


class Terminal:
    """Runs the program until the block ends."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.heard = ""
        self._status: int | None = None
        self._pid, self._end = pty.fork()
        if not self._pid:
            # Whoever runs the tests in the background may have it ignored, which is inherited.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execvpe(words[0], list(words), dict(environment))  # noqa: S606

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._end)

    def type(self, text: str) -> None:
        """As if at the keyboard."""
        os.write(self._end, text.encode())

    def press_ctrl_c(self, wanted: str) -> str:
        """Press it, and once more where nothing happens; as :meth:`hear`.

        Python takes no note of a signal that comes in the instant before it waits for a line: then a person
        presses again.
        """
        for _ in range(int(PATIENCE)):
            self.type("\x03")
            try:
                return self.hear(wanted, seconds=1.0)
            except AssertionError as silence:
                if "it ended" in str(silence):
                    raise
        return self.hear(wanted)

    def hear(self, wanted: str, *, seconds: float = PATIENCE) -> str:
        """Wait until the screen shows it; gives all that was shown since the last time, without escapes."""
        until = time.monotonic() + seconds
        while (text := _ESCAPES.sub("", self.heard)) is not None:
            if found := re.search(wanted, text):
                self.heard = text[found.end() :]
                return text[: found.end()]
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._end], [], [], left)[0]:
                raise AssertionError(f"{wanted!r} was not shown: {text!r}")
            try:
                piece = os.read(self._end, 65_536)
            except OSError:  # the other end was closed
                piece = b""
            if not piece:
                raise AssertionError(f"it ended; {wanted!r} was not shown: {text!r}")
            self.heard += piece.decode("utf-8", "replace")
        raise AssertionError("not reached")

    def ended(self) -> int:
        """Wait for its end; gives the exit status."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            ready = select.select([self._end], [], [], max(0.0, until - time.monotonic()))[0]
            try:
                piece = os.read(self._end, 65_536) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                break
            self.heard += piece.decode("utf-8", "replace")
        self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status
