"""The driver of the names with a child that is simulated: what it is asked, and what its answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address

import pytest

from failberry.adapters.authority import Authority
from failberry.adapters.ddnsclient import DdnsClient
from failberry.adapters.dnschild import NobodyListens
from failberry.adapters.names import Names
from failberry.adapters.ondemand import OnDemand
from failberry.config import Config, Mode, Wired
from failberry.core.events import NamesChanged
from failberry.core.names import NamedLine, NamesIntent, PublishedName
from failberry.core.snapshot import LineState, NameState, UplinkName
from failberry.dns.messages import SOCKET, MoveRequest, MoveResult, PublishRequest, PublishResult, Refusal
from failberry.dns.wish import wished
from failberry.errors import AdapterReason
from failberry.house import Places
from failberry.naming import Dns
from failberry.naming import Publisher as Writer

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
MINE = ip_address("62.7.40.5")
CONFIG = Config(
    mode=Mode.STANDBY_GATEWAY,
    wired=Wired(interface="gone0"),
    dns=Dns(
        zone="example.com",
        zone_id="Z123",
        name="home.example.com",
        wired_name="wired.example.com",
        cellular_name="mobile.example.com",
        cellular_source=Writer.ROUTE53,
        fast=True,
        ttl=45,
    ),
)
NOW = 1_795_000_000.0
Answer = PublishResult | MoveResult | Refusal


class SimulatedChild:
    """Remembers what it was asked; ``says`` answers."""

    def __init__(self, says: Callable[[PublishRequest | MoveRequest], Answer]) -> None:
        self.says = says
        self.asked: list[PublishRequest | MoveRequest] = []
        self.silent = asyncio.Event()
        self.silent.set()

    async def ask(self, request: PublishRequest | MoveRequest) -> Answer:
        self.asked.append(request)
        await self.silent.wait()
        return self.says(request)


def obliging(request: PublishRequest | MoveRequest) -> Answer:
    if isinstance(request, MoveRequest):
        return MoveResult(changed=True)
    return PublishResult(changed=True, change="C1")


class Bench:
    def __init__(self, says: Callable[[PublishRequest | MoveRequest], Answer], wall: float) -> None:
        self.child = SimulatedChild(says)
        self.told: list[NamesChanged] = []
        self.news = asyncio.Event()
        self.names = Names(
            self._hear,
            publishing=self.child,  # type: ignore[arg-type]
            moving=self.child,  # type: ignore[arg-type]
            client=DdnsClient(environment={}),
            authority=Authority(),
            seed=1,
            wall=lambda: wall,
        )

    def _hear(self, event: NamesChanged) -> None:
        self.told.append(event)
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self.news.clear()
                await self.news.wait()

    @property
    def mobile(self) -> PublishedName | None:
        names = self.told[-1].names if self.told else None
        return next((each for each in names.lines if each.line is CELLULAR), None) if names else None


@asynccontextmanager
async def driven(
    says: Callable[[PublishRequest | MoveRequest], Answer] = obliging, *, wall: float = NOW
) -> AsyncIterator[Bench]:
    bench = Bench(says, wall)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(bench.names.attend())
        yield bench
        task.cancel()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(limited())


def intent(active: UplinkName = WIRED, wired: LineState = LineState.UP) -> NamesIntent:
    """Interfaces that are not there: name servers cannot be asked, and that is soon known."""
    lines = (
        NamedLine(line=WIRED, interface="gone0", state=wired, servers=(MINE,)),
        NamedLine(
            line=CELLULAR,
            interface="gone1",
            state=LineState.UP,
            addresses=(MINE,),
            servers=(MINE,),
            session=1,
        ),
    )
    return NamesIntent(config=CONFIG, lines=lines, active=active)


def test_the_child_is_asked_for_the_zone_as_configured() -> None:
    async def test() -> None:
        async with driven() as bench:
            bench.names.keep(intent())
            await bench.until(lambda: bench.mobile is not None and bench.mobile.state is NameState.PUBLISHED)
            asked = [each for each in bench.child.asked if isinstance(each, PublishRequest)]
            assert asked == [
                PublishRequest(
                    zone="example.com", zone_id="Z123", name="mobile.example.com", ttl=45, addresses=(MINE,)
                )
            ]

    run(test)


def test_the_name_is_moved_by_the_wish_of_the_configuration() -> None:
    async def test() -> None:
        async with driven() as bench:
            bench.names.keep(intent(CELLULAR, LineState.DOWN))
            await bench.until(lambda: bool(bench.told) and bench.told[-1].names.moved is CELLULAR)
            [asked] = [each for each in bench.child.asked if isinstance(each, MoveRequest)]
            assert asked == MoveRequest(wish=wished(CONFIG), forced=CELLULAR)

    run(test)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (AdapterReason.GONE, "names-absent"),
        (AdapterReason.UNSUPPORTED, "names-child"),
        (AdapterReason.DENIED, "names-denied"),
    ],
)
def test_what_the_child_refuses_is_told_with_its_words(reason: AdapterReason, code: str) -> None:
    async def test() -> None:
        async with driven(lambda _: Refusal(reason=reason, evidence="see here")) as bench:
            bench.names.keep(intent())
            await bench.until(lambda: bench.mobile is not None and bench.mobile.state is NameState.FAILED)
            [notice] = [each for each in bench.told[-1].notices if each.code != "names-not-moved"]
            assert (notice.code, "see here" in notice.text) == (code, True)

    run(test)


def test_where_nobody_listens_the_socket_is_named() -> None:
    async def test() -> None:
        nobody = NobodyListens(reason=AdapterReason.GONE, evidence="nobody listens")
        async with driven(lambda _: nobody) as bench:
            bench.names.keep(intent())
            await bench.until(lambda: bench.mobile is not None and bench.mobile.state is NameState.FAILED)
            [notice] = [each for each in bench.told[-1].notices if each.code != "names-not-moved"]
            assert (notice.code, "failberry-dns.socket" in notice.cure) == ("names-child", True)

    run(test)


def test_a_clock_that_was_not_set_asks_nobody() -> None:
    async def test() -> None:
        async with driven(wall=1000.0) as bench:
            bench.names.keep(intent())
            await bench.until(lambda: bench.mobile is not None and bench.mobile.state is NameState.FAILED)
            assert "names-clock" in {each.code for each in bench.told[-1].notices}
            assert bench.child.asked == []

    run(test)


def test_nothing_is_made_until_there_are_names() -> None:
    async def test() -> None:
        made: list[Bench] = []

        def make() -> Names:
            made.append(Bench(obliging, NOW))
            return made[0].names

        ondemand = OnDemand(make)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(ondemand.attend())
            ondemand.keep(None)
            assert await ondemand.prove_alive()
            assert made == []
            ondemand.keep(intent())
            await made[0].until(lambda: made[0].mobile is not None)
            assert await ondemand.prove_alive()
            ondemand.keep(None)
            await made[0].until(lambda: made[0].told[-1] == NamesChanged(names=None))
            task.cancel()
        assert Places().dns_socket == SOCKET

    run(test)


def test_without_names_it_sleeps_and_is_alive() -> None:
    async def test() -> None:
        async with driven() as bench:
            assert await bench.names.prove_alive()
            bench.names.keep(None)
            assert await bench.names.prove_alive()
            assert (bench.told, bench.child.asked) == ([], [])
            bench.names.keep(intent())
            await bench.until(lambda: bench.mobile is not None)
            bench.names.keep(None)
            await bench.until(lambda: bench.told[-1] == NamesChanged(names=None))

    run(test)


def test_an_errand_under_way_is_not_forgotten_when_the_address_changes() -> None:
    async def test() -> None:
        async with driven() as bench:
            bench.child.silent.clear()
            other = replace(intent().lines[1], addresses=(ip_address("62.7.40.6"),), session=2)
            bench.names.keep(intent())
            async with asyncio.timeout(30):
                while not any(isinstance(each, PublishRequest) for each in bench.child.asked):
                    await asyncio.wait_for(bench.names.prove_alive(), 30)
            bench.names.keep(replace(intent(), lines=(intent().lines[0], other)))
            assert await bench.names.prove_alive()
            bench.child.silent.set()
            await bench.until(lambda: bench.mobile is not None and bench.mobile.addresses == (MINE,))
            assert bench.mobile is not None
            assert bench.mobile.state is NameState.PENDING, "the new one waits for its minute"

    run(test)
