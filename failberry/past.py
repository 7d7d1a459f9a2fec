"""What has happened: made into records once, for the journal, for the history, and for who reads along.

The engine shows each turn to :meth:`Past.note`.  What comes out is one list of records; those that the core
has words for are lines of the journal, with the same correlation in a field of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from failberry.adapters import systemd
from failberry.adapters.history import History
from failberry.adapters.historyfile import HistoryFile
from failberry.adapters.prober import read_counters
from failberry.core.actions import Action, ReadCounters, Report, Severity
from failberry.core.appliance import Appliance
from failberry.core.chronicle import Chronicle, Record
from failberry.core.events import DayObserved, Event
from failberry.core.kinds import SPECS, RecordKind
from failberry.core.samples import Sampler
from failberry.core.snapshot import Snapshot, UplinkName

MINUTE = 60.0
CLOSE = 5.0
"""Seconds that the disk may take at the end."""
PRIORITIES = {Severity.ERROR: 3, Severity.WARNING: 4, Severity.NOTICE: 5, Severity.INFO: 6}

Journal = Callable[..., None]


class Past:
    """Makes the records, and passes them on; used from the engine's loop."""

    def __init__(
        self,
        file: HistoryFile,
        *,
        boot: str,
        journal: Journal = systemd.journal,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.history = History(file, boot=boot, complain=self._complain, clock=clock, wall=wall)
        self._chronicle = Chronicle()
        self._sampler = Sampler()
        self._journal = journal
        self._clock = clock
        self._wall = wall
        self._early: list[Report] | None = []
        """What there was to tell before it was known how records are numbered."""

    async def open(self) -> None:
        """Open the history, first of all; whatever the disk does, the daemon goes on."""
        self._chronicle = Chronicle(await self.history.open())
        early, self._early = self._early, None
        for report in early or ():
            self.tell(report)

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """See to it that what happened in here is on the disk, however this ends."""
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE):
                    await self.history.close()

    def note(self, event: Event, actions: Sequence[Action], appliance: Appliance, now: float) -> None:
        """Take one turn of the engine."""
        if isinstance(event, DayObserved):
            self.history.trust(trusted=event.trusted)
        self._sampler.note(event, actions, appliance, now)
        self._pass_on(self._chronicle.note(event, actions, appliance, now))

    def tell(self, report: Report) -> None:
        """Take words that are not the core's."""
        self._pass_on(self._chronicle.tell(report, self._clock()))

    def _complain(self, problem: str, follows: str) -> None:
        """Take what the history says of itself."""
        report = Report(
            subject="history", what="trouble", why=problem, next=follows, severity=Severity.WARNING
        )
        if self._early is None:
            self.tell(report)
        else:
            self._early.append(report)

    def stopped(self) -> None:
        """Note an orderly end."""
        end = Report(
            subject="daemon", what="stopped", why="the service manager asked for it",
            next="routes, rules and a session that is up stay as they are",
        )  # fmt: skip
        self._pass_on(self._chronicle.mark(RecordKind.STOPPED, end, self._clock()))

    async def watch(self, status: Callable[[], Snapshot]) -> None:
        """Take a sample of each line at each full minute; runs until cancelled."""
        while True:
            await asyncio.sleep(MINUTE - self._wall() % MINUTE)
            self.minute(status())

    def minute(self, status: Snapshot) -> None:
        """Take a sample now, and look whether a notice has come up or is over."""
        now = self._clock()
        seen = read_counters(ReadCounters(interface=status.wired.interface))
        if seen.received is not None and seen.sent is not None:
            self._sampler.counters(UplinkName.WIRED, seen.index, seen.received, seen.sent)
        self.history.sample(self._sampler.take(status, now))
        self._pass_on(self._chronicle.notices(status.warnings, now))

    def _pass_on(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.told:
                self._write_line(record)
            self.history.add(record)

    def _write_line(self, record: Record) -> None:
        """One line: what, why, and what comes next."""
        line = f"{record.subject}: {record.what}: {record.why}"
        if record.next:
            line += f"; next: {record.next}"
        self._journal(
            PRIORITIES[record.severity],
            line,
            message_id=SPECS[record.kind].message_id,
            failberry_subject=record.subject,
            failberry_what=record.what,
            failberry_why=record.why,
            failberry_next=record.next,
            failberry_kind=record.kind,
            failberry_event=record.id,
            failberry_correlation=record.correlation,
            failberry_numbers=json.dumps(dict(record.numbers)),
        )
