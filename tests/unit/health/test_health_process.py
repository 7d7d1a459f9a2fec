"""The real process on real sockets."""

import itertools
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from health_process import ROOT, TIMEOUT, HealthProcess, read_all

from failberry.health.http import ANSWER_LIMIT

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = re.compile(rb"HTTP/1\.1 \d\d\d [A-Za-z ]+\r\n(?:[A-Z][A-Za-z-]+: [\w, ]+\r\n)+\r\n(?:[a-z ]+\n)?")


@pytest.mark.parametrize(
    ("address", "line"),
    [("127.0.0.1", b"wired"), ("127.0.0.2", b"cellular"), ("::1", b"wired"), ("127.0.0.3", b"unknown")],
)
def test_the_answer_names_the_line_it_came_in_on(health: HealthProcess, address: str, line: bytes) -> None:
    assert health.get("/", address).endswith(b"\r\n\r\nok %b\n" % line)


def test_a_secret_path_proves_its_line(health: HealthProcess) -> None:
    assert health.get("/wired-secret", "127.0.0.1").startswith(b"HTTP/1.1 200 ")
    assert health.get("/wired-secret", "127.0.0.2").startswith(b"HTTP/1.1 404 ")
    assert health.get("/wired-secret", "127.0.0.3").startswith(b"HTTP/1.1 404 ")


def test_the_router_is_told_whether_it_may_send_its_traffic_here(tmp_path: Path) -> None:
    with HealthProcess(tmp_path / "heartbeat") as health:
        health.beat(standby=False, reason="the modem has no SIM")
        answers = [health.get("/standby", address) for address in ("127.0.0.1", "127.0.0.2")]
        assert [answer[9:12] for answer in answers] == [b"503", b"404"]
        assert answers[0].endswith(b"\r\n\r\nthe modem has no SIM\n")


@pytest.mark.parametrize(
    ("beat", "reason"),
    [(None, b"missing"), ({"age": 11.0}, b"stale"), ({"boot_id": "another"}, b"rebooted")],
)
def test_without_a_fresh_heartbeat_it_is_503(
    tmp_path: Path, beat: dict[str, float | str] | None, reason: bytes
) -> None:
    with HealthProcess(tmp_path / "heartbeat") as health:
        if beat:
            health.beat(**beat)  # type: ignore[arg-type] # a table's column
        assert health.get() == (
            b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b\n"
            % (len(reason) + 1, reason)
        )


def test_a_request_in_single_bytes_is_answered(health: HealthProcess) -> None:
    with health.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in REQUEST:
            peer.send(bytes([byte]))
        assert read_all(peer).endswith(b"ok wired\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60_000, b"405"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60_000, b"200"),
        (REQUEST * 100, b"200"),
        (b"a" * 60_000, b"431"),
    ],
)
def test_the_answer_survives_input_that_nobody_reads(
    health: HealthProcess, request_: bytes, status: bytes
) -> None:
    with health.connect() as peer:
        peer.sendall(request_)
        assert read_all(peer)[9:12] == status  # a reset would raise


def test_half_a_request_and_an_end_is_answered_and_no_request_is_not(health: HealthProcess) -> None:
    for sent, expected in ((b"GET /", b"HTTP/1.1 400 "), (b"", b"")):
        with health.connect() as peer:
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            assert read_all(peer)[:13] == expected


def test_a_check_costs_two_segments_from_us(health: HealthProcess) -> None:
    """SYN-ACK, then one that is acknowledgement, answer and FIN; tcp_info.tcpi_segs_in counts them."""
    costs: set[int] = set()
    for _ in range(5):  # on a busy machine the kernel may not wait for the answer
        with health.connect() as peer:
            peer.sendall(REQUEST)
            read_all(peer)
            info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            costs.update(struct.unpack_from("=I", info, 140))
    assert min(costs) == 2


def test_idle_and_slow_peers_cannot_keep_a_real_request_out(health: HealthProcess) -> None:
    idle = [health.connect() for _ in range(1000)]
    slow = [health.connect() for _ in range(200)]
    try:
        for drip in b"GET / ":
            for peer in slow:
                try:
                    peer.send(bytes([drip]))
                except OSError:  # crowded out: it comes back, as a hostile one would
                    peer.close()
                    slow[slow.index(peer)] = health.connect()
            before = time.monotonic()
            assert health.get().endswith(b"ok wired\n")
            assert time.monotonic() - before < 1.0
    finally:
        for peer in (*idle, *slow):
            peer.close()


def test_answered_peers_that_stay_cannot_keep_a_slow_request_out(health: HealthProcess) -> None:
    with health.connect() as patient:
        patient.sendall(REQUEST[:5])
        staying = []
        for _ in range(300):
            staying.append(health.connect())
            staying[-1].sendall(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n")
        assert health.get().endswith(b"ok wired\n")
        patient.sendall(REQUEST[5:])
        assert read_all(patient).endswith(b"ok wired\n")
        for peer in staying:
            peer.close()


def test_malformed_requests_never_harm_it(health: HealthProcess) -> None:
    random_ = random.Random(9000)  # noqa: S311 - a fuzzer that replays
    words = [
        b"GET",
        b"HEAD",
        b" ",
        b"/",
        b"HTTP/1.1",
        b"\r\n",
        b"\n",
        b"Host: x",
        b":",
        b"\0",
        b"\xff" * 99,
        b"http://",
    ]
    for _ in range(500):
        with health.connect() as peer:
            malformed = bytearray(
                random_.choice([REQUEST, b"".join(random_.choices(words, k=9)), random_.randbytes(99)])
            )
            for _ in range(random_.randrange(4)):
                malformed[random_.randrange(len(malformed))] = random_.randrange(256)
            try:
                peer.sendall(malformed * random_.choice([1, 1, 1, 40]))
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                continue  # it was answered before all of it was sent, and went away
            answer = read_all(peer)
            assert ANSWER.fullmatch(answer), (malformed, answer)
            assert len(answer) < ANSWER_LIMIT
    assert health.get().endswith(b"ok wired\n")
    assert health.process.poll() is None


def test_it_takes_over_the_socket_of_systemd() -> None:
    """As sd_listen_fds(3) says: descriptor 3, and LISTEN_PID names the process itself."""
    become = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3);"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        "os.execv(sys.executable, [sys.executable, '-m', 'failberry.health', '--heartbeat', '/nonexistent'])"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-c", become, str(listener.fileno())], pass_fds=[listener.fileno()], cwd=ROOT
        )
        try:
            with socket.create_connection(listener.getsockname(), timeout=TIMEOUT) as peer:
                peer.sendall(REQUEST)
                assert read_all(peer).endswith(b"\r\n\r\nmissing\n")
        finally:
            process.kill()
            process.wait()


def test_it_feeds_the_watchdog_and_counts_in_its_status_but_logs_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        service_manager.bind(str(tmp_path / "notify"))
        service_manager.settimeout(TIMEOUT)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "failberry.health",
                "--heartbeat",
                "/nonexistent",
                "--listen",
                "127.0.0.1:0",
            ],
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"},
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stderr
        port = int(process.stderr.readline().rpartition(":")[2])
        states = iter(lambda: service_manager.recv(999).decode(), "")
        assert next(states) == "READY=1"
        assert next(states) == "WATCHDOG=1\nSTATUS=Connections by outcome: none yet"
        for number in (1, 2, 3):
            with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as peer:
                peer.sendall(REQUEST)
                read_all(peer)
            assert f"WATCHDOG=1\nSTATUS=Connections by outcome: 503 {number}" in itertools.islice(states, 50)
        process.terminate()
        said = process.communicate(timeout=TIMEOUT)[1]
    assert said == "<6>connections by outcome since the start: 503 1\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "systemd passed no socket"),
        (["--listen"], "usage: "),
        (["--port", "1"], "usage: "),
        (["--listen", "9000"], "give an address and a port"),
        (["--listen", "127.0.0.1:99999"], "give an address and a port"),
        (["--listen", "192.0.2.1:9000"], "address"),
    ],
)
def test_a_command_line_it_cannot_serve_is_explained(arguments: list[str], complaint: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "failberry.health", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 2
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr
