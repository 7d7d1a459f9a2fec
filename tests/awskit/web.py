"""As much of an HTTP/1.1 server as an SDK needs: keep-alive, bodies of a known length, and silence."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

_IDLE = 60.0
_LARGEST = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; names of headers in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Handler = Callable[[Request], Awaitable[Response | None]]
"""None hangs up without an answer."""


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Serve until closed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            while (request := await _heard(reader, writer)) is not None:
                response = await handler(request)
                if response is None:
                    break
                writer.write(_rendered(response, head=request.method == "HEAD"))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(talk, host, port, limit=_LARGEST, backlog=256)


@contextlib.contextmanager
def background(handler: Handler) -> Iterator[str]:
    """Serve from a thread on loopback until the ``with`` ends; its URL."""
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.SimpleQueue()

    async def run() -> None:
        over = asyncio.Event()
        server = await serve(handler, "127.0.0.1", 0)
        started.put((asyncio.get_running_loop(), over, server.sockets[0].getsockname()[1]))
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    loop, over, port = started.get(timeout=10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


async def _heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    async with asyncio.timeout(_IDLE):
        line = await reader.readline()
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(maxsplit=2)
        headers = {}
        while (line := await reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(min(int(headers.get("content-length") or 0), _LARGEST))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    path, _, query = target.partition("?")
    return Request(
        method=method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=body,
        peer=str(writer.get_extra_info("peername")[0]),
    )


def _rendered(response: Response, *, head: bool) -> bytes:
    reason = HTTPStatus(response.status).phrase
    fields = {**response.headers, "Content-Length": str(len(response.body))}
    lines = [
        f"HTTP/1.1 {response.status} {reason}",
        *(f"{name}: {value}" for name, value in fields.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + (b"" if head else response.body)
