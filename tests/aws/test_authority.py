"""The kit's name servers: who is answered when, and what is remembered."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from tests.awskit import dnswire
from tests.awskit.account import Account, alias, simple
from tests.awskit.authority import Authority, Recursor, serve
from tests.awskit.dnswire import NOERROR, NXDOMAIN, REFUSED, Question
from tests.unit.dns.wishes import WISH

HOME, WIRED, CELLULAR = "home.example.com", "wired.example.com", "cellular.example.com"


class Zone:
    """A zone with the pair applied; both lines healthy."""

    def __init__(self, *, pair: str = "cname") -> None:
        self.there = Account()
        assert all(
            self.there.api.put(each)
            for each in (simple(WIRED, "A", "1.2.3.4", ttl=30), simple(CELLULAR, "A", "5.6.7.8", ttl=20))
        )
        made = {}
        for line in ("wired", "cellular"):
            config = {"Type": "HTTP", "FullyQualifiedDomainName": f"{line}.example.com", "Port": 9000}
            answer = self.there.api.create_health_check(CallerReference=line, HealthCheckConfig=config)
            made[line] = answer["HealthCheck"]["Id"]
        self.dead: set[str] = set()
        self.authority = Authority(
            "example.com",
            self.there.api.records.values,
            lambda check: check not in {made[each] for each in self.dead},
        )
        for line, role in (("wired", "PRIMARY"), ("cellular", "SECONDARY")):
            record = (
                simple(HOME, "CNAME", f"{line}.example.com.", ttl=60)
                if pair == "cname"
                else alias(HOME, "A", f"{line}.example.com")
            )
            record |= {"SetIdentifier": line, "Failover": role, "HealthCheckId": made[line]}
            assert self.there.api.put(record)

    def address(self, name: str = HOME) -> list[tuple[str, str, int, str]]:
        answer = self.authority.lookup(name, "A")
        return [(each.name, each.type, each.ttl, each.value) for each in answer.records]


@pytest.mark.parametrize("pair", ["cname", "alias"])
@pytest.mark.parametrize(
    ("dead", "line"),
    [((), WIRED), (("wired",), CELLULAR), (("cellular",), WIRED), (("wired", "cellular"), WIRED)],
)
def test_the_primary_is_answered_unless_only_the_secondary_lives(
    pair: str, dead: tuple[str, ...], line: str
) -> None:
    zone = Zone(pair=pair)
    zone.dead = set(dead)
    value, ttl = {WIRED: ("1.2.3.4", 30), CELLULAR: ("5.6.7.8", 20)}[line]
    if pair == "cname":
        assert zone.address() == [(HOME, "CNAME", 60, f"{line}."), (line, "A", ttl, value)]
    else:
        assert zone.address() == [(HOME, "A", ttl, value)]


def test_a_secondary_without_a_check_is_always_healthy() -> None:
    zone = Zone()
    key = (HOME, "CNAME", "cellular")
    zone.there.api.records[key] = {
        name: value for name, value in zone.there.api.records[key].items() if name != "HealthCheckId"
    }
    zone.dead = {"wired", "cellular"}
    assert zone.address()[-1][0] == CELLULAR


def test_an_alias_is_as_healthy_as_what_it_leads_to() -> None:
    zone = Zone(pair="alias")
    zone.there.api.records[WIRED, "A", ""] |= {"HealthCheckId": "gone"}
    assert zone.address()[0][3] == "1.2.3.4"
    check = zone.there.api.records[HOME, "A", "wired"].pop("HealthCheckId")
    zone.there.api.records[WIRED, "A", ""]["HealthCheckId"] = check
    zone.dead = {"wired"}
    assert zone.address()[0][3] == "5.6.7.8"


def test_what_is_not_there() -> None:
    zone = Zone()
    for name, kind, code in (
        ("no.example.com", "A", NXDOMAIN),
        (WIRED, "AAAA", NOERROR),
        (HOME, "AAAA", NOERROR),
        ("example.com", "A", NOERROR),
    ):
        answer = zone.authority.lookup(name, kind)
        assert (answer.code, [each.type for each in answer.authority]) == (code, ["SOA"]), name
        assert answer.authority[0].ttl == 900
    assert zone.authority.lookup("example.net", "A").code == REFUSED
    [ns] = zone.authority.lookup("example.com", "NS").records
    assert (ns.ttl, ns.value) == (172800, "ns.example.")
    assert zone.there.api.put(simple("far.example.com", "CNAME", "other.example.net."))
    assert [each.value for each in zone.authority.lookup("far.example.com", "A").records] == [
        "other.example.net."
    ]


def test_a_recursor_remembers_each_record_for_its_own_time() -> None:
    zone, now = Zone(), 0.0
    recursor = Recursor(zone.authority, elsewhere={"*": "9.9.9.9"}, pace=10, clock=lambda: now)

    def told() -> list[tuple[str, int]]:
        return [(each.value, each.ttl) for each in recursor.lookup(HOME, "A").records]

    assert told() == [(f"{WIRED}.", 60), ("1.2.3.4", 30)]
    zone.dead = {"wired"}
    assert zone.there.api.put(simple(WIRED, "A", "1.2.3.5", ttl=30))
    now = 2.0
    assert told() == [(f"{WIRED}.", 40), ("1.2.3.4", 10)]
    now = 3.5
    assert told() == [(f"{WIRED}.", 25), ("1.2.3.5", 30)]
    now = 6.5
    assert told() == [(f"{CELLULAR}.", 60), ("5.6.7.8", 20)]
    assert [each.value for each in recursor.lookup("mail.example.net", "A").records] == ["9.9.9.9"]
    assert recursor.lookup("new.example.com", "A").code == NXDOMAIN
    assert zone.there.api.put(simple("new.example.com", "A", "1.1.1.1"))
    assert recursor.lookup("new.example.com", "A").code == NXDOMAIN
    now = 12.6
    assert [each.value for each in recursor.lookup("new.example.com", "A").records] == ["1.1.1.1"]


def question(name: str, kind: str = "A", *, edns: int = 0) -> bytes:
    labels = b"".join(bytes((len(each),)) + each.encode() for each in name.split("."))
    head = b"\x12\x34\x01\0\0\1\0\0\0\0" + (b"\0\1" if edns else b"\0\0")
    opt = b"\0\0\x29" + edns.to_bytes(2, "big") + b"\0" * 6 if edns else b""
    return head + labels + b"\0" + dnswire.TYPES[kind].to_bytes(2, "big") + b"\0\1" + opt


def free_port() -> int:
    """One that nobody has on loopback, neither for datagrams nor for connections, at this moment."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as connections:
            datagrams.bind(("127.0.0.1", 0))
            port = int(datagrams.getsockname()[1])
            try:
                connections.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def listening(names: Any) -> Iterator[int]:
    """On loopback, in a thread of its own."""
    port, loop = free_port(), asyncio.new_event_loop()
    up: Future[None] = Future()

    async def run() -> None:
        try:
            await serve(names, ["127.0.0.1"], port, recursive=False)
        except OSError as error:
            up.set_exception(error)
            return
        up.set_result(None)
        await asyncio.Event().wait()

    task = loop.create_task(run())
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    )
    thread.start()
    try:
        up.result(30)
        yield port
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        loop.close()


def test_it_answers_datagrams_and_what_is_too_long_by_tcp() -> None:
    zone = Zone()
    text = " ".join(f'"{each}{"x" * 200}"' for each in range(5))
    assert zone.there.api.put(simple("long.example.com", "TXT", text))
    with listening(zone.authority) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(30)
        ours.connect(("127.0.0.1", port))

        def ask(message: bytes) -> bytes:
            ours.send(message)
            return ours.recv(4096)

        said = ask(question(HOME))
        assert said[:4] == b"\x12\x34\x85\0"
        assert said.endswith(b"\0\x04\x01\x02\x03\x04")
        assert ask(question("long.example.com", "TXT"))[2] & 2
        assert len(ask(question("long.example.com", "TXT", edns=1232))) > 1000
        assert ask(question("no.example.com"))[3] & 15 == NXDOMAIN
        with socket.create_connection(("127.0.0.1", port), timeout=30) as stream:
            message = question("long.example.com", "TXT")
            stream.sendall(len(message).to_bytes(2, "big") + message)
            with stream.makefile("rb") as file:
                length = int.from_bytes(file.read(2), "big")
                assert (length > 1000, file.read(length)[2] & 2) == (True, 0)


@pytest.mark.parametrize("broken", [b"", b"\0" * 11, question(HOME)[:-3], b"\0\0\x80" + question(HOME)[3:]])
def test_what_is_no_question_is_not_answered(broken: bytes) -> None:
    assert dnswire.read(broken) is None


def test_a_question_is_read_whatever_its_case() -> None:
    read = dnswire.read(question("Home.Example.COM", "AAAA", edns=4096))
    assert isinstance(read, Question)
    assert (read.name, read.type, read.size, read.edns) == (HOME, "AAAA", 1232, True)
    assert WISH.name == HOME
