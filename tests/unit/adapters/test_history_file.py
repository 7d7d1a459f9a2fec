"""The history on the disk: what is written, what is forgotten, and what a crash leaves."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.adapters import historyfile
from failberry.adapters.historyfile import RESERVE, Batch, DamagedError, HistoryFile
from failberry.core.actions import Severity
from failberry.core.history import Dated, Wanted
from failberry.core.kinds import RecordKind
from failberry.core.samples import Sample
from failberry.core.snapshot import UplinkName
from tests.unit.adapters.history_records import NOW, dated

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
PLAIN = Sample(line=WIRED, up=60.0, active=60.0, rtt=20.0, rtt_worst=20.0, loss=0.0, loss_worst=0.0)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: what a crash of the process leaves is the same there, and syncing costs nothing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def path(memory: Path) -> Path:
    return memory / "deep" / "history.sqlite"


def opened(path: Path, **settings: int) -> HistoryFile:
    file = HistoryFile(path, **settings)
    file.open()
    return file


def everything(file: HistoryFile) -> list[Dated]:
    return file.events(Wanted(limit=10**6))


def test_what_is_written_comes_back_as_it_was(path: Path) -> None:
    file = opened(path)
    events = [dated(1), dated(2, kind=RecordKind.DEED, severity=Severity.WARNING, numbers={})]
    file.write(Batch(events=events))
    file.close()
    assert everything(opened(path)) == events


def test_ids_go_on_and_leave_room_only_after_a_crash(path: Path) -> None:
    file = HistoryFile(path)
    first = file.open()
    assert first.next == 1
    file.write(Batch(events=[dated(7)]))
    file.close(8)
    file = HistoryFile(path)
    assert file.open() == historyfile.Opened(history=first.history, next=8)
    file.write(Batch(events=[dated(8)]))
    file.close()  # as if killed: nothing is said of the next
    assert HistoryFile(path).open().next == 8 + RESERVE


def test_questions_are_answered_by_id_time_kind_and_severity(path: Path) -> None:
    file = opened(path)
    file.write(
        Batch(
            events=[
                dated(
                    number,
                    wall=NOW + number,
                    kind=RecordKind.MODEM if number % 2 else RecordKind.VERDICT,
                    severity=Severity.ERROR if number == 4 else Severity.INFO,
                )
                for number in range(1, 11)
            ]
        )
    )

    def ids(**wanted: object) -> list[int]:
        return [each.record.id for each in file.events(Wanted(**wanted))]  # type: ignore[arg-type]

    assert ids(limit=3) == [8, 9, 10], "the last ones, oldest first"
    assert ids(after=2, limit=3) == [3, 4, 5], "the first ones after that"
    assert ids(before=4) == [1, 2, 3]
    assert ids(since=NOW + 9) == [9, 10]
    assert ids(kinds=frozenset({RecordKind.MODEM}), after=4) == [5, 7, 9]
    assert ids(severity=Severity.WARNING) == [4]


def test_times_that_were_not_believed_are_corrected_in_their_boot(path: Path) -> None:
    file = opened(path)
    file.write(Batch(events=[dated(1, wall=5.0, synced=False), dated(2, wall=NOW)]))
    file.write(Batch(corrected=("boot-b", 1.0)))
    assert [each.wall for each in everything(file)] == [5.0, NOW]
    file.write(Batch(corrected=("boot-a", NOW - 100)))
    assert [(each.wall, each.synced) for each in everything(file)] == [(NOW - 99, True), (NOW, True)]


def test_minutes_are_rolled_up_also_when_they_come_in_several_batches(path: Path) -> None:
    file = opened(path)
    minute = int(NOW // 3600) * 60
    for part in range(6):
        file.write(
            Batch(
                minutes=[
                    (minute + part * 10 + each, replace(PLAIN, line=line, rtt=float(part), received=100))
                    for each in range(10)
                    for line in UplinkName
                ]
            )
        )
    hour = int(NOW // 3600) * 3600.0
    five = file.samples(300, WIRED, hour, hour + 3600)
    assert [start for start, _ in five] == [hour + 300 * each for each in range(12)]
    assert {each.received for _, each in five} == {500}
    ((start, whole),) = file.samples(3600, CELLULAR, hour, hour + 3600)
    assert (start, whole.received, whole.up, whole.rtt, whole.loss) == (hour, 6000, 3600.0, 2.5, 0.0)
    assert len(file.samples(60, WIRED, hour + 600, hour + 1200)) == 10


def test_what_is_old_goes_details_first(path: Path) -> None:
    file = opened(path)
    day = 86_400.0
    file.write(
        Batch(
            events=[
                dated(1, wall=NOW - 500 * day, severity=Severity.ERROR),
                dated(2, wall=NOW - 300 * day, severity=Severity.NOTICE),
                dated(3, wall=NOW - 300 * day),
                dated(4, wall=NOW - 500 * day, synced=False),
                dated(5),
            ],
            minutes=[(int((NOW - age) // 60), PLAIN) for age in (5 * day, 3600.0)],
        )
    )
    assert not file.trim(NOW)
    assert [each.record.id for each in everything(file)] == [2, 4, 5]
    assert len(file.samples(60, WIRED, 0, NOW)) == 1
    assert len(file.samples(3600, WIRED, 0, NOW)) == 2


def test_the_file_is_bounded_and_shrinks_piece_by_piece(path: Path) -> None:
    most = 1 << 20
    file = opened(path, most=most)
    detail = dated(1, why="x" * 400, next="y" * 400)
    for batch in range(15):
        each = range(batch * 400 + 1, batch * 400 + 401)
        records = [replace(detail, record=replace(detail.record, id=number)) for number in each]
        records[0] = replace(records[0], record=replace(records[0].record, severity=Severity.WARNING))
        file.write(Batch(events=records))
    clearances = 0
    while file.trim(NOW):
        clearances += 1
    assert clearances > 1, "a piece at a time"
    kept = everything(file)
    assert sum(each.record.severity is Severity.WARNING for each in kept) == 15, "details went first"
    assert kept[-1].record.id == 15 * 400
    file.close()
    # What is free and may be wanted soon is kept.
    assert path.stat().st_size < most + 3 * 256 * 4096


@pytest.mark.parametrize("damage", ["not a database", "torn page", "another program's", "without a table"])
def test_a_damaged_file_is_told_and_can_be_set_aside(path: Path, damage: str) -> None:
    file = opened(path)
    file.write(Batch(events=[dated(each, why="y" * 300) for each in range(1, 200)]))
    file.close()
    match damage:
        case "not a database":
            path.write_bytes(b"nothing of the kind" * 1000)
        case "torn page":
            whole = bytearray(path.read_bytes())
            for page in range(1, len(whole) // 4096):
                whole[page * 4096 : page * 4096 + 64] = b"\xff" * 64
            path.write_bytes(whole)
        case "another program's":
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA user_version = 77")
        case _:
            with closing(sqlite3.connect(path)) as database:
                database.execute("DROP TABLE event")
    file = HistoryFile(path)
    with pytest.raises(DamagedError):
        file.open()
        everything(file)
    aside = file.set_aside()
    assert aside.exists()
    assert file.open().next == 1
    assert everything(file) == []


def test_a_disk_that_refuses_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(historyfile.REFUSALS):
        HistoryFile(tmp_path / "file" / "history.sqlite").open()


# --- crashes -------------------------------------------------------------------------------------


def test_a_log_that_ends_anywhere_is_a_history_that_ends_there(memory: Path) -> None:
    """A power cut: of what was not synced yet any part may be missing, or be other bytes."""
    path = memory / "history.sqlite"
    file = opened(path)
    for batch in range(12):
        file.write(Batch(events=[dated(batch * 5 + each + 1) for each in range(5)]))
    log = path.with_name("history.sqlite-wal")
    written, main = log.read_bytes(), path.read_bytes()
    chance = random.Random(7)  # noqa: S311  chance, not a secret
    lengths = set[int]()
    for number in range(60):
        folder = memory / str(number)
        folder.mkdir()
        cut = chance.randrange(len(written))
        torn = written[:cut] + (chance.randbytes(len(written) - cut) if number % 2 else b"")
        (folder / path.name).write_bytes(main)
        (folder / log.name).write_bytes(torn)
        again = opened(folder / path.name)
        kept = [each.record.id for each in everything(again)]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) % 5 == 0, "a batch is there whole, or not at all"
        assert again._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        again.close()
        lengths.add(len(kept))
        shutil.rmtree(folder)
    assert len(lengths) > 5
