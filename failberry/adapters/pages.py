"""Fetches one known page over one line by plain HTTP, and tells whether somebody else spoke for it.

Portals and filters that let pings and names pass give themselves away by what they answer (RFC 9110).  No
TLS: a portal cannot speak it, and then its answer could not be told from a broken line.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from failberry.adapters.pinned import Line
from failberry.adapters.questions import resolve
from failberry.core.facts import Address
from failberry.core.probing import PAGE_ANSWER, Page
from failberry.printable import printable

_SHOWN = 200
"""Characters that are quoted of what somebody sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of it."""

    server: Address | None
    """Who was asked; ``None``: the name could not be resolved."""
    problem: str = ""
    """Empty: it was the page."""
    portal: bool = False
    """Somebody else spoke for the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response, as far as it was read."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """Their names in small letters."""
    body: bytes = b""
    complete: bool = False


async def fetch(line: Line, servers: Sequence[Address], page: Page, *, seconds: float) -> Fetched:
    """Fetch the page within so many seconds; its name is resolved by these servers.  Never raises."""
    server: Address | None = None
    try:
        async with asyncio.timeout(seconds):
            server = await _address(line, servers, page.host)
            return await _converse(line, server, page)
    except TimeoutError:
        what = "cannot be resolved in time" if server is None else f"no answer from {server} in {seconds:g} s"
        return Fetched(server=server, problem=f"{page.host}: {what}")
    except OSError as failure:
        return Fetched(server=server, problem=f"{page.host}: {failure.strerror or failure}")


async def _address(line: Line, servers: Sequence[Address], host: str) -> Address:
    try:
        return ip_address(host)
    except ValueError:
        return (await resolve(line, servers, host))[0]


async def _converse(line: Line, server: Address, page: Page) -> Fetched:
    loop = asyncio.get_running_loop()
    source = line.source(server)
    with line.open(server.version, socket.SOCK_STREAM, socket.IPPROTO_TCP) as ours:
        ours.bind(line.place(source, 0))
        try:
            await loop.sock_connect(ours, line.place(server, page.port))
        except OSError as failure:
            # asyncio has words of its own for it.
            raise OSError(failure.errno, os.strerror(failure.errno or 0)) from failure
        host = page.host if page.port == 80 else f"{page.host}:{page.port}"
        words = (
            f"GET {page.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: failberry\r\nConnection: close\r\n\r\n"
        )
        await loop.sock_sendall(ours, words.encode("ascii", "replace"))
        received = b""
        while True:
            more = await loop.sock_recv(ours, PAGE_ANSWER - len(received))
            received += more
            ended = not more or len(received) >= PAGE_ANSWER
            verdict = judge(page, server, parse(received, ended=ended), ended=ended)
            if verdict is not None:
                return verdict


def parse(received: bytes, *, ended: bool) -> Answer | None:
    """Read as much of a response as is there; ``None``: not even its headers.  Raises nothing."""
    head, blank, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if not blank or len(words) < 2 or not words[0].startswith("HTTP/1.") or not _digits(words[1], 3):
        return None
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    complete = ended
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, complete = _joined(body)
    elif _digits(length := headers.get("content-length", ""), 9):
        complete = len(body) >= int(length)
        body = body[: int(length)]
    return Answer(status=int(words[1]), headers=headers, body=body, complete=complete or ended)


def _digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most


def _joined(body: bytes) -> tuple[bytes, bool]:
    """Join chunks (RFC 9112 section 7.1), as far as they are there; and whether the last one is."""
    joined = b""
    while True:
        size, line_end, body = body.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            return joined, False
        if not line_end or length <= 0:
            return joined, bool(line_end)
        joined += body[:length]
        body = body[length + 2 :]


def judge(page: Page, server: Address, answer: Answer | None, *, ended: bool) -> Fetched | None:
    """Whether it is the page; ``None``: too early to say.  ``ended``: no more will be read."""
    who = f"{server} answered for {page.host}"
    if answer is None:
        return Fetched(server=server, problem=f"{who} with no HTTP") if ended else None
    if 300 <= answer.status < 400:
        target = _shown(answer.headers.get("location", "nowhere"))
        return Fetched(server=server, problem=f"{who} with a redirect to {target}", portal=True)
    if answer.status >= 500 and answer.status != 511:
        # A server in trouble; 511 is a portal that says so (RFC 6585 section 6).
        return Fetched(server=server, problem=f"{who} with error {answer.status}")
    if answer.status not in {200, 204} or (answer.status == 204 and page.text):
        return Fetched(server=server, problem=f"{who} with status {answer.status}", portal=True)
    if page.text:
        if page.text.encode() in answer.body:
            return Fetched(server=server)
        other = f"another text than {_shown(page.text)!r}"
    else:
        if answer.status == 204 or (answer.complete and not answer.body):
            return Fetched(server=server)
        other = "a text where none should be"
        if answer.body:
            return Fetched(server=server, problem=f"{who} with {other}", portal=True)
    if not answer.complete:
        return None
    return Fetched(server=server, problem=f"{who} with {other}", portal=True)


def _shown(text: str) -> str:
    return printable(text[:_SHOWN])
