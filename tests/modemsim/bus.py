"""The USB half of the modem, when another program plays it: power and modem lines over a unix socket.

Lines heard: ``power on|off``, ``dtr N 0|1``, ``reset`` (the host has reset the device), ``switch`` (the host
sent the CD-ROM what turns it into a modem); all others are for other ears. Lines said: ``firmware`` (from now
on it is we who decide what is on the bus), ``show nothing|modem|cd_rom``, ``dcd N 0|1``. The bytes go over
ttys of their own (``wires.TtyEnd``).
"""

import socket
from pathlib import Path

from .model import Shows

MAX_LINE = 4096
SEND_DEADLINE = 1.0


class Bus:
    """A connection to the program that plays the USB half. Raises OSError where there is none."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SEND_DEADLINE)
        self._socket.connect(str(path))
        self._socket.sendall(b"firmware\n")
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

    def show(self, shows: Shows) -> None:
        """Be this on the bus."""
        self._socket.sendall(f"show {shows}\n".encode())

    def set_dcd(self, port: int, *, up: bool) -> None:
        """Move a port's carrier detect, when that changes it."""
        if self._dcd.get(port, False) != up:
            self._dcd[port] = up
            self._socket.sendall(f"dcd {port} {int(up)}\n".encode())

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
