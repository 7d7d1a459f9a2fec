"""Asks our function over one line, once: whom it sees, and a signed update that shall change nothing."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

from failberry.adapters.pages import Answer
from failberry.adapters.pinned import Line
from failberry.adapters.secured import Secured, secured
from failberry.aws.evidence import Address, Reflection, Silence, Trial
from failberry.dns import protocol

_PATIENCE = 45.0
"""Seconds for one question; the function has 30."""
_ANSWER = 4096
_CURE = "look at the line with `failberryctl status`, then try again"
_AGENT = "failberryctl"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Who signs."""

    name: str
    secret: bytes = field(repr=False)


class Reflector:
    """The function behind a URL.  Never raises."""

    def __init__(
        self,
        url: str,
        *,
        wall: Callable[[], float] = time.time,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        parts = urlsplit(url)
        self._authority, self._host, self._port = (
            parts.netloc.lower(),
            parts.hostname or "",
            parts.port or 443,
        )
        self._wall, self._context = wall, context

    def reflect(self, line: Line) -> Reflection | Silence:
        """Whom it sees, and its clock."""
        return asyncio.run(self._converse(line, self._reflect))

    def try_update(self, line: Line, key: Key, host: str, seen: Reflection, *, probe: str) -> Trial | Silence:
        """Whether an update would be taken; nothing is published.  ``probe`` is a path, or empty."""

        async def attempt(them: Secured, _: Address) -> Trial | Silence:
            return await self._try(them, key, host, seen, probe)

        return asyncio.run(self._converse(line, attempt))

    async def _converse(
        self, line: Line, talk: Callable[[Secured, Address], Awaitable[T | Silence]]
    ) -> T | Silence:
        words = "no address of the function is of a family that the line has"
        try:
            async with asyncio.timeout(_PATIENCE):
                for peer in await self._addresses():
                    try:
                        own = line.source(peer)
                        context = self._context()
                        async with secured(line, peer, self._port, host=self._host, context=context) as them:
                            return await talk(them, own)
                    except ssl.SSLError as failure:
                        return Silence(f"{self._host} cannot prove who it is: {failure.reason}", _CLOCK)
                    except PermissionError:
                        return Silence("only root may send over one line", "use sudo")
                    except OSError as failure:
                        words = failure.strerror or str(failure)
        except TimeoutError:
            words = f"no answer in {_PATIENCE:g} s"
        except OSError as failure:
            words = f"{self._host} cannot be resolved: {failure.strerror or failure}"
        return Silence(f"{line.interface}: {words}", _CURE)

    async def _addresses(self) -> list[Address]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = {ip_address(each[4][0]) for each in found}
        # IPv4 first: it is what the house's name and most health checks are about.
        return sorted(addresses, key=lambda each: (each.version, int(each)))[:4]

    async def _reflect(self, them: Secured, own: Address) -> Reflection | Silence:
        sent = self._wall()
        text = protocol.request_text(authority=self._authority, agent=_AGENT)
        answer = await them.exchange(text, limit=_ANSWER)
        received = self._wall()
        told = protocol.parse_reflection(answer.body) if answer.status == 200 else None
        if told is None:
            return _strange(answer)
        return Reflection(source=own, seen=told[0], sent=sent, received=received, server=told[1] / 1000)

    async def _try(self, them: Secured, key: Key, host: str, seen: Reflection, probe: str) -> Trial | Silence:
        ahead = seen.server - (seen.sent + seen.received) / 2
        ts, nonce = round((self._wall() + ahead) * 1000), secrets.token_urlsafe(12)
        update = protocol.Update(
            key=key.name,
            host=host,
            address=seen.seen,
            ts=ts,
            nonce=nonce,
            probe=probe if len(probe) <= protocol.LONGEST_PROBE else "",
            dry_run=True,
        )
        request = protocol.signed(update, secret=key.secret, authority=self._authority)
        text = protocol.request_text(authority=self._authority, agent=_AGENT, signed=request)
        answer = await them.exchange(text, limit=_ANSWER)
        told = protocol.parse_told(answer.body)
        if told is None:
            return _strange(answer)
        signature = answer.headers.get(protocol.SIGNATURE_HEADER, "")
        real = protocol.genuine(
            key.secret, request, status=answer.status, body=answer.body, signature=signature
        )
        if answer.status == 200 and not real:
            return Silence("the answer is not signed with our key: somebody on the way has changed it", _CURE)
        return Trial(
            status=answer.status,
            word=told.word,
            reason=told.reason,
            reachable=told.reachable,
            probe=told.probe,
        )


_CLOCK = "see `timedatectl`: a wrong clock is the most frequent reason; then look at dns.url"


def _strange(answer: Answer) -> Silence:
    if answer.status == 403:
        words = "AWS lets nobody call the function (HTTP 403)"
        return Silence(words, "see what is said of the URL; `failberryctl aws deploy` sets it up")
    cure = "look at dns.url, then at the function's log in CloudWatch"
    return Silence(f"HTTP {answer.status}, which is not an answer of our function", cure)
