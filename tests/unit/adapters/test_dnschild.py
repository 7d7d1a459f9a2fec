"""The daemon's way to the child: a socket, a deadline, one at a time, and never an exception."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from failberry.adapters.dnschild import DnsChild, NobodyListens
from failberry.dns import messages
from failberry.dns.messages import MoveRequest, MoveResult, Progress, Refusal, Request
from failberry.errors import AdapterReason
from tests.unit.dns.wishes import WISH

MOVE = MoveRequest(wish=WISH, forced=None)
Serve = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def child(place: Path, serve: Serve) -> AsyncIterator[None]:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await serve(messages.decode_request(await reader.readline()), writer)
            await writer.drain()

    server = await asyncio.start_unix_server(accepted, place)
    try:
        yield
    finally:
        server.close()


def answering(*lines: bytes) -> Serve:
    async def serve(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.writelines(lines)

    return serve


def asked(place: Path, serve: Serve, *, deadline: float = 10.0) -> MoveResult | Refusal:
    async def life() -> MoveResult | Refusal:
        async with child(place, serve):
            return await DnsChild(str(place), deadline=deadline).ask(MOVE)

    return asyncio.run(life())


def test_it_passes_over_progress_and_brings_the_result(tmp_path: Path) -> None:
    lines = [messages.encode_answer(Progress(progress="1")), messages.encode_answer(MoveResult(changed=True))]
    assert asked(tmp_path / "s", answering(*lines)) == MoveResult(changed=True)


def test_a_refusal_is_brought_as_it_is(tmp_path: Path) -> None:
    refusal = Refusal(reason=AdapterReason.DENIED, evidence="no key")
    assert asked(tmp_path / "s", answering(messages.encode_answer(refusal))) == refusal


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}\n",
        b"x" * (messages.ANSWER_LIMIT + 2) + b"\n",
        messages.encode_answer(Progress(progress="on and on")) * 300,
    ],
)
def test_whatever_it_says_nothing_is_raised(tmp_path: Path, said: bytes) -> None:
    told = asked(tmp_path / "s", answering(said))
    assert isinstance(told, Refusal)
    assert (told.reason, "journalctl" in told.evidence) == (AdapterReason.REFUSED, True)


@pytest.mark.parametrize("unit", ["failberry-dns", "failberry-sns"])
def test_nobody_listens(tmp_path: Path, unit: str) -> None:
    told = asyncio.run(DnsChild(str(tmp_path / unit / "socket")).ask(MOVE))
    assert isinstance(told, NobodyListens)
    assert told.reason is AdapterReason.GONE
    assert f"`systemctl start {unit}.socket`" in told.evidence


def test_silence_has_an_end(tmp_path: Path) -> None:
    async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()

    told = asked(tmp_path / "s", silent, deadline=0.1)
    assert isinstance(told, Refusal)
    assert told.reason is AdapterReason.TIMEOUT


def test_one_at_a_time(tmp_path: Path) -> None:
    here, most = 0, 0

    async def serve(_: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await asyncio.sleep(0)
        here -= 1
        writer.write(messages.encode_answer(MoveResult(changed=False)))

    async def life() -> list[MoveResult | Refusal]:
        async with child(tmp_path / "s", serve):
            way = DnsChild(str(tmp_path / "s"))
            return await asyncio.gather(*(way.ask(MOVE) for _ in range(5)))

    assert (asyncio.run(life()), most) == ([MoveResult(changed=False)] * 5, 1)
