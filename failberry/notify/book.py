"""What must survive a power cut: where we were in the history, and what waits for whom.  One SQLite file.

What is sent was on the disk before, under the name that it is sent by.  So a kill anywhere leads to a message
that is sent again under the same name, never to a lost one.  All is committed with ``synchronous=EXTRA``.

A file that cannot be read is set aside, and a new one begun: what is lost then is told by ``failberryctl
events``, and a notifier that never speaks again would be worse.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from failberry.notify.messages import Message
from failberry.notify.outbox import Delivery, Entry, Outcome, Result
from failberry.notify.reading import message_from

FILE = "queue.sqlite"
KEPT = 100
"""Outcomes of each channel that are remembered, for ``failberryctl notify status`` and the limits."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS place (
    one INTEGER PRIMARY KEY CHECK (one = 1), history TEXT NOT NULL, last INTEGER NOT NULL,
    reader TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS waiting (
    place INTEGER PRIMARY KEY, channel TEXT NOT NULL, message TEXT NOT NULL, document TEXT NOT NULL,
    delivery TEXT NOT NULL, attempts INTEGER NOT NULL, UNIQUE (channel, message)
) STRICT;
CREATE TABLE IF NOT EXISTS outcome (
    place INTEGER PRIMARY KEY, channel TEXT NOT NULL, at REAL NOT NULL, result TEXT NOT NULL,
    words TEXT NOT NULL, messages INTEGER NOT NULL
) STRICT;
"""
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we are in the history."""

    history: str
    last: int
    reader: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was there at the start."""

    place: Place | None = None
    waiting: Mapping[str, list[Entry]] = field(default_factory=dict)
    """By channel, oldest first."""
    sent: Mapping[str, list[float]] = field(default_factory=dict)
    """By channel: when deliveries left."""
    problem: str = ""
    """Why all was forgotten; empty: it was not."""


class Book:
    """The file; each call is a transaction.  Raises sqlite3.Error, OSError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._database: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def open(self) -> Stored:
        """Read everything."""
        try:
            return self._read()
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            self.close()
            for suffix in ("", "-journal"):
                with suppress(FileNotFoundError):
                    self._path.with_name(FILE + suffix).rename(
                        self._path.with_name(f"{FILE}{suffix}.damaged")
                    )
            self._read()
            return Stored(problem=f"{self._path}: {error}; it was set aside")

    def _read(self) -> Stored:
        self._database = sqlite3.connect(self._path, timeout=5.0, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = EXTRA")
        self._database.executescript(_SCHEMA)
        place = None
        for history, last, reader in self._database.execute("SELECT history, last, reader FROM place"):
            place = Place(history=history, last=last, reader=json.loads(reader))
        waiting: dict[str, list[Entry]] = {}
        rows = "SELECT channel, document, delivery, attempts FROM waiting ORDER BY place"
        for channel, document, delivery, attempts in self._database.execute(rows):
            entry = Entry(message=message_from(json.loads(document)), delivery=delivery, attempts=attempts)
            waiting.setdefault(channel, []).append(entry)
        sent: dict[str, list[float]] = {}
        for channel, at in self._database.execute(
            "SELECT channel, at FROM outcome WHERE result = ? ORDER BY place", (Result.SENT.value,)
        ):
            sent.setdefault(channel, []).append(at)
        return Stored(place=place, waiting=waiting, sent=sent)

    def take(self, place: Place, made: Iterable[tuple[str, Message]]) -> None:
        """Note up to where the history was read, and what waits for whom because of it."""
        rows = [(channel, each.id, json.dumps(asdict(each))) for channel, each in made]
        with self._lock, self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?)",
                (place.history, place.last, json.dumps(place.reader)),
            )
            database.executemany(
                "INSERT OR IGNORE INTO waiting (channel, message, document, delivery, attempts) "
                "VALUES (?, ?, ?, '', 0)",
                rows,
            )

    def begin(self, delivery: Delivery) -> None:
        """Note that these are being sent, under this name."""
        rows = [(delivery.id, delivery.channel, each.id) for each in delivery.messages]
        with self._lock, self._open() as database:
            database.executemany(
                "UPDATE waiting SET delivery = ?, attempts = attempts + 1 WHERE channel = ? AND message = ?",
                rows,
            )

    def finish(self, delivery: Delivery, outcome: Outcome, wall: float) -> None:
        """Note what came of it."""
        rows = [(delivery.channel, each.id) for each in delivery.messages]
        with self._lock, self._open() as database:
            if outcome.result in (Result.SENT, Result.LOST):
                database.executemany("DELETE FROM waiting WHERE channel = ? AND message = ?", rows)
            elif outcome.result is not Result.UNKNOWN:
                database.executemany(
                    "UPDATE waiting SET delivery = '' WHERE channel = ? AND message = ?", rows
                )
            database.execute(
                "INSERT INTO outcome (channel, at, result, words, messages) VALUES (?, ?, ?, ?, ?)",
                (delivery.channel, wall, outcome.result.value, outcome.words[:_LONGEST], len(rows)),
            )
            database.execute(
                "DELETE FROM outcome WHERE channel = ? AND place <= (SELECT place FROM outcome "
                "WHERE channel = ? ORDER BY place DESC LIMIT 1 OFFSET ?)",
                (delivery.channel, delivery.channel, KEPT),
            )

    def drop(self, gone: Iterable[tuple[str, Message]]) -> None:
        """Forget what will not be sent."""
        rows = [(channel, each.id) for channel, each in gone]
        with self._lock, self._open() as database:
            database.executemany("DELETE FROM waiting WHERE channel = ? AND message = ?", rows)

    def keep_only(self, channels: Iterable[str]) -> None:
        """Forget what waits for channels that are gone."""
        known = list(channels)
        marks = ", ".join("?" * len(known))
        with self._lock, self._open() as database:
            database.execute(f"DELETE FROM waiting WHERE channel NOT IN ({marks})", known)  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise sqlite3.ProgrammingError("the file is not open")
        return self._database
