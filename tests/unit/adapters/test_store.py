"""The disk's memory of PINs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from failberry.adapters.store import Store
from failberry.core.pin import PinRecord, PinState

FLYING = PinRecord.of(iccid="8944", pin="1234", state=PinState.IN_FLIGHT)
REFUSED = PinRecord.of(iccid="8944", pin="1234", state=PinState.REFUSED)
GOOD = PinRecord.of(iccid=None, pin="1111", state=PinState.GOOD)


def put(store: Store, record: PinRecord) -> str | None:
    return asyncio.run(store.store_pin(7, record)).problem


def test_remembered_by_the_next_daemon(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.sqlite"
    assert put(Store(path), FLYING) is None
    assert Store(path).pin_records() == ((FLYING,), None)
    assert put(Store(path), REFUSED) is None
    assert Store(path).pin_records() == ((REFUSED,), None)


def test_neither_pin_nor_iccid_is_written_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    put(Store(path), FLYING)
    assert b"1234" not in path.read_bytes()
    assert b"8944" not in path.read_bytes()


def test_forgetting_keeps_what_is_known_to_be_good(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    put(store, REFUSED)
    put(store, GOOD)
    assert store.forget_pins() is None
    assert store.pin_records() == ((GOOD,), None)


def test_a_broken_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is not a database at all" * 100)
    records, problem = Store(path).pin_records()
    assert records == ()
    assert problem is not None
    assert str(path) in problem
    assert str(path) in (put(Store(path), FLYING) or "")
    assert path.read_bytes().startswith(b"this is not")


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert put(Store(tmp_path / "file" / "state.sqlite"), FLYING) is not None
