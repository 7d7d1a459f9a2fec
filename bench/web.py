"""Five hundred open pages: what each costs, whether one that does not read holds up others, and the daemon.

    python -m bench.web [--clients 500]

A whole city in network namespaces (tests/netns/city.py) with the real daemon, the page beside it, and clients
on the loopback of the Pi, from many addresses.  Root.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "netns"), str(ROOT / "tests" / "web")]

from home import PORT, Home, home  # noqa: E402
from namespace import Namespace  # noqa: E402

from failberry.control import client as control  # noqa: E402

EVENTS = 40
"""Forced and unforced so often; each is several events."""
WATCHED = 12.0
"""Seconds for which the daemon's loop is measured."""
EACH = 32
"""Clients of one address."""


class Client:
    """One open page: remembers every id that it was told, and when."""

    def __init__(self, number: int) -> None:
        self.source = f"127.0.{1 + number // EACH}.1"
        self.place = ""
        self.ids: list[int] = []
        self.times: dict[int, float] = {}
        self.ready = asyncio.Event()
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", PORT, local_addr=(self.source, 0), limit=1 << 20
        )
        asked = f"GET /api/stream?after={self.place} HTTP/1.1\r\nHost: localhost:{PORT}\r\n\r\n"
        writer.write(asked.encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        self.reader, self.writer = reader, writer

    async def read(self) -> None:
        """Read for ever."""
        assert self.reader is not None
        while line := await self.reader.readline():
            if line.startswith(b"id: "):
                self.place = line[4:].decode().strip()
            elif line.startswith(b'data: {"id"'):
                number = json.loads(line[6:])["id"]
                self.ids.append(number)
                self.times[number] = time.monotonic()
            elif line.startswith(b"event: present"):
                self.ready.set()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()


def inside(where: Namespace, work: Any) -> Any:
    return where.run(work)


def pss(pid: int) -> int:
    """Kilobytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"(?m)^Pss:\s+(\d+)", text)[0])


def pid_of(where: Namespace, words: str) -> int:
    for text in where.sh("ip", "netns", "pids", where.name).split():
        if words in Path(f"/proc/{text}/cmdline").read_bytes().replace(b"\0", b" ").decode():
            return int(text)
    raise LookupError(words)


def disturb(path: str) -> None:
    """Make events: what the owner chooses, and chooses no more."""
    for _ in range(EVENTS):
        control.call(path, "ForceLine", line="wired", seconds=600)
        control.call(path, "ForceLine", line=None)
        threading.Event().wait(0.1)


def jitter(path: str, seconds: float) -> list[float]:
    """How long the daemon's loop takes to answer, in ms, asked a hundred times a second."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        control.call(path, "GetVersion")
        found.append((time.perf_counter() - began) * 1e3)
        threading.Event().wait(0.01)
    return sorted(found)


def probes(path: str, seconds: float) -> list[float]:
    """Round trips of the wired line as the daemon measured them, in ms."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rtt = control.call(path, "GetStatus")["status"]["wired"]["rtt"]
        if rtt is not None:
            found.append(rtt)
        threading.Event().wait(0.25)
    return sorted(found)


def measured(path: str) -> tuple[list[float], list[float]]:
    pings: list[float] = []
    beside = threading.Thread(target=lambda: pings.extend(probes(path, WATCHED)))
    beside.start()
    answers = jitter(path, WATCHED)
    beside.join()
    return answers, sorted(pings)


async def crowd(made: Home, count: int) -> dict[str, Any]:
    page = pid_of(made.city.pi, "failberry.web --socket")
    before = pss(page)
    clients = [Client(number) for number in range(count)]
    for each in clients:
        await each.open()
    reading = [asyncio.ensure_future(each.read()) for each in clients]
    for each in clients:
        await each.ready.wait()
    after = pss(page)

    # One of them stops reading; another one goes away, and comes back.
    slow, dropped = clients[0], clients[1]
    reading[0].cancel()
    reading[1].cancel()
    dropped.close()
    began = time.monotonic()
    calm = await asyncio.to_thread(disturb, made.city.socket)
    assert calm is None
    last = (await asyncio.to_thread(control.call, made.city.socket, "Events", limit=1))["last"]
    others = clients[2:]
    async with asyncio.timeout(20):
        while not all(each.ids and each.ids[-1] >= last for each in others):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    lag = [
        max(each.times[number] for each in others) - min(each.times[number] for each in others)
        for number in others[0].ids
    ]
    again = Client(1)
    again.ids = list(dropped.ids)
    again.place = dropped.place or "-".join((clients[2].place.split("-")[0], str(min(others[0].ids) - 1)))
    await again.open()
    catching = asyncio.ensure_future(again.read())
    async with asyncio.timeout(20):
        while not (again.ids and again.ids[-1] >= last):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    # The slow one was there all the time, and reads now.
    awake = asyncio.ensure_future(slow.read())
    async with asyncio.timeout(20):
        while not (slow.ids and slow.ids[-1] >= last):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    truth = others[0].ids
    same = all(each.ids == truth for each in others)
    result = {
        "base": before, "crowd": after, "each": (after - before) / count, "events": len(truth),
        "seconds": time.monotonic() - began, "lag": lag, "same": same, "rising": truth == sorted(set(truth)),
        "again": again.ids == truth, "slow": slow.ids == truth,
    }  # fmt: skip
    catching.cancel()
    awake.cancel()
    # They stay, while the daemon is measured.
    result["daemon"] = await asyncio.to_thread(measured, made.city.socket)
    for task in reading:
        task.cancel()
    for each in [*clients, again]:
        each.close()
    return result


def share(found: list[float], part: float) -> float:
    return found[min(len(found) - 1, int(len(found) * part))]


def main() -> None:
    parser = argparse.ArgumentParser(description="500 open pages")
    parser.add_argument("--clients", type=int, default=500)
    count = parser.parse_args().clients
    with home("open_reading = true\n") as made:
        alone = measured(made.city.socket)
        told = inside(made.city.pi, lambda: crowd(made, count))
    with_all = told["daemon"]
    print(f"{count} pages: {told['base']} kB before, {told['crowd']} kB with all; {told['each']:.1f} kB each")
    lag = sorted(told["lag"])
    print(
        f"{told['events']} events, first page to last: median {statistics.median(lag) * 1e3:.0f} ms, "
        f"worst {lag[-1] * 1e3:.0f} ms, while one page did not read"
    )
    print(
        f"all told the same: {told['same']}; each once, in order: {told['rising']}; "
        f"the dropped one caught up: {told['again']}; the slow one too: {told['slow']}"
    )
    for name, (before, after) in {
        "an answer of the daemon's loop": (alone[0], with_all[0]),
        "a ping's round trip": (alone[1], with_all[1]),
    }.items():
        for part in (0.5, 0.99):
            one, other = share(before, part), share(after, part)
            print(
                f"{name}, p{part * 100:.0f}: {one:.2f} ms alone, {other:.2f} ms with; ratio {other / one:.2f}"
            )
    assert told["same"]
    assert told["rising"]
    assert told["again"]
    assert told["slow"]


if __name__ == "__main__":
    main()
