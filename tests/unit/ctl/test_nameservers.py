"""The zone's own name servers, asked one by one, on loopback."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from failberry.ctl import nameservers
from failberry.ctl.nameservers import House, Told
from failberry.naming import Pair
from tests.awskit import dnswire
from tests.awskit.authority import Authority, Names
from tests.unit.dns.wishes import CELLULAR, WISH
from tests.unit.dns.world import World


class _Delegation:
    """The resolver of this machine: knows the servers of the zone, and where they are."""

    def lookup(self, name: str, kind: str) -> dnswire.Answer:
        values = {("example.com", "NS"): "ns.example.", ("ns.example", "A"): "127.0.0.2"}
        if (value := values.get((name, kind))) is None:
            return dnswire.Answer(authoritative=False)
        told = dnswire.Record(name=name, type=kind, ttl=60, value=value)
        return dnswire.Answer(records=[told], authoritative=False)


@contextmanager
def serving(authority: Names) -> Iterator[int]:
    """Both on loopback, at one port."""
    resolver, server = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    over, end = socket.socketpair()
    with resolver, server, over, end:
        resolver.bind(("127.0.0.1", 0))
        port = resolver.getsockname()[1]
        server.bind(("127.0.0.2", port))
        names: dict[Any, Names] = {resolver: _Delegation(), server: authority}

        def serve() -> None:
            while over not in (ready := select.select([*names, over], [], [])[0]):
                for each in ready:
                    packet, peer = each.recvfrom(4096)
                    asked = dnswire.read(packet)
                    assert asked is not None
                    answer = names[each].lookup(asked.name, asked.type)
                    each.sendto(dnswire.write(asked, answer, recursive=False, stream=False), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            end.send(b".")
            thread.join()


HOUSE = House(
    zone="example.com",
    name="home.example.com",
    lines={"wired": "wired.example.com", "cellular": "mobile.example.com"},
)


def seen(world: World, tmp_path: Path, healthy: set[str]) -> tuple[list[Told], str]:
    def is_healthy(check: str) -> bool:
        return world.api.checks[check]["CallerReference"].split(":")[2] in healthy

    (tmp_path / "resolv.conf").write_text("search lan\nnameserver 127.0.0.1\n")

    def records() -> list[Any]:
        return list(world.api.records.values())

    authority = Authority("example.com", records, is_healthy)
    with serving(authority) as port:
        return nameservers.look(HOUSE, resolv_conf=str(tmp_path / "resolv.conf"), port=port)


@pytest.mark.parametrize("pair", [*Pair])
def test_the_name_servers_are_asked_where_the_name_leads(pair: Pair, tmp_path: Path) -> None:
    world = World()
    world.publish(ip_address("5.6.7.8"), name="mobile.example.com")
    mobile = replace(CELLULAR, name="mobile.example.com")
    world.apply(replace(WISH, cellular=mobile, pair=Pair.CNAME))
    world.apply(replace(WISH, cellular=mobile, pair=pair))
    [told], problem = seen(world, tmp_path, {"wired", "cellular"})
    assert (told.problem, problem, told.leads_to) == ("", "", "wired")
    assert told.lines == {"wired": ("1.2.3.4",), "cellular": ("5.6.7.8",)}
    [told], _ = seen(world, tmp_path, {"cellular"})
    assert (told.leads_to, told.answer[-1]) == ("cellular", "5.6.7.8")


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    [told], problem = seen(World(), tmp_path, set())
    assert (told.leads_to, told.answer, told.problem, problem) == ("", (), "", "")


def test_nobody_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("")
    assert "no name server to ask" in nameservers.look(HOUSE, resolv_conf=str(tmp_path / "resolv.conf"))[1]
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        told, problem = nameservers.look(
            HOUSE, resolv_conf=str(tmp_path / "resolv.conf"), port=port, pause=0.02
        )
    assert (told, problem) == (
        [],
        "nobody tells which name servers the zone example.com has: 127.0.0.1 does not answer",
    )
