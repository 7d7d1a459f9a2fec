"""The history as one SQLite file, ``/var/lib/failberry/history.sqlite``; blocking, for one thread.

A file of its own: it may be lost, and the latches and budgets beside it (:mod:`failberry.adapters.store`) may
not.  So this one is set aside when it is damaged, and a new one begun; that one never is.

*Few writes* (SD card): a write-ahead log takes each batch in one stretch, synced once, and goes into the file
only every few hundred pages, when many batches have changed the same page.  Nothing is indexed: rows lie in
the order of their numbers, a sample's number is its time.  Pages of rows that are deleted are not written.

*A power cut* leaves the log with a torn end: its checksums tell, and what was synced before is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from failberry.core.chronicle import Record
from failberry.core.history import SEVERITIES as _SEVERITIES
from failberry.core.history import Dated, Wanted
from failberry.core.kinds import RecordKind
from failberry.core.samples import STEPS, Sample, rolled
from failberry.core.snapshot import UplinkName

HISTORY_FILE = Path("/var/lib/failberry/history.sqlite")
KEPT = {60: 2 * 86_400.0, 300: 10 * 86_400.0, 3600: 400 * 86_400.0}
"""Seconds for which samples are kept, by what they span."""
EVENTS_KEPT, DETAILS_KEPT = 400 * 86_400.0, 40 * 86_400.0
"""Seconds for which records are kept; mere details, of severity ``info``, go sooner."""
MOST = 24 << 20
"""Bytes that the file may hold; beyond that the oldest details go, then the oldest of all."""
RESERVE = 1000
"""Ids that are left out after a daemon that was killed: readers may have seen them, and the disk not."""
LOG_PAGES = 512
"""Pages in the write-ahead log before it goes into the file."""
_CHUNK = 500
"""Rows that are deleted at most at one time."""
_FREE = 256
"""Free pages that are not given back to the file system: they will be wanted."""
_FORMAT = 1
_TABLES = {60: "minute", 300: "five_minutes", 3600: "hour"}
_COLUMNS = "up, suspect, down, active, rtt, rtt_worst, loss, loss_worst, dbm, received, sent, used"
_LINES = tuple(UplinkName)
_SCHEMA = "".join(
    f"""
CREATE TABLE IF NOT EXISTS {table} (
    place INTEGER PRIMARY KEY, up REAL, suspect REAL, down REAL, active REAL, rtt REAL, rtt_worst REAL,
    loss REAL, loss_worst REAL, dbm REAL, received INTEGER, sent INTEGER, used INTEGER
) STRICT;"""
    for table in _TABLES.values()
)
_SCHEMA += """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, wall REAL NOT NULL, synced INTEGER NOT NULL, monotonic REAL NOT NULL,
    boot INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL,
    next TEXT NOT NULL, severity INTEGER NOT NULL, correlation INTEGER NOT NULL, numbers TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS boot (place INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS known (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


REFUSALS = (sqlite3.Error, OSError)
"""What a disk raises that takes, or gives, nothing: it may do so later."""


class DamagedError(Exception):
    """The file is no database, or a damaged one; never leaves the adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is written in one go."""

    events: Sequence[Dated] = ()
    minutes: Sequence[tuple[int, Sample]] = ()
    """Each with its beginning, in whole minutes since 1970."""
    corrected: tuple[str, float] | None = None
    """A boot, and the time of day at which its clock was 0: for records whose time was not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the file remembers."""

    history: str
    """A name by chance; another one means that ids have begun anew."""
    next: int
    """The next id."""


class HistoryFile:
    """Every method may raise :class:`DamagedError`, and :data:`REFUSALS` where the disk refuses."""

    def __init__(self, path: Path = HISTORY_FILE, *, most: int = MOST) -> None:
        self._path = path
        self._most = most
        self._database: sqlite3.Connection | None = None
        self._boots: dict[str, int] = {}

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def open(self) -> Opened:
        """Open it, or make it; anew if it was open."""
        with self._telling():
            self.close()
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                self._set_up(database)
            except BaseException:
                database.close()
                raise
            self._database = database
            known = dict(database.execute("SELECT name, value FROM known"))
            self._boots = {name: place for place, name in database.execute("SELECT place, name FROM boot")}
            return Opened(history=known["history"], next=int(known["next"]))

    def _set_up(self, database: sqlite3.Connection) -> None:
        # Nobody else opens it while we run: no shared memory is needed, and no lock is taken twice.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {2 * LOG_PAGES * 4096}")
        database.execute("PRAGMA cache_size = -512")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise DamagedError(f"it is of format {found}, and this is a program for format {_FORMAT}")
        if found == 0:
            database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_FORMAT}; COMMIT;")
        database.executemany(
            "INSERT OR IGNORE INTO known VALUES (?, ?)", [("history", os.urandom(4).hex()), ("next", "1")]
        )

    def write(self, batch: Batch) -> None:
        """Write it all, or nothing; on the disk on return."""
        with self._telling(), self._transaction() as database:
            if batch.corrected is not None:
                boot, zero = batch.corrected
                database.execute(
                    "UPDATE event SET wall = monotonic + ?, synced = 1 WHERE boot = ? AND NOT synced",
                    (zero, self._boot(database, boot)),
                )
            database.executemany(
                "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(each, self._boot(database, each.boot)) for each in batch.events],
            )
            if batch.events:
                self._remember_next(database, batch.events[-1].record.id + RESERVE)
            self._write_samples(database, batch.minutes)

    def _write_samples(self, database: sqlite3.Connection, minutes: Sequence[tuple[int, Sample]]) -> None:
        for minute, sample in minutes:
            _put(database, 60, minute, sample)
        for step in STEPS[1:]:
            places = {(minute * 60 // step, sample.line) for minute, sample in minutes}
            for number, line in places:
                parts = [each for _, each in _read(database, 60, line, number * step, (number + 1) * step)]
                _put(database, step, number, rolled(parts))

    def events(self, wanted: Wanted) -> list[Dated]:
        """Read records, oldest first."""
        order = "ASC" if wanted.after is not None else "DESC"
        clauses, values = ["severity >= ?"], [float(_SEVERITIES.index(wanted.severity))]
        bounds = {"event.id > ?": wanted.after, "event.id < ?": wanted.before, "wall >= ?": wanted.since}
        for clause, value in bounds.items():
            if value is not None:
                clauses.append(clause)
                values.append(value)
        if wanted.kinds is not None:
            clauses.append(f"kind IN ({', '.join('?' * len(wanted.kinds))})")
        question = (
            "SELECT event.id, wall, synced, monotonic, boot.name, kind, subject, what, why, next, severity, "  # noqa: S608  (constants)
            f"correlation, numbers FROM event JOIN boot ON boot.place = event.boot "
            f"WHERE {' AND '.join(clauses)} ORDER BY event.id {order} LIMIT ?"
        )
        with self._telling():
            rows = self._connection.execute(
                question, [*values, *(wanted.kinds or ()), wanted.limit]
            ).fetchall()
            found = [_dated(row) for row in rows]
        return found if order == "ASC" else found[::-1]

    def samples(self, step: int, line: UplinkName, since: float, until: float) -> list[tuple[float, Sample]]:
        """Read samples, oldest first, each with its beginning in seconds since 1970."""
        with self._telling():
            return list(_read(self._connection, step, line, since, until))

    def trim(self, wall: float) -> bool:
        """Forget some of what is too old, or too much; whether there is more.  ``wall``: now."""
        with self._telling():
            with self._transaction() as database:
                for step, kept in KEPT.items():
                    oldest = int((wall - kept) // step * len(_LINES))
                    database.execute(f"DELETE FROM {_TABLES[step]} WHERE place < ?", (oldest,))  # noqa: S608  (a constant)
                gone = database.execute(
                    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE synced AND (wall < ? "
                    "OR severity = 0 AND wall < ?) ORDER BY id LIMIT ?)",
                    (wall - EVENTS_KEPT, wall - DETAILS_KEPT, _CHUNK),
                ).rowcount
                if gone < _CHUNK and self._size(database) > self._most:
                    gone = _make_room(database)
            # A few pages at a time; the rest another day.  (As a script: alone it frees one page per call.)
            if self._free(self._connection) > 2 * _FREE:
                self._connection.executescript(f"PRAGMA incremental_vacuum({_FREE})")
            return gone == _CHUNK or self._size(self._connection) > self._most

    def close(self, following: int | None = None) -> None:
        """Close it; ``following``: the next id, where the end is an orderly one."""
        if self._database is None:
            return
        try:
            if following is not None:
                with self._telling(), self._transaction() as database:
                    self._remember_next(database, following)
        finally:
            self._database.close()
            self._database = None

    def set_aside(self) -> Path:
        """Move the damaged file away; one is kept, for whoever wants to look at it."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None
        aside = self._path.with_name(f"{self._path.name}.damaged")
        for ending in ("-wal", "-shm", "-journal"):
            beside = self._path.with_name(f"{self._path.name}{ending}")
            beside.unlink(missing_ok=True)
        self._path.replace(aside)
        return aside

    # --- inside ------------------------------------------------------------------------------

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise sqlite3.ProgrammingError("the history is not open")
        return self._database

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._connection
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            self._boots = {}
            raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell damage from a disk that refuses."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise DamagedError(str(error)) from None
            if isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such "):
                raise DamagedError(str(error)) from None
            raise
        except (KeyError, IndexError, ValueError) as error:
            raise DamagedError(f"it holds what means nothing: {error!r}") from None

    def _boot(self, database: sqlite3.Connection, name: str) -> int:
        if name not in self._boots:
            database.execute("INSERT OR IGNORE INTO boot (name) VALUES (?)", (name,))
            (place,) = database.execute("SELECT place FROM boot WHERE name = ?", (name,)).fetchone()
            self._boots[name] = place
        return self._boots[name]

    def _remember_next(self, database: sqlite3.Connection, number: int) -> None:
        database.execute("UPDATE known SET value = ? WHERE name = 'next'", (str(number),))

    def _size(self, database: sqlite3.Connection) -> int:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
        return int((pages - self._free(database)) * size)

    def _free(self, database: sqlite3.Connection) -> int:
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        return int(free)


def _make_room(database: sqlite3.Connection) -> int:
    """Delete the oldest details, or where there are none the oldest of all; how many."""
    for least in (0, len(_SEVERITIES)):
        gone = database.execute(
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE severity <= ? ORDER BY id LIMIT ?)",
            (least, _CHUNK),
        ).rowcount
        if gone:
            return gone
    return 0


def _row(each: Dated, boot: int) -> tuple[object, ...]:
    record = each.record
    return (
        *(record.id, round(each.wall, 3), int(each.synced), round(record.at, 3), boot, record.kind.value),
        *(record.subject, record.what, record.why, record.next, _SEVERITIES.index(record.severity)),
        *(record.correlation, json.dumps(dict(record.numbers), separators=(",", ":"))),
    )


def _dated(row: Sequence[Any]) -> Dated:
    number, wall, synced, at, boot, kind, subject, what, why, following, severity, correlation, numbers = row
    return Dated(
        record=Record(
            id=number,
            at=at,
            kind=RecordKind(kind),
            subject=subject,
            what=what,
            why=why,
            next=following,
            severity=_SEVERITIES[severity],
            correlation=correlation,
            numbers=json.loads(numbers),
        ),
        wall=wall,
        synced=bool(synced),
        boot=boot,
    )


def _put(database: sqlite3.Connection, step: int, number: int, sample: Sample) -> None:
    place = number * len(_LINES) + _LINES.index(sample.line)
    values = [getattr(sample, name) for name in _COLUMNS.split(", ")]
    database.execute(
        f"INSERT OR REPLACE INTO {_TABLES[step]} (place, {_COLUMNS}) "  # noqa: S608  (constants)
        f"VALUES (?{', ?' * len(values)})",
        (place, *values),
    )


def _read(
    database: sqlite3.Connection, step: int, line: UplinkName, since: float, until: float
) -> Iterable[tuple[float, Sample]]:
    lines = len(_LINES)
    rows = database.execute(
        f"SELECT place, {_COLUMNS} FROM {_TABLES[step]} "  # noqa: S608  (constants)
        "WHERE place >= ? AND place < ? AND place % ? = ? ORDER BY place",
        (int(-(-since // step)) * lines, int(-(-until // step)) * lines, lines, _LINES.index(line)),
    ).fetchall()
    return [(float(place // lines * step), _sample(line, values)) for place, *values in rows]


def _sample(line: UplinkName, values: Sequence[Any]) -> Sample:
    return Sample(line=line, **dict(zip(_COLUMNS.split(", "), values, strict=True)))


def spans(minutes: Sequence[tuple[int, Sample]], step: int) -> list[tuple[float, Sample]]:
    """Roll minutes of one line up into longer spans, each with its beginning in seconds since 1970."""
    grouped = groupby(sorted(minutes, key=lambda each: each[0]), key=lambda each: each[0] * 60 // step)
    return [(float(number * step), rolled([each for _, each in group])) for number, group in grouped]
