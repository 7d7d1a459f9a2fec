"""Finds out who is on the way to a target: pings that live for 1, 2, 3 … hops, all at once.

A router that takes the last hop from a packet says so (time exceeded: RFC 792, RFC 4443 section 3.3) and
quotes it, so that each answer is known to be one to a ping of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from failberry.adapters import icmp
from failberry.adapters.pinned import Line
from failberry.core.actions import TracePath
from failberry.core.events import PathTraced
from failberry.core.facts import Address

MOST_HOPS = 30


async def trace_path(action: TracePath) -> PathTraced:
    """Walk the way; never raises.

    ``hops`` ends with the target, or with whoever refuses to pass packets on; else it is as long as was
    asked for.  Returns as soon as there is nobody left who could answer, after ``timeout`` at the latest.
    """
    line = Line(interface=action.interface)
    count = max(1, min(action.hops, MOST_HOPS))
    try:
        with line.open(action.target.version, socket.SOCK_RAW, icmp.PROTOCOL[action.target.version]) as ours:
            walk = _Walk(line, ours, action.target, count)
            with walk.begun(), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(action.timeout):
                    await walk.complete.wait()
            return PathTraced(deed=action.deed, hops=walk.hops(), reached=walk.reached)
    except OSError as failure:
        return PathTraced(deed=action.deed, problem=line.unsent(failure))


class _Walk:
    """One walk."""

    def __init__(self, line: Line, ours: socket.socket, target: Address, count: int) -> None:
        self.complete = asyncio.Event()
        self.reached = False
        self._line, self._socket, self._target = line, ours, target
        self._version = target.version
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._payload = icmp.payload()
        self._found: list[Address | None] = [None] * count
        self._last = count
        """The hop at which the way ends, as far as is known."""

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Send everything, and listen.  Raises OSError."""
        ours, version = self._socket, self._version
        kinds = (icmp.ECHO_REPLY, icmp.TIME_EXCEEDED, icmp.UNREACHABLE)
        icmp.let_in(ours, (kind[version] for kind in kinds))
        source = icmp.source_is(self._line.source(self._target))
        place = self._line.place(self._target, 0)
        for hop in range(1, self._last + 1):
            message = icmp.echo(version, self._identifier, hop, self._payload)
            ours.sendmsg([message], [source, icmp.hops_are(version, hop)], 0, place)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, self._read)
        try:
            yield
        finally:
            loop.remove_reader(ours)

    def hops(self) -> tuple[Address | None, ...]:
        """Who answered from hop 1, 2, ..."""
        found = self._found[: self._last]
        if not self.reached and len(found) > 1 and found[-1] is not None and found[-1] == found[-2]:
            # The one that refuses has told of a packet's end before.
            found.pop()
        return tuple(found)

    def _read(self) -> None:
        # One packet for each turn of the loop: no flood keeps us here.
        try:
            packet, sender = self._socket.recvfrom(icmp.LARGEST)
        except OSError:
            return
        message = icmp.parse(self._version, packet)
        if message is None:
            return
        who = ip_address(sender[0].partition("%")[0])
        if message.kind == icmp.ECHO_REPLY[self._version]:
            if who == self._target and message.rest == self._payload and self._is_ours(message):
                self.reached = True
                self._note(message.sequence, who, ends=True)
        elif (quote := icmp.quoted(self._version, message.rest)) is not None:
            target, asked = quote
            if target == self._target.packed and self._is_ours(asked):
                ends = message.kind == icmp.UNREACHABLE[self._version]
                self._note(asked.sequence, who, ends=ends)

    def _is_ours(self, message: icmp.Message) -> bool:
        return message.identifier == self._identifier and 1 <= message.sequence <= len(self._found)

    def _note(self, hop: int, who: Address, *, ends: bool) -> None:
        self._found[hop - 1] = who
        if ends:
            self._last = min(self._last, hop)
        if all(self._found[: self._last]):
            self.complete.set()
