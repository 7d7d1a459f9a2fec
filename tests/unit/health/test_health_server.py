"""The loop's bounds, turned by hand on loopback: no waiting, because the time allowed is none."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.health import server as server_module
from failberry.health.server import HeartbeatFile, Server

TIMEOUT = 5.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener


def serving(listener: socket.socket, *, places: int = 256) -> Server:
    return Server([listener], HeartbeatFile("/nonexistent", boot_id="boot"), places=places)


def peers(listener: socket.socket, number: int, request: bytes = b"") -> list[socket.socket]:
    made = [socket.create_connection(listener.getsockname(), timeout=TIMEOUT) for _ in range(number)]
    for peer in made:
        peer.sendall(request)
    return made


def close(made: list[socket.socket]) -> None:
    for peer in made:
        peer.close()


def test_no_more_connections_are_kept_than_there_are_places(listener: socket.socket) -> None:
    server = serving(listener, places=4)
    made = peers(listener, 10)
    server.turn(TIMEOUT)
    assert server.counts == {"crowded out": 6}
    assert made[5].recv(1) == b""  # the oldest went
    made[6].sendall(b"GET / HTTP/1.0\r\n\r\n")  # the newest stayed
    server.turn(TIMEOUT)
    assert made[6].recv(12) == b"HTTP/1.1 503"
    close(made)


def test_who_is_late_is_dropped(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REQUEST_WITHIN", 0.0)
    server = serving(listener)
    made = peers(listener, 3, b"GET /")
    server.turn(TIMEOUT)
    assert server.counts == {"late": 3}
    close(made)


def test_who_lingers_is_dropped_too(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINGER_FOR", 0.0)
    server = serving(listener)
    (peer,) = peers(listener, 1, b"POST / HTTP/1.0\r\n\r\n")
    server.turn(TIMEOUT)
    assert peer.recv(12) == b"HTTP/1.1 405"
    while peer.recv(4096):
        pass
    peer.send(b"still talking")
    with pytest.raises(OSError, match=r"reset|Broken"):
        for _ in range(2):
            peer.send(b"to nobody")
    peer.close()


def test_the_wait_ends_at_the_first_deadline(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUEST_WITHIN", 0.02)
    server = serving(listener)
    made = peers(listener, 1)
    began = server.turn(TIMEOUT)
    while "late" not in server.counts:
        assert server.turn(TIMEOUT) - began < TIMEOUT
    close(made)


def test_out_of_descriptors_the_oldest_makes_room_for_a_request(listener: socket.socket) -> None:
    server = serving(listener)
    (idle,) = peers(listener, 1)
    server.turn(TIMEOUT)
    (asking,) = peers(listener, 1, b"GET / HTTP/1.0\r\n\r\n")
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        server.turn(TIMEOUT)
        server.turn(TIMEOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert server.counts == {"crowded out": 1, "unaccepted": 1, "503": 1}
    assert idle.recv(1) == b""
    assert asking.recv(12) == b"HTTP/1.1 503"
    close([idle, asking])


def test_a_peer_that_resets_is_forgotten(listener: socket.socket) -> None:
    server = serving(listener)
    (peer,) = peers(listener, 1, b"GET")
    server.turn(TIMEOUT)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    server.turn(TIMEOUT)
    assert server.counts == {"broken": 1}


@pytest.mark.parametrize("more", [b"", b"x" * 200_000])
def test_who_lingers_is_let_go_at_its_end_or_when_it_talks_too_much(
    listener: socket.socket, more: bytes
) -> None:
    server = serving(listener)
    (peer,) = peers(listener, 1, b"POST / HTTP/1.0\r\n\r\n")
    before = open_descriptors()
    server.turn(TIMEOUT)
    assert open_descriptors() == before + 1
    if more:
        peer.settimeout(0)
        peer.send(more)
    else:
        peer.close()
    for _ in range(100):
        server.turn(0)
    assert open_descriptors() == before - (not more)
    peer.close()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
