"""A peer that speaks HTTP as badly as it is told to, on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Talk = Callable[[socket.socket], None]
"""What the peer does with a connection; it is closed afterwards."""

_PATIENCE = 5.0


def says(text: str) -> Talk:
    """Hear the question, then say this."""

    def talk(theirs: socket.socket) -> None:
        hear(theirs)
        theirs.sendall(text.encode())

    return talk


def hear(theirs: socket.socket) -> bytes:
    """Everything up to the empty line."""
    heard = b""
    while b"\r\n\r\n" not in heard and (more := theirs.recv(4096)):
        heard += more
    return heard


def silent(theirs: socket.socket) -> None:
    """Hear the question and say nothing until the other side goes."""
    while theirs.recv(4096):
        pass


def trickling(theirs: socket.socket) -> None:
    """Say one header line after the other, until the other side goes."""
    hear(theirs)
    theirs.sendall(b"HTTP/1.1 200 OK\r\n")
    gone = threading.Event()
    while not gone.wait(0.02):
        try:
            theirs.sendall(b"X: y\r\n")
        except OSError:
            gone.set()


class Peer:
    """Listens until the ``with`` ends.  Each connection gets the next talk, and the last one for ever."""

    def __init__(self, *talks: Talk, address: str = "127.0.0.1") -> None:
        self._talks = list(talks)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{self.port}"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                theirs, _ = self._listener.accept()
            except OSError:
                return
            talk = self._talks[min(self.connections, len(self._talks) - 1)]
            self.connections += 1
            with theirs:
                theirs.settimeout(_PATIENCE)
                try:
                    talk(theirs)
                    theirs.shutdown(socket.SHUT_WR)
                    silent(theirs)
                except OSError:
                    continue

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wakes accept(), which close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_PATIENCE)
