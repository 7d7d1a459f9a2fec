"""Text messages that were sent, as rows of the store: what counts against the limit of a day.

A clock without a battery must not free the limit: within one boot the kernel's count of seconds tells, and a
message of an earlier boot is at least as old as this one.
"""

from __future__ import annotations

import sqlite3

from failberry.adapters.steplog import Instant

SCHEMA = """
CREATE TABLE IF NOT EXISTS sms (
    place INTEGER PRIMARY KEY, boot TEXT NOT NULL, uptime REAL NOT NULL, wall REAL NOT NULL
) STRICT;
"""
ROWS = 200
_DAY = 86_400.0


def reserve(database: sqlite3.Connection, parts: int, limit: int, now: Instant) -> int:
    """Count these parts as sent, if they fit; return how many are left afterwards, negative: they do not.

    Part of the caller's transaction.
    """
    rows = database.execute("SELECT boot, uptime, wall FROM sms").fetchall()
    lately = sum(1 for boot, uptime, wall in rows if _age(boot, uptime, wall, now) < _DAY)
    left = limit - lately - parts
    if left >= 0:
        database.executemany(
            "INSERT INTO sms (boot, uptime, wall) VALUES (?, ?, ?)",
            [(now.boot, now.uptime, now.wall)] * parts,
        )
        database.execute("DELETE FROM sms WHERE place <= (SELECT max(place) FROM sms) - ?", (ROWS,))
    return left


def _age(boot: str, uptime: float, wall: float, now: Instant) -> float:
    return now.uptime - uptime if boot == now.boot else max(now.uptime, now.wall - wall)
