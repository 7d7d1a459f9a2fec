"""Steps of recovery as rows of the store, and how long ago they were.

A Pi has no clock battery: after a power cut its clock stands where it was last saved, or years back, until
a time server is reached, which may be just what is broken.  Budgets must not be freed by that.  So:

* Within one boot the kernel's own count of seconds (CLOCK_BOOTTIME) tells how long ago a step was.
* A step of an earlier boot is at least as old as this boot, and that much older than the newest one as
  their times differ.  The wall clock may say more, and then it is believed.
* A row's time is not believed if it is before this program was written, or before that of an older row:
  its clock stood back.  It counts as taken just before this boot.
* What is recent is brought into this boot's time as soon as the clock can be believed: its jumps no longer
  matter then, and the next boot finds better times.

* A clock that runs for a day is believed, whatever it says: or a row from the future, made by a clock that
  was wrong once, would be held against all later ones for ever.

What is left: a wall clock that is ahead of time frees budgets; nothing on this machine could know better.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from failberry.adapters.heartbeat import boot_id
from failberry.core.steps import Rung, Step

SCHEMA = """
CREATE TABLE IF NOT EXISTS step (
    place INTEGER PRIMARY KEY, boot TEXT NOT NULL, uptime REAL NOT NULL, wall REAL NOT NULL,
    rung TEXT NOT NULL, cause TEXT NOT NULL, why TEXT NOT NULL, result TEXT NOT NULL
) STRICT;
"""
ROWS = 5000
"""Kept at most; some weeks of a line that is never well."""
DAYS = 400
"""Kept at most: a year, to compare with the last."""

_DAY = 86_400.0
_RECENT, _RECENT_ROWS = 2 * _DAY, 1000
"""What is brought into this boot's time: more than any budget looks back."""
_FIRST = 1_767_225_600.0
"""2026-01-01: no step was taken before."""
_APART = 30.0
"""Seconds by which the wall clock may wander before rows are written again; twice that, and it has jumped."""
_LONGEST = 500
"""Characters of a text that comes from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Now, by all the clocks there are."""

    boot: str
    """The kernel's name for this boot."""
    uptime: float
    """Seconds since it booted, those asleep included (CLOCK_BOOTTIME, clock_gettime(2))."""
    wall: float
    """Seconds since 1970 (CLOCK_REALTIME), as far as it can be believed."""

    @staticmethod
    def now() -> Instant:
        """Read the clocks."""
        return Instant(boot=boot_id(), uptime=time.clock_gettime(time.CLOCK_BOOTTIME), wall=time.time())


def write(database: sqlite3.Connection, step: Step, now: Instant) -> None:
    """Write a step down, or how it ended.

    A step with a result closes the newest row of its rung that has none, whatever its age says; if there
    is none, it is written whole.  Part of the caller's transaction.
    """
    _settled(database, now)
    if step.result:
        open_row = "SELECT max(place) FROM step WHERE rung = ? AND result = ''"
        closed = database.execute(
            f"UPDATE step SET result = ? WHERE place = ({open_row})",  # noqa: S608  (a constant)
            (step.result[:_LONGEST], step.rung.value),
        )
        if closed.rowcount:
            return
    database.execute(
        "INSERT INTO step (boot, uptime, wall, rung, cause, why, result) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(now.boot, now.uptime - step.age, now.wall - step.age),
            *(step.rung.value, step.cause, step.why[:_LONGEST], step.result[:_LONGEST]),
        ),
    )
    database.execute(
        "DELETE FROM step WHERE boot <> ? AND wall < ? OR place <= (SELECT max(place) FROM step) - ?",
        (now.boot, now.wall - DAYS * _DAY, ROWS),
    )


def read(database: sqlite3.Connection, since: float, now: Instant) -> tuple[Step, ...]:
    """Return the steps of the last ``since`` seconds, two days at most, oldest first.

    Brings them into this boot's time; part of the caller's transaction.  Raises ValueError for a row that
    means nothing.
    """
    return tuple(step for step in _settled(database, now) if step.age <= since)


def _settled(database: sqlite3.Connection, now: Instant) -> list[Step]:
    rows = database.execute(
        "SELECT place, boot, uptime, wall, rung, cause, why, result FROM step ORDER BY place DESC LIMIT ?",
        (_RECENT_ROWS,),
    ).fetchall()
    rows.reverse()
    latest, least = _FIRST, now.wall
    believed = set[int]()
    for place, boot, uptime, wall, *_ in rows:
        if wall > latest - 2 * _APART:
            believed.add(place)
            latest = max(latest, wall)
            least = max(least, wall + now.uptime - (uptime if boot == now.boot else 0.0))
    steps: list[Step] = []
    moved: list[tuple[str, float, float, int]] = []
    for place, boot, uptime, wall, rung, cause, why, result in rows:
        if boot == now.boot:
            age = max(0.0, now.uptime - uptime)
            settled = abs(now.wall - age - wall) <= _APART
        else:
            age = max(now.uptime, least - wall) if place in believed else now.uptime
            settled = age > _RECENT and place in believed and wall <= now.wall
        if age <= _RECENT:
            steps.append(Step(rung=Rung(rung), cause=cause, why=why, result=result, age=age))
        if not settled:
            moved.append((now.boot, now.uptime - age, now.wall - age, place))
    if now.wall >= latest or now.uptime > _DAY:
        database.executemany("UPDATE step SET boot = ?, uptime = ?, wall = ? WHERE place = ?", moved)
    return steps
