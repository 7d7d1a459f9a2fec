"""The real driver against the real function, over TLS on a line of its own, and a zone's name servers.

What it costs is measured, as IP counts it, both directions, with certificates as large as those of AWS; the
test that does it prints the figures, and holds the driver's own estimate to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from ddns.endpoint import Doors, Endpoint
from ddns.keys import KeyRing
from ddns.ports import Reached
from ddns.update import Publisher, Settings
from house import until
from namespace import Namespace, namespaces
from town import socket_in
from twins import name_server

from failberry.adapters.authority import Authority
from failberry.adapters.ddnsclient import DdnsClient
from failberry.adapters.ddnsclient import Endpoint as Place
from failberry.adapters.dnsmessage import Kind
from failberry.adapters.names import Names
from failberry.adapters.pinned import Line
from failberry.config import MOBILE_INTERFACE, Config, Health, Mode, Wired
from failberry.core.events import NamesChanged
from failberry.core.names import NamedLine, NamesIntent
from failberry.core.snapshot import LineState, NameState, UplinkName
from failberry.dns.calls import Failed, Publish, Published, Reflect, Reflected, Trouble, Verdict
from failberry.dns.messages import MoveRequest, PublishRequest
from failberry.naming import Dns
from failberry.naming import Publisher as Writer
from tests.awskit import chain, dnswire
from tests.awskit.dnswire import Answer, Record
from tests.simulation.naming import Ledger, Zone
from tests.unit.aws.functionurl import FunctionUrl

pytestmark = pytest.mark.netns

HOST, FUNCTION, FUNCTION6 = "abc.lambda-url.eu-central-1.on.aws", "62.8.1.1", "2a00:1450:4009::1"
RESOLVER, AUTHORITY = "62.8.1.53", "62.8.1.54"
MINE, MINE6, WIRED = "62.7.40.5", "2a00:1450:4002::5", "198.13.32.5"
NAME = "mobile.example.com"
SECRET = "5a" * 32
CONFIG = Config(
    mode=Mode.STANDBY_GATEWAY,
    wired=Wired(interface="eth0"),
    health=Health(cellular_path="/c-91ab42"),
    dns=Dns(
        zone="example.com",
        name="home.example.com",
        wired_name="wired.example.com",
        cellular_name=NAME,
        url=f"https://{HOST}/",
    ),
)
PLACE = Place(url=f"https://{HOST}/", key="pi")
CELLULAR = NamedLine(
    line=UplinkName.CELLULAR,
    interface=MOBILE_INTERFACE,
    state=LineState.UP,
    addresses=(ip_address(MINE),),
    servers=(ip_address(RESOLVER),),
    session=1,
)


@dataclass
class World:
    """The Pi, two lines that lead to the same addresses, and AWS on each of them."""

    pi: Namespace
    wired: Namespace
    mobile: Namespace
    authority: chain.Authority
    zone: Zone = field(default_factory=lambda: Zone(time.monotonic, random.Random(1)))  # noqa: S311
    probed: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2")
        # Whoever is not bound to his line goes by the wired one.
        self._plug("eth0", self.wired, WIRED, "198.13.32.1", metric=50)
        self._plug(MOBILE_INTERFACE, self.mobile, MINE, "62.7.40.1", metric=100)
        self.pi.ip(f"addr add {MINE6}/64 dev {MOBILE_INTERFACE} nodad")
        self.mobile.ip("addr add 2a00:1450:4002::1/64 dev pi nodad")
        self.pi.ip(f"-6 route add default via 2a00:1450:4002::1 dev {MOBILE_INTERFACE}")
        self.reset()

    def _plug(self, name: str, far: Namespace, own: str, gateway: str, *, metric: int) -> None:
        self.pi.ip(f"link add {name} type veth peer name pi netns {far.name}")
        addresses = "".join(f"addr add {each}/32 dev lo\n" for each in (FUNCTION, RESOLVER, AUTHORITY))
        far.batch(
            f"{addresses}addr add {FUNCTION6}/128 dev lo nodad\n"
            f"addr add {gateway}/24 dev pi\nlink set pi up\n"
        )
        self.pi.batch(
            f"addr add {own}/24 dev {name}\nlink set {name} up\n"
            f"route add default via {gateway} dev {name} metric {metric}\n"
        )

    def reset(self) -> None:
        """AWS forgets everything; its clock is right."""
        self.zone.records.clear()
        self.zone.writes.clear()
        self.probed.clear()
        self.ahead = 0
        keys = {"version": 1, "keys": {"pi": {"secrets": [SECRET], "hosts": {NAME: None}}}}

        class Parameter:
            def read(self) -> str:
                return json.dumps(keys)

        def probe(address: object, path: str) -> Reached:
            self.probed.append((str(address), path))
            return Reached("HTTP 200", reachable=True)

        settings = Settings(cooldown=0)
        publisher = Publisher(zone=self.zone, ledger=Ledger(), probe=probe, settings=settings)
        self.endpoint = Endpoint(
            ring=KeyRing(Parameter()),
            publisher=publisher,
            settings=settings,
            doors=Doors(),
            log=lambda _: None,
        )

    def handle(self, event: dict[str, object], _context: object) -> dict[str, object]:
        return self.endpoint.answer(event, now=time.time_ns() // 1_000_000 + self.ahead)

    @contextlib.contextmanager
    def function(
        self, where: Namespace | None = None, address: str = FUNCTION, context: ssl.SSLContext | None = None
    ) -> Iterator[FunctionUrl]:
        """Our function, over TLS, in one of the far ends: the mobile one."""

        async def made() -> FunctionUrl:
            return FunctionUrl(self.handle, address=address, port=443)

        function = (where or self.mobile).run(made)
        context = context or self.context
        function._server.socket = context.wrap_socket(
            function._server.socket, server_side=True, do_handshake_on_connect=False
        )
        with function:
            yield function

    def resolver(self, message: bytes) -> bytes | None:
        """What the line's resolver says."""
        table = {
            (HOST, "A"): FUNCTION,
            (HOST, "AAAA"): FUNCTION6,
            ("example.com", "NS"): "ns-1.example.net.",
            ("ns-1.example.net", "A"): AUTHORITY,
        }
        return _said(message, table, own=False)

    def name_server(self, message: bytes) -> bytes | None:
        """What the zone's own server says."""
        table = {
            (name, "A" if family == 4 else "AAAA"): value
            for (name, family), value in self.zone.records.items()
        }
        return _said(message, table, own=True)

    @contextlib.contextmanager
    def names(self, where: Namespace | None = None) -> Iterator[list[str]]:
        """Both name servers, on the running loop, and who asked them."""
        far = where or self.mobile
        with (
            name_server(far, RESOLVER, self.resolver) as asked,
            name_server(far, AUTHORITY, self.name_server) as too,
        ):
            yield asked
            asked.extend(too)

    def carried(self) -> tuple[int, int]:
        """IPv4 bytes and packets that the mobile line's far end has had so far (IPv6 is never quiet)."""
        counted: dict[str, int] = {}
        for table in ("netstat", "snmp"):
            lines = [line.split() for line in self.mobile.sh("cat", f"/proc/net/{table}").splitlines()]
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                if names[0] in ("Ip:", "IpExt:"):
                    counted |= dict(zip(names[1:], map(int, values[1:]), strict=True))
        octets = counted["InOctets"] + counted["OutOctets"]
        return octets, counted["InReceives"] + counted["OutRequests"]


def _said(message: bytes, table: dict[tuple[str, str], str], *, own: bool) -> bytes | None:
    question = dnswire.read(message)
    if question is None:
        return None
    value = table.get((question.name, question.type))
    records = [Record(name=question.name, type=question.type, ttl=60, value=value)] if value else []
    told = Answer(records=records, authoritative=own)
    return dnswire.write(question, told, recursive=not own, stream=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authority")
    with namespaces("pi", "wired", "mobile") as made:
        world = World(*made, chain.authority(folder))
        world.context = world.authority.server(HOST)
        yield world


@pytest.fixture
def world(built: World, tmp_path: Path) -> World:
    built.reset()
    (tmp_path / "ddns-key").write_text(f"{SECRET}\n")
    built.credentials = str(tmp_path)
    return built


def client(world: World, **settings: object) -> DdnsClient:
    context = lambda: ssl.create_default_context(cafile=str(world.authority.root))  # noqa: E731
    environment = {"CREDENTIALS_DIRECTORY": world.credentials}
    return DdnsClient(**{"environment": environment, "context": context, **settings})


def publish(address: str = MINE, **changes: object) -> Publish:
    call = Publish(
        number=1,
        timeout=5.0,
        over=CELLULAR,
        source=Writer.LAMBDA,
        name=NAME,
        address=ip_address(address),
        own=True,
        probe="/c-91ab42",
    )
    return replace(call, **changes)


class NoChild:
    async def ask(self, request: PublishRequest | MoveRequest) -> object:
        raise AssertionError(f"the child is not to be asked: {request}")


# --- the driver ------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def driver(world: World) -> AsyncIterator[tuple[Names, list[NamesChanged]]]:
    told: list[NamesChanged] = []
    names = Names(
        told.append,
        publishing=NoChild(),
        moving=NoChild(),
        client=client(world),
        authority=Authority(),
        seed=1,
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(names.attend())
        yield names, told
        task.cancel()


def intent(*addresses: str, session: int = 1) -> NamesIntent:
    wired = NamedLine(
        line=UplinkName.WIRED,
        interface="eth0",
        state=LineState.UP,
        addresses=(ip_address(WIRED),),
        servers=(ip_address(RESOLVER),),
    )
    cellular = replace(CELLULAR, addresses=tuple(map(ip_address, addresses)), session=session)
    return NamesIntent(config=CONFIG, lines=(wired, cellular), active=UplinkName.CELLULAR)


def of_mobile(told: list[NamesChanged]):
    names = told[-1].names if told else None
    return next(each for each in names.lines if each.line is UplinkName.CELLULAR) if names else None


def published(told: list[NamesChanged], *addresses: str) -> bool:
    line = of_mobile(told)
    return (
        line is not None
        and line.state is NameState.PUBLISHED
        and sorted(map(str, line.addresses)) == sorted(addresses)
    )


def test_the_address_is_published_over_its_own_line_wherever_the_default_route_points(world: World) -> None:
    async def test() -> None:
        with world.names() as asked, world.names(world.wired) as astray:
            async with driver(world) as (names, told):
                names.keep(intent(MINE))
                await until(lambda: published(told, MINE), seconds=10.0)
                assert await names.prove_alive()
                assert told[-1].notices == ()
                assert told[-1].names.spent > 3000
            assert asked
            assert set(asked) == {MINE}
        assert astray == []

    with world.function() as function, world.function(world.wired) as elsewhere:
        elsewhere.source = "198.13.32.77"
        world.pi.run(test)
        assert function.failures == []
    assert world.zone.records == {(NAME, 4): MINE}
    assert world.probed == [(MINE, "/c-91ab42")]


def test_both_families_are_published_each_over_itself(world: World) -> None:
    async def test() -> None:
        with world.names():
            async with driver(world) as (names, told):
                names.keep(intent(MINE, MINE6))
                await until(lambda: published(told, MINE, MINE6), seconds=10.0)

    with world.function(), world.function(address=FUNCTION6):
        world.pi.run(test)
    assert world.zone.records == {(NAME, 4): MINE, (NAME, 6): MINE6}


def test_what_stands_there_already_costs_one_question(world: World) -> None:
    world.zone.set(NAME, 4, MINE)

    async def test() -> None:
        with world.names():
            async with driver(world) as (names, told):
                names.keep(intent(MINE))
                await until(lambda: published(told, MINE), seconds=10.0)
                assert told[-1].names.spent < 1500

    world.pi.run(test)
    assert world.zone.writes == []


def test_a_session_that_ends_in_the_midst_of_it_leaves_nothing_behind(world: World) -> None:
    async def test() -> None:
        before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
        with world.names():
            async with driver(world) as (names, told):
                names.keep(intent(MINE))
                await until(lambda: bool(told) and of_mobile(told).state is NameState.PENDING)
                names.keep(replace(intent(), lines=()))
                names.keep(None)
                await until(lambda: told[-1].names is None)
                await until(lambda: len(asyncio.all_tasks()) == 2)
        assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208

    with silent(world):
        world.pi.run(test)


# --- what it costs -----------------------------------------------------------------------------------


def test_what_it_costs_is_measured_and_estimated(world: World) -> None:
    """Measured: a first update 5.3 kB, with the TLS session resumed 3.1 kB, reflector 2.7, a look 0.13."""

    async def test() -> list[tuple[str, int, int]]:
        figures = []
        ours, authority, line = client(world), Authority(), Line(interface=MOBILE_INTERFACE)

        async def measured(what: str, estimate: Callable[[], object]) -> None:
            before = world.carried()
            cost = await estimate()
            # What was still on its way has arrived when nothing has for a moment.
            seen: list[tuple[int, int]] = []

            def quiet() -> bool:
                seen.append(world.carried())
                return len(seen) >= 30 and seen[-30] == seen[-1]

            await until(quiet, seconds=10.0)
            figures.append((what, seen[-1][0] - before[0], seen[-1][1] - before[1], cost))

        async def look() -> int:
            _, octets = await authority.look(
                line, CELLULAR.servers, zone="example.com", name=NAME, kind=Kind.A
            )
            return octets

        async def update() -> int:
            answer = await ours.publish(publish(), PLACE)
            assert isinstance(answer, Published), answer
            return answer.octets

        async def reflect() -> int:
            answer = await ours.reflect(Reflect(number=1, timeout=5.0, over=CELLULAR, family=4), PLACE)
            assert isinstance(answer, Reflected), answer
            return answer.octets

        with world.names():
            await look()  # and with it, the neighbour's hardware address
            await measured("a look at the name servers", look)
            await measured("an update", update)
            await measured("an update, session resumed", update)
            await measured("the reflector, session resumed", reflect)
        return figures

    with world.function():
        figures = world.pi.run(test)
    for what, octets, packets, estimate in figures:
        print(f"{what}: {octets} bytes in {packets} packets, counted as {estimate}")
    by_name = {what: octets for what, octets, *_ in figures}
    assert by_name["a look at the name servers"] < 250
    assert by_name["an update"] < 8000
    assert by_name["an update, session resumed"] < 0.6 * by_name["an update"]
    assert all(0.9 < estimate / octets < 1.1 for _, octets, _, estimate in figures)


# --- the client ------------------------------------------------------------------------------------


def asked(world: World, call: Publish | Reflect, ours: DdnsClient | None = None):
    async def test():
        with world.names():
            made = ours or client(world)
            return await (made.publish if isinstance(call, Publish) else made.reflect)(call, PLACE)

    return world.pi.run(test)


def test_a_clock_that_is_an_hour_off_is_corrected_within_the_conversation(world: World) -> None:
    world.ahead = 3_600_000
    with world.function():
        ours = client(world)
        assert asked(world, publish(), ours).verdict is Verdict.CHANGED
        assert asked(world, publish(), ours).verdict is Verdict.UNCHANGED
        # Another process of ours was ahead, and this one knows nothing of it.
        world.ahead = 3_600_000 - 200_000
        assert asked(world, publish(), client(world)).verdict is Verdict.UNCHANGED


def test_a_clock_that_was_never_set_and_a_key_that_is_missing_cost_no_packet(world: World) -> None:
    before = world.carried()
    never = asked(world, publish(), client(world, wall=lambda: 1000.0))
    assert (never.trouble, never.evidence) == (
        Trouble.NO_CLOCK,
        "the clock of this machine says 1970-01-01: it was not set",
    )
    for environment in ({}, {"CREDENTIALS_DIRECTORY": "/nonexistent"}):
        missing = asked(world, publish(), client(world, environment=environment))
        assert (missing.trouble, missing.evidence) == (
            Trouble.KEY,
            "/etc/failberry/ddns.key is missing or empty",
        )
    Path(world.credentials, "ddns-key").write_text("secret")
    broken = asked(world, publish())
    assert broken.trouble is Trouble.KEY
    assert "secret" not in broken.evidence
    assert world.carried() == before


def test_a_certificate_of_tomorrow_is_a_clock_that_is_behind(world: World) -> None:
    context = world.authority.server(HOST, begins=timedelta(hours=2))
    with world.function(context=context):
        failed = asked(world, publish())
    assert (failed.trouble, "not yet valid" in failed.evidence) == (Trouble.CLOCK, True)
    context = world.authority.server(HOST, begins=timedelta(days=-40))
    with world.function(context=context):
        failed = asked(world, publish())
    assert (failed.trouble, "expired" in failed.evidence) == (Trouble.TLS, True)


@pytest.mark.parametrize("host", ["portal.example", None])
def test_whoever_cannot_prove_to_be_our_function_learns_nothing(
    world: World, tmp_path: Path, host: str | None
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    context = world.authority.server(host) if host else chain.authority(stranger).server(HOST)
    with world.function(context=context):
        failed = asked(world, publish())
    assert isinstance(failed, Failed)
    assert failed.trouble is Trouble.TLS
    assert world.zone.writes == []


def test_another_source_is_told_apart(world: World) -> None:
    with world.function() as function:
        function.source = "62.9.9.9"
        assert asked(world, publish()).trouble is Trouble.OTHER_SOURCE
        seen = asked(world, Reflect(number=1, timeout=5.0, over=CELLULAR, family=4))
        assert str(seen.address) == "62.9.9.9"
        answer = asked(world, publish("62.9.9.9", own=False))
        assert answer.verdict is Verdict.CHANGED
    assert world.zone.records == {(NAME, 4): "62.9.9.9"}


def test_a_wrong_secret_is_told(world: World) -> None:
    Path(world.credentials, "ddns-key").write_text("77" * 32)
    with world.function():
        failed = asked(world, publish())
    assert failed.trouble is Trouble.DENIED
    assert "'pi'" in failed.evidence
    assert "77" * 8 not in failed.evidence


@contextlib.contextmanager
def silent(world: World) -> Iterator[None]:
    """Somebody who takes connections and says nothing."""
    with socket_in(world.mobile, FUNCTION, 443) as deaf:
        deaf.listen(8)
        yield


def test_silence_ends_in_time(world: World) -> None:
    with silent(world):
        began = time.monotonic()
        failed = asked(world, publish(timeout=0.5))
    assert (failed.trouble, failed.evidence) == (
        Trouble.SILENT,
        f"{HOST} over {MOBILE_INTERFACE}: no answer in 0.5 s",
    )
    assert time.monotonic() - began < 3.0


def test_a_flood_is_cut_off(world: World) -> None:
    def endless(_event: object, _context: object) -> dict[str, object]:
        return {"statusCode": 200, "body": "x" * 1_000_000}

    world.handle, honest = endless, world.handle
    with world.function():
        world.handle = honest
        failed = asked(world, publish())
    assert failed.trouble in (Trouble.SILENT, Trouble.REFUSED)
    assert failed.octets < 100_000


def test_a_line_that_is_not_there_is_told(world: World) -> None:
    gone = replace(CELLULAR, interface="gone0")
    failed = asked(world, publish(over=gone))
    assert failed.trouble is Trouble.SILENT
    assert "gone0" in failed.evidence


def test_only_the_zones_own_servers_are_believed(world: World) -> None:
    world.zone.set(NAME, 4, MINE)
    honest = world.name_server

    def cached(message: bytes) -> bytes | None:
        answer = honest(message)
        return None if answer is None else answer[:2] + bytes((answer[2] & ~4,)) + answer[3:]

    async def test() -> None:
        authority, line = Authority(), Line(interface=MOBILE_INTERFACE)
        look = {"zone": "example.com", "name": NAME, "kind": Kind.A}
        with world.names():
            assert (await authority.look(line, CELLULAR.servers, **look))[0] == (ip_address(MINE),)
        world.name_server = cached
        try:
            with world.names(), pytest.raises(OSError, match="or somebody else does"):
                await authority.look(line, CELLULAR.servers, **look)
        finally:
            world.name_server = honest
        with world.names(), pytest.raises(OSError, match="nobody tells who serves"):
            await authority.look(line, CELLULAR.servers, **{**look, "zone": "example.org"})

    world.pi.run(test)
