"""Asking the house back."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address

import pytest
from ddns.ports import Reached
from ddns.probe import probe
from httpserver import Peer, Talk, hear, says, silent, trickling

LOOPBACK = ip_address("127.0.0.1")


@pytest.mark.parametrize(
    ("talk", "reached"),
    [
        (says("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"), Reached("HTTP 200", reachable=True)),
        (says("HTTP/1.0 200\r\n\r\n"), Reached("HTTP 200", reachable=True)),
        (says("HTTP/1.1 404 Not Found\r\n\r\n"), Reached("HTTP 404")),
        (says("HTTP/1.1 503 Service Unavailable\r\n\r\nstale\n"), Reached("HTTP 503")),
        (says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), Reached("HTTP 302")),
        (says("SSH-2.0-OpenSSH_9.2\r\n"), Reached("not an HTTP answer")),
        (says("x" * 100_000), Reached("not an HTTP answer")),
        (says(""), Reached("not an HTTP answer")),
        (silent, Reached("no answer in time")),
    ],
)
def test_what_an_answer_says(talk: Talk, reached: Reached) -> None:
    with Peer(talk) as peer:
        assert probe(LOOPBACK, "/hc/x", port=peer.port, deadline=0.3) == reached


def test_the_question() -> None:
    heard: list[bytes] = []

    def talk(theirs: socket.socket) -> None:
        heard.append(hear(theirs))
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with Peer(talk, address="::1") as peer:
        assert probe(ip_address("::1"), "/hc/x", port=peer.port).reachable
        assert heard == [
            f"GET /hc/x HTTP/1.1\r\nHost: [::1]:{peer.port}\r\nConnection: close\r\n\r\n".encode()
        ]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    assert probe(LOOPBACK, "/", port=port) == Reached("ECONNREFUSED")


def test_whoever_trickles_does_not_keep_us() -> None:
    with Peer(trickling) as peer:
        start = time.monotonic()
        assert probe(LOOPBACK, "/", port=peer.port, deadline=0.3).reachable
        assert time.monotonic() - start < 2


def test_where_there_is_no_ipv6_it_cannot_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Lambda does outside a subnet with IPv6: the socket cannot even be made.
    real = socket.socket

    def lambdas(family: int = -1, *more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *more)

    monkeypatch.setattr(socket, "socket", lambdas)
    assert probe(ip_address("2606:4700::1"), "/").reachable is None
