"""The kit's health checkers and alarms: by the Developer Guide, and quicker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from ping import handler as ping

from tests.awskit.account import ALARM, ALARM_DOCUMENT
from tests.awskit.alarms import Metrics, State, health, judge, series
from tests.awskit.checkers import Checkers, Opinion, Pace, ask
from tests.awskit.strict import StrictRoute53

FAST = Pace(factor=100.0, floor=0.2)
SETTINGS = {name: value for name, value in ALARM_DOCUMENT.items() if name != "AlarmName"}


def test_an_opinion_takes_so_many_in_a_row_both_ways() -> None:
    opinion, seen = Opinion(), []
    for passed in (False, False, True, False, False, False, True, False, True, True, True):
        opinion.hear(passed, "", threshold=3)
        seen.append(opinion.healthy)
    assert seen == [True] * 5 + [False] * 5 + [True]


# With EvaluationPeriods 3, as the documentation of missing data has it; "-" is missing, "x" breaches.
@pytest.mark.parametrize(
    ("points", "state"),
    [
        ("0-x-x", State.OK),
        ("0----", State.OK),
        ("-----", State.INSUFFICIENT_DATA),
        ("0xx-x", State.ALARM),
        ("--x--", State.ALARM),
        ("xxxx0", State.OK),
        ("0xxxx", State.ALARM),
        ("xx0xx", State.OK),
    ],
)
def test_an_alarm_with_missing_data(points: str, state: State) -> None:
    settings = {**SETTINGS, "EvaluationPeriods": 3}
    told = [
        (60.0 * place + 5, {"0": 1.0, "x": 0.0}[each]) for place, each in enumerate(points) if each != "-"
    ]
    # A point of the period that is not over yet counts for nothing.
    told += [(305.0, 1.0)]
    assert judge(settings, told, now=310.0, period=60.0) is state


def test_within_a_period_the_statistic_counts() -> None:
    told = [(1.0, 0.0), (2.0, 1.0), (61.0, 0.0), (62.0, 0.0)]
    states = {
        name: judge({**SETTINGS, "Statistic": name}, told, now=120.0, period=60.0)
        for name in ("Maximum", "Minimum", "Average", "Sum", "SampleCount")
    }
    assert states == {
        "Maximum": State.OK,
        "Minimum": State.ALARM,
        "Average": State.ALARM,
        "Sum": State.OK,
        "SampleCount": State.OK,
    }


def test_what_a_check_makes_of_an_alarm() -> None:
    assert health(State.OK, "Unhealthy", before=False)
    assert not health(State.ALARM, "Healthy", before=True)
    for before in (False, True):
        said = [
            health(State.INSUFFICIENT_DATA, each, before=before)
            for each in ("Healthy", "Unhealthy", "LastKnownStatus")
        ]
        assert said == [True, False, before]


@dataclass(slots=True)
class Server:
    """Answers on loopback as it is told; an answer of None is silence."""

    answer: bytes | None = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
    heard: list[bytes] = field(default_factory=list)
    port: int = 0

    async def start(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        if self.answer is None:
            await reader.read()
        else:
            writer.write(self.answer)
        writer.close()


def config(server: Server, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "HTTP",
        "FullyQualifiedDomainName": "wired.example.com",
        "Port": server.port,
        "ResourcePath": "/w-5f0c7e",
        "RequestInterval": 30,
        "FailureThreshold": 3,
        **fields,
    }


@pytest.mark.parametrize(
    ("answer", "fields", "passes"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nok", {}, True),
        (b"HTTP/1.1 302 Found\r\n\r\n", {}, True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", {}, False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nstale\n", {}, False),
        (b"HTTP/1.1 200 OK\r\n\r\nok wired\n", {"Type": "HTTP_STR_MATCH", "SearchString": "wired"}, True),
        (b"HTTP/1.1 200 OK\r\n\r\nok\n", {"Type": "HTTP_STR_MATCH", "SearchString": "wired"}, False),
        (b"SSH-2.0-x\r\n\r\n", {}, False),
        (b"", {}, False),
        (None, {}, False),
        (None, {"Type": "TCP"}, True),
    ],
)
def test_what_passes(answer: bytes | None, fields: dict[str, Any], passes: bool) -> None:  # noqa: FBT001 -- a parameter
    async def run() -> None:
        server = Server(answer)
        await server.start()
        passed, words = await ask("some-id", config(server, **fields), "127.0.0.1", pace=FAST)
        assert passed is passes, words
        assert words.startswith("Success" if passes else "Failure")

    asyncio.run(run())


def test_how_a_checker_asks() -> None:
    async def run() -> None:
        server = Server()
        await server.start()
        check = "00000000-0000-4000-8000-000000000000"
        assert (await ask(check, config(server), "127.0.0.1", source="127.0.0.7", pace=FAST))[0]
        [request] = server.heard
        lines = request.decode().split("\r\n")
        assert lines[0] == "GET /w-5f0c7e HTTP/1.1"
        assert f"Host: wired.example.com:{server.port}" in lines
        assert any(f"Amazon-Route53-Health-Check-Service (ref {check};" in each for each in lines)
        # 244 bytes were measured of a real one, which has a longer path.
        assert 210 < len(request) < 250
        assert not (await ask(check, config(server, Port=1), "127.0.0.1", pace=FAST))[0]

    asyncio.run(run())


@dataclass(slots=True)
class World:
    """An account whose checks are at work against one server."""

    server: Server
    addresses: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    api: StrictRoute53 = field(default_factory=StrictRoute53)
    metrics: Metrics = field(default_factory=lambda: Metrics(time.monotonic))
    checkers: Checkers = field(init=False)

    def __post_init__(self) -> None:
        self.api.alarms[ALARM] = dict(ALARM_DOCUMENT)
        self.checkers = Checkers(
            checks=self.api.checks,
            resolve=lambda _: self.addresses,
            metrics=self.metrics,
            pace=Pace(factor=600.0, floor=0.2),
            dice=Random(7),  # noqa: S311 -- no secret
        )

    def create(self, **fields: Any) -> str:
        reference = f"r{len(self.api.references)}"
        made = self.api.create_health_check(CallerReference=reference, HealthCheckConfig=fields)
        self.checkers.arrange()
        return str(made["HealthCheck"]["Id"])

    def update(self, check_id: str, **fields: Any) -> None:
        version = self.api.checks[check_id]["HealthCheckVersion"]
        self.api.update_health_check(HealthCheckId=check_id, HealthCheckVersion=version, **fields)
        self.checkers.arrange()

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not wanted():  # noqa: ASYNC110 -- conditions are of any kind
                await asyncio.sleep(0.005)

    async def told(self, check_id: str, *, healthy: bool) -> None:
        await self.until(lambda: self.checkers.healthy(check_id) is healthy)


def lives(life: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        server = Server()
        await server.start()
        await life(World(server))

    asyncio.run(run())


def test_a_check_turns_and_turns_back_and_can_be_switched() -> None:
    async def life(world: World) -> None:
        check = world.create(**config(world.server))
        opinions = world.checkers.opinions[check]
        await world.until(lambda: all(each.asked for each in opinions.values()))
        assert (len(opinions), world.checkers.healthy(check)) == (16, True)
        world.server.answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
        await world.told(check, healthy=False)
        world.update(check, Inverted=True)
        await world.told(check, healthy=True)
        world.update(check, Disabled=True)
        await world.told(check, healthy=False)
        asked = sum(each.asked for each in opinions.values())
        world.update(check, Inverted=False)
        await world.told(check, healthy=True)
        # A disabled check asks nobody, but those who were asking.
        assert sum(each.asked for each in opinions.values()) <= asked + 16
        world.server.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        world.update(check, Disabled=False)
        await world.until(lambda: all(each.healthy for each in opinions.values()))
        world.addresses = []
        await world.told(check, healthy=False)
        nameless = {"Failure: DNS resolution failed: no A record"}
        await world.until(lambda: {each.words for each in opinions.values()} == nameless)
        # By address, no name is resolved; past the API, which takes no such address.
        world.api.checks[check]["HealthCheckConfig"]["IPAddress"] = "127.0.0.1"
        await world.told(check, healthy=True)
        kinds = [
            (each["what"], each["healthy"]) for each in world.checkers.timeline if each["what"] == "told"
        ]
        assert kinds[:4] == [("told", each) for each in (False, True, False, True)]

    lives(life)


def test_more_than_18_percent_keep_it_up_and_calculated_ones_count_their_children() -> None:
    async def life(world: World) -> None:
        check = world.create(**config(world.server))
        other = world.create(**config(world.server, Inverted=True))
        both = world.create(Type="CALCULATED", ChildHealthChecks=[check, other], HealthThreshold=2)
        either = world.create(Type="CALCULATED", ChildHealthChecks=[check, other], HealthThreshold=1)
        assert [world.checkers.status(each) for each in (check, other, both, either)] == [
            True,
            False,
            False,
            True,
        ]
        opinions = list(world.checkers.opinions[check].values())
        for count, each in enumerate(opinions, 1):
            each.healthy = False
            # Of 16, three are 18.75 %.
            assert world.checkers.status(check) is (16 - count >= 3)
        assert not world.checkers.status(either)
        world.api.delete_health_check(HealthCheckId=check)
        world.checkers.arrange()
        assert check not in world.checkers.opinions

    lives(life)


def test_the_real_ping_function_and_an_alarm_turn_a_check() -> None:
    async def life(world: World) -> None:
        check = world.create(
            Type="CLOUDWATCH_METRIC",
            AlarmIdentifier={"Region": ALARM[0], "Name": ALARM[1]},
            InsufficientDataHealthStatus="Healthy",
        )
        settings = world.api.checks[check]["CloudWatchAlarmConfiguration"]
        event = {
            "endpoints": [
                {"name": "cellular", "url": f"http://127.0.0.1:{world.server.port}/", "timeout": 0.2}
            ]
        }

        def once() -> None:
            put = world.metrics.put
            ping.run(event, put=lambda *figures: put(ALARM[0], *figures), namespace="Failberry", pause=0)

        async def pinging() -> None:
            while True:
                await asyncio.to_thread(once)
                await asyncio.sleep(0.05)

        task = asyncio.create_task(pinging())
        await world.until(lambda: len(world.metrics.of(series(ALARM[0], settings))) > 3)
        assert world.checkers.healthy(check)
        world.server.answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
        await world.told(check, healthy=False)
        world.server.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        await world.told(check, healthy=True)
        task.cancel()

    lives(life)
