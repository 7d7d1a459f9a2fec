"""Programs that an update runs: each with a deadline, heard line by line, its complaint in one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from failberry.system.updateplan import complaint
from failberry.system.updatesteps import WorldError
from failberry.units import duration

MOST = 4 << 20
"""Octets kept of what a program says."""


def run(command: Sequence[str], *, deadline: float, heard: Callable[[str], None] | None = None) -> str:
    """Run it to its end; return what it said, on both outputs.

    ``heard`` is given each line as it comes.  After ``deadline`` seconds it is killed with all its children.
    Raises :class:`WorldError` with what it complained of.
    """
    name = spoken(command)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorldError(f"{command[0]} cannot be run: {error.strerror}") from None
    late = threading.Event()

    def end() -> None:
        late.set()
        os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(deadline, end)
    timer.start()
    said: list[str] = []
    kept = 0
    try:
        with child:
            assert child.stdout is not None  # noqa: S101 - it was asked for above
            for line in _lines(child.stdout):
                kept += len(line)
                if kept < MOST:
                    said.append(line)
                if heard is not None:
                    heard(line)
            code = child.wait()
    finally:
        timer.cancel()
    text = "\n".join(said)
    if late.is_set():
        raise WorldError(f"{name} was not done after {duration(deadline)}")
    if code != 0:
        raise WorldError(f"{name}: {complaint(text)}")
    return text


def spoken(command: Sequence[str]) -> str:
    """Return the program's name, without the chroot and the environment before it."""
    words = list(command)
    if words[0] == "chroot":
        words = [each for each in words[words.index("-i") + 1 :] if "=" not in each]
    return Path(words[0]).name


def exit_status(command: Sequence[str], *, deadline: float) -> int:
    """Run it for its exit status; 255: it could not be run, or not in time."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=deadline
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return 255


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Cut at carriage returns too: a progress bar is written over itself."""
    rest = b""
    while chunk := os.read(stream.fileno(), 1 << 16):
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from (each.decode(errors="replace") for each in whole)
        rest = rest[-MOST:]
    if rest:
        yield rest.decode(errors="replace")
