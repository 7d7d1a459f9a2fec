"""One thread, one epoll: takes connections, answers each once, and lets nobody keep a place.

A connection is *waiting* until its request is complete, then answered and closed.  It is *lingering*
instead when the peer may still be sending: closing a socket with unread input makes the kernel send
RST, which can overtake the answer (RFC 9112 9.6), so our half is closed and the rest is discarded.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Sequence

from failberry.health.heartbeat import SIZE_LIMIT, Health, Heartbeat, decode, freshness
from failberry.health.http import HEAD_LIMIT, Request, Status, parse, respond

CONNECTIONS = 256
REQUEST_WITHIN = 4.0
LINGER_FOR = 1.0
"""Seconds; together with REQUEST_WITHIN the whole life of a connection."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the heartbeat file."""

_ADMIT_AT_ONCE = 64
_DISCARD_LIMIT = 65_536
_BREATHER = 0.01


class HeartbeatFile:
    """The heartbeat on disk, read again when it was replaced, looked at once a second at most."""

    def __init__(self, path: str, *, boot_id: str) -> None:
        self._path = path
        self._boot_id = boot_id
        self._next_look = float("-inf")
        self._seen: tuple[int, int] | None = None
        self._state = Health.MISSING
        self.current: Heartbeat | None = None

    def health(self, now: float) -> Health:
        """Judge the heartbeat at ``now`` (monotonic seconds)."""
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            self._look()
        if self.current is None:
            return self._state
        return freshness(self.current, now=now, boot_id=self._boot_id)

    def _look(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                found = os.fstat(fd)
                identity = (found.st_ino, found.st_mtime_ns)
                if identity == self._seen:
                    return
                raw = os.read(fd, SIZE_LIMIT + 1)
            finally:
                os.close(fd)
        except OSError as error:
            self._seen = self.current = None
            self._state = Health.MISSING if isinstance(error, FileNotFoundError) else Health.UNREADABLE
            return
        self._seen, self.current, self._state = identity, decode(raw), Health.GARBLED


class _Connection:
    __slots__ = ("deadline", "discarded", "received", "sock", "watched")

    def __init__(self, sock: socket.socket, *, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.received = b""
        self.discarded = 0
        self.watched = False


class Server:
    """Serves listening sockets from one heartbeat file.  ``counts`` says what became of connections."""

    def __init__(
        self, listeners: Sequence[socket.socket], heartbeat: HeartbeatFile, *, places: int = CONNECTIONS
    ) -> None:
        self._heartbeat = heartbeat
        self._places = places
        # Both in the order of their deadlines, because each entry gets the same time: the oldest is first.
        self._waiting: dict[int, _Connection] = {}
        self._lingering: dict[int, _Connection] = {}
        self._poller = select.epoll()
        self._listeners = {listener.fileno(): listener for listener in listeners}
        for fd, listener in self._listeners.items():
            listener.settimeout(0)
            # Accepted sockets inherit it (tcp(7)): the request is acknowledged by the answer, not before it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            self._poller.register(fd, select.EPOLLIN)
        self.counts: dict[str, int] = {}

    def turn(self, longest: float) -> float:
        """Wait ``longest`` seconds at most, do what is due, and return the monotonic time."""
        due = [next(iter(table.values())).deadline for table in (self._waiting, self._lingering) if table]
        patience = max(0.0, min(due) - time.monotonic()) if due else longest
        ready = self._poller.poll(min(patience, longest), 2 * _ADMIT_AT_ONCE)
        now = time.monotonic()
        for fd, _events in ready:
            # A descriptor closed and reused within this turn only leads to a read that finds nothing.
            if connection := self._waiting.get(fd):
                self._serve(connection, now)
            elif connection := self._lingering.get(fd):
                self._discard(connection)
            elif listener := self._listeners.get(fd):
                self._admit(listener, now)
        for table, outcome in ((self._waiting, "late"), (self._lingering, None)):
            while table and (oldest := next(iter(table.values()))).deadline <= now:
                self._close(oldest, outcome)
        return now

    def _admit(self, listener: socket.socket, now: float) -> None:
        for _ in range(_ADMIT_AT_ONCE):
            try:
                sock, _peer = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # accept(2): out of descriptors or memory.  Shed load, and never spin on a full queue.
                self._make_room()
                self._count("unaccepted")
                time.sleep(_BREATHER)
                return
            # The request usually came with the handshake, and then it never needs a place.
            self._serve(_Connection(sock, deadline=now + REQUEST_WITHIN), now)

    def _serve(self, connection: _Connection, now: float) -> None:
        sock = connection.sock
        try:
            chunk = sock.recv(HEAD_LIMIT - len(connection.received), socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._keep(self._waiting, connection)
            return
        except OSError:
            self._close(connection, "broken")
            return
        connection.received += chunk
        request = parse(connection.received, ended=not chunk)
        if request is not None:
            self._answer(connection, request, ended=not chunk, now=now)
        elif chunk:
            self._keep(self._waiting, connection)
        else:
            self._close(connection, "silent")

    def _answer(self, connection: _Connection, request: Request | Status, *, ended: bool, now: float) -> None:
        sock = connection.sock
        health = self._heartbeat.health(now)
        heartbeat = self._heartbeat.current
        lingers = not ended and (isinstance(request, Status) or request.more_follows)
        try:
            line = heartbeat.line_at(sock.getsockname()[0]) if heartbeat else None
            secret = heartbeat.lines[line].path if heartbeat and line else None
            answer = respond(
                request,
                health=health,
                line=line,
                secret=secret,
                standby=heartbeat.standby if heartbeat else None,
                standby_reason=heartbeat.standby_reason if heartbeat else "",
            )
            # MSG_MORE holds the answer back until the FIN that follows at once: one segment for both.
            # So small an answer fits any empty send buffer; where it does not, the peer is given up.
            sock.send(answer, socket.MSG_DONTWAIT | socket.MSG_MORE)
            if lingers:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection, "broken")
            return
        outcome = answer[9:12].decode()  # the status code
        if lingers:
            self._count(outcome)
            self._waiting.pop(sock.fileno(), None)
            connection.deadline = now + LINGER_FOR
            self._keep(self._lingering, connection)
        else:
            self._close(connection, outcome)

    def _discard(self, connection: _Connection) -> None:
        try:
            chunk = connection.sock.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        connection.discarded += len(chunk)
        if not chunk or connection.discarded > _DISCARD_LIMIT:
            self._close(connection)

    def _keep(self, table: dict[int, _Connection], connection: _Connection) -> None:
        fd = connection.sock.fileno()
        if fd in table:
            return
        if len(self._waiting) + len(self._lingering) >= self._places:
            self._make_room()
        table[fd] = connection
        if not connection.watched:
            connection.watched = True
            self._poller.register(fd, select.EPOLLIN)

    def _make_room(self) -> None:
        # Who has its answer goes first, then who has kept us waiting longest.
        if table := self._lingering or self._waiting:
            self._close(next(iter(table.values())), None if self._lingering else "crowded out")

    def _close(self, connection: _Connection, outcome: str | None = None) -> None:
        fd = connection.sock.fileno()
        self._waiting.pop(fd, None)
        self._lingering.pop(fd, None)
        connection.sock.close()  # which also takes it out of the epoll set
        if outcome:
            self._count(outcome)

    def _count(self, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
