"""What a LAN client makes of a fault: new connections every 50 ms (``caller.py``), one after the other."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from namespace import Namespace

CALLER = Path(__file__).parent / "caller.py"


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, in seconds of the monotonic clock."""

    source: str
    begun: float
    established: float | None
    peer: str | None
    """By which address the far end knows the asker."""


class Calls:
    """A LAN client at work; ends with the ``with`` block."""

    def __init__(self, where: Namespace, server: str, port: int = 7, *options: str) -> None:
        words = ["ip", "netns", "exec", where.name, sys.executable, str(CALLER), server, str(port), *options]
        self._words = words
        self._told = threading.Condition()
        self.made: list[Call] = []

    def __enter__(self) -> Self:
        self._program = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(5)
        self._reader.join()
        assert self._program.stdout is not None
        self._program.stdout.close()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            source, begun, established, peer = line.split()
            call = Call(
                source,
                float(begun),
                None if established == "-" else float(established),
                None if peer == "-" else peer,
            )
            with self._told:
                self.made.append(call)
                self._told.notify_all()

    def first(self, since: float, wanted: Callable[[Call], bool], *, seconds: float) -> Call | None:
        """The first wanted one that began after ``since``; None if there is none for so many seconds."""
        end = since + seconds
        looked = 0
        with self._told:
            while True:
                for call in self.made[looked:]:
                    if call.begun >= since and wanted(call):
                        return call
                looked = len(self.made)
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._told.wait(left)


def established(call: Call) -> bool:
    """It came about, whichever way."""
    return call.established is not None


def by(peer: str) -> Callable[[Call], bool]:
    """It came about by the line whose address this is."""
    return lambda call: call.peer == peer
