"""A channel: one receiver, or one hook, with what its queue must know of it.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from failberry.core.actions import Severity
from failberry.core.history import SEVERITIES
from failberry.notify.messages import Message, Topic
from failberry.notifychecks import host_and_port, in_the_house, span
from failberry.notifying import Notify, Receiver, Via

HOOK = "hook"
"""``via`` of a program in the hook directory."""


class Reach(StrEnum):
    """What a channel needs."""

    NOTHING = "nothing"
    """It is on this machine, or in the house."""
    LINE = "line"
    """A line that works."""
    MODEM = "modem"
    """The stick; it is for when no line works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One of them."""

    name: str
    via: str
    reach: Reach
    least: Severity = Severity.NOTICE
    topics: frozenset[Topic] = frozenset()
    """Empty: all."""
    quiet: tuple[int, int] | None = None
    """Quiet hours as minutes of the day."""
    through: Severity = Severity.ERROR
    batch: int = 1
    """Messages in one delivery at most."""
    keep: float
    """Seconds for which a message is kept."""
    after: float = 0.0
    """Seconds without a line before it is used (``MODEM`` only)."""
    always: bool = False
    """Whether it is used while a line works, too (``MODEM`` only)."""

    def wants(self, message: Message) -> bool:
        """Whether this one is for it."""
        if message.topic is Topic.TEST:
            return True
        bad_enough = SEVERITIES.index(message.severity) >= SEVERITIES.index(self.least)
        return (bad_enough or message.over) and (not self.topics or message.topic in self.topics)

    def hushed(self, message: Message, minute: int | None) -> bool:
        """Whether it has to wait for the end of the quiet hours; ``minute`` of the day."""
        if self.quiet is None or minute is None or message.topic is Topic.TEST:
            return False
        first, last = self.quiet
        inside = first <= minute < last if first < last else minute >= first or minute < last
        return inside and SEVERITIES.index(message.severity) < SEVERITIES.index(self.through)


SMS_KEEP = 3600.0
"""Seconds: a text message later than that tells nothing."""
_BATCH = {Via.NTFY: 20, Via.WEBHOOK: 50, Via.MAIL: 100, Via.SNS: 20, Via.SMS: 5}


def channels(notify: Notify, receivers: Iterable[Receiver], hooks: Iterable[str]) -> tuple[Channel, ...]:
    """Everybody who is told."""
    topics = frozenset(map(Topic, notify.topics))
    made = [_of(each, notify, topics) for each in receivers]
    made += [
        Channel(
            name=f"{HOOK}:{name}",
            via=HOOK,
            reach=Reach.NOTHING,
            least=Severity.INFO,
            topics=topics,
            keep=notify.keep,
        )
        for name in hooks
    ]
    return tuple(made)


def _of(receiver: Receiver, notify: Notify, topics: frozenset[Topic]) -> Channel:
    sms = receiver.via is Via.SMS
    quiet = receiver.quiet and receiver.via is not Via.WEBHOOK
    return Channel(
        name=receiver.name,
        via=receiver.via.value,
        reach=_reach(receiver),
        least=Severity(receiver.severity.value),
        topics=topics,
        quiet=span(notify.quiet_hours) if quiet else None,
        through=Severity(notify.quiet_through.value),
        batch=_BATCH[receiver.via],
        keep=min(notify.keep, SMS_KEEP) if sms else notify.keep,
        after=notify.sms_after,
        always=receiver.always,
    )


def _reach(receiver: Receiver) -> Reach:
    match receiver.via:
        case Via.SMS:
            return Reach.MODEM
        case Via.MAIL:
            host = host_and_port(receiver.server)[0]
        case Via.NTFY | Via.WEBHOOK:
            host = urlsplit(receiver.to).hostname or ""
        case Via.SNS:
            return Reach.LINE
    return Reach.NOTHING if in_the_house(host) else Reach.LINE
