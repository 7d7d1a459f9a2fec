"""Pings, for those peers that do not run ping(8)."""

from __future__ import annotations

import os
import socket
import struct

_REQUEST, _REPLY = 8, 0


class Pinger:
    """ICMP echoes (RFC 792) to one address, from one source."""

    def __init__(self, target: str, source: str) -> None:
        self._ours = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._ours.bind((source, 0))
        self._ours.connect((target, 0))
        self._identity = os.urandom(2)

    def send(self, number: int) -> None:
        """Send one; that it cannot be sent is like a loss."""
        rest = self._identity + struct.pack("!H", number & 0xFFFF)
        words = struct.unpack("!3H", bytes((_REQUEST, 0)) + rest)
        total = sum(words)
        total = (total & 0xFFFF) + (total >> 16)
        try:
            self._ours.send(bytes((_REQUEST, 0)) + struct.pack("!H", ~total & 0xFFFF) + rest)
        except OSError:
            return

    def receive(self) -> int | None:
        """The number of the next answer to one of ours; None: it was something else."""
        try:
            packet = self._ours.recv(2048)
        except OSError:
            return None
        message = packet[(packet[0] & 0xF) * 4 :]
        if len(message) < 8 or message[0] != _REPLY or message[4:6] != self._identity:
            return None
        number: int = struct.unpack("!H", message[6:8])[0]
        return number
