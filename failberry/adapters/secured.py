"""One HTTPS conversation over one line, with bounds: TLS in memory, on a socket that is pinned to the line.

So the bytes are known that it costs, and a session can be resumed (RFC 8446 section 2.2), which saves the
server's certificates: most of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from failberry.adapters import pages
from failberry.adapters.pinned import Line
from failberry.core.facts import Address

MOST = 64 << 10
"""Bytes that are read of one conversation, certificates included."""
_CONNECT = 8.0
_PACKET, _HEADERS = 1400, 52
_OTHERS = 14
"""Packets of a conversation that carry nothing: three to begin, four to end, acknowledgements."""

T = TypeVar("T")


class Secured:
    """A connection whose other end has proven who it is."""

    def __init__(
        self, ours: socket.socket, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None
    ) -> None:
        self._ours = ours
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host, session=session)
        self._sent = self._received = 0

    @property
    def octets(self) -> int:
        """Bytes so far as IP counts them, nearly: what TCP adds is computed."""
        data = self._sent + self._received
        return data + _HEADERS * (_OTHERS + 2 * (data // _PACKET))

    @property
    def session(self) -> ssl.SSLSession | None:
        """What the next connection can resume."""
        return self._tls.session

    async def greet(self) -> None:
        """Shake hands.  Raises ssl.SSLError, OSError."""
        await self._do(self._tls.do_handshake)

    async def exchange(self, request: bytes, *, limit: int) -> pages.Answer:
        """Send a request and read its answer, which may have so many bytes.  Raises OSError."""
        await self._do(lambda: self._tls.write(request))
        received = b""
        while True:
            more = await self._do(lambda: self._tls.read(limit + 1))
            received += more
            answer = pages.parse(received, ended=False)
            if answer is not None and answer.complete:
                return answer
            if not more or len(received) > limit:
                # An answer without its length could not be told from a part of it.
                raise OSError("the answer is cut short" if not more else "the answer is too long")

    async def _do(self, step: Callable[[], T]) -> T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
                continue
            except ssl.SSLError:
                # The other side may be told why.
                with contextlib.suppress(OSError):
                    await self._flush()
                raise
            await self._flush()
            return done

    async def _flush(self) -> None:
        if waiting := self._out.read():
            self._sent += len(waiting)
            await asyncio.get_running_loop().sock_sendall(self._ours, waiting)

    async def _fill(self) -> None:
        came = await asyncio.get_running_loop().sock_recv(self._ours, 16_384)
        self._received += len(came)
        if not came:
            raise OSError("the connection was closed")
        if self._received > MOST:
            raise OSError("it sends without end")
        self._in.write(came)


@contextlib.asynccontextmanager
async def secured(
    line: Line,
    peer: Address,
    port: int,
    *,
    host: str,
    context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
    source: Address | None = None,
) -> AsyncIterator[Secured]:
    """Connect over the line, from its own address or this one, to whoever proves to be ``host``.

    Raises ssl.SSLError, TimeoutError, OSError.
    """
    loop = asyncio.get_running_loop()
    with line.open(peer.version, socket.SOCK_STREAM, socket.IPPROTO_TCP) as ours:
        ours.bind(line.place(source or line.source(peer), 0))
        try:
            async with asyncio.timeout(_CONNECT):
                await loop.sock_connect(ours, line.place(peer, port))
        except TimeoutError:
            raise OSError(f"{peer} does not answer") from None
        except OSError as failure:
            # asyncio has words of its own for it.
            raise OSError(failure.errno, os.strerror(failure.errno or 0)) from failure
        connection = Secured(ours, context, host, session)
        await connection.greet()
        yield connection
