"""Which day it is, and who vouches for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from failberry.adapters.calendar import ASK_EVERY, LONG_ENOUGH, Calendar, Sources
from failberry.core.events import DayObserved

BUILT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()


class Machine:
    def __init__(self, where: Path, *, says: str = "no") -> None:
        self.where = where
        self.wall = datetime(2026, 3, 20, 12, tzinfo=UTC).timestamp()
        self.uptime = 60.0
        self.told: list[DayObserved] = []
        self.news = asyncio.Event()
        (where / "rtc" / "rtc0").mkdir(parents=True)
        self.says = where / "says"
        self.says.write_text(f"echo x >>{where}/asked; {says if ' ' in says else f'echo {says}'}\n")
        self.calendar = Calendar(
            self.hear,
            Sources(
                synchronized=where / "synchronized",
                clocks=where / "rtc",
                ask=("sh", str(self.says)),
                built=BUILT,
                wall=lambda: self.wall,
                uptime=lambda: self.uptime,
            ),
        )

    def hear(self, told: DayObserved) -> None:
        self.told.append(told)
        self.news.set()

    def look(self) -> DayObserved | None:
        """What is news now."""
        before = len(self.told)
        asyncio.run(self.calendar.look())
        return self.told[-1] if len(self.told) > before else None

    def asked(self) -> int:
        path = self.where / "asked"
        return len(path.read_text().splitlines()) if path.exists() else 0


def day(number: int, *, trusted: bool) -> DayObserved:
    return DayObserved(day=date(2026, 3, number), trusted=trusted)


def test_told_at_the_start_at_midnight_and_when_a_time_server_answers(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.look() == day(20, trusted=False)
    assert machine.look() is None
    machine.wall += 86_400
    assert machine.look() == day(21, trusted=False)
    (tmp_path / "synchronized").touch()
    assert machine.look() == day(21, trusted=True)
    (tmp_path / "synchronized").unlink()
    assert machine.look() is None  # it was right once, and goes on


def test_any_other_keeper_of_the_clock_is_asked_now_and_then(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for _ in range(5):
        machine.look()
    assert machine.asked() == 1
    machine.says.write_text("echo yes\n")
    machine.uptime += ASK_EVERY
    assert machine.look() == day(20, trusted=True)


@pytest.mark.parametrize("says", ["exit 1", "exec sh -c 'kill $$'", "echo yes no"])
def test_whoever_cannot_say_vouches_for_nothing(tmp_path: Path, says: str) -> None:
    assert Machine(tmp_path, says=says).look() == day(20, trusted=False)


def test_a_program_that_is_missing_or_never_answers_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failberry.adapters.calendar.ANSWER_TIME", 0.05)
    told: list[DayObserved] = []
    for ask in (("/nonexistent/timedatectl",), ("sleep", "100")):
        sources = Sources(synchronized=tmp_path / "no", clocks=tmp_path, ask=ask, uptime=lambda: 60.0)
        asyncio.run(Calendar(told.append, sources).look())
    assert [each.trusted for each in told] == [False, False]


def test_a_clock_before_this_software_was_built_is_never_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, says="yes")
    (tmp_path / "synchronized").touch()
    (tmp_path / "rtc" / "rtc0" / "hctosys").write_text("1\n")
    machine.uptime = 2 * LONG_ENOUGH
    machine.wall = 4.0
    assert machine.look() == DayObserved(day=date(1970, 1, 1), trusted=False)
    machine.wall = BUILT
    assert machine.look() == day(1, trusted=True)


def test_a_battery_is_believed_only_if_the_time_came_from_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (tmp_path / "rtc" / "rtc0" / "hctosys").write_text("0\n")
    assert machine.look() == day(20, trusted=False)
    (tmp_path / "rtc" / "rtc0" / "hctosys").write_text("1\n")
    assert machine.look() == day(20, trusted=True)


def test_a_house_without_time_servers_has_a_date_after_a_day(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.look() == day(20, trusted=False)
    machine.uptime = LONG_ENOUGH
    assert machine.look() == day(20, trusted=True)


def test_it_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failberry.adapters.calendar.LOOK_EVERY", 0.01)
    machine = Machine(tmp_path)

    async def life() -> None:
        watching = asyncio.create_task(machine.calendar.watch())
        async with asyncio.timeout(10):
            await machine.news.wait()
            machine.news.clear()
            machine.wall += 86_400
            await machine.news.wait()
        watching.cancel()

    asyncio.run(life())
    assert machine.told == [day(20, trusted=False), day(21, trusted=False)]


def test_this_machine_has_a_date() -> None:
    told: list[DayObserved] = []
    asyncio.run(Calendar(told.append).look())
    assert [each.day for each in told] == [date.today()]
