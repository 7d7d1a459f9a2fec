"""What of the mobile plan is used, as one row of the store."""

from __future__ import annotations

import sqlite3
from datetime import date

from failberry.core.facts import UsageRecord

SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    place INTEGER PRIMARY KEY CHECK (place = 1), used INTEGER NOT NULL, day TEXT NOT NULL,
    interface TEXT NOT NULL, number INTEGER NOT NULL, received INTEGER NOT NULL, sent INTEGER NOT NULL,
    boot TEXT NOT NULL, warned INTEGER NOT NULL, undated INTEGER NOT NULL
) STRICT;
"""
_COLUMNS = "used, day, interface, number, received, sent, boot, warned, undated"


def write(database: sqlite3.Connection, record: UsageRecord) -> None:
    """Replace what was there; part of the caller's transaction.  Raises OverflowError beyond 63 bits."""
    database.execute(
        f"INSERT OR REPLACE INTO usage (place, {_COLUMNS}) "  # noqa: S608  (constants)
        "VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.used,
            record.day.isoformat() if record.day is not None else "",
            *(record.interface, record.index, record.received, record.sent, record.boot),
            *(record.warned, record.undated),
        ),
    )


def read(database: sqlite3.Connection) -> UsageRecord | None:
    """Return the row, if there is one.  Raises ValueError for one that means nothing."""
    row = database.execute(f"SELECT {_COLUMNS} FROM usage").fetchone()  # noqa: S608  (constants)
    if row is None:
        return None
    used, day, interface, index, received, sent, boot, warned, undated = row
    if min(used, index, received, sent, warned, undated) < 0:
        raise ValueError("the data used is less than nothing")
    return UsageRecord(
        used=used,
        day=date.fromisoformat(day) if day else None,
        interface=interface,
        index=index,
        received=received,
        sent=sent,
        boot=boot,
        warned=warned,
        undated=undated,
    )
