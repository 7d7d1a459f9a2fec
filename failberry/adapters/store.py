"""What must survive a power cut: one SQLite file under ``/var/lib/failberry``.

Writes are few (SD card).  Safety latches are committed with ``synchronous=FULL``: when
:meth:`Store.store_pin` returns without a problem, the record is on the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from failberry.core.events import PinRecordStored
from failberry.core.pin import PinRecord, PinState

STATE_FILE = Path("/var/lib/failberry/state.sqlite")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pin_record (
    sim TEXT NOT NULL, pin TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (sim, pin)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS promise (
    place INTEGER PRIMARY KEY, what TEXT NOT NULL, subject TEXT NOT NULL, UNIQUE (what, subject)
) STRICT;
"""
_BUSY_TIMEOUT = 5.0


class Owed(StrEnum):
    """What is taken away for a while and must be given back."""

    POWER = "power"
    """Of a hub port, ``1-1:2``."""
    AUTHORIZATION = "authorization"
    """Of a USB device, ``1-1.2``."""
    DRIVER = "driver"
    """Of a USB host controller: the driver's folder in sysfs, a space, the controller's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """To give something back, whatever happens; on the disk before it is taken."""

    what: Owed
    subject: str


class Store:
    """Opened once for each call: a handful in the life of a SIM, and nothing is held open meanwhile."""

    def __init__(self, path: Path = STATE_FILE) -> None:
        self._path = path

    def pin_records(self) -> tuple[tuple[PinRecord, ...], str | None]:
        """Read what is known of PINs; the second value says why it could not be read."""
        try:
            with self._open() as database:
                rows = database.execute("SELECT sim, pin, state FROM pin_record").fetchall()
            return tuple(PinRecord(sim=sim, pin=pin, state=PinState(state)) for sim, pin, state in rows), None
        except (sqlite3.Error, OSError, ValueError) as error:
            return (), f"{self._path}: {error}"

    async def store_pin(self, deed: int, record: PinRecord) -> PinRecordStored:
        """Write one record and sync it; on return without a problem it survives a power cut."""
        return PinRecordStored(deed=deed, problem=await asyncio.to_thread(self._store_pin, record))

    def forget_pins(self) -> str | None:
        """Forget refused PINs, at the owner's word; return the problem, if any."""
        try:
            with self._open() as database:
                database.execute("DELETE FROM pin_record WHERE state <> ?", (PinState.GOOD.value,))
        except (sqlite3.Error, OSError) as error:
            return f"{self._path}: {error}"
        return None

    async def promise(self, promises: tuple[Promise, ...]) -> str | None:
        """Write them all and sync; on return without a problem they survive a power cut."""
        rows = [(each.what.value, each.subject) for each in promises]
        change = "INSERT OR REPLACE INTO promise (what, subject) VALUES (?, ?)"
        return await asyncio.to_thread(self._change, change, rows)

    async def promise_kept(self, promise: Promise) -> str | None:
        """Forget it; return the problem, if any."""
        rows = [(promise.what.value, promise.subject)]
        return await asyncio.to_thread(
            self._change, "DELETE FROM promise WHERE what = ? AND subject = ?", rows
        )

    def promises(self) -> tuple[tuple[Promise, ...], str | None]:
        """Read what is still owed, the latest first; the second value says why it could not be read."""
        try:
            with self._open() as database:
                rows = database.execute("SELECT what, subject FROM promise ORDER BY place DESC").fetchall()
            return tuple(Promise(what=Owed(what), subject=subject) for what, subject in rows), None
        except (sqlite3.Error, OSError, ValueError) as error:
            return (), f"{self._path}: {error}"

    def _change(self, statement: str, rows: list[tuple[str, str]]) -> str | None:
        try:
            with self._open() as database:
                database.executemany(statement, rows)
        except (sqlite3.Error, OSError) as error:
            return f"{self._path}: {error}"
        return None

    def _store_pin(self, record: PinRecord) -> str | None:
        try:
            with self._open() as database:
                database.execute(
                    "INSERT OR REPLACE INTO pin_record VALUES (?, ?, ?)",
                    (record.sim, record.pin, record.state.value),
                )
        except (sqlite3.Error, OSError) as error:
            return f"{self._path}: {error}"
        return None

    def _open(self) -> _Transaction:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return _Transaction(database)


class _Transaction:
    """Commits and closes, or rolls back and closes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        return self._database

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._database.commit()
            else:
                self._database.rollback()
        finally:
            self._database.close()
