"""What must survive a power cut: one SQLite file under ``/var/lib/failberry``.

Writes are few (SD card).  All are committed with ``synchronous=EXTRA``: when a method returns without a
problem, what it wrote is on the disk.  (FULL would not do: it leaves the end of the journal unsynced, and a
power cut a moment later, which is what a step of recovery may be, could take the commit back.)

A file that cannot be read is never replaced: it holds the latches of PINs and the budgets of recovery, and
an empty one would free both.  Who asks is told, and does less.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from failberry.adapters import smslog, steplog, usagelog
from failberry.core.events import PinRecordStored, StepStored, UsageStored
from failberry.core.facts import UsageRecord
from failberry.core.pin import PinRecord, PinState
from failberry.core.steps import Step

STATE_FILE = Path("/var/lib/failberry/state.sqlite")
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pin_record (
    sim TEXT NOT NULL, pin TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (sim, pin)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS promise (
    place INTEGER PRIMARY KEY, what TEXT NOT NULL, subject TEXT NOT NULL, UNIQUE (what, subject)
) STRICT;
CREATE TABLE IF NOT EXISTS remembered (
    name TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
{steplog.SCHEMA}
{usagelog.SCHEMA}
{smslog.SCHEMA}
"""
_BUSY_TIMEOUT = 5.0
_USB_PATH = "last_usb_path"


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

    def __init__(
        self, path: Path = STATE_FILE, clock: Callable[[], steplog.Instant] = steplog.Instant.now
    ) -> None:
        self._path = path
        self._clock = clock
        self._usb_path: str | None = None
        """As it is on the disk, if it was written or read by us."""

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

    def steps(self, since: float) -> tuple[tuple[Step, ...], str | None]:
        """Read the steps of recovery of so many seconds, two days at most, oldest first.

        Their ages are what can be vouched for, rather too little than too much
        (:mod:`failberry.adapters.steplog`).  The second value says why they could not be read.
        """
        try:
            with self._open() as database:
                database.execute("BEGIN IMMEDIATE")
                return steplog.read(database, since, self._clock()), None
        except (sqlite3.Error, OSError, ValueError) as error:
            return (), f"{self._path}: {error}"

    async def store_step(self, deed: int, step: Step) -> StepStored:
        """Write a step down before it is taken, and again with its result; synced on return."""
        return StepStored(deed=deed, problem=await asyncio.to_thread(self._store_step, step))

    def usage(self) -> tuple[UsageRecord | None, str | None]:
        """Read what of the mobile plan was used; the second value says why it could not be read."""
        try:
            with self._open() as database:
                return usagelog.read(database), None
        except (sqlite3.Error, OSError, ValueError) as error:
            return None, f"{self._path}: {error}"

    async def store_usage(self, deed: int, record: UsageRecord) -> UsageStored:
        """Write what is used and sync it; on return without a problem it survives a power cut."""
        return UsageStored(deed=deed, problem=await asyncio.to_thread(self._store_usage, record))

    async def reserve_sms(self, parts: int, limit: int) -> int:
        """Count text messages before they are sent, synced on return; how many are left, negative: too many.

        Raises OSError: they could not be counted, and must not be sent.
        """
        return await asyncio.to_thread(self._reserve_sms, parts, limit)

    def last_usb_path(self) -> str | None:
        """Where the modem was last seen; ``None``: nowhere, or it cannot be read (:meth:`steps` says why)."""
        try:
            with self._open() as database:
                query = "SELECT value FROM remembered WHERE name = ?"
                self._usb_path = next((value for (value,) in database.execute(query, (_USB_PATH,))), None)
        except (sqlite3.Error, OSError):
            return None
        return self._usb_path

    async def remember_usb_path(self, path: str) -> str | None:
        """Write down where the modem is, if that is news; return the problem, if any."""
        if path == self._usb_path:
            return None
        change = "INSERT OR REPLACE INTO remembered VALUES (?, ?)"
        problem = await asyncio.to_thread(self._change, change, [(_USB_PATH, path)])
        if problem is None:
            self._usb_path = path
        return problem

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

    def _store_step(self, step: Step) -> str | None:
        try:
            with self._open() as database:
                database.execute("BEGIN IMMEDIATE")
                steplog.write(database, step, self._clock())
        except (sqlite3.Error, OSError, ValueError) as error:
            return f"{self._path}: {error}"
        return None

    def _store_usage(self, record: UsageRecord) -> str | None:
        try:
            with self._open() as database:
                usagelog.write(database, record)
        except (sqlite3.Error, OSError, OverflowError) as error:
            return f"{self._path}: {error}"
        return None

    def _reserve_sms(self, parts: int, limit: int) -> int:
        try:
            with self._open() as database:
                database.execute("BEGIN IMMEDIATE")
                return smslog.reserve(database, parts, limit, self._clock())
        except (sqlite3.Error, OSError) as error:
            raise OSError(f"{self._path}: {error}") from None

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
            database.execute("PRAGMA synchronous = EXTRA")
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
