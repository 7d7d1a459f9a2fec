"""The control socket: who may connect, how much they may hold, how long they may take.

It lives in the daemon's loop, so it is built for callers that misbehave: every message is bounded,
every wait has a deadline, a caller that does not read is dropped, and between two calls the engine
gets its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import logging
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from failberry.control import GROUP, INTERFACE, buttons
from failberry.control.framing import MessageError, MessageReader, encode
from failberry.control.varlink import Call, Message, parse_call

MAXIMUM_CLIENTS = 32
"""Connections at one time; a further one is closed at once."""
IDLE = 300.0
"""Seconds that a client may take to send a whole message."""
SLOW = 5.0
"""Seconds that a client may take to receive a whole reply."""
CHUNK = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who connected, as the kernel tells it (SO_PEERCRED, unix(7)): nobody can lie about this."""

    pid: int
    uid: int

    @classmethod
    def of(cls, connection: socket.socket) -> Peer:
        """Ask the kernel."""
        credentials = struct.Struct("3i")
        answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        pid, uid, _ = credentials.unpack(answer)
        return cls(pid=pid, uid=uid)


def listen(path: str, *, group: str = GROUP) -> socket.socket:
    """Open the control socket at ``path``: mode 0660 for the group if there is such a group, else 0600.

    What a dead daemon left there is removed.  Raises ``OSError``: ``EADDRINUSE`` when a daemon that
    lives listens there, or when the path is something else than a socket.
    """
    place = Path(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if place.is_socket() and not _answers(path):
            place.unlink()
        # The mode of the unbound socket becomes the mode of the file (minus umask), so there is no
        # moment at which others could connect.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(path)
        # Without the group, or without the right to give a file to it, the socket stays private.
        with contextlib.suppress(KeyError, PermissionError):
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
            place.chmod(0o660)
        listener.listen(MAXIMUM_CLIENTS)
    except BaseException:
        listener.close()
        raise
    return listener


class Answers(Protocol):
    """Who answers: :class:`failberry.control.service.Service`, or the notifier's desk."""

    def changes(self, call: Call) -> bool:
        """Whether this call is one that changes something."""

    def replies(self, call: Call, *, trusted: bool) -> AsyncGenerator[Message, None]:
        """Yield the replies."""


class ControlServer:
    """Serves :class:`Answers` on a listening socket until it is cancelled.

    ``trusted`` are the users who may change things: root, and whoever runs the daemon.  The group may
    look only: who answers strangers must not be able to burn PIN attempts or to run up a bill, whatever
    is wrong with it.  ``pressing`` is the user of the dashboard, who may press the buttons that it shows,
    and nothing else (:mod:`failberry.control.buttons`); ``texting`` that of the notifier, who may have text
    messages sent, to numbers and within limits that the daemon knows.
    """

    def __init__(
        self,
        service: Answers,
        *,
        trusted: frozenset[int] | None = None,
        pressing: int | None = None,
        texting: int | None = None,
    ) -> None:
        self._service = service
        self._trusted = frozenset({0, os.geteuid()}) if trusted is None else trusted
        self._pressing = pressing
        self._texting = texting
        self._clients = 0

    async def serve(self, listener: socket.socket) -> None:
        """Accept for ever.  Failures of clients end here; the listener is closed and unlinked at the end."""
        path = listener.getsockname()
        try:
            async with asyncio.TaskGroup() as clients:
                while True:
                    connection = await _accept(listener)
                    if self._clients < MAXIMUM_CLIENTS:
                        self._clients += 1
                        clients.create_task(self._converse(connection))
                    else:
                        log.warning("control: %d clients already, one more refused", MAXIMUM_CLIENTS)
                        connection.close()
        finally:
            listener.close()
            Path(path).unlink(missing_ok=True)  # noqa: ASYNC240  (on tmpfs, once, at the end)

    def _lent(self, call: Call, uid: int) -> bool:
        if uid == self._pressing:
            return buttons.is_button(call)
        return uid == self._texting and call.method == f"{INTERFACE}.SendSms"

    async def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                await self._answer_all(connection, Peer.of(connection))
        except TimeoutError:
            log.info("control: a client was dropped: it was silent or slow for too long")
        except MessageError as fault:
            log.info("control: a client was dropped: %s", fault)
        except OSError as gone:
            log.debug("control: a client went away: %s", gone)
        finally:
            self._clients -= 1

    async def _answer_all(self, connection: socket.socket, peer: Peer) -> None:
        async for message in _messages(connection):
            call = parse_call(message)
            if self._service.changes(call):
                log.info("control: %s asked by uid %d, pid %d", call.method, peer.uid, peer.pid)
            allowed = peer.uid in self._trusted or self._lent(call, peer.uid)
            replies = self._service.replies(call, trusted=allowed)
            async with contextlib.aclosing(replies):
                async for each in replies:
                    if not call.oneway:
                        await _send(connection, each)
            # A socket that is always ready never suspends its reader: let the engine have its turn.
            await asyncio.sleep(0)


async def _messages(connection: socket.socket) -> AsyncIterator[Message]:
    loop = asyncio.get_running_loop()
    reader = MessageReader()
    deadline = loop.time() + IDLE
    while True:
        async with asyncio.timeout_at(deadline):
            received = await loop.sock_recv(connection, CHUNK)
        if not received:
            return
        for message in reader.feed(received):
            yield message
            deadline = loop.time() + IDLE


async def _send(connection: socket.socket, message: Message) -> None:
    async with asyncio.timeout(SLOW):
        await asyncio.get_running_loop().sock_sendall(connection, encode(message))


async def _accept(listener: socket.socket) -> socket.socket:
    while True:
        try:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError as refused:
            # Out of descriptors or memory: the caller waits in the backlog until there is room.
            log.warning("control: cannot accept a client: %s", refused)
            await asyncio.sleep(1)
        else:
            connection.setblocking(False)  # noqa: FBT003  (positional only)
            return connection


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # Non-blocking: EAGAIN means a daemon that lives, with a full backlog.
        return probe.connect_ex(path) in (0, errno.EAGAIN)
