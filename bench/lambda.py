"""What our functions at AWS cost in time, and a health check in bytes of the metered line (root).

    python -m bench.lambda [--rounds 30] [--requests 2000] [--checks 200]

*Cold*: a fresh interpreter that imports the handler, against one that does nothing, run in turn; with and
without the SDK, which only the first signed request loads.  *Warm*: a request to the handler in memory,
against the least that it must do: read JSON and compute two HMACs; of ping against a bare socket that asks
the same question.  *Bytes*: real TCP to the real health server in a network namespace of its own, as the
loopback interface counted them, less its 14 bytes of Ethernet in each packet; connections of one check.
"""
# ruff: noqa: N999 -- named after the folder that it measures

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lambda"), str(ROOT / "tests" / "netns")]

from namespace import Namespace  # noqa: E402
from ping import handler as ping  # noqa: E402

from bench.health import REQUEST, keep_beating  # noqa: E402
from tests.unit.aws.awsmemory import HOST, SECRET, SOURCE, Cloud, Request  # noqa: E402
from tests.unit.aws.functionurl import event  # noqa: E402

PORT = 9000
PATH = "/c-91ab42d7e05f3368"
ETHERNET = 14
MONTH = 30 * 86_400
CHECKS = {
    "16 checkers, each every 30 s": 16 / 30,
    "6 checkers, each every 30 s": 6 / 30,
    "16 checkers, each every 10 s": 16 / 10,
}


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def cold(rounds: int) -> None:
    """Wall time of interpreters, in pairs."""
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT / "lambda")

    def seconds(source: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", source], check=True, timeout=60, env=environment)
        return time.perf_counter() - began

    for what in ("ddns.handler", "ping.handler", "ddns.handler, boto3"):
        source = f"import {what}"
        seconds(source)
        pairs = [(seconds("pass"), seconds(source)) for _ in range(rounds)]
        nothing, ours = (statistics.median(each) * 1000 for each in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        row(f"cold, `import {what}`", f"{ours:.0f} ms", f"{nothing:.0f} ms, `python -c pass`", f"{ratio:.2f}")


def each_takes(work: Callable[[int], object], requests: int) -> float:
    """Microseconds, the median of five runs."""
    runs = []
    for _ in range(5):
        began = time.perf_counter()
        for number in range(requests):
            work(number)
        runs.append((time.perf_counter() - began) / requests * 1e6)
    return statistics.median(runs)


def warm(requests: int) -> None:
    """The handler in memory."""
    cloud = Cloud(cooldown=0)
    reflector = event("GET", "/", headers={"Host": "abc.example"}, source=SOURCE)
    stamps = iter(range(cloud.now + 1, cloud.now + 10**9))
    updates = [Request({"ts": next(stamps)}).event(source=SOURCE) for _ in range(5 * requests)]
    waiting = iter(updates)
    body = json.dumps({"host": HOST, "nonce": "n" * 16}).encode()

    def least(_: int) -> None:
        json.loads(body)
        for _ in range(2):
            hmac.new(SECRET, hashlib.sha256(body).digest(), "sha256").hexdigest()

    floor = each_takes(least, requests)
    for what, work in (
        ("warm, address asked for", lambda _: cloud.handle(reflector)),
        ("warm, signed update of a record that is right", lambda _: cloud.handle(next(waiting))),
    ):
        took = each_takes(work, requests)
        row(what, f"{took:.0f} µs", f"{floor:.0f} µs, JSON and two HMACs", f"{took / floor:.1f}")


def ask(request: bytes, *, port: int = PORT) -> bytes:
    """One question as plainly as can be."""
    with socket.create_connection(("127.0.0.1", port), 5) as ours:
        ours.sendall(request)
        answer = b""
        while more := ours.recv(4096):
            answer += more
    return answer


def checker(path: str) -> bytes:
    """As Route 53's checkers ask."""
    return REQUEST.replace(b"GET / ", f"GET {path} ".encode())


class Counter:
    """Bytes and packets of the namespace's loopback."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def read(self) -> tuple[int, int]:
        told = self._namespace.json("-s -j link show lo")[0]["stats64"]["rx"]
        return int(told["bytes"]), int(told["packets"])

    def of(self, work: Callable[[], object], times: int) -> tuple[float, float]:
        """Bytes as IP counts them, and packets, of one."""

        async def repeat() -> None:
            for _ in range(times):
                work()

        self._namespace.run(repeat)
        before = self.read()
        self._namespace.run(repeat)
        self._settle()
        after = self.read()
        octets, packets = (late - early for late, early in zip(after, before, strict=True))
        return (octets - ETHERNET * packets) / times, packets / times

    def _settle(self) -> None:
        """Until the last FIN was acknowledged."""
        seen = self.read()
        for _ in range(50):
            time.sleep(0.05)
            if (now := self.read()) == seen:
                return
            seen = now


@contextlib.contextmanager
def serving(namespace: Namespace, *command: str) -> Iterator[None]:
    words = ["ip", "netns", "exec", namespace.name, *command]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def wait_for(namespace: Namespace, port: int) -> None:
    async def connect() -> None:
        for _ in range(500):
            with (
                contextlib.suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", port), 1),
            ):
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"nothing listens on port {port}")

    namespace.run(connect)


def on_the_wire(checks: int, requests: int) -> None:
    """Bytes of one check, and of a month of them; and what a ping takes beside a bare socket."""
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("bench/lambda.py: busybox is not installed: apt install busybox")
    namespace, stopped = Namespace("lambda"), threading.Event()
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            heartbeat = Path(folder, "heartbeat")
            Path(folder, PATH.strip("/")).write_bytes(b"ok cellular\n")
            beating = threading.Thread(target=keep_beating, args=(heartbeat, stopped, PATH))
            beating.start()
            stack.callback(beating.join)
            stack.callback(stopped.set)
            ours = ("-m", "failberry.health", "--heartbeat", str(heartbeat), "--listen", f"127.0.0.1:{PORT}")
            stack.enter_context(serving(namespace, sys.executable, *ours))
            stack.enter_context(
                serving(namespace, busybox, "httpd", "-f", "-p", f"127.0.0.1:{PORT + 1}", "-h", folder)
            )
            for port in (PORT, PORT + 1):
                wait_for(namespace, port)
            measure(Counter(namespace), namespace, checks, requests)
    finally:
        stopped.set()
        namespace.delete()


def measure(counter: Counter, namespace: Namespace, checks: int, requests: int) -> None:
    endpoint = {"endpoints": [{"name": "mobile", "url": f"http://127.0.0.1:{PORT}{PATH}"}]}

    def pinged() -> None:
        (told,) = ping.run(endpoint, put=lambda *_: None).values()
        assert told["up"] is True, told

    def checked(port: int = PORT) -> None:
        answer = ask(checker(PATH), port=port)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), answer

    def connected() -> None:
        socket.create_connection(("127.0.0.1", PORT), 5).close()

    connect, _ = counter.of(connected, checks)
    theirs, their_packets = counter.of(lambda: checked(PORT + 1), checks)
    figures: dict[str, float] = {}
    for what, work in (("check of Route 53", checked), ("check by ping", pinged)):
        figures[what], packets = counter.of(work, checks)
        against = f"{theirs:.0f} bytes, {their_packets:.0f} packets, `busybox httpd`"
        told = f"{figures[what]:.0f} bytes, {packets:.1f} packets"
        row(f"on the wire, one {what}", told, against, f"{figures[what] / theirs:.2f}")
    row("the same: no more than a connection", f"{connect:.0f} bytes", "", "")
    months = {what: rate * figures["check of Route 53"] for what, rate in CHECKS.items()}
    months["one ping a minute"] = figures["check by ping"] / 60
    for what, rate in months.items():
        row(f"a month, {what}", f"{rate * MONTH / 1e6:.0f} MB", "", "")
    durations: dict[str, float] = {}

    async def timed() -> None:
        durations["bare"] = each_takes(lambda _: checked(), requests // 20)
        durations["ping"] = each_takes(lambda _: pinged(), requests // 20)

    namespace.run(timed)
    row(
        "warm, ping of one endpoint",
        f"{durations['ping'] / 1000:.2f} ms",
        f"{durations['bare'] / 1000:.2f} ms, a bare socket",
        f"{durations['ping'] / durations['bare']:.1f}",
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="pairs of interpreters")
    parser.add_argument("--requests", type=int, default=2000, help="to a warm handler")
    parser.add_argument("--checks", type=int, default=200, help="on the wire")
    options = parser.parse_args(words)
    if os.geteuid() != 0:
        sys.exit("bench/lambda.py: bytes are counted in a network namespace, which needs root")
    row("what", "Failberry", "against", "ratio")
    row("---", "---", "---", "---")
    cold(options.rounds)
    warm(options.requests)
    on_the_wire(options.checks, options.requests)


if __name__ == "__main__":
    main()
