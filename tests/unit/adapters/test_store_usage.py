"""The disk's memory of the data used."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from failberry.adapters.store import Store
from failberry.core.facts import UsageRecord

RECORD = UsageRecord(
    used=9_876_543_210,
    day=date(2026, 2, 28),
    interface="fbcell0",
    index=12,
    received=9_000_000_000,
    sent=876_543_210,
    boot="4b6c",
    warned=80,
    undated=17,
)


def put(store: Store, record: UsageRecord) -> str | None:
    return asyncio.run(store.store_usage(7, record)).problem


@pytest.mark.parametrize("record", [RECORD, UsageRecord(used=0)])
def test_remembered_by_the_next_daemon_and_replaced_by_the_next_record(
    tmp_path: Path, record: UsageRecord
) -> None:
    path = tmp_path / "deep" / "state.sqlite"
    assert Store(path).usage() == (None, None)
    assert put(Store(path), UsageRecord(used=5, day=date(2026, 1, 1))) is None
    assert put(Store(path), record) is None
    assert Store(path).usage() == (record, None)


def test_a_file_of_an_earlier_version_gets_the_table(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE remembered (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    assert put(Store(path), RECORD) is None
    assert Store(path).usage() == (RECORD, None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE usage SET used = -1",
        "UPDATE usage SET day = 'yesterday'",
        "UPDATE usage SET undated = -5",
    ],
)
def test_a_row_that_means_nothing_is_told(tmp_path: Path, change: str) -> None:
    path = tmp_path / "state.sqlite"
    put(Store(path), RECORD)
    with sqlite3.connect(path) as database:
        database.execute(change)
    record, problem = Store(path).usage()
    assert record is None
    assert problem is not None
    assert str(path) in problem


def test_a_broken_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is not a database at all" * 100)
    assert Store(path).usage()[0] is None
    assert str(path) in (Store(path).usage()[1] or "")
    assert str(path) in (put(Store(path), RECORD) or "")
    assert path.read_bytes().startswith(b"this is not")


def test_more_than_the_disk_can_say_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    assert put(Store(tmp_path / "state.sqlite"), UsageRecord(used=1 << 70)) is not None
