"""The whole process but for its lines: history in, messages out, and what a kill leaves behind."""
# ruff: noqa: S106, SIM117 -- the secrets are made up; what is inside what is easier to see so

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jsonschema
import pytest

from failberry.config import Config, Mode, Wired
from failberry.control.answers import EventView
from failberry.control.server import ControlServer, listen
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.core.snapshot import LineState, UplinkName
from failberry.ctl.__main__ import main
from failberry.ctl.documents import schema
from failberry.notify import service
from failberry.notify.__main__ import NOBODY, take_settings
from failberry.notify.book import FILE, Book
from failberry.notify.channels import channels
from failberry.notify.desk import Desk
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notify.service import Notifier
from failberry.notify.settings import Settings, read, settings_of, store
from failberry.notifying import Least, Notify, Receiver, Via
from tests.unit.control.simulated import SimulatedAppliance, run, serving
from tests.unit.ctl.scenarios import ALL_WELL

WELL = replace(ALL_WELL, active=UplinkName.WIRED, wired=replace(ALL_WELL.wired, proven_age=0.5))
PHONE = Receiver(name="phone", via=Via.NTFY, to="https://ntfy.example/secret-topic")
HOOK = Receiver(name="hook", via=Via.WEBHOOK, to="https://hook.example/x", secret="k")
SENT = Outcome(result=Result.SENT, words="taken")


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the queues more often: time is skipped here."""
    monkeypatch.setattr(service, "TURN", 0.02)
    monkeypatch.setattr(service, "RETRY", 0.05)


def event(number: int, kind: RecordKind, what: str, subject: str = "usage", **fields: object) -> EventView:
    values: dict[str, object] = {
        "id": number,
        "time": 1_800_000_000.0 + number,
        "synced": True,
        "monotonic": float(number),
        "boot": "b",
        "kind": kind,
        "subject": subject,
        "what": what,
        "why": "because",
        "next": "",
        "severity": Severity.WARNING,
        "correlation": number,
        "numbers": {},
    }
    return EventView(**(values | fields))  # type: ignore[arg-type]


def warned(number: int) -> EventView:
    return event(number, RecordKind.USAGE, f"{number} % of the data cap are used")


@dataclass
class Receivers:
    """Takes what is sent, or does what it is told to."""

    got: list[Delivery] = field(default_factory=list)
    answer: Callable[[Delivery], Outcome] = lambda _: SENT
    hold: asyncio.Event | None = None

    async def send(self, delivery: Delivery) -> Outcome:
        self.got.append(delivery)
        if self.hold is not None:
            await self.hold.wait()
        return self.answer(delivery)

    def titles(self, channel: str = "phone") -> list[str]:
        return [each.title for made in self.got if made.channel == channel for each in made.messages]


class Clock:
    """Real seconds, and those that a test has skipped."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.skipped


@contextlib.asynccontextmanager
async def notifying(
    folder: Path, receivers: Receivers, clock: Clock, *, notify: Notify | None = None
) -> AsyncIterator[Notifier]:
    made = Notifier(
        channels(notify or Notify(), (PHONE, HOOK), ()),
        receivers.send,
        Book(folder),
        daemon=str(folder / "control"),
        clock=clock,
        wall=lambda: 1_800_000_100.0 + clock.skipped,
        rng=random.Random(1),  # noqa: S311
    )
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_each_event_is_told_once_in_order_over_restarts(tmp_path: Path) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(1)], snapshot=WELL)

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: made.status().following)
                house.happens(warned(2), warned(3))
                await until(lambda: sum(each.waiting for each in made.status().channels) == 4)
                clock.skipped += 10
                await until(lambda: len(receivers.got) == 2)
                await until(lambda: not any(each.waiting for each in made.status().channels))
            house.past.append(warned(4))  # while nobody read along
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: sum(each.waiting for each in made.status().channels) == 2)
                clock.skipped += 10
                await until(lambda: len(receivers.got) == 4)

    run(scenario)
    # Not what happened before it was there; what came together went together.
    assert receivers.titles() == receivers.titles("hook") == [warned(each).what for each in (2, 3, 4)]
    assert [len(each.messages) for each in receivers.got if each.channel == "phone"] == [2, 1]


def test_a_kill_in_the_middle_repeats_under_the_same_name(tmp_path: Path) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(1)], snapshot=WELL)

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            receivers.hold = asyncio.Event()
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: made.status().following)
                house.happens(warned(2))
                await until(lambda: all(each.waiting for each in made.status().channels))
                clock.skipped += 10
                await until(lambda: len(receivers.got) == 2)
                # What is on the disk now is what a kill leaves.
                (tmp_path / "killed").mkdir()
                (tmp_path / "killed" / FILE).write_bytes((tmp_path / FILE).read_bytes())
            (tmp_path / "killed" / "control").symlink_to(tmp_path / "control")
            receivers.hold = None
            house.happens(warned(3))
            async with notifying(tmp_path / "killed", receivers, clock) as made:
                await until(lambda: made.status().last == 3)
                clock.skipped += 10
                await until(
                    lambda: (
                        made.status().last == 3 and not any(each.waiting for each in made.status().channels)
                    )
                )

    run(scenario)
    phone = [each for each in receivers.got if each.channel == "phone"]
    assert phone[0].id == phone[1].id
    assert phone[0].messages == phone[1].messages
    assert phone[1].attempt == 2
    assert receivers.titles()[1:] == ["2 % of the data cap are used", "3 % of the data cap are used"]


def test_nothing_is_sent_while_no_line_works_and_all_at_once_after(tmp_path: Path) -> None:
    dead = replace(WELL, wired=replace(WELL.wired, state=LineState.DOWN))
    house = SimulatedAppliance(past=[warned(1)], snapshot=dead)
    receivers, clock = Receivers(), Clock()

    async def scenario() -> None:
        async with serving(tmp_path / "control", house) as service:
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: made.status().online is False)
                house.happens(warned(2))
                await until(lambda: all(each.waiting for each in made.status().channels))
                clock.skipped += 30
                await until(lambda: {each.held_back for each in made.status().channels} == {"no line works"})
                assert not receivers.got
                house.snapshot = WELL
                service.changed()
                await until(lambda: len(receivers.got) == 2)

    run(scenario)


def test_a_history_that_has_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(90)], snapshot=WELL)

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            async with notifying(tmp_path, receivers, clock) as made:
                # Not its last id, which it knows before it is on the disk.
                await until(lambda: made.status().following)
                assert made.status().last == 90
            house.history, house.past = "another", [warned(1)]
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: all(each.waiting for each in made.status().channels))
                clock.skipped += 10
                await until(lambda: len(receivers.got) == 2)

    run(scenario)
    assert receivers.titles() == ["1 % of the data cap are used"]


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, and was one once" * 100)
    book = Book(tmp_path)
    assert "set aside" in book.open().problem
    book.close()
    assert (tmp_path / f"{FILE}.damaged").exists()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as fresh:
        assert fresh.execute("SELECT count(*) FROM waiting").fetchone() == (0,)


def test_a_reload_ends_it_so_that_it_is_started_with_the_new_settings(tmp_path: Path) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(1)], snapshot=WELL)

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: made.status().following)
                house.happens(event(2, RecordKind.REQUEST, "reloaded", "configuration"))
                await made.reloaded.wait()
            async with notifying(tmp_path, receivers, clock) as again:
                house.happens(warned(3))
                await until(lambda: again.status().last == 3)
                assert not again.reloaded.is_set()  # nor would it ever run again

    run(scenario)


def test_with_a_disk_that_refuses_a_reload_does_not_end_it_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(1)], snapshot=WELL)

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            async with notifying(tmp_path, receivers, clock) as made:
                await until(lambda: made.status().following)
                with monkeypatch.context() as broken:
                    broken.setattr(Book, "take", refuse)
                    house.happens(event(2, RecordKind.REQUEST, "reloaded", "configuration"))
                    await until(lambda: bool(made.status().problems))
                    assert not made.reloaded.is_set()
                house.happens(warned(3))
                await made.reloaded.wait()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    run(scenario)


# --- failberryctl ----------------------------------------------------------------------------------


def test_failberryctl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receivers, clock, house = Receivers(), Clock(), SimulatedAppliance(past=[warned(1)], snapshot=WELL)
    place = str(tmp_path / "desk")
    bad = Outcome(result=Result.REFUSED, words="hook.example answered 401 Unauthorized")
    receivers.answer = lambda made: bad if made.channel == "hook" else SENT

    def ctl(*words: str) -> tuple[int, str]:
        code = main(["notify", *words, "--notifier", place])
        return code, capsys.readouterr().out

    async def scenario() -> None:
        async with serving(tmp_path / "control", house):
            async with notifying(tmp_path, receivers, clock) as made:
                desk = asyncio.create_task(ControlServer(Desk(made)).serve(listen(place)))
                await until(lambda: made.status().following and made.status().online is True)
                code, out = await asyncio.to_thread(ctl, "test")
                assert code == 1
                assert "phone (ntfy): sent: taken" in out
                assert "hook (webhook): not sent: hook.example answered 401 Unauthorized" in out
                code, out = await asyncio.to_thread(ctl, "test", "phone", "--json")
                assert code == 0
                jsonschema.validate(json.loads(out), schema("notify-test"))
                code, out = await asyncio.to_thread(ctl, "test", "nobody")
                assert code == 1
                code, out = await asyncio.to_thread(ctl, "status")
                assert out.startswith("Follows the history; a line works.\n  phone (ntfy): last sent ")
                code, out = await asyncio.to_thread(ctl, "status", "--json")
                jsonschema.validate(json.loads(out), schema("notify-status"))
                assert "secret-topic" not in out
                desk.cancel()

    run(scenario)
    assert all(len(made.messages) == 1 for made in receivers.got)
    assert main(["notify", "status", "--notifier", str(tmp_path / "none")]) == 3
    assert "not running" in capsys.readouterr().err


# --- settings --------------------------------------------------------------------------------------


def test_the_process_gets_its_part_of_the_configuration_and_nothing_else(tmp_path: Path) -> None:
    config = Config(
        mode=Mode.STANDBY_GATEWAY,
        wired=Wired(interface="eth0"),
        notify=Notify(quiet_hours="22:00-07:00", quiet_through=Least.WARNING, topics=("usage",)),
        receiver=(PHONE, HOOK),
    )
    path = tmp_path / "settings.json"
    seen = tmp_path.stat()
    store(settings_of(config), path, (seen.st_uid, seen.st_gid))
    assert path.stat().st_mode & 0o777 == 0o400
    assert read(path) == Settings(notify=config.notify, receivers=config.receiver)
    assert "eth0" not in path.read_text()


def test_where_nobody_is_to_be_told_nothing_is_started(tmp_path: Path) -> None:
    path, target = tmp_path / "failberry.toml", tmp_path / "settings.json"
    path.write_text('mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n')
    assert take_settings(path, target, str(tmp_path / "none"), "root") == NOBODY
    target.write_text("{}")
    path.write_text("no = toml = at all")
    assert take_settings(path, target, str(tmp_path / "none"), "root") == 0  # what was in force stays
