"""All pings of one line and IP version, over one raw socket that stays open."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from failberry.adapters import icmp
from failberry.adapters.pinned import Line
from failberry.core.facts import Address
from failberry.core.probing import LATE

MOST = 512
"""Pings that are remembered; the oldest is forgotten for one more."""
_SIP = 64
"""Packets that are read at once before silence is taken for silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """An echo request that was sent."""

    peer: Address
    sent: float
    payload: bytes
    canary: bool


class Echoes:
    """Sends pings, and tells what comes back, however late.

    Used from one event loop; instants are its clock's, ``time.monotonic()``.
    """

    def __init__(self, line: Line, version: int, heard: Callable[[Ping, float], None]) -> None:
        """``heard`` is given each ping that is answered within ``LATE``, and the instant of its answer."""
        self._line = line
        self._version = version
        self._heard = heard
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._sequence = 0
        self._socket: socket.socket | None = None
        self._waiting: dict[int, Ping] = {}
        """By sequence number, in the order of sending: neither answered yet nor missed."""
        self._missed: dict[int, Ping] = {}
        """Told as missed; an answer is still welcome."""

    def send(self, peer: Address, *, canary: bool = False) -> None:
        """Ping.  Raises OSError, and begins with a new socket the next time.

        A new one is the cure for an interface that went away and came back: to the kernel it is another.
        """
        loop = asyncio.get_running_loop()
        try:
            ours = self._open()
            payload = icmp.payload()
            self._sequence = (self._sequence + 1) & 0xFFFF
            message = icmp.echo(self._version, self._identifier, self._sequence, payload)
            # Looked up anew for each packet: addresses come and go under an interface that stays.
            source = icmp.source_is(self._line.source(peer))
            ping = Ping(peer=peer, sent=loop.time(), payload=payload, canary=canary)
            ours.sendmsg([message], [source], 0, self._line.place(peer, 0))
        except OSError:
            self._close()
            raise
        self._waiting[self._sequence] = ping
        self._forget(ping.sent)

    def next_miss(self, timeout: float) -> float | None:
        """The instant at which the oldest ping is missed."""
        return next((ping.sent + timeout for ping in self._waiting.values()), None)

    def misses(self, now: float, timeout: float) -> tuple[Ping, ...]:
        """Return those that have not been answered for so long; each once."""
        due = self.next_miss(timeout)
        if due is None or due > now:
            return ()
        # We may be late ourselves: whatever lies in the socket has come in time.
        for _ in range(_SIP):
            if not self._read():
                break
        missed = {number: ping for number, ping in self._waiting.items() if ping.sent + timeout <= now}
        for number in missed:
            self._missed[number] = self._waiting.pop(number)
        self._forget(now)
        return tuple(missed.values())

    def keep(self, peers: Iterable[Address]) -> None:
        """Forget what was asked of others: nobody wants to know any more."""
        wanted = set(peers)
        self._waiting = {number: ping for number, ping in self._waiting.items() if ping.peer in wanted}
        self._missed = {number: ping for number, ping in self._missed.items() if ping.peer in wanted}

    def close(self) -> None:
        """Close the socket and forget everything."""
        self._close()
        self.keep(())

    def _open(self) -> socket.socket:
        if self._socket is None:
            ours = self._line.open(self._version, socket.SOCK_RAW, icmp.PROTOCOL[self._version])
            try:
                icmp.let_in_replies(ours, self._version, self._identifier)
            except OSError:
                ours.close()
                raise
            asyncio.get_running_loop().add_reader(ours, self._read)
            self._socket = ours
        return self._socket

    def _close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> bool:
        """Read one packet for each turn of the loop: no flood keeps us here.  Whether there was one."""
        if self._socket is None:
            return False
        try:
            packet, sender = self._socket.recvfrom(icmp.LARGEST)
        except OSError:
            # Nothing there, or somebody's ICMP error, or the interface went away: the next ping will tell.
            return False
        message = icmp.parse(self._version, packet)
        if message is None or message.kind != icmp.ECHO_REPLY[self._version]:
            return True
        ping = self._waiting.get(message.sequence) or self._missed.get(message.sequence)
        now = asyncio.get_running_loop().time()
        if ping is None or message.rest != ping.payload or now > ping.sent + LATE:
            return True
        if sender[0].partition("%")[0] != str(ping.peer):
            return True
        self._waiting.pop(message.sequence, None)
        self._missed.pop(message.sequence, None)
        self._heard(ping, now)
        return True

    def _forget(self, now: float) -> None:
        late = [number for number, ping in self._missed.items() if ping.sent + LATE < now]
        over = len(self._waiting) + len(self._missed) - MOST
        for number in {*late, *list(self._missed)[: max(0, over)]}:
            del self._missed[number]
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
