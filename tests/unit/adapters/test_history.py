"""The history at the daemon's side: what readers get, when it is written, and what the disk may do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.adapters import history as history_module
from failberry.adapters.history import Allowance, History
from failberry.adapters.historyfile import Batch, HistoryFile, Opened
from failberry.core.actions import Severity
from failberry.core.history import Wanted
from failberry.core.kinds import RecordKind
from failberry.core.samples import Sample
from failberry.core.snapshot import UplinkName
from tests.unit.adapters.history_records import NOW, dated

WIRED = UplinkName.WIRED
MINUTE = (Sample(line=WIRED, up=60.0, received=10), Sample(line=UplinkName.CELLULAR, down=60.0))


class Clock:
    """Both clocks, in virtual time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.zero = NOW

    def wall(self) -> float:
        return self.zero + self.now


def run(path: Path, scenario: Callable[[History, Clock], Awaitable[None]], **settings: object) -> list[str]:
    """Run it with a history of its own; returns what that complained of."""
    complaints: list[str] = []

    async def whole() -> None:
        clock = Clock()
        history = History(
            settings.get("file") or HistoryFile(path),  # type: ignore[arg-type]
            boot="boot-a",
            complain=lambda problem, follows: complaints.append(f"{problem}; {follows}"),
            wall=clock.wall,
            clock=lambda: clock.now,
        )
        await history.open()
        async with asyncio.timeout(20):
            await scenario(history, clock)
        await history.close()

    asyncio.run(whole())
    return complaints


def add(history: History, clock: Clock, count: int = 1, **fields: object) -> None:
    for _ in range(count):
        history.add(replace(dated(history._next, **fields).record, at=clock.now))  # type: ignore[arg-type]


def numbers(page: history_module.Page) -> list[int]:
    return [each.record.id for each in page.events]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def test_readers_get_memory_and_disk_as_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "RECENT", 10)

    async def scenario(history: History, clock: Clock) -> None:
        history._recent = history_module.deque(maxlen=10)
        for _ in range(5):
            add(history, clock, 5)
            await history.flush()
        assert numbers(await history.events(Wanted(limit=14))) == list(range(12, 26))
        page = await history.events(Wanted(after=3, limit=4))
        assert (numbers(page), page.last) == ([4, 5, 6, 7], 7)
        assert numbers(await history.events(Wanted(before=19, limit=6))) == list(range(13, 19))
        assert numbers(await history.events(Wanted(before=4))) == [1, 2, 3]
        page = await history.events(Wanted(after=12, limit=100))
        assert (numbers(page), page.last) == (list(range(13, 26)), 25)
        page = await history.events(Wanted(after=25))
        assert (numbers(page), page.last) == ([], 25)
        page = await history.events(Wanted(after=0, kinds=frozenset({RecordKind.NAMES})))
        assert (numbers(page), page.last) == ([], 25), (
            "what was looked at in vain need not be asked for again"
        )

    assert run(path, scenario) == []


def test_reading_on_from_page_to_page_misses_nothing_and_repeats_nothing(path: Path) -> None:
    async def scenario(history: History, clock: Clock) -> None:
        last, seen = 0, list[int]()
        for number in range(40):
            add(history, clock, number % 4)
            if number % 9 == 0:
                await history.flush()
            page = await history.events(Wanted(after=last, limit=3))
            seen += numbers(page)
            last = page.last
        while last < history._next - 1:
            page = await history.events(Wanted(after=last, limit=3))
            seen += numbers(page)
            last = page.last
        assert seen == list(range(1, history._next))

    run(path, scenario)


def test_what_matters_is_written_soon_and_all_else_with_the_next_batch(path: Path) -> None:
    async def scenario(history: History, clock: Clock) -> None:
        add(history, clock)
        assert history._due == clock.now + history_module.BATCH_EVERY
        clock.now += 10
        add(history, clock, severity=Severity.WARNING)
        assert history._due == clock.now + history_module.SOON
        add(history, clock, history_module.FULL)
        assert history._due == clock.now

    run(path, scenario)


def test_a_fault_that_goes_on_wears_the_card_no_more_than_allowed() -> None:
    allowance = Allowance(20, 300.0)
    spent = sum(allowance.spend(float(second)) for second in range(0, 86_400, 10))
    assert spent == 20 + 86_400 // 300 - 1 or spent == 20 + 86_400 // 300


def test_the_task_writes_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "SOON", 0.0)

    written = asyncio.Event()

    class Telling(HistoryFile):
        def write(self, batch: Batch) -> None:
            super().write(batch)
            loop.call_soon_threadsafe(written.set)

    async def scenario(history: History, clock: Clock) -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(history.attend())
        await asyncio.sleep(0)
        add(history, clock, severity=Severity.WARNING)
        await written.wait()
        task.cancel()

    loop = asyncio.new_event_loop()
    loop.close()
    run(path, scenario, file=Telling(path))
    file = HistoryFile(path)
    file.open()
    assert len(file.events(Wanted())) == 1


class SlowFile(HistoryFile):
    """A disk that takes half a second for each batch."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.threads = set[int]()

    def write(self, batch: Batch) -> None:
        self.threads.add(threading.get_ident())
        time.sleep(0.5)
        super().write(batch)


def test_a_slow_disk_does_not_hold_the_loop(path: Path) -> None:
    file = SlowFile(path)

    async def scenario(history: History, clock: Clock) -> None:
        add(history, clock, 50)
        writing = asyncio.create_task(history.flush())
        turns, began = 0, time.monotonic()
        while not writing.done():
            add(history, clock)
            assert len((await history.events(Wanted(after=history._next - 2))).events) == 1
            await asyncio.sleep(0)
            turns += 1
        assert time.monotonic() - began >= 0.5
        assert turns > 50, "the loop turned, took records and served readers while the disk was busy"

    run(path, scenario, file=file)
    assert threading.get_ident() not in file.threads
    assert len(file.threads) == 1


class FailingFile(HistoryFile):
    """A disk that is full for a while."""

    full = False

    def write(self, batch: Batch) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(batch)

    def open(self) -> Opened:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().open()


def test_a_full_disk_is_told_once_and_nothing_in_memory_is_lost(path: Path) -> None:
    file = FailingFile(path)

    async def scenario(history: History, clock: Clock) -> None:
        history.trust(trusted=True)
        add(history, clock, 3)
        history.sample(MINUTE)
        file.full = True
        await history.flush()
        await history.flush()
        add(history, clock, 2)
        assert numbers(await history.events(Wanted())) == [1, 2, 3, 4, 5]
        file.full = False
        await history.flush()
        assert history._unwritten == 0

    complaints = run(path, scenario, file=file)
    assert len(complaints) == 1
    assert "No space left on device" in complaints[0]
    again = HistoryFile(path)
    assert again.open().next == 6
    assert [each.record.id for each in again.events(Wanted())] == [1, 2, 3, 4, 5]
    assert len(again.samples(60, WIRED, 0.0, 2 * NOW)) == 1


def test_a_damaged_file_is_set_aside_at_the_start_and_while_running(path: Path) -> None:
    path.write_bytes(b"no history at all" * 1000)

    async def scenario(history: History, clock: Clock) -> None:
        name = (await history.events(Wanted())).history
        add(history, clock, 2)
        await history.flush()
        assert history._file._database is not None
        history._file._database.execute("DROP TABLE event")
        add(history, clock)
        await history.flush()
        assert (await history.events(Wanted())).history != name, "readers see that it is another one"
        await history.flush()
        assert history._unwritten == 0

    complaints = run(path, scenario)
    assert [each.partition(":")[0] for each in complaints] == [f"{path} is damaged"] * 2
    assert path.with_name("history.sqlite.damaged").exists()


def test_records_from_before_the_clock_was_right_get_their_time(path: Path) -> None:
    async def scenario(history: History, clock: Clock) -> None:
        clock.zero = 0.0  # 1970
        add(history, clock)
        await history.flush()
        add(history, clock)
        history.sample(MINUTE)
        ((start, _),) = await history.samples(WIRED, 60, 0.0, 2 * NOW)
        assert start < 2000, "shown with the time of now, and not written"
        clock.now += 100
        clock.zero = NOW
        history.trust(trusted=True)
        page = await history.events(Wanted())
        assert [(each.wall, each.synced) for each in page.events] == [(NOW + 1000, True)] * 2
        ((start, _),) = await history.samples(WIRED, 60, 0.0, 2 * NOW)
        assert abs(start - (NOW + 940)) <= 30

    run(path, scenario)
    file = HistoryFile(path)
    file.open()
    assert {(each.wall, each.synced) for each in file.events(Wanted())} == {(NOW + 1000, True)}


def test_samples_are_one_series_of_memory_and_disk(path: Path) -> None:
    async def scenario(history: History, clock: Clock) -> None:
        history.trust(trusted=True)
        for number in range(130):
            clock.now += 60
            history.sample(MINUTE)
            if number in (7, 23, 61, 119):
                await history.flush()
        for step in (60, 300, 3600):
            series = await history.samples(WIRED, step, NOW, NOW + 10**6)
            starts = [start for start, _ in series]
            assert starts == sorted(set(starts))
            assert sum(each.received for _, each in series) == 1300
            assert all(each.up <= step for _, each in series)
        await history.flush()
        assert await history.samples(WIRED, 300, NOW, NOW + 10**6) == [
            (start, replace(each)) for start, each in await history.samples(WIRED, 300, NOW, NOW + 10**6)
        ]

    run(path, scenario)
