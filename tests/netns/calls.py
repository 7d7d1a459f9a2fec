"""What LAN clients make of a fault: new connections (``caller.py``), and conversations that go on."""

from __future__ import annotations

import socket
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

    def struck(self, before: float, after: float, whose: Callable[[Call], bool], other: str) -> float:
        """When a fault that was made between these instants was still not there, as far as calls tell.

        ``other``: the address of the line that is not concerned.
        """
        with self._told:
            worked = (
                call.begun
                for call in self.made
                if whose(call) and call.begun <= after and call.peer not in (None, other)
            )
            return max([before, *worked])


def established(call: Call) -> bool:
    """It came about, whichever way."""
    return call.established is not None


def by(peer: str) -> Callable[[Call], bool]:
    """It came about by the line whose address this is."""
    return lambda call: call.peer == peer


GAP = 0.1
"""Seconds between two words of a conversation."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word that came back."""

    at: float
    peer: str
    """By which address the far end knows the speaker."""
    connection: int
    """Counted from 0; a new one begins when the far end, or the kernel, ends the old."""


class Conversation:
    """Somebody of the house talks with the far end (port 7) ten times a second, for as long as the block.

    A TCP client that is reset calls again at once; over UDP both ports stay the same for ever.
    """

    def __init__(
        self, where: Namespace, server: str, kind: socket.SocketKind, source: str, port: int = 0
    ) -> None:
        self._where, self._peer, self._kind, self._source = where, (server, 7), kind, (source, port)
        self._told = threading.Condition()
        self._over = threading.Event()
        self.words: list[Word] = []
        self.ends: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        self._speaker = threading.Thread(target=self._talk)
        self._speaker.start()
        if self.heard(time.monotonic(), seconds=5.0) is None:
            self.__exit__()
            raise TimeoutError("the far end does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._speaker.join()

    def heard(
        self, since: float, *, seconds: float, peer: str | None = None, connection: int | None = None
    ) -> Word | None:
        """The first word that came back after ``since``, of this line and connection if named."""

        def found() -> Word | None:
            fits = (
                word
                for word in self.words
                if word.at >= since and peer in (None, word.peer) and connection in (None, word.connection)
            )
            return next(fits, None)

        with self._told:
            self._told.wait_for(found, max(0.0, since + seconds - time.monotonic()))
            return found()

    def _talk(self) -> None:
        number = 0
        while not self._over.is_set():
            try:
                with self._where.run(self._socket) as ours:
                    self._hold(ours, number)
            except OSError as end:
                with self._told:
                    self.ends.append((time.monotonic(), str(end)))
                number += 1
                self._over.wait(GAP)

    async def _socket(self) -> socket.socket:
        ours = socket.socket(socket.AF_INET, self._kind)
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind(self._source)
            ours.settimeout(1.0)
            ours.connect(self._peer)
        except OSError:
            ours.close()
            raise
        return ours

    def _hold(self, ours: socket.socket, number: int) -> None:
        peer = ""
        while not self._over.is_set():
            if peer or self._kind == socket.SOCK_DGRAM:
                ours.settimeout(1.0)
                ours.send(b"word\n")
            following = time.monotonic() + GAP
            while (left := following - time.monotonic()) > 0:
                ours.settimeout(left)
                try:
                    said = ours.recv(4096)
                except TimeoutError:
                    break
                if not said:
                    raise ConnectionResetError("the far end has hung up")
                if not peer or self._kind == socket.SOCK_DGRAM:
                    peer = said.split(b"\n")[0].decode()
                with self._told:
                    self.words.append(Word(time.monotonic(), peer, number))
                    self._told.notify_all()
