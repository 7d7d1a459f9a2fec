"""The queues: which channel sends what, and when.  Pure: time, and how the lines are, are arguments.

One delivery at a time for each channel, in the order of events.  What waited together goes together, as
one digest.  What failed is tried again, later each time; what is too old is dropped and counted.  A delivery
of which it is not known whether it arrived is repeated as it was, under the same name: its receiver can
know it again.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from failberry.core.actions import Severity
from failberry.notify.channels import Channel, Reach
from failberry.notify.messages import Message, Topic

GATHER = 3.0
"""Seconds for which what comes at once is gathered."""
PER_HOUR, PER_DAY = 12, 60
"""Deliveries of one channel; what comes beyond that waits, and goes as one."""
MOST = 200
"""Messages that wait for one channel; then the oldest that is no error goes."""
FIRST, LONGEST, LASTING = 15.0, 1800.0, 3600.0
"""Seconds before a delivery is tried again: at first, at most, and where trying again will hardly help."""
STUCK = 3600.0
"""Seconds of failures after which a person should know."""
_HOUR, _DAY = 3600.0, 86_400.0


class Result(StrEnum):
    """What came of a delivery."""

    SENT = "sent"
    FAILED = "failed"
    """It was not taken, for certain."""
    UNKNOWN = "unknown"
    """It may have been taken."""
    REFUSED = "refused"
    """It was not taken, and will not be before somebody mends something."""
    LOST = "lost"
    """It will never be taken: not tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to a delivery."""

    result: Result
    words: str
    """What happened, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Some messages on their way to one channel."""

    id: str
    channel: str
    messages: tuple[Message, ...]
    """Oldest first."""
    dropped: int = 0
    """Older ones that were dropped."""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How things are now."""

    works: bool | None = None
    """Whether the house is online; ``None``: not known, so it is tried."""
    offline: float = 0.0
    """Seconds without any line."""
    wall: float
    """Seconds since 1970."""
    minute: int | None = None
    """Of the day, in the Pi's time zone; ``None``: the clock cannot be believed."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One message that waits for one channel."""

    message: Message
    delivery: str = ""
    """Under which name it has been tried, and may have arrived."""
    attempts: int = 0


@dataclass(slots=True, kw_only=True)
class Queue:
    """What is known of one channel."""

    channel: Channel
    waiting: list[Entry] = field(default_factory=list)
    under_way: Delivery | None = None
    came: float = 0.0
    """When the first of those that wait came, by the clock that does not jump."""
    failures: int = 0
    resume: float = 0.0
    failing_since: float | None = None
    last_sent: float | None = None
    """Seconds since 1970."""
    last_failure: str = ""
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=PER_DAY))
    """When deliveries left, in seconds since 1970."""
    dropped: int = 0


class Outbox:
    """All queues; what it is told to keep must be on the disk before anything is sent."""

    def __init__(self, channels: Iterable[Channel], *, rng: random.Random) -> None:
        self.queues = {each.name: Queue(channel=each) for each in channels}
        self._rng = rng

    def restore(self, channel: str, entries: Iterable[Entry], sent: Iterable[float], now: float) -> None:
        """Take back what waited before a restart; that of channels that are gone is passed over."""
        queue = self.queues.get(channel)
        if queue is not None:
            queue.waiting += entries
            queue.sent.extend(sent)
            queue.last_sent = max(queue.sent, default=None)
            queue.came = now

    def add(self, message: Message, now: float, *, only: str | None = None) -> list[str]:
        """Queue it; return the channels that it is for."""
        taken = []
        for name, queue in self.queues.items():
            wanted = queue.channel.wants(message) if only is None else name == only
            known = any(each.message.id == message.id for each in queue.waiting)
            if wanted and not known:
                if not queue.waiting:
                    queue.came = now
                queue.waiting.append(Entry(message=message))
                taken.append(name)
        return taken

    def drop(self, situation: Situation) -> list[tuple[str, Message]]:
        """Take out what is too old, too much, or told by others by now."""
        gone: list[tuple[str, Message]] = []
        for queue in self.queues.values():
            for entry in list(queue.waiting):
                if queue.under_way is not None and entry.message in queue.under_way.messages:
                    continue
                if _is_late(entry.message, queue.channel, situation):
                    queue.waiting.remove(entry)
                    gone.append((queue.channel.name, entry.message))
                    if queue.channel.reach is not Reach.MODEM:
                        queue.dropped += 1
            while len(queue.waiting) > MOST:
                trifles = [each for each in queue.waiting if each.message.severity is not Severity.ERROR]
                entry = (trifles or queue.waiting)[0]
                queue.waiting.remove(entry)
                queue.dropped += 1
                gone.append((queue.channel.name, entry.message))
        return gone

    def due(self, situation: Situation, now: float) -> list[Delivery]:
        """What shall be sent now; each is under way until :meth:`answered`."""
        made = []
        for queue in self.queues.values():
            ready = self._ready(queue, situation, now)
            if ready:
                queue.under_way = _delivery(queue, ready)
                for entry in ready:
                    entry.delivery = queue.under_way.id
                    entry.attempts += 1
                made.append(queue.under_way)
        return made

    def answered(
        self, delivery: Delivery, outcome: Outcome, situation: Situation, now: float, *, forget: bool = False
    ) -> None:
        """Note what came of it; ``forget``: it is not tried again, whatever it was, and says nothing else."""
        queue = self.queues[delivery.channel]
        queue.under_way = None
        if forget or outcome.result in (Result.SENT, Result.LOST):
            done = {each.id for each in delivery.messages}
            queue.waiting = [each for each in queue.waiting if each.message.id not in done]
            queue.came = now
        if outcome.result is Result.SENT:
            queue.sent.append(situation.wall)
            queue.last_sent, queue.dropped = situation.wall, queue.dropped - delivery.dropped
            queue.failures, queue.resume, queue.failing_since = 0, 0.0, None
            queue.last_failure = ""
            return
        queue.last_failure = outcome.words
        if forget:
            return
        if queue.failing_since is None:
            queue.failing_since = now
        if outcome.result is Result.LOST:
            return
        if outcome.result is not Result.UNKNOWN:
            for entry in queue.waiting:
                entry.delivery = ""
        most = LASTING if outcome.result is Result.REFUSED else LONGEST
        pause = min(most, FIRST * 2.0 ** min(queue.failures, 12))
        queue.failures += 1
        queue.resume = now + pause * self._rng.uniform(0.9, 1.1)

    def encourage(self) -> None:
        """Another line is in use: what failed on the one before may pass on it."""
        for queue in self.queues.values():
            queue.resume, queue.failures = 0.0, min(queue.failures, 1)

    def moved(self, seconds: float) -> None:
        """The clock was set: what it had told wrongly is that much later."""
        for queue in self.queues.values():
            queue.sent = deque((each + seconds for each in queue.sent), maxlen=PER_DAY)

    def stuck(self, now: float) -> tuple[Queue, ...]:
        """Channels that have failed for long, and have something to tell."""
        return tuple(
            each
            for each in self.queues.values()
            if each.waiting and each.failing_since is not None and now >= each.failing_since + STUCK
        )

    def _ready(self, queue: Queue, situation: Situation, now: float) -> list[Entry]:
        channel = queue.channel
        if queue.under_way is not None or not queue.waiting or now < queue.resume:
            return []
        tests = [each for each in queue.waiting if each.message.topic is Topic.TEST]
        if tests:
            return tests[:1]  # somebody sits there and waits
        if not _can_go(channel, situation) or _over_limit(queue, situation):
            return []
        flying = queue.waiting[0].delivery
        if flying:
            return [each for each in queue.waiting if each.delivery == flying]
        if now < queue.came + GATHER:
            return []
        loud = [each for each in queue.waiting if not channel.hushed(each.message, situation.minute)]
        return loud[: channel.batch]


def _can_go(channel: Channel, situation: Situation) -> bool:
    match channel.reach:
        case Reach.NOTHING:
            return True
        case Reach.LINE:
            return situation.works is not False
        case Reach.MODEM:
            return channel.always or (situation.works is False and situation.offline >= channel.after)


def _over_limit(queue: Queue, situation: Situation) -> bool:
    if queue.channel.reach is Reach.NOTHING:
        return False
    # A clock that stood ahead must not silence it for ever.
    lately = [min(each, situation.wall) for each in queue.sent]
    in_an_hour = sum(1 for each in lately if each > situation.wall - _HOUR)
    in_a_day = sum(1 for each in lately if each > situation.wall - _DAY)
    return in_an_hour >= PER_HOUR or in_a_day >= PER_DAY


def _is_late(message: Message, channel: Channel, situation: Situation) -> bool:
    if message.topic is Topic.TEST:
        return situation.wall > message.time + _HOUR
    if channel.reach is Reach.MODEM and not channel.always and situation.works:
        return True  # the others are told
    # By a clock that was not set nobody can tell how old it is.
    return message.synced and situation.wall > message.time + channel.keep


def _delivery(queue: Queue, ready: list[Entry]) -> Delivery:
    channel = queue.channel.name
    names = "\n".join([channel, *(each.message.id for each in ready)])
    return Delivery(
        id=ready[0].delivery or hashlib.sha256(names.encode()).hexdigest()[:24],
        channel=channel,
        messages=tuple(each.message for each in ready),
        dropped=queue.dropped,
        attempt=max(each.attempts for each in ready) + 1,
    )
