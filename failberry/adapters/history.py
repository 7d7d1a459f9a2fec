"""The history at the daemon's side: what just happened in memory, the rest on the disk, one thread between.

The loop never waits for the disk: records are put into a queue in memory, and written by a thread of their
own in batches.  Whoever reads gets the last thousand from memory, older ones by that thread.

*When it is written.*  What a person should know soon (``notice`` and worse), some seconds later, as far as
an allowance of writes reaches; all else every quarter of an hour.  So a fault that goes on for weeks wears
the SD card no more than a fixed measure.  A power cut loses what was not written yet, and nothing else.

*A disk that fails* is told once; the history goes on in memory.  A damaged file is set aside, and a new one
begun.

*The clock.*  A Pi has no battery: records made before the clock could be believed are given their right time
once it can, for they know how long ago they were.  Samples wait for that.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from failberry.adapters.historyfile import KEPT, REFUSALS, Batch, DamagedError, HistoryFile, spans
from failberry.core.actions import Severity
from failberry.core.chronicle import Record
from failberry.core.history import Dated, Wanted
from failberry.core.samples import STEPS, Sample
from failberry.core.snapshot import UplinkName

T = TypeVar("T")

BATCH_EVERY = 900.0
"""Seconds between two batches while nothing happens."""
SOON = 3.0
"""Seconds from something that matters to the disk: what follows at once is in the same batch."""
ALLOWANCE, ALLOWANCE_EVERY = 20, 300.0
"""Batches that may be written early, and seconds in which one more is allowed."""
RETRY = 300.0
"""Seconds until the next try where the disk took nothing."""
RECENT = 1000
"""Records in memory."""
FULL = 400
"""Records, or samples, that are written without waiting any longer."""
TRIM_EVERY, TRIM_FIRST, TRIM_AGAIN = 86_400.0, 1200.0, 60.0
"""Seconds between two clearances; before the first; while there is much to clear."""
UNDATED = 3000
"""Samples that wait for a clock; a day of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records, oldest first."""

    history: str
    """Which history; another name means that ids have begun anew."""
    events: tuple[Dated, ...]
    last: int
    """Up to which id this looked: ask for those after it."""


class Allowance:
    """So many at once, and one more in so many seconds."""

    def __init__(self, most: int, every: float) -> None:
        self._most = most
        self._every = every
        self._left = float(most)
        self._at: float | None = None

    def spend(self, now: float) -> bool:
        """Take one, if there is one."""
        if self._at is not None:
            self._left = min(float(self._most), self._left + (now - self._at) / self._every)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class History:
    """Used from one event loop; :meth:`open` first, then :meth:`attend` must run, :meth:`close` last."""

    def __init__(
        self,
        file: HistoryFile,
        *,
        boot: str,
        complain: Callable[[str, str], None],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``complain`` is told what happened to the file, and what comes next."""
        self.changed: set[asyncio.Event] = set()
        """Set whenever there is something new; of whoever wants to know."""
        self.written = 0
        """Batches."""
        self._file = file
        self._boot = boot
        self._complain = complain
        self._wall = wall
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._name = ""
        self._recent: deque[Dated] = deque(maxlen=RECENT)
        self._next = 1
        self._unwritten = 0
        """How many of the recent ones, the last, are not on the disk yet."""
        self._minutes: deque[tuple[int, Sample]] = deque(maxlen=UNDATED)
        self._undated: deque[tuple[float, tuple[Sample, ...]]] = deque(maxlen=UNDATED)
        self._trusted = False
        self._corrected: tuple[str, float] | None = None
        self._bell = asyncio.Event()
        self._due = 0.0
        self._allowance = Allowance(ALLOWANCE, ALLOWANCE_EVERY)
        self._trouble = ""
        self._trim_at = 0.0

    # --- its life ----------------------------------------------------------------------------

    async def open(self) -> int:
        """Open the file, or begin one; return the next id.  Never raises for what the disk does."""
        now = self._clock()
        self._due, self._trim_at = now + BATCH_EVERY, now + TRIM_FIRST
        await self._open()
        return self._next

    async def _open(self) -> bool:
        try:
            try:
                opened = await self._in_thread(self._file.open)
            except DamagedError as damage:
                await self._set_aside(damage)
                opened = await self._in_thread(self._file.open)
        except (DamagedError, *REFUSALS) as refusal:
            self._refused(refusal)
            return False
        self._name = opened.history
        self._next = max(self._next, opened.next)
        return True

    async def attend(self) -> None:
        """Write when it is time; runs until cancelled."""
        while True:
            self._bell.clear()
            try:
                async with asyncio.timeout(max(0.0, self._due - self._clock())):
                    await self._bell.wait()
            except TimeoutError:
                await self.turn()

    async def turn(self) -> None:
        """Do what is due."""
        if self._clock() >= self._due:
            await self.flush()
        if self._clock() >= self._trim_at:
            await self._trim()

    async def close(self) -> None:
        """Write what is left, and close the file."""
        await self.flush()
        try:
            await self._in_thread(lambda: self._file.close(self._next))
        except (DamagedError, *REFUSALS) as refusal:
            self._refused(refusal)
        self._thread.shutdown()

    # --- what comes in -----------------------------------------------------------------------

    def add(self, record: Record) -> None:
        """Take a record; cheap."""
        wall = self._wall() - (self._clock() - record.at)
        self._recent.append(Dated(record=record, wall=wall, synced=self._trusted, boot=self._boot))
        self._next = record.id + 1
        self._unwritten = min(self._unwritten + 1, RECENT)
        now = self._clock()
        if record.severity is not Severity.INFO and now + SOON < self._due and not self._trouble:
            if self._allowance.spend(now):
                self._write_at(now + SOON)
        elif self._unwritten >= FULL and not self._trouble:
            self._write_at(now)
        for each in self.changed:
            each.set()

    def sample(self, samples: tuple[Sample, ...]) -> None:
        """Take the last minute of each line."""
        self._undated.append((self._clock(), samples))
        if self._trusted:
            self._date()

    def trust(self, *, trusted: bool) -> None:
        """Take note whether the clock can be believed."""
        before, self._trusted = self._trusted, trusted
        if not trusted or before:
            return
        zero = self._wall() - self._clock()
        self._corrected = self._boot, zero
        self._recent = deque(
            (
                each
                if each.synced or each.boot != self._boot
                else replace(each, wall=zero + each.record.at, synced=True)
                for each in self._recent
            ),
            maxlen=RECENT,
        )
        self._date()

    def _date(self) -> None:
        self._minutes += self._stamped()
        self._undated.clear()

    def _stamped(self) -> list[tuple[int, Sample]]:
        """What waits for the clock, with the time that it tells now."""
        zero = self._wall() - self._clock()
        # Each was taken at the end of its minute, a little early or late.
        return [(round((zero + at) / 60) - 1, each) for at, samples in self._undated for each in samples]

    def _write_at(self, due: float) -> None:
        self._due = min(self._due, due)
        self._bell.set()

    # --- what goes out -----------------------------------------------------------------------

    async def flush(self) -> None:
        """Write what there is, now."""
        if self._trouble and not await self._open():
            self._due = self._clock() + RETRY
            return
        events = tuple(self._recent)[len(self._recent) - self._unwritten :]
        minutes, corrected = tuple(self._minutes), self._corrected
        self._due = self._clock() + BATCH_EVERY
        if not events and not minutes and corrected is None:
            return
        self._unwritten, self._corrected = 0, None
        self._minutes.clear()
        try:
            await self._in_thread(
                lambda: self._file.write(Batch(events=events, minutes=minutes, corrected=corrected))
            )
        except (DamagedError, *REFUSALS) as refusal:
            self._unwritten = min(RECENT, self._unwritten + len(events))
            self._minutes.extendleft(reversed(minutes))
            self._corrected = self._corrected or corrected
            self._due = self._clock() + (0.0 if isinstance(refusal, DamagedError) else RETRY)
            await self._failed(refusal)
        else:
            self.written += 1
            self._trouble = ""

    async def _trim(self) -> None:
        self._trim_at = self._clock() + TRIM_EVERY
        if not self._trusted or self._trouble:
            return
        wall = self._wall()
        try:
            more = await self._in_thread(lambda: self._file.trim(wall))
        except (DamagedError, *REFUSALS) as refusal:
            await self._failed(refusal)
            return
        if more:
            self._trim_at = self._clock() + TRIM_AGAIN
            self._write_at(self._trim_at)

    async def _failed(self, refusal: Exception) -> None:
        if isinstance(refusal, DamagedError):
            try:
                await self._set_aside(refusal)
            except REFUSALS as worse:
                self._refused(worse)
                return
            await self._open()
        else:
            self._refused(refusal)

    async def _set_aside(self, damage: DamagedError) -> None:
        aside = await self._in_thread(self._file.set_aside)
        self._complain(
            f"{self._file.path} is damaged: {damage}", f"it is kept as {aside}, and a new one begun"
        )

    def _refused(self, refusal: Exception) -> None:
        if not self._trouble:
            self._complain(f"{self._file.path}: {refusal}", f"keep the last {RECENT} in memory, try again")
        self._trouble = str(refusal) or type(refusal).__name__

    # --- readers -----------------------------------------------------------------------------

    async def events(self, wanted: Wanted) -> Page:
        """Find records: the first after ``wanted.after``, or the last ones; oldest first."""
        recent = tuple(self._recent)
        newest = self._next - 1
        first = recent[0].record.id if recent else self._next
        found = [each for each in recent if wanted.holds(each)]
        limit = wanted.limit
        if wanted.after is not None:
            older: list[Dated] = []
            if wanted.after + 1 < first:
                older = await self._older(replace(wanted, before=min(first, wanted.before or first)))
            found = [*older, *found]
            cut = len(found) > limit or len(older) == limit
            found = found[:limit]
            last = found[-1].record.id if cut else max(newest, wanted.after)
            return Page(history=self._name, events=tuple(found), last=last)
        if len(found) < limit:
            rest = replace(wanted, before=min(first, wanted.before or first), limit=limit - len(found))
            found = [*await self._older(rest), *found]
        return Page(history=self._name, events=tuple(found[-limit:]), last=newest)

    async def _older(self, wanted: Wanted) -> list[Dated]:
        """Ask the file; what it does not give is not there."""
        try:
            return await self._in_thread(lambda: self._file.events(wanted))
        except (DamagedError, *REFUSALS) as refusal:
            await self._failed(refusal)
            return []

    async def samples(
        self, line: UplinkName, step: int, since: float, until: float
    ) -> list[tuple[float, Sample]]:
        """Find samples of this line, oldest first, each with its beginning in seconds since 1970.

        ``step`` is a number of whole minutes; what is not kept like that is rolled up from what is.
        """
        base = max(each for each in STEPS if step % each == 0)
        fresh = [each for each in (*self._minutes, *self._stamped()) if each[1].line is line]
        seam = fresh[0][0] * 60 // base * base if fresh else until
        series = await self._stored(base, line, since, min(seam, until))
        if fresh:
            stored = await self._stored(60, line, seam, fresh[0][0] * 60)
            parts = [(int(start // 60), each) for start, each in stored]
            newer = spans([*parts, *fresh], base)
            series += [each for each in newer if since <= each[0] < until]
        if step == base:
            return series
        return spans([(int(start // 60), each) for start, each in series], step)

    def kept_since(self, step: int) -> float:
        """From when on samples of this step are kept, in seconds since 1970."""
        return self._wall() - KEPT[max(each for each in STEPS if step % each == 0)]

    async def _stored(
        self, step: int, line: UplinkName, since: float, until: float
    ) -> list[tuple[float, Sample]]:
        try:
            return await self._in_thread(lambda: self._file.samples(step, line, since, until))
        except (DamagedError, *REFUSALS) as refusal:
            await self._failed(refusal)
            return []

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
