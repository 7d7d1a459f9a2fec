"""HTTP for the site, on the LAN only.  The only importer of aiohttp.

Connections are taken by us, not by the library: each is judged by its two addresses before its first byte is
read, and counted.  What waits has a deadline; a browser that does not read is waited for by its own task, and
then cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiohttp import web

from failberry.control.client import RefusedError, UnreachableError
from failberry.web.exchange import HEADERS, Answer, Asked, Streaming
from failberry.web.lan import LOOPBACK, Own
from failberry.web.news import News
from failberry.web.site import COOKIE, Site
from failberry.web.stream import told

CONNECTIONS = 768
STREAMS, STREAMS_EACH = 640, 48
"""Open pages, and of one address."""
BODY = 4096
"""Bytes of a question's body."""
ASK_WITHIN = 10.0
"""Seconds to ask the first question."""
KEEP_ALIVE = 30.0
SLOW = 30.0
"""Seconds in which a browser reads what it was sent, or is cut."""
LOOK = 0.25
"""Seconds between two looks at whether it has."""
SWEEP = 5.0
BREATHER = 0.2

Complain = Callable[[str], None]


@dataclass(slots=True, eq=False)
class _Visit:
    transport: asyncio.Transport
    peer: str
    since: float
    asked: bool = False
    streams: bool = False


@dataclass(slots=True)
class _Listener:
    sock: socket.socket
    task: asyncio.Task[None] | None = field(default=None)


class Server:
    """Serves the site at the addresses that :meth:`listen` is told, until it is closed."""

    def __init__(self, site: Site, news: News, *, port: int, complain: Complain) -> None:
        self._site, self._news = site, news
        self._port = port
        self._complain = complain
        self._listeners: dict[tuple[str, int], _Listener] = {}
        self._refused: set[tuple[str, int]] = set()
        self._visits: dict[asyncio.Transport, _Visit] = {}
        self._http = web.Server(
            self._handle, keepalive_timeout=KEEP_ALIVE, access_log=None, tcp_keepalive=True,
            max_line_size=4096, max_field_size=4096,
        )  # fmt: skip

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens."""
        return {host: each.sock.getsockname()[1] for (host, _), each in self._listeners.items()}

    def listen(self, own: tuple[Own, ...], interface: str) -> None:
        """Listen at these addresses of the interface and on the loopback, and nowhere else."""
        wanted = {(str(each.address), each.index) for each in own} | {(str(each), 0) for each in LOOPBACK}
        for key in self._listeners.keys() - wanted:
            listener = self._listeners.pop(key)
            if listener.task is not None:
                listener.task.cancel()
            listener.sock.close()
        for host, index in sorted(wanted - self._listeners.keys()):
            try:
                sock = _bound(host, index, self._port, interface)
            except OSError as error:
                if (host, index) not in self._refused and host != str(LOOPBACK[1]):
                    self._complain(f"cannot listen at {host} port {self._port}: {error.strerror}")
                self._refused.add((host, index))
                continue
            self._refused.discard((host, index))
            listener = self._listeners[host, index] = _Listener(sock=sock)
            listener.task = asyncio.ensure_future(self._accept(sock))

    async def close(self) -> None:
        """Hang up."""
        self.listen((), "")
        for listener in self._listeners.values():
            if listener.task is not None:
                listener.task.cancel()
            listener.sock.close()
        for each in list(self._visits):
            each.abort()
        await self._http.shutdown(0.1)

    async def sweep(self) -> None:
        """Hang up on who asks nothing; for ever."""
        while True:
            await asyncio.sleep(SWEEP)
            now = asyncio.get_running_loop().time()
            for each in list(self._visits.values()):
                if each.transport.is_closing():
                    del self._visits[each.transport]
                elif not each.asked and now - each.since > ASK_WITHIN:
                    each.transport.abort()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listener)
            except OSError:
                # Out of descriptors or memory: the caller waits in the backlog until there is room.
                await asyncio.sleep(BREATHER)
                continue
            try:
                if not self._site.lan.admits(connection.getsockname()[0], peer[0]):
                    connection.close()
                    continue
                self._make_room()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # What the kernel holds for one that does not read; pages are small.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
                transport, _ = await loop.connect_accepted_socket(self._http, connection)
            except OSError:
                connection.close()
                continue
            self._visits[transport] = _Visit(transport=transport, peer=_plain(peer[0]), since=loop.time())

    def _make_room(self) -> None:
        if len(self._visits) < CONNECTIONS:
            return
        for each in [each for each in self._visits if each.is_closing()]:
            del self._visits[each]
        if len(self._visits) >= CONNECTIONS:
            idle = [each for each in self._visits.values() if not each.streams] or list(self._visits.values())
            oldest = min(idle, key=lambda each: each.since)
            oldest.transport.abort()
            del self._visits[oldest.transport]

    # --- one question --------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        visit = self._visits.get(transport) if isinstance(transport, asyncio.Transport) else None
        if visit is None:
            # Its connection is being closed.
            return web.Response(status=400, headers=HEADERS)
        visit.asked = True
        body = await _body(request)
        if body is None:
            return _response(Answer(status=413, body=b'{"problem":"that is too much"}'), close=True)
        answer = await self._site.answer(_asked(request, visit.peer, body))
        if isinstance(answer, Streaming):
            return await self._stream(request, visit, answer)
        return _response(answer, close=answer.status in (421, 429))

    async def _stream(self, request: web.BaseRequest, visit: _Visit, asked: Streaming) -> web.StreamResponse:
        streaming = [
            each for each in self._visits.values() if each.streams and not each.transport.is_closing()
        ]
        if len(streaming) >= STREAMS or sum(each.peer == visit.peer for each in streaming) >= STREAMS_EACH:
            return _response(
                Answer(
                    status=503, body=b'{"problem":"too many pages are open"}', headers={"Retry-After": "30"}
                )
            )
        headers = {**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        visit.streams = True
        self._site.streams += 1
        pieces = told(
            self._news, asked.place, remember=self._site.remember,
            allowed=lambda: not visit.transport.is_closing() and self._site.may_look(asked.token),
        )  # fmt: skip
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    await response.write(piece)
                    await _read_by(visit.transport)
        except (ConnectionError, TimeoutError, UnreachableError, RefusedError):
            visit.transport.abort()
        finally:
            visit.streams = False
            self._site.streams -= 1
        return response


async def _read_by(transport: asyncio.Transport) -> None:
    """Wait until the browser has taken all of it; raises ``TimeoutError`` if it does not."""
    async with asyncio.timeout(SLOW):
        while transport.get_write_buffer_size():
            if transport.is_closing():
                raise ConnectionResetError
            await asyncio.sleep(LOOK)


async def _body(request: web.BaseRequest) -> bytes | None:
    if not request.can_read_body:
        return b""
    async with asyncio.timeout(ASK_WITHIN):
        body = b""
        while len(body) <= BODY:
            part = await request.content.read(BODY + 1 - len(body))
            if not part:
                return body
            body += part
    return None


def _asked(request: web.BaseRequest, peer: str, body: bytes) -> Asked:
    fields = request.headers
    return Asked(
        method=request.method,
        path=request.path,
        peer=peer,
        host=fields.get("Host", ""),
        origin=fields.get("Origin"),
        site=fields.get("Sec-Fetch-Site"),
        token=request.cookies.get(COOKIE, "")[:128],
        csrf=fields.get("X-Failberry-Token", "")[:128],
        kind=fields.get("Content-Type", ""),
        query=dict(request.query),
        body=body,
        place=fields.get("Last-Event-ID", "")[:64],
        known=fields.get("If-None-Match", ""),
    )


def _response(answer: Answer, *, close: bool = False) -> web.Response:
    headers = {**HEADERS, **answer.headers, "Content-Type": answer.kind}
    if answer.cookie is not None:
        headers["Set-Cookie"] = answer.cookie
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    if close:
        response.force_close()
    return response


def _bound(host: str, index: int, port: int, interface: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if index:
            # What comes in by another interface never gets here, whatever its addresses (socket(7)).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        scope = index if host.lower().startswith("fe80") else 0
        sock.bind((host, port, 0, scope) if family == socket.AF_INET6 else (host, port))
        sock.listen(128)
    except BaseException:
        sock.close()
        raise
    return sock


def _plain(peer: str) -> str:
    return peer.partition("%")[0]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's own complaints of broken requests out of the journal: strangers could fill it."""
    import logging  # late: for this alone

    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    yield
