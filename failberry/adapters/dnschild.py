"""Errands to Route 53, carried out by the child that holds the AWS keys (:mod:`failberry.dns.errand`).

systemd starts it at our connection, and ends it.  The daemon has no keys, and never loads boto3.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import overload

from failberry.dns.messages import (
    ANSWER_LIMIT,
    DEADLINE,
    SOCKET,
    ApplyRequest,
    DestroyRequest,
    DoneResult,
    MessageError,
    MoveRequest,
    MoveResult,
    PlanRequest,
    PlanResult,
    Progress,
    PublishRequest,
    PublishResult,
    Refusal,
    Request,
    Result,
    StatusRequest,
    StatusResult,
    TellRequest,
    TellResult,
    decode_answer,
    encode_request,
)
from failberry.errors import AdapterError, AdapterReason

_MOST_PROGRESS = 200
"""Lines before the result; a plan has a dozen changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyListens(Refusal):
    """Not the child's: there is none to ask."""


class DnsChild:
    """Asks one thing at a time; who comes meanwhile waits, and his deadline runs."""

    def __init__(self, path: str = SOCKET, *, deadline: float = DEADLINE) -> None:
        self._path = path
        self._unit = PurePath(path).parent.name
        """Of systemd; each has its socket in a folder of its name."""
        self._deadline = deadline
        self._turn = asyncio.Lock()

    @overload
    async def ask(self, request: PlanRequest) -> PlanResult | Refusal: ...
    @overload
    async def ask(self, request: ApplyRequest | DestroyRequest) -> DoneResult | Refusal: ...
    @overload
    async def ask(self, request: StatusRequest) -> StatusResult | Refusal: ...
    @overload
    async def ask(self, request: PublishRequest) -> PublishResult | Refusal: ...
    @overload
    async def ask(self, request: MoveRequest) -> MoveResult | Refusal: ...
    @overload
    async def ask(self, request: TellRequest) -> TellResult | Refusal: ...

    async def ask(self, request: Request) -> Result | Refusal:
        """Have it done; every failure is a Refusal, which says why and what to do.  Never raises.

        A refusal with the reason "timeout" leaves open whether it was done: ask again, it does no harm.
        """
        try:
            async with asyncio.timeout(self._deadline):
                async with self._turn:
                    return await self._exchange(request)
        except TimeoutError:
            words = f"the child gave no answer within {self._deadline:g} s; see whether a line is up"
            return Refusal(reason=AdapterReason.TIMEOUT, evidence=words)
        except AdapterError as error:
            return Refusal(reason=error.reason, evidence=error.evidence)

    async def _exchange(self, request: Request) -> Result | Refusal:
        try:
            line = encode_request(request)
            async with _connected(self._path) as (reader, writer):
                writer.write(line)
                await writer.drain()
                return await _answer(reader, type(request))
        except (FileNotFoundError, ConnectionRefusedError):
            words = f"nobody listens on {self._path}; `systemctl start {self._unit}.socket`"
            return NobodyListens(reason=AdapterReason.GONE, evidence=words)
        except OSError as error:
            words = f"{self._path}: {error.strerror or error}; see `journalctl -u '{self._unit}@*'`"
            raise AdapterError(AdapterReason.REFUSED, words) from None
        except (MessageError, ValueError) as error:
            # readline() raises ValueError for a line that is too long.
            words = f"the child gave no answer: {error}; see `journalctl -u '{self._unit}@*'`"
            raise AdapterError(AdapterReason.REFUSED, words) from None


async def _answer(reader: asyncio.StreamReader, asked: type[Request]) -> Result | Refusal:
    for _ in range(_MOST_PROGRESS):
        line = await reader.readline()
        if not line:
            raise MessageError("it ended without one")
        answer = decode_answer(line, asked)
        if not isinstance(answer, Progress):
            return answer
    raise MessageError("it tells of progress without end")


@contextlib.asynccontextmanager
async def _connected(path: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER_LIMIT)
    try:
        yield reader, writer
    finally:
        # Not waited for: what is closed needs no more of our time.
        writer.close()
