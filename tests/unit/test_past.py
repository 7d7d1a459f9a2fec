"""The engine's turns in journal and history: one line for each transition, with fields for programs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failberry.adapters.historyfile import HistoryFile
from failberry.config import MOBILE_INTERFACE
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.actions import Action, Report
from failberry.core.appliance import Appliance
from failberry.core.history import Wanted
from failberry.core.kinds import SPECS, RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import UplinkName
from failberry.engine import Engine
from failberry.errors import InvariantError
from failberry.past import Past
from tests.simulation.test_lines import BESIDE, DUAL
from tests.simulation.world import World


class Journal:
    """Remembers each line and its fields."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []

    def __call__(self, priority: int, line: str, **fields: Any) -> None:
        self.lines.append((priority, line, fields))


@dataclass
class Remembered(World):
    """A simulated house with a journal and a history."""

    past: Past | None = None

    def post(self, event: ev.Event) -> None:
        assert self.past is not None
        actions = self.appliance.handle(event, self.now)
        self.past.note(event, actions, self.appliance, self.now)
        for action in actions:
            self._perform(action)


def lived(path: Path, journal: Journal, config: Any = DUAL) -> Remembered:
    """A failover in a house whose history is at ``path``."""
    world: Remembered | None = None

    async def live() -> Remembered:
        nonlocal world
        past = Past(
            HistoryFile(path), boot="b", journal=journal, clock=lambda: world.now if world else 1000.0
        )
        await past.open()
        async with past.kept():
            world = Remembered(config=config, past=past)
            world.until(ModemState.CONNECTED)
            world.run(100)
            status = world.appliance.snapshot(world.now)
            assert [each.rtt for each in past._sampler.take(status, world.now)] == [status.wired.rtt, None]
            world.street.change(broken=1)
            world.run(100)
            past.minute(world.appliance.snapshot(world.now))
            past.stopped()
        return world

    return asyncio.run(live())


def test_each_transition_is_one_line_of_the_journal_as_ever(tmp_path: Path) -> None:
    journal = Journal()
    world = lived(tmp_path / "history.sqlite", journal)

    def line(each: Report) -> str:
        return f"{each.subject}: {each.what}: {each.why}" + (f"; next: {each.next}" if each.next else "")

    assert [told for _, told, _ in journal.lines] == [line(each) for each in world.reports]
    priorities = {"error": 3, "warning": 4, "notice": 5, "info": 6}
    assert [each for each, _, _ in journal.lines] == [priorities[each.severity] for each in world.reports]


def test_journal_and_history_tell_the_same_with_the_same_correlation(tmp_path: Path) -> None:
    journal, path = Journal(), tmp_path / "history.sqlite"
    lived(path, journal)
    file = HistoryFile(path)
    file.open()
    kept = {each.record.id: each.record for each in file.events(Wanted(limit=10**6))}
    assert [each.kind for each in kept.values()][-1] is RecordKind.STOPPED
    for _, _, fields in journal.lines:
        record = kept[fields["failberry_event"]]
        assert fields == {
            "message_id": SPECS[record.kind].message_id,
            "failberry_subject": record.subject,
            "failberry_what": record.what,
            "failberry_why": record.why,
            "failberry_next": record.next,
            "failberry_kind": record.kind,
            "failberry_event": record.id,
            "failberry_correlation": record.correlation,
            "failberry_numbers": json.dumps(record.numbers),
        }
    of_failover = {
        fields["failberry_correlation"]
        for _, line, fields in journal.lines
        if line.startswith(("wired: up -> suspect", "wired: suspect -> down", "failover: wired -> cellular"))
    }
    assert len(of_failover) == 1


def test_a_minute_of_each_line(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"

    lived(path, Journal())
    file = HistoryFile(path)
    file.open()
    kept = {line: file.samples(60, line, 0.0, 4e9) for line in UplinkName}
    (_, wired), (_, cellular) = kept[UplinkName.WIRED][-1], kept[UplinkName.CELLULAR][-1]
    assert wired.suspect + wired.down > 90
    assert cellular.active > 90
    assert (cellular.loss, cellular.used) == (0.0, 222)


def test_the_history_of_a_bug_is_on_the_disk(tmp_path: Path) -> None:
    """The engine dies of it, and what it said last is kept."""

    class Broken(Appliance):
        def handle(self, event: ev.Event, now: float) -> list[Action]:
            if isinstance(event, ev.RedialRequested):
                raise InvariantError("two lines are active")
            return super().handle(event, now)

    journal, path = Journal(), tmp_path / "history.sqlite"

    async def live() -> None:
        past = Past(HistoryFile(path), boot="b", journal=journal)
        await past.open()

        async def perform(action: do.Wish | do.Deed) -> ev.Event:
            await asyncio.Event().wait()
            return ev.Tick()

        queue: asyncio.Queue[ev.Event] = asyncio.Queue()
        engine = Engine(
            Broken(BESIDE, seed=1), queue=queue, perform=perform, keep=lambda _: None,
            note=past.note, tell=past.tell,
        )  # fmt: skip
        queue.put_nowait(ev.RedialRequested())
        async with past.kept():
            await engine.run(ev.Started())

    try:
        asyncio.run(live())
    except* InvariantError:
        pass
    assert [line[:60] for _, line, _ in journal.lines][-1].startswith(
        "engine: bug: InvariantError('two lines"
    )
    file = HistoryFile(path)
    file.open()
    kept = [each.record for each in file.events(Wanted())]
    assert [kept[0].what, kept[-1].what] == ["started", "bug"]


def test_counters_of_a_line_whose_session_changes() -> None:
    from failberry.core.samples import Sampler

    appliance, sampler = Appliance(DUAL, seed=1), Sampler()

    def read(index: int, received: int, sent: int) -> None:
        event = ev.CountersRead(deed=1, received=received, sent=sent, interface=MOBILE_INTERFACE, index=index)
        sampler.note(event, [], appliance, 1.0)

    def taken() -> tuple[int, int]:
        _, mobile = sampler.take(appliance.snapshot(2.0), 2.0)
        return mobile.received, mobile.sent

    read(7, 1000, 500)
    assert taken() == (0, 0), "what was carried before nobody knows when"
    read(7, 1500, 600)
    ended = ev.SessionEnded(exit_code=0, port_gone=False, evidence="", received=1600, sent=600)
    sampler.note(ended, [], appliance, 1.0)
    read(8, 30, 40)
    assert taken() == (630, 140)
