"""Programs in a real terminal emulator, tmux, that can be looked at as a person does."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 20.0


class Tmux:
    """A server of its own, in its own folder; ends with the block."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"
        self._folder = folder
        self._count = 0
        self._settings = folder / "tmux.conf"
        # What was shown last stays to be looked at, with nothing of tmux's own.
        self._settings.write_text('set -g remain-on-exit on\nset -g remain-on-exit-format ""\n')

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._count:
            self.ask("kill-server")

    def ask(self, *words: str, check: bool = True) -> str:
        """Give it a command; gives what that prints."""
        # Its own letters are always UTF-8: what the program inside believes is another matter.
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        told = subprocess.run(
            ["tmux", "-S", str(self._socket), "-f", str(self._settings), *words],
            env=environment, capture_output=True, timeout=PATIENCE, check=check,
        )  # fmt: skip
        return told.stdout.decode()

    def open(self, columns: int, rows: int, command: Sequence[str], environment: dict[str, str]) -> Pane:
        """Run a command in a terminal of this size, in this environment and in no other."""
        self._count += 1
        name = f"s{self._count}"
        words = ["env", "-i", *(f"{key}={value}" for key, value in environment.items()), *command]
        pipe = self._folder / name
        os.mkfifo(pipe)
        pane = Pane(self, name, pipe)
        self.ask("new-session", "-d", "-s", name, "-x", str(columns), "-y", str(rows), shlex.join(words))
        # Refused when the program has ended already; then nothing is missed.
        self.ask("pipe-pane", "-O", "-t", name, f"exec cat >{shlex.quote(str(pipe))}", check=False)
        return pane


class Pane:
    """One terminal."""

    def __init__(self, tmux: Tmux, name: str, pipe: Path) -> None:
        self._tmux = tmux
        self._name = name
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def type(self, *keys: str) -> None:
        """As at the keyboard; names of keys as tmux has them (``C-c``, ``Enter``)."""
        self._tmux.ask("send-keys", "-t", self._name, *keys)

    def resize(self, columns: int, rows: int) -> None:
        """As if the window were drawn larger."""
        self._tmux.ask("resize-window", "-t", self._name, "-x", str(columns), "-y", str(rows))

    def seen(self, *, colours: bool = False) -> str:
        """What stands on the screen, and above it."""
        more = ["-e"] if colours else []
        return self._tmux.ask("capture-pane", "-p", "-S", "-", *more, "-t", self._name)

    def told(self, form: str) -> str:
        """What tmux knows of it, such as ``#{cursor_flag}``."""
        return self._tmux.ask("display-message", "-p", "-t", self._name, form).strip()

    def wait(self, holds: str | Callable[[str], bool]) -> str:
        """Wait until the screen shows this text, or until this holds for it; gives the screen."""
        until = time.monotonic() + PATIENCE
        while True:
            text = self.seen()
            if holds in text if isinstance(holds, str) else holds(text):
                return text
            left = until - time.monotonic()
            assert left > 0, f"{holds!r} was not shown; this was:\n{text}"
            # Looked at again when something was written, and now and then for what the pipe does not tell.
            if select.select([self._pipe], [], [], min(left, 0.5))[0]:
                os.read(self._pipe, 1 << 16)

    def ended(self) -> int:
        """Wait for the end of the program; gives its exit status, or the signal that ended it, negative."""
        end = "#{pane_dead_status},#{pane_dead_signal}"

        def known(_: str) -> bool:
            # Some one time in a hundred tmux 3.3 misses that a program has ended, until the next one ends.
            self._tmux.ask("run-shell", "true")
            return self.told(end) != ","

        self.wait(known)
        status, signal = self.told(end).split(",")
        return int(status) if status else -int(signal)

    def close(self) -> None:
        """Forget it."""
        os.close(self._pipe)
