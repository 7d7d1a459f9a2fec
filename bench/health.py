"""Compare the health server with ``busybox httpd`` on loopback: requests/s, 99th percentile, memory.

    python3 bench/health.py [--rounds 8] [--requests 3000]

How it stays fair: both servers run all the time and answer the same request with a 12-byte body, one from
a heartbeat and one from a file.  Rounds are pairs, in alternating order, so that drift of the machine hits
both; the figures are medians of the rounds and the ratios are medians of each pair's ratio.  One client
serves both: a closed loop of a fixed number of connections in flight, each timed from before connect() to
the end of the answer, which is checked.  Eight in flight at most, because busybox listens with a backlog of
nine: more would overflow it and measure SYN retransmissions of a second.  Nothing is pinned, so that
busybox, which forks for each connection, has all cores.

How the client stays out of the way: the request is prepared, connect() and send() do not wait on loopback,
and one epoll loop collects the answers.  It still costs about as much as the faster server; "client busy"
says how much of the time it was computing.  Near 100 % the rate is the client's, and a server that waited
for it is faster than shown: that hides the lead of the faster one and never adds to it.  "CPU/request" of
the server's processes, read from the kernel, does not depend on the client at all.
"""

import argparse
import contextlib
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from failberry.health.heartbeat import Line, encode  # noqa: E402 - runs from the tree, installed or not

BODY = b"ok cellular\n"
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: home.example.com:9000\r\nConnection: close\r\n"
    b"User-Agent: Amazon-Route53-Health-Check-Service (ref 01234567-89ab-cdef-0123-456789abcdef; report "
    b"http://amzn.to/1vsZADi)\r\nAccept: */*\r\nAccept-Encoding: *\r\n\r\n"
)
DEADLINE = 60.0
IN_FLIGHT = (1, 8)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    rate: float
    """Answers per second."""
    p50: float
    p99: float
    """Milliseconds."""
    server_cpu: float
    """Microseconds per request, of the server and its children."""
    client_busy: float


def measure(port: int, pid: int, *, requests: int, in_flight: int) -> Round:
    """One closed-loop run; raises if an answer is wrong or the run takes too long."""
    poller = select.epoll()
    open_: dict[int, tuple[socket.socket, float, list[bytes]]] = {}
    took: list[float] = []

    def ask() -> None:
        began = time.perf_counter()
        sock = socket.socket()
        sock.connect(("127.0.0.1", port))
        sock.send(REQUEST)
        open_[sock.fileno()] = (sock, began, [])
        poller.register(sock.fileno(), select.EPOLLIN)

    cpu_before, own_before, began = server_cpu(pid), time.process_time(), time.perf_counter()
    for _ in range(in_flight):
        ask()
    while len(took) < requests:
        events = poller.poll(DEADLINE)
        if not events or time.perf_counter() - began > DEADLINE:
            raise TimeoutError(f"port {port}: only {len(took)} of {requests} answers in {DEADLINE:.0f} s")
        for fd, _ in events:
            sock, asked, chunks = open_[fd]
            with contextlib.suppress(BlockingIOError):
                while chunk := sock.recv(4096, socket.MSG_DONTWAIT):
                    chunks.append(chunk)
                took.append(time.perf_counter() - asked)
                sock.close()
                del open_[fd]
                answer = b"".join(chunks)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
                assert answer.endswith(BODY), answer
                if len(took) + len(open_) < requests:
                    ask()
    wall, own = time.perf_counter() - began, time.process_time() - own_before
    poller.close()
    took.sort()
    return Round(
        rate=requests / wall,
        p50=took[len(took) // 2] * 1e3,
        p99=took[len(took) * 99 // 100] * 1e3,
        server_cpu=(server_cpu(pid) - cpu_before) / requests * 1e6,
        client_busy=own / wall,
    )


def server_cpu(pid: int) -> float:
    """Seconds of CPU that a process and its reaped children used: fields 14 to 17 of proc(5) stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def pss(pid: int) -> int:
    """Proportional set size in kB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


@contextlib.contextmanager
def running(*command: str) -> Iterator[int]:
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")


def keep_beating(heartbeat: Path, stopped: threading.Event, path: str = "/secret") -> None:
    """What the daemon tells the health server every two seconds."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    lines = {
        "wired": Line(addresses=["192.0.2.1"]),
        "cellular": Line(addresses=["127.0.0.1"], path=path),
    }
    while True:
        new = heartbeat.with_suffix(".new")
        new.write_bytes(encode(time.monotonic(), boot_id, lines))
        new.rename(heartbeat)
        if stopped.wait(2.0):
            return


def compare(
    ports: dict[str, int], pids: dict[str, int], *, rounds: int, requests: int, in_flight: int
) -> None:
    found: dict[str, list[Round]] = {name: [] for name in ports}
    for number in range(rounds):
        for name in sorted(ports, reverse=number % 2 == 0):
            found[name].append(measure(ports[name], pids[name], requests=requests, in_flight=in_flight))
    print(f"\n{in_flight} in flight, {rounds} paired rounds of {requests} requests")
    print(f"{'':14}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'CPU/request':>14}{'client busy':>13}")
    for name, runs in found.items():
        figures = {key: statistics.median(getattr(run, key) for run in runs) for key in Round.__slots__}
        print(
            f"{name:14}{figures['rate']:12.0f}{figures['p50']:10.2f}{figures['p99']:10.2f}"
            f"{figures['server_cpu']:11.0f} us{figures['client_busy']:12.0%}"
        )
    pairs = list(zip(found["failberry"], found["busybox"], strict=True))
    rate = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    p99 = statistics.median(ours.p99 / theirs.p99 for ours, theirs in pairs)
    print(f"ratio: requests/s {rate:.2f} (goal > 1)   p99 {p99:.2f} (goal < 1)")


def main() -> None:
    parser = argparse.ArgumentParser(description="health server against busybox httpd, on loopback")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=3000, help="requests in each round")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the server")
    options = parser.parse_args()
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("bench/health.py: busybox is not installed: apt install busybox")

    stopped = threading.Event()
    ports = {"failberry": free_port(), "busybox": free_port()}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        heartbeat, page = Path(directory, "heartbeat"), Path(directory, "index.html")
        page.write_bytes(BODY)
        beating = threading.Thread(target=keep_beating, args=(heartbeat, stopped))
        beating.start()
        stack.callback(beating.join)
        stack.callback(stopped.set)
        listen = [f"127.0.0.1:{ports[name]}" for name in ("failberry", "busybox")]
        serve = ("-m", "failberry.health", "--heartbeat", str(heartbeat), "--listen", listen[0])
        pids = {
            "failberry": stack.enter_context(running(options.python, *serve)),
            "busybox": stack.enter_context(running(busybox, "httpd", "-f", "-p", listen[1], "-h", directory)),
        }
        asyncio = "import asyncio; asyncio.run(asyncio.sleep(3600))"
        bare = stack.enter_context(running(options.python, "-c", asyncio))
        for port in ports.values():
            wait_for(port)
        for in_flight in IN_FLIGHT:
            compare(ports, pids, rounds=options.rounds, requests=options.requests, in_flight=in_flight)
        ours, theirs = pss(pids["failberry"]), pss(bare)
        print(
            f"\nPSS after that: {ours} kB; bare asyncio interpreter: {theirs} kB; ratio {ours / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
