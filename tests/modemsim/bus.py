"""The USB half of the modem, when another program plays it: power and modem lines over a unix socket.

Lines heard: ``power on|off``, ``dtr N 0|1``; all others are for other ears. Lines said: ``plug``, ``unplug``,
``dcd N 0|1``. The bytes go over ttys of their own (``wires.TtyEnd``).
"""

import socket
from pathlib import Path

MAX_LINE = 4096
SEND_DEADLINE = 1.0


class Bus:
    """A connection to the program that plays the USB half. Raises OSError where there is none."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SEND_DEADLINE)
        self._socket.connect(str(path))
        self._pending = b""
        self._dcd: dict[int, bool] = {}

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def hear(self) -> list[list[str]] | None:
        """The lines that have come, as words; None when the other side is gone."""
        try:
            data = self._socket.recv(MAX_LINE)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, rest = (self._pending + data).split(b"\n")
        self._pending = rest[:MAX_LINE]
        return [line.decode(errors="replace").split() for line in lines]

    def plug(self, *, into: bool) -> None:
        """Put the device on the bus, or take it off."""
        self._socket.sendall(b"plug\n" if into else b"unplug\n")

    def set_dcd(self, port: int, *, up: bool) -> None:
        """Move a port's carrier detect, when that changes it."""
        if self._dcd.get(port, False) != up:
            self._dcd[port] = up
            self._socket.sendall(f"dcd {port} {int(up)}\n".encode())

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
