"""Real HTTP on the loopback, a real control socket: pages that read, and one that does not."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from failberry.control.answers import EventView
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.dashboard import Web
from failberry.web import server as server_module
from failberry.web.link import Link, follow
from failberry.web.news import News
from failberry.web.server import Server
from failberry.web.site import House, Site
from tests.unit.control.simulated import SimulatedAppliance, run, serving

MANY = 4000
"""Events: more than the ring holds, and far more than the kernel keeps for one that does not read."""
EVENT = EventView(
    id=1, time=0.0, synced=True, monotonic=0.0, boot="b", kind=RecordKind.VERDICT, subject="wired",
    what="up -> down", why="", next="", severity=Severity.WARNING, correlation=1, numbers={},
)  # fmt: skip


@contextlib.asynccontextmanager
async def page(folder: Path, appliance: SimulatedAppliance) -> AsyncIterator[tuple[int, Site, News]]:
    """Serve at a free port of the loopback."""
    path = folder / "control"
    async with serving(path, appliance):
        link, news = Link(str(path)), News()
        house = House(web=Web(open_reading=True), hostname="attic", password="")
        site = Site(house, link=link, news=news, clock=time.monotonic, wall=time.time)
        server = Server(site, news, port=0, complain=print)
        server.listen((), "")
        following = asyncio.ensure_future(follow(link, news, clock=time.monotonic))
        try:
            yield server.ports["127.0.0.1"], site, news
        finally:
            following.cancel()
            await asyncio.wait([following])
            await server.close()


async def ask(
    port: int, place: str = "", *, buffer: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(0)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    writer.write(f"GET /api/stream?after={place} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
    return reader, writer


async def ids(reader: asyncio.StreamReader, last: int) -> list[int]:
    found: list[int] = []
    while not found or found[-1] < last:
        line = await reader.readline()
        assert line, f"the stream ended after {found[-1:]}"
        if line.startswith(b'data: {"id"'):
            found.append(json.loads(line[6:])["id"])
    return found


def test_one_that_does_not_read_stalls_nobody_and_misses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        appliance = SimulatedAppliance(past=[EVENT])
        async with page(tmp_path, appliance) as (port, _, news):
            while news.history == "":  # noqa: ASYNC110
                await asyncio.sleep(0)
            place = f"{news.history}-1"
            slow, slow_writer = await ask(port, place, buffer=2048)
            quick = [await ask(port, place) for _ in range(2)]
            everything = list(range(2, MANY + 2))
            reading = [asyncio.ensure_future(ids(reader, MANY + 1)) for reader, _ in quick]
            for start in range(2, MANY + 2, 500):
                appliance.happens(*(replace(EVENT, id=number) for number in range(start, start + 500)))
                await asyncio.sleep(0)
            for each in reading:
                assert await each == everything
            # It has stood still all the while; what it missed is no longer in the ring.
            assert await ids(slow, MANY + 1) == everything
            # One that was away reads on where it was.
            again, again_writer = await ask(port, f"{news.history}-{MANY - 2500}")
            assert await ids(again, MANY + 1) == everything[-2501:]
            for writer in (slow_writer, again_writer, *(writer for _, writer in quick)):
                writer.close()

    run(scenario)


def test_one_that_never_reads_is_cut(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(server_module, "SLOW", 0.3)

    async def scenario() -> None:
        appliance = SimulatedAppliance(past=[replace(EVENT, id=number) for number in range(1, MANY)])
        async with page(tmp_path, appliance) as (port, site, news):
            while news.last < MANY - 1:  # noqa: ASYNC110
                await asyncio.sleep(0)
            reader, writer = await ask(port, f"{news.history}-1", buffer=2048)
            while not site.streams:  # noqa: ASYNC110
                await asyncio.sleep(0)
            # Full buffers on both sides, and then the end.
            while site.streams:  # noqa: ASYNC110
                await asyncio.sleep(0)
            received = 0
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(1 << 16):
                    received += len(part)
            assert 0 < received < 60 * MANY
            writer.close()

    run(scenario)


def test_places_are_counted(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(server_module, "STREAMS_EACH", 3)

    async def scenario() -> None:
        async with page(tmp_path, SimulatedAppliance(past=[EVENT])) as (port, _, _):
            answers = []
            writers = []
            for _ in range(4):
                reader, writer = await ask(port)
                writers.append(writer)
                answers.append((await reader.readline()).split()[1])
            assert answers == [b"200", b"200", b"200", b"503"]
            for writer in writers:
                writer.close()

    run(scenario)


async def get(port: int, path: str) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(body)


def test_the_timeline_can_be_turned_back_to_the_first_event(tmp_path: Path) -> None:
    async def scenario() -> None:
        # One story lasts all the time; it began before the thousand events that are asked for at once.
        past = [replace(EVENT, id=each, correlation=each if each % 9 else 1) for each in range(1, 1301)]
        async with page(tmp_path, SimulatedAppliance(past=past)) as (port, _, news):
            while news.last < 1300:  # noqa: ASYNC110
                await asyncio.sleep(0)
            status, told = await get(port, "/api/stories")
            assert (status, len(told["stories"])) == (200, 60)
            seen = [each["id"] for each in told["stories"]]
            while told["older"]:
                status, told = await get(port, f"/api/stories?older={told['older']}")
                assert status == 200
                for each in told["stories"]:
                    assert each["id"] in seen or each["events"][0]["id"] == each["id"]
                seen += [each["id"] for each in told["stories"] if each["id"] not in seen]
            assert set(seen) == {each.correlation for each in past}
            assert (await get(port, "/api/stories?older=yesterday"))[0] == 400

    run(scenario)
