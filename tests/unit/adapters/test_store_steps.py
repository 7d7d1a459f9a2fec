"""The disk's memory of steps of recovery, and what a clock without a battery makes of it."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.adapters import steplog
from failberry.adapters.steplog import Instant
from failberry.adapters.store import Owed, Promise, Store
from failberry.core.pin import PinRecord, PinState
from failberry.core.steps import Rung, Step

DAY, HOUR = 86_400.0, 3_600.0
NOON = 1_800_000_000.0
"""Some day in January 2027."""
REBOOT = Step(rung=Rung.REBOOT, cause="crashed", why="both lines are dead")
CYCLE = Step(rung=Rung.POWER_CYCLE, cause="hung", why="it answers nobody")


class Machine:
    """A disk that stays, and clocks that are set at will."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = Instant(boot="boot-1", uptime=500.0, wall=NOON)

    def pass_by(self, seconds: float, *, jump: float = 0.0) -> None:
        """Let time pass; the wall clock jumps besides."""
        self.now = replace(self.now, uptime=self.now.uptime + seconds, wall=self.now.wall + seconds + jump)

    def boot(self, *, off: float = 0.0, wall: float | None = None, uptime: float = 30.0) -> None:
        """Start anew after so long without power; ``wall``: where the clock stands then."""
        right = self.now.wall + off + uptime
        name = f"boot-{int(self.now.boot.partition('-')[2]) + 1}"
        self.now = Instant(boot=name, uptime=uptime, wall=right if wall is None else wall)

    def store(self) -> Store:
        """A new daemon's."""
        return Store(self.path, lambda: self.now)

    def take(self, step: Step) -> None:
        assert asyncio.run(self.store().store_step(7, step)).problem is None

    def steps(self, since: float = DAY) -> list[Step]:
        steps, problem = self.store().steps(since)
        assert problem is None
        return list(steps)

    def ages(self, since: float = DAY) -> list[float]:
        return [round(each.age, 3) for each in self.steps(since)]

    def rows(self) -> int:
        database = sqlite3.connect(self.path)
        (count,) = database.execute("SELECT count(*) FROM step").fetchone()
        database.close()
        return int(count)


@pytest.fixture
def machine() -> Iterator[Machine]:
    # In memory: every write is synced, and a busy disk takes its time for that.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        yield Machine(Path(memory, "state.sqlite"))


# --- what is kept --------------------------------------------------------------------------------


def test_a_step_is_remembered_oldest_first_with_its_age(machine: Machine) -> None:
    machine.take(CYCLE)
    machine.pass_by(100)
    machine.take(REBOOT)
    machine.pass_by(10)
    assert machine.steps() == [replace(CYCLE, age=110.0), replace(REBOOT, age=10.0)]
    assert machine.steps(since=50) == [replace(REBOOT, age=10.0)]


def test_a_result_closes_the_newest_open_row_of_its_rung_also_after_a_reboot(machine: Machine) -> None:
    for step in (CYCLE, REBOOT, CYCLE):
        machine.take(step)
    machine.boot()
    machine.take(replace(REBOOT, why="other words", result="it helped", age=99.0))
    machine.take(replace(CYCLE, result="it did not"))
    assert [(each.rung, each.why, each.result) for each in machine.steps()] == [
        (Rung.POWER_CYCLE, CYCLE.why, ""),
        (Rung.REBOOT, REBOOT.why, "it helped"),
        (Rung.POWER_CYCLE, CYCLE.why, "it did not"),
    ]


def test_a_result_without_an_open_row_is_written_whole(machine: Machine) -> None:
    machine.take(replace(CYCLE, result="it helped", age=60.0))
    machine.take(replace(CYCLE, result="it did not"))
    assert machine.steps() == [
        replace(CYCLE, result="it helped", age=60.0),
        replace(CYCLE, result="it did not"),
    ]


def test_the_log_is_bounded_in_rows_age_and_words(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.take(replace(CYCLE, why="x" * 10_000, result="y" * 10_000))
    assert [(len(each.why), len(each.result)) for each in machine.steps()] == [(500, 500)]
    monkeypatch.setattr(steplog, "ROWS", 5)
    for _ in range(10):
        machine.take(CYCLE)
    assert machine.rows() == 5
    machine.boot(off=399 * DAY)
    machine.take(CYCLE)
    assert machine.rows() == 5
    machine.boot(off=2 * DAY)
    machine.take(CYCLE)
    assert machine.rows() == 2


# --- how long ago --------------------------------------------------------------------------------


def test_within_a_boot_no_jump_of_the_wall_clock_counts(machine: Machine) -> None:
    machine.take(REBOOT)
    machine.pass_by(100, jump=30 * DAY)
    assert machine.ages() == [100]
    machine.pass_by(100, jump=-60 * DAY)
    assert machine.ages() == [200]


def test_across_a_boot_the_wall_clock_tells(machine: Machine) -> None:
    machine.take(REBOOT)
    machine.boot(off=2 * HOUR)
    assert machine.ages() == [2 * HOUR + 30]
    machine.boot(off=23 * HOUR)
    assert machine.ages() == []


@pytest.mark.parametrize("wall", [0.0, NOON - 40 * DAY, NOON - 1])
def test_a_clock_that_stands_back_frees_nothing_and_time_still_passes(machine: Machine, wall: float) -> None:
    machine.take(REBOOT)
    machine.boot(off=HOUR, wall=wall)
    assert machine.ages() == [30]
    machine.pass_by(6 * HOUR)
    assert machine.ages() == [6 * HOUR + 30]
    machine.pass_by(18 * HOUR)
    assert machine.ages() == []


@pytest.mark.parametrize("wall", [0.0, 1_700_000_000.0, NOON - 3 * DAY])
def test_a_clock_that_jumps_forward_later_frees_nothing(machine: Machine, wall: float) -> None:
    machine.take(replace(CYCLE, age=10 * DAY))  # long ago, with a clock that was right
    machine.boot(off=3 * DAY, wall=wall)
    machine.take(REBOOT)
    machine.pass_by(60)
    machine.boot(wall=machine.now.wall + 30)  # the reboot itself; the clock goes on from where it stood
    assert machine.ages() == ([90] if wall > NOON - 10 * DAY else [30, 30])  # what if it was just now?
    machine.pass_by(60, jump=NOON + 3 * DAY - wall)  # a time server was reached
    assert machine.ages() == [150 if wall > NOON - 10 * DAY else 90]
    machine.take(CYCLE)
    machine.boot()
    assert len(machine.ages()) == 2
    assert max(machine.ages()) < 300


def test_a_clock_that_was_right_again_at_the_first_look_is_not_believed_either(machine: Machine) -> None:
    machine.now = replace(machine.now, wall=1_000_000.0)  # 1970, and no clock was ever saved
    machine.take(REBOOT)
    machine.boot(wall=NOON)
    assert machine.ages() == [30]


def test_a_clock_that_stood_in_the_future_once_blocks_budgets_for_a_day_only(machine: Machine) -> None:
    machine.now = replace(machine.now, wall=NOON + 5000 * DAY)
    machine.take(REBOOT)
    machine.boot(wall=NOON)
    assert machine.ages() == [30]
    machine.take(CYCLE)
    machine.boot(off=HOUR)
    assert machine.ages() == [30, 30]
    machine.pass_by(1.5 * DAY)
    assert machine.ages() == []
    machine.take(REBOOT)
    machine.boot(off=HOUR)
    assert machine.ages() == [HOUR + 30]
    machine.boot(off=HOUR)
    assert machine.ages() == [2 * HOUR + 60]


def test_a_clock_that_stands_back_makes_no_old_steps_new(machine: Machine) -> None:
    for _ in range(10):
        machine.take(CYCLE)
        machine.pass_by(DAY)
    machine.boot(wall=30.0)
    assert machine.ages(2 * DAY) == [DAY + 30, 30]
    machine.pass_by(100)
    machine.take(REBOOT)
    machine.pass_by(100, jump=NOON + 10 * DAY)
    assert machine.ages(2 * DAY) == [DAY + 230, 100]
    machine.take(replace(REBOOT, result="it helped"))
    machine.boot()
    assert machine.ages(2 * DAY) == [DAY + 260, 130]


def test_a_clock_that_is_never_set_holds_budgets_for_a_day_of_each_boot(machine: Machine) -> None:
    machine.now = replace(machine.now, wall=machine.now.uptime)
    machine.take(CYCLE)
    machine.boot(wall=0.0)
    machine.take(REBOOT)
    assert machine.ages() == [30, 0]
    machine.boot(wall=0.0)
    assert machine.ages() == [30, 30]
    machine.pass_by(DAY)
    assert machine.ages() == []


def test_looking_writes_nothing_when_there_is_nothing_new(machine: Machine) -> None:
    machine.take(REBOOT)
    machine.boot(off=HOUR)
    machine.steps()
    before = machine.path.stat().st_mtime_ns
    machine.pass_by(60)
    machine.steps()
    assert machine.path.stat().st_mtime_ns == before


def test_the_real_clocks(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    assert asyncio.run(store.store_step(7, REBOOT)).deed == 7
    (step,), problem = store.steps(DAY)
    assert problem is None
    assert 0 <= step.age < 5


# --- a disk that fails ---------------------------------------------------------------------------


def test_a_broken_file_is_told_and_left_alone(machine: Machine) -> None:
    machine.path.write_bytes(b"this is not a database at all" * 100)
    steps, problem = machine.store().steps(DAY)
    assert steps == ()
    assert str(machine.path) in (problem or "")
    assert str(machine.path) in (asyncio.run(machine.store().store_step(7, REBOOT)).problem or "")
    assert machine.store().last_usb_path() is None
    assert str(machine.path) in (asyncio.run(machine.store().remember_usb_path("1-1")) or "")
    assert machine.path.read_bytes().startswith(b"this is not")


def test_a_row_that_means_nothing_is_told(machine: Machine) -> None:
    machine.take(REBOOT)
    database = sqlite3.connect(machine.path)
    database.execute("UPDATE step SET rung = 'exorcism'")
    database.commit()
    database.close()
    steps, problem = machine.store().steps(DAY)
    assert steps == ()
    assert "exorcism" in (problem or "")


def test_a_file_of_an_earlier_version_keeps_what_it_has(machine: Machine) -> None:
    record = PinRecord.of(iccid="8944", pin="1234", state=PinState.REFUSED)
    database = sqlite3.connect(machine.path)
    database.execute(
        "CREATE TABLE pin_record (sim TEXT NOT NULL, pin TEXT NOT NULL, state TEXT NOT NULL, "
        "PRIMARY KEY (sim, pin)) STRICT, WITHOUT ROWID"
    )
    database.execute("INSERT INTO pin_record VALUES (?, ?, ?)", (record.sim, record.pin, record.state.value))
    database.commit()
    database.close()
    machine.take(REBOOT)
    assert machine.store().pin_records() == ((record,), None)
    assert machine.store().promises() == ((), None)


def test_writers_at_the_same_time_wait_for_each_other(machine: Machine) -> None:
    store = machine.store()

    async def crowd() -> list[str | None]:
        steps = [store.store_step(each, CYCLE) for each in range(8)]
        promises = [store.promise((Promise(what=Owed.POWER, subject=f"1-1:{each}"),)) for each in range(4)]
        paths = [store.remember_usb_path(f"1-1.{each}") for each in range(4)]
        done = asyncio.gather(*steps)
        return [*await asyncio.gather(*promises, *paths), *(each.problem for each in await done)]

    assert set(asyncio.run(crowd())) == {None}
    assert machine.rows() == 8


# --- where the modem was -------------------------------------------------------------------------


def test_the_place_of_the_modem_is_remembered_and_written_only_when_it_changes(machine: Machine) -> None:
    store = machine.store()
    assert store.last_usb_path() is None
    assert asyncio.run(store.remember_usb_path("1-1.3")) is None
    written = machine.path.stat().st_mtime_ns
    assert asyncio.run(store.remember_usb_path("1-1.3")) is None
    later = machine.store()
    assert later.last_usb_path() == "1-1.3"
    assert asyncio.run(later.remember_usb_path("1-1.3")) is None
    assert machine.path.stat().st_mtime_ns == written
    assert asyncio.run(later.remember_usb_path("1-1.4")) is None
    assert machine.store().last_usb_path() == "1-1.4"
