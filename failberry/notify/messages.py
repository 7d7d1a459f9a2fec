"""What somebody is told: one message, its topic, and what of the history it came from.  Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from failberry.core.actions import Severity
from failberry.core.history import SEVERITIES
from failberry.core.kinds import RecordKind

LONGEST = 600
"""Characters of a text that came from outside."""


class Topic(StrEnum):
    """What a message is about."""

    FAILOVER = "failover"
    FAILBACK = "failback"
    NO_LINE = "no-line"
    STANDBY = "standby"
    USAGE = "usage"
    POWER = "power"
    PIN = "pin"
    NAMES = "names"
    UPDATE = "update"
    DAEMON = "daemon"
    OTHER = "other"
    TEST = "test"


TOPIC_WORDS: Mapping[Topic, str] = {
    Topic.FAILOVER: "the house has gone over to the mobile line, for 20 s at least",
    Topic.FAILBACK: "the house is back on the wired line",
    Topic.NO_LINE: "no line has worked for a minute; and, afterwards, for how long that was",
    Topic.STANDBY: "the mobile line, which is not in use, has been dead for five minutes; it is well again",
    Topic.USAGE: "data used: a warning, the cap",
    Topic.POWER: "the power supply is too weak",
    Topic.PIN: "the SIM asks for a PIN that is wrong or not there: a person is needed",
    Topic.NAMES: "the house cannot be reached by its name or address",
    Topic.UPDATE: "an update has failed, and was taken back",
    Topic.DAEMON: "failberryd ended unexpectedly, or power was cut",
    Topic.OTHER: "what else needs a person",
    Topic.TEST: "`failberryctl notify test`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event of the history, as it was read (docs/events.md)."""

    history: str
    id: int
    time: float
    """Seconds since 1970."""
    synced: bool
    kind: RecordKind
    subject: str
    what: str
    why: str
    next: str
    severity: Severity
    correlation: int
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Behind the arrow of ``what``; empty: there is none."""
        _, arrow, after = self.what.rpartition("-> ")
        return after if arrow else ""


def heard(history: str, told: Mapping[str, Any]) -> Heard | None:
    """Read an event; ``None``: it is none that this version knows."""
    try:
        return Heard(
            history=history[:64],
            id=int(told["id"]),
            time=_finite(told["time"]),
            synced=bool(told["synced"]),
            kind=RecordKind(told["kind"]),
            subject=str(told["subject"])[:64],
            what=str(told["what"])[:LONGEST],
            why=str(told["why"])[:LONGEST],
            next=str(told["next"])[:LONGEST],
            severity=Severity(told["severity"]),
            correlation=int(told["correlation"]),
            numbers={str(name): _finite(value) for name, value in dict(told["numbers"]).items()},
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told."""

    id: str
    """The same for the same event, whenever it is sent: receivers may know it again by this."""
    event: int
    """The event's id in the history; 0: a test."""
    correlation: int
    time: float
    """When it happened: seconds since 1970."""
    synced: bool
    """Whether that could be believed."""
    topic: Topic
    severity: Severity
    title: str
    """One line."""
    text: str
    """The cause, in sentences."""
    cure: str = ""
    """What follows, or what to do; empty: nothing."""
    over: bool = False
    """Whether it tells the end of something that was told before."""
    kind: str = ""
    subject: str = ""


def worst(severities: list[Severity]) -> Severity:
    """Of several."""
    return max(severities, key=SEVERITIES.index)
