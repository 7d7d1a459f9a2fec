"""The process: reads along, keeps the queues, sends; one loop, which nothing can block for long."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from failberry.adapters import systemd
from failberry.control.asyncclient import ask, stream
from failberry.control.client import RefusedError, UnreachableError
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.notify.answers import ChannelView, NotifyView, TestView
from failberry.notify.book import Book, Place
from failberry.notify.channels import Channel, Reach
from failberry.notify.messages import Message, Topic, heard
from failberry.notify.outbox import Delivery, Outbox, Outcome, Queue, Result, Situation
from failberry.notify.reading import Lines, Reader

KINDS = tuple(each for each in RecordKind if each not in (RecordKind.DEED, RecordKind.RECOVERY))
"""What is read of the history."""
TURN = 1.0
"""Seconds between two looks at the queues, at most."""
LAZY = 300.0
"""Seconds after which it is written where we are, although there was nothing to tell."""
SPEAKS = 30.0
"""Seconds within which the daemon says something; it promises five."""
RETRY, LONGEST_RETRY = 1.0, 10.0
"""Seconds between two attempts to reach the daemon."""
JUMP = 30.0
"""Seconds by which the clock must have been set to matter."""
UNKNOWN_LINES = 60.0
"""Seconds without the daemon's word after which it is not known whether a line works."""
PROVEN_BEFORE = 1.0
"""Seconds that the proof of a line may be older than its verdict."""
SILENT = 60.0
"""Seconds since the last answer for which a line that is suspected is tried all the same."""
TEST_TIME = 100.0
FIRST_SECOND = 1_767_225_600.0
"""2026-01-01: a clock before it was not set."""
DISK = (sqlite3.Error, OSError)

Send = Callable[[Delivery], Awaitable[Outcome]]


class Notifier:
    """Everything but the socket for failberryctl."""

    def __init__(
        self,
        channels: tuple[Channel, ...],
        send: Send,
        book: Book,
        *,
        daemon: str,
        problems: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self.reloaded = asyncio.Event()
        """The owner has had the configuration read again: whoever runs us starts us anew.

        Only after our place behind that request is on the disk: else we would read it again, and end again.
        """
        self._anew = False
        self._send = send
        self._book = book
        self._daemon = daemon
        self._problems = problems
        self._clock, self._wall = clock, wall
        self._outbox = Outbox(channels, rng=rng or random.Random())  # noqa: S311  (spreads repetitions)
        self._reader = Reader()
        self._history = ""
        self._last: int | None = None
        self._synced = True
        self._lines = Lines()
        self._lines_heard: float | None = None
        self._offline_since: float | None = None
        self._following = False
        self._written = clock()
        self._disk_problem = ""
        self._offset = wall() - clock()
        self._wake = asyncio.Event()
        self._tests: dict[str, asyncio.Future[Outcome]] = {}
        self._test_number = 0

    async def run(self) -> None:
        """Run until cancelled."""
        await self._open()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="history")
            tasks.create_task(self._watch(), name="status")
            tasks.create_task(self._deliver(tasks), name="queues")

    async def _open(self) -> None:
        stored = await asyncio.to_thread(self._book.open)
        if stored.problem:
            systemd.journal(3, f"queue: {stored.problem}; next: begin a new one")
        await self._on_disk(self._book.keep_only, list(self._outbox.queues))
        now = self._clock()
        for name in self._outbox.queues:
            self._outbox.restore(name, stored.waiting.get(name, []), stored.sent.get(name, []), now)
        if stored.place is not None:
            self._history, self._last = stored.place.history, stored.place.last
            self._reader = Reader(stored.place.reader)

    # --- what happens -------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Read the history, from where we were; from now on if we never were anywhere."""
        pause = RETRY
        while True:
            try:
                if self._last is None:
                    told = await ask(self._daemon, "Events", limit=1)
                    await self._begin(told)
                news = stream(self._daemon, "Events", patience=SPEAKS, after=self._last, kinds=list(KINDS))
                async with contextlib.aclosing(news) as parts:
                    async for part in parts:
                        self._following, pause = True, RETRY
                        await self._take(part)
            except (UnreachableError, RefusedError) as failure:
                if self._following:
                    systemd.journal(5, f"the history cannot be read: {failure}; next: try again")
                self._following = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _begin(self, told: Mapping[str, Any]) -> None:
        self._history, self._last = str(told["history"]), int(told["last"])
        await self._store([])

    async def _take(self, part: Mapping[str, Any]) -> None:
        """Take some events: what they tell is on the disk before the next ones are asked for."""
        history = str(part.get("history", ""))
        if self._history and history != self._history:
            # Ids have begun anew: what comes after ours there is not what comes next.
            self._reader.forget()
            self._history, self._last = history, 0
            await self._store([])
            raise UnreachableError(ConnectionResetError("the history has begun anew"))
        self._history = history
        made: list[tuple[str, Message]] = []
        for each in part.get("events", ()):
            event = heard(history, each)
            if event is None:
                continue
            self._synced = event.synced
            self._last = event.id
            if event.kind is RecordKind.REQUEST and event.subject == "configuration":
                self._anew = True
            for message in self._reader.take(event, self._clock()):
                made += self._queue(message)
        last = part.get("last")
        if isinstance(last, int):
            self._last = max(last, self._last or 0)
        if made or self._anew or self._clock() >= self._written + LAZY:
            await self._store(made)

    def _queue(self, message: Message) -> list[tuple[str, Message]]:
        self._wake.set()
        return [(channel, message) for channel in self._outbox.add(message, self._clock())]

    async def _store(self, made: list[tuple[str, Message]]) -> None:
        if self._last is None:
            return
        place = Place(history=self._history, last=self._last, reader=self._reader.state())
        if not await self._on_disk(self._book.take, place, made):
            return
        self._written = self._clock()
        if self._anew:
            self.reloaded.set()

    async def _watch(self) -> None:
        """Learn how the lines are."""
        while True:
            try:
                async with contextlib.aclosing(stream(self._daemon, "Watch", patience=SPEAKS)) as parts:
                    async for part in parts:
                        self._see(lines_of(part.get("status")))
            except (UnreachableError, RefusedError):
                pass  # the other stream tells of it
            await asyncio.sleep(RETRY)

    def _see(self, lines: Lines) -> None:
        now = self._clock()
        if lines.active != self._lines.active or (lines.works and self._lines.works is False):
            self._outbox.encourage()
            self._wake.set()
        if lines.works is False:
            self._offline_since = now if self._offline_since is None else self._offline_since
        else:
            self._offline_since = None
        self._lines, self._lines_heard = lines, now

    # --- what follows -------------------------------------------------------------------------------

    async def _deliver(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            self._mind_the_clock()
            now, situation = self._clock(), self.situation()
            ripe = self._reader.due(self._lines_now(), now)
            if ripe:
                made = [pair for message in ripe for pair in self._queue(message)]
                await self._store(made)
            if gone := self._outbox.drop(situation):
                await self._on_disk(self._book.drop, gone)
            for delivery in self._outbox.due(situation, now):
                tasks.create_task(self._carry(delivery), name=f"to {delivery.channel}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN):
                    await self._wake.wait()

    async def _carry(self, delivery: Delivery) -> None:
        await self._on_disk(self._book.begin, delivery)
        outcome = await self._send(delivery)
        wall = self._wall()
        await self._on_disk(self._book.finish, delivery, outcome, wall)
        test = self._tests.pop(delivery.messages[0].id, None)
        if test is not None:
            # A test is tried once: whoever asked for it stands there and reads why it failed.
            if outcome.result not in (Result.SENT, Result.LOST):
                await self._on_disk(self._book.drop, [(delivery.channel, each) for each in delivery.messages])
            if not test.done():
                test.set_result(outcome)
        self._outbox.answered(delivery, outcome, self.situation(), self._clock(), forget=test is not None)
        level = 6 if outcome.result is Result.SENT else 4
        systemd.journal(level, f"{delivery.channel}: {_count(delivery)}: {outcome.result}: {outcome.words}")
        self._wake.set()

    def situation(self) -> Situation:
        """How things are now."""
        wall, lines = self._wall(), self._lines_now()
        settled = self._synced and wall >= FIRST_SECOND
        clock = time.localtime(wall)
        since = self._offline_since
        return Situation(
            works=lines.works,
            offline=0.0 if since is None else self._clock() - since,
            wall=wall,
            minute=clock.tm_hour * 60 + clock.tm_min if settled else None,
        )

    def _lines_now(self) -> Lines:
        heard_at = self._lines_heard
        if heard_at is None or self._clock() > heard_at + UNKNOWN_LINES:
            return Lines()
        return self._lines

    def _mind_the_clock(self) -> None:
        offset = self._wall() - self._clock()
        if abs(offset - self._offset) > JUMP:
            self._outbox.moved(offset - self._offset)
        self._offset = offset

    async def _on_disk(self, act: Callable[..., None], *arguments: Any) -> bool:
        """Do it in a thread; ``False``: the disk refused.  That is told, and we go on from memory."""
        try:
            await asyncio.to_thread(act, *arguments)
        except DISK as failure:
            if not self._disk_problem:
                systemd.journal(3, f"queue: {failure}; next: go on from memory, which a restart empties")
            self._disk_problem = str(failure)
            return False
        self._disk_problem = ""
        return True

    # --- for failberryctl ---------------------------------------------------------------------------

    def status(self) -> NotifyView:
        """How things are now."""
        problems = (*self._problems, *([f"the queue: {self._disk_problem}"] if self._disk_problem else []))
        situation = self.situation()
        return NotifyView(
            following=self._following,
            online=situation.works,
            last=self._last,
            held=self._reader.held,
            channels=tuple(self._view(each, situation) for each in self._outbox.queues.values()),
            problems=problems,
        )

    def _view(self, queue: Queue, situation: Situation) -> ChannelView:
        now = self._clock()
        return ChannelView(
            name=queue.channel.name,
            via=queue.channel.via,
            waiting=len(queue.waiting),
            oldest=min((each.message.time for each in queue.waiting), default=None),
            held_back=_held_back(queue, situation, now),
            last_sent=queue.last_sent,
            sent=sum(1 for each in queue.sent if each > situation.wall - 86_400),
            failures=queue.failures,
            last_failure=queue.last_failure,
            next_in=queue.resume - now if queue.waiting and queue.resume > now else None,
            dropped=queue.dropped,
        )

    def stuck(self) -> tuple[str, str] | None:
        """What a person should know: which channels have failed for long, and why; ``None``: all is well."""
        found = self._outbox.stuck(self._clock())
        if not found:
            return None
        names = ", ".join(each.channel.name for each in found)
        count = sum(len(each.waiting) for each in found)
        return f"{count} messages cannot be sent to {names}", found[0].last_failure

    async def test(self, channel: str | None) -> tuple[TestView, ...]:
        """Send a test to one channel, or to each, whatever the lines are; raises KeyError: there is none."""
        queues = self._outbox.queues
        names = list(queues) if channel is None else [channel]
        asked = [(name, self._ask_for_test(queues[name].channel)) for name in names]
        views = []
        for name, future in asked:
            try:
                async with asyncio.timeout(TEST_TIME):
                    outcome = await asyncio.shield(future)
            except TimeoutError:
                outcome = Outcome(result=Result.UNKNOWN, words="another delivery to it is still under way")
            sent = outcome.result is Result.SENT
            views.append(TestView(channel=name, via=queues[name].channel.via, sent=sent, words=outcome.words))
        return tuple(views)

    def _ask_for_test(self, channel: Channel) -> asyncio.Future[Outcome]:
        self._test_number += 1
        wall = self._wall()
        message = Message(
            id=f"test-{wall:.0f}-{self._test_number}-{channel.name}",
            event=0,
            correlation=0,
            time=wall,
            synced=self._synced and wall >= FIRST_SECOND,
            topic=Topic.TEST,
            severity=Severity.NOTICE,
            title="A test",
            text="If you read this, you will be told when something happens.",
        )
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._tests[message.id] = future
        self._outbox.add(message, self._clock(), only=channel.name)
        self._wake.set()
        return future


def lines_of(status: Any) -> Lines:
    """Read what counts of the daemon's status; what cannot be read says nothing."""
    try:
        active = status["active"]
        codes = {str(each["code"]) for each in status["warnings"]}
        works = active is not None and _works(status[active])
    except (KeyError, TypeError):
        return Lines()
    return Lines(works=works, standby_dead="cellular-down" in codes, active=str(active or ""))


def _works(line: Any) -> bool:
    """Whether anybody has answered over it since it is up; or lately, if it has only just fallen silent."""
    proven = line.get("proven_age")
    if line["state"] == "down" or proven is None:
        return False
    return bool(proven <= (line["state_for"] + PROVEN_BEFORE if line["state"] == "up" else SILENT))


def _count(delivery: Delivery) -> str:
    number = len(delivery.messages)
    return "1 message" if number == 1 else f"{number} messages"


def _held_back(queue: Queue, situation: Situation, now: float) -> str:
    channel = queue.channel
    if not queue.waiting:
        return ""
    if queue.under_way is not None:
        return "being sent"
    if channel.reach is Reach.LINE and situation.works is False:
        return "no line works"
    if channel.reach is Reach.MODEM and not channel.always and situation.works is not False:
        return "a line works"
    if now < queue.resume:
        return "the last attempt failed"
    if all(channel.hushed(each.message, situation.minute) for each in queue.waiting):
        return "quiet hours"
    return ""
