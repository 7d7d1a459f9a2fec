"""What must survive a power cut: one SQLite file under ``/var/lib/failberry``.

Writes are few (SD card).  Safety latches are committed with ``synchronous=FULL``: when
:meth:`Store.store_pin` returns without a problem, the record is on the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from failberry.core.events import PinRecordStored
from failberry.core.pin import PinRecord, PinState

STATE_FILE = Path("/var/lib/failberry/state.sqlite")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pin_record (
    sim TEXT NOT NULL, pin TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (sim, pin)
) STRICT, WITHOUT ROWID;
"""
_BUSY_TIMEOUT = 5.0


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
