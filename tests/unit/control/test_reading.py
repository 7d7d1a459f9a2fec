"""Events and samples on the wire: parameters, pages, and readers that follow."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from failberry.control import reading, server
from failberry.control.answers import EventsView, EventView, SamplesView, SampleView
from failberry.control.document import decode, encode, schema
from failberry.control.service import Service
from failberry.control.varlink import Call
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from tests.unit.control.simulated import Client, SimulatedAppliance, run, serving

OURS = "io.failberry.Appliance"
NOW = 1_800_000_000.0


def event(number: int, **fields: Any) -> EventView:
    told = {
        "id": number,
        "time": NOW - 10_000.0 + number,
        "synced": True,
        "monotonic": float(number),
        "boot": "b",
        "kind": RecordKind.VERDICT,
        "subject": "wired",
        "what": "up -> suspect",
        "why": "no answer",
        "next": "",
        "severity": Severity.NOTICE,
        "correlation": number,
        "numbers": {"silent": 0.5},
    }
    return EventView(**told | fields)


def house(count: int = 0) -> SimulatedAppliance:
    return SimulatedAppliance(past=[event(number) for number in range(1, count + 1)])


def answer(appliance: SimulatedAppliance, method: str, **parameters: Any) -> Any:
    async def ask() -> list[dict[str, Any]]:
        call = Call(method=f"{OURS}.{method}", parameters=parameters)
        return [each async for each in Service(appliance).replies(call, trusted=False)]

    (reply,) = asyncio.run(ask())
    return reply


@contextlib.asynccontextmanager
async def following(
    appliance: SimulatedAppliance, **parameters: Any
) -> AsyncGenerator[AsyncGenerator[dict[str, Any], None], None]:
    call = Call(method=f"{OURS}.Events", parameters=parameters, more=True)
    async with contextlib.aclosing(Service(appliance).replies(call, trusted=False)) as stream:
        yield stream


def ids(reply: dict[str, Any]) -> list[int]:
    return [each["id"] for each in reply["parameters"]["events"]]


def test_one_answer_keeps_to_the_schema_and_comes_back_unchanged() -> None:
    appliance = house(3)
    told = json.loads(json.dumps(answer(appliance, "Events")["parameters"]))
    jsonschema.Draft202012Validator(schema("events")).validate(told)
    assert decode(EventsView, told) == EventsView(history="a", events=tuple(appliance.past), last=3)


def test_samples_keep_to_the_schema() -> None:
    seconds = {"up": 60.0, "suspect": 0.0, "down": 0.0, "active": 60.0}
    means = dict.fromkeys(("rtt", "rtt_worst", "loss", "loss_worst", "dbm", "used"))
    sample = SampleView(start=NOW, received=1, sent=2, **seconds, **means)  # type: ignore[arg-type]
    told = json.loads(json.dumps(encode(SamplesView(step=60, samples=(sample,)))))
    jsonschema.Draft202012Validator(schema("samples")).validate(told)
    assert decode(SamplesView, told).samples == (sample,)


def test_pages() -> None:
    appliance = house(250)
    assert ids(answer(appliance, "Events")) == list(range(151, 251))
    page = answer(appliance, "Events", after=10, limit=2)
    assert (ids(page), page["parameters"]["last"]) == ([11, 12], 12)
    assert ids(answer(appliance, "Events", before=11, limit=3)) == [8, 9, 10]
    assert ids(answer(appliance, "Events", since=NOW - 10_000.0 + 249)) == [249, 250]
    assert ids(answer(appliance, "Events", kinds=["modem"])) == []
    assert answer(appliance, "Events", severity="error")["parameters"]["last"] == 250


@pytest.mark.parametrize(
    ("method", "parameters", "named"),
    [
        ("Events", {"after": -1}, "after"),
        ("Events", {"after": True}, "after"),
        ("Events", {"before": "now"}, "before"),
        ("Events", {"since": "yesterday"}, "since"),
        ("Events", {"limit": 1001}, "limit"),
        ("Events", {"kinds": ["carrier pigeon"]}, "kinds"),
        ("Events", {"kinds": "modem"}, "kinds"),
        ("Events", {"kinds": [{}]}, "kinds"),
        ("Events", {"severity": "bad"}, "severity"),
        ("Events", {"severity": []}, "severity"),
        ("Events", {"colour": "red"}, "colour"),
        ("Samples", {"line": "wired"}, "since"),
        ("Samples", {"line": "wireless", "since": 0.0}, "line"),
        ("Samples", {"line": "wired", "since": NOW - 1000, "step": 0}, "step"),
        ("Samples", {"line": "wired", "since": NOW - 1000, "step": 90}, "step"),
        ("Samples", {"line": "wired", "since": 0.0, "step": 60}, "step"),
    ],
)
def test_what_is_wrong_is_named(method: str, parameters: dict[str, Any], named: str) -> None:
    told = answer(house(), method, **parameters)
    assert told == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": named}}


SPANS = [(0.5, 60), (1.0, 60), (3.0, 300), (7.0, 3600), (60.0, 3600), (90.0, 21_600), (390.0, 86_400)]


@pytest.mark.parametrize(("days", "step"), SPANS)
def test_a_chart_gets_as_many_samples_as_it_can_show(days: float, step: int) -> None:
    told = answer(house(), "Samples", line="wired", since=NOW - days * 86_400)
    assert told["parameters"]["step"] == step


def test_a_follower_catches_up_and_then_hears_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "GATHER", 0.0)
    appliance = house(250)

    async def scenario() -> None:
        async with following(appliance, after=20) as stream:
            seen = [*ids(await anext(stream)), *ids(await anext(stream)), *ids(await anext(stream))]
            assert seen == list(range(21, 251))
            coming = asyncio.create_task(anext(stream))
            await asyncio.sleep(0.01)
            appliance.happens(event(251), event(252))
            assert ids(await coming) == [251, 252]
        assert not appliance.ringing, "who left is forgotten"

    run(scenario)


def test_a_follower_of_the_last_ones_and_of_some_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "GATHER", 0.0)
    appliance = house(30)

    async def scenario() -> None:
        async with following(appliance, limit=3, severity="notice") as stream:
            assert ids(await anext(stream)) == [28, 29, 30]
            assert ids(await anext(stream)) == []
            appliance.happens(event(31, severity=Severity.INFO), event(32))
            told = await anext(stream)
            assert (ids(told), told["parameters"]["last"]) == ([32], 32)

    run(scenario)


def test_silence_is_broken_and_another_history_is_read_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "SILENCE", 0.01)
    monkeypatch.setattr(reading, "GATHER", 0.0)
    appliance = house(5)

    async def scenario() -> None:
        async with following(appliance, after=5) as stream:
            assert ids(await anext(stream)) == ids(await anext(stream)) == []
            appliance.past, appliance.history = [event(1), event(2)], "b"
            assert ids(await anext(stream)) == [1, 2]

    run(scenario)


def test_a_reader_that_does_not_read_is_cut_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW", 0.2)
    monkeypatch.setattr(reading, "GATHER", 0.0)
    appliance = house(5)

    async def scenario() -> None:
        async with serving(tmp_path / "control", appliance):
            slow = await Client.connect(tmp_path / "control")
            quick = await Client.connect(tmp_path / "control")
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for each in (slow, quick):
                each.send(f"{OURS}.Events", parameters={"after": 0}, more=True)
            seen, number = ids(await quick.receive()), 5
            while len(appliance.ringing) > 1 or number < 500:
                appliance.happens(*(event(number + each, why="x" * 400) for each in range(1, 101)))
                number += 100
                seen += ids(await quick.receive())
            while len(seen) < number:
                seen += ids(await quick.receive())
            assert seen == list(range(1, number + 1))
            quick.close()
            slow.close()

    run(scenario)
