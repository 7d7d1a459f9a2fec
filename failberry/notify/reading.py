"""From events to messages: which event is news to a person, and which only an echo of one.  Pure.

What ends by itself within moments is *held*: a blip of the wired line, a redial.  What stands is told once,
and once that it is over; what comes up again and again is told every :data:`REPEAT` seconds at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.notify.messages import Heard, Message, Topic
from failberry.units import duration

BLIP = 20.0
"""Seconds on the mobile line before that is told."""
OFFLINE = 60.0
"""Seconds without any line before that is a state of its own."""
DEAD = 300.0
"""Seconds that the mobile line may be down in standby before that is told: a redial takes less."""
PROVEN = 30.0
"""Seconds that a mobile session has to last before the house is called online again."""
SOON = 5.0
AGAIN = 60.0
"""Seconds until what is held is looked at again, where it may change at any moment and where not."""
REPEAT = 6 * 3600.0
"""Seconds before the same is told again."""
MOST = 200
"""Conditions that are remembered."""

_POWER_CUT = 300.0
_TOPIC_OF_NOTICE = {
    "power-supply": Topic.POWER,
    "forwards-unreachable": Topic.NAMES,
    "health_address": Topic.NAMES,
    "update-failed": Topic.UPDATE,
    "version_refused": Topic.UPDATE,
}
_TRIFLES = {"bogus-dns", "no-power-switch", "stick-overlaps"}
"""Notices that need nobody at once."""
_OURS = "notify"
"""How the codes of notices begin that are about us: they must not make further messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the daemon's status says of the lines."""

    works: bool | None = None
    """Whether the house is online; ``None``: not known."""
    standby_dead: bool = False
    """Whether the mobile line is down, and not only resting."""
    active: str = ""
    """The line in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A condition that was told, or would have been."""

    told: float
    """When, by the event's time."""
    since: float
    over: bool = False
    silent: bool = False
    """Whether its coming up again was not told, so neither is its end."""


class Reader:
    """Takes events in their order; :meth:`state` is all that it must know after a restart."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        stored = state or {}
        self._wired: str = stored.get("wired", "")
        self._cellular: str = stored.get("cellular", "")
        self._active: str = stored.get("active", "")
        self._before: str = stored.get("before", "")
        """Kind of the last event."""
        self._offline_since: float | None = stored.get("offline_since")
        self._standing = {key: Standing(**each) for key, each in stored.get("standing", {}).items()}
        self._held = {key: Message(**_message(each)) for key, each in stored.get("held", {}).items()}
        self._due = dict.fromkeys(self._held, -math.inf)
        """Until when each is held; after a restart as long as at first."""

    def state(self) -> dict[str, Any]:
        """For :class:`Reader`, as JSON."""
        return {
            "wired": self._wired,
            "cellular": self._cellular,
            "active": self._active,
            "before": self._before,
            "offline_since": self._offline_since,
            "standing": {key: asdict(each) for key, each in self._standing.items()},
            "held": {key: asdict(each) for key, each in self._held.items()},
        }

    @property
    def held(self) -> int:
        """How many messages are held."""
        return len(self._held)

    def forget(self) -> None:
        """A new daemon, or a new history: nothing is known of the lines."""
        self._wired = self._cellular = self._active = ""

    def take(self, event: Heard, now: float) -> list[Message]:
        """Return what this event tells; ``now`` is of a clock that does not jump."""
        before, self._before = self._before, event.kind.value
        match event.kind:
            case RecordKind.STARTED:
                self.forget()
                return self._started(event, before)
            case RecordKind.VERDICT:
                return self._verdict(event, now)
            case RecordKind.FAILOVER | RecordKind.FAILBACK if event.target:
                self._active = event.target
                return (
                    self._gone_over(event, now) if event.target == "cellular" else self._gone_back(event, now)
                )
            case RecordKind.MODEM:
                return self._modem(event)
            case RecordKind.USAGE if event.severity is not Severity.INFO:
                return [_message_of(event, Topic.USAGE, _capital(event.what))]
            case RecordKind.NAMES if event.severity in (Severity.WARNING, Severity.ERROR):
                return self._raise(event, "names", Topic.NAMES, f"The house's name: {event.what}")
            case RecordKind.NOTICE:
                return self._notice(event)
            case _ if event.severity is Severity.ERROR and event.kind is not RecordKind.FAILOVER:
                title = f"{_capital(event.subject)}: {event.what}"
                return self._raise(event, f"{event.subject}:{event.what}", Topic.OTHER, title)
            case _:
                return []

    def due(self, lines: Lines, now: float) -> list[Message]:
        """Return what was held, and has not ended by itself."""
        told: list[Message] = []
        for key in [each for each, due in self._due.items() if due <= now]:
            message = self._held[key]
            if self._due[key] == -math.inf:
                self._due[key] = now + _PATIENCE.get(key, BLIP)
                continue
            if lines.works is None or lines.works is (key == "no-line"):
                # A line that has not been proven is none; one that has makes no outage.
                self._due[key] = now + (AGAIN if key == "no-line" else SOON)
                continue
            if key == "standby" and (not lines.standby_dead or self._offline_since is not None):
                self._due[key] = now + AGAIN  # in cold standby, just coming up, or told with the other line
                continue
            self._release(key)
            match key:
                case "online":
                    told += self._back_online(message)
                case "failback":
                    told += self._end_by("failover", message)
                case _:
                    told += self._stand(key, message)
        return sorted(told, key=lambda each: each.event)

    # --- lines --------------------------------------------------------------------------------------

    def _verdict(self, event: Heard, now: float) -> list[Message]:
        if not event.target or event.subject not in ("wired", "cellular"):
            return []
        down = event.target == "down"
        told: list[Message] = []
        if event.subject == "wired":
            self._wired = event.target
        else:
            self._cellular = event.target
            told += self._standby(event, now, down=down)
        if down:
            self._release("failback" if event.subject == "wired" else "online")
        both = self._wired == self._cellular == "down"
        if both and self._offline_since is None:
            self._offline_since = event.time
            title = "The house is offline: neither line works"
            message = _message_of(event, Topic.NO_LINE, title, severity=Severity.ERROR)
            self._hold("no-line", message, now + OFFLINE)
        elif not down and self._offline_since is not None:
            told += self._online(event, now)
        if event.subject == "wired" and not down and self._active == "wired":
            # The house never went back: the mobile line had died before, and no change of lines tells of it.
            self._release("failover")
            ended = self._end(event, "failover", Topic.FAILBACK, "The house is back on the wired line")
            told += [] if told else ended
        return told

    def _standby(self, event: Heard, now: float, *, down: bool) -> list[Message]:
        if down:
            message = _message_of(event, Topic.STANDBY, "The mobile line is dead", severity=Severity.WARNING)
            if "standby" not in self._held:
                self._hold("standby", message, now + DEAD)
            return []
        self._release("standby")
        return self._end(event, "standby", Topic.STANDBY, "The mobile line is well again")

    def _online(self, event: Heard, now: float) -> list[Message]:
        since = self._offline_since
        assert since is not None  # noqa: S101  (its only caller looked)
        if "standby" in self._due:
            self._due["standby"] = now + DEAD  # of two dead lines the other one has its time now
        line = "wired" if event.subject == "wired" else "mobile"
        lasted = duration(max(0.0, event.time - since))
        title = f"The house is online again, over the {line} line, after {lasted}"
        message = _message_of(event, Topic.NO_LINE, title, severity=Severity.NOTICE)
        if line == "wired":
            return self._back_online(message)
        # A session that comes up proves nothing yet.
        self._hold("online", message, now + PROVEN)
        return []

    def _back_online(self, message: Message) -> list[Message]:
        self._offline_since = None
        self._release("online")
        return [] if self._release("no-line") else self._end_by("no-line", message)

    def _gone_over(self, event: Heard, now: float) -> list[Message]:
        self._release("failback")
        stands = self._standing.get("failover")
        if "failover" not in self._held and (stands is None or stands.over):
            message = _message_of(event, Topic.FAILOVER, "The house is on the mobile line")
            self._hold("failover", message, now + BLIP)
        return []

    def _gone_back(self, event: Heard, now: float) -> list[Message]:
        if self._wired == "down" or event.target != "wired" or self._release("failover"):
            return []  # it is the mobile line that died; or it was not even told
        lasted = event.numbers.get("lasted") if event.kind is RecordKind.FAILBACK else None
        after = f", after {duration(lasted)}" if lasted is not None else ""
        title = f"The house is back on the wired line{after}"
        if event.kind is RecordKind.FAILBACK:
            return self._end(event, "failover", Topic.FAILBACK, title)
        if "failover" in self._standing:
            # The first choice of a new daemon, which has not asked anybody yet.
            message = _message_of(event, Topic.FAILBACK, title, severity=Severity.NOTICE)
            self._hold("failback", message, now + BLIP)
        return []

    # --- everything else ----------------------------------------------------------------------------

    def _started(self, event: Heard, before: str) -> list[Message]:
        if before in ("", RecordKind.STOPPED):
            return []
        if event.numbers.get("uptime", math.inf) < _POWER_CUT:
            title, why = "The Pi has started anew", "Power was cut, or it was reset; nobody had asked for it."
        else:
            title, why = "failberryd has started anew", "It had ended without being told to."
        message = _message_of(event, Topic.DAEMON, title, severity=Severity.WARNING)
        return [replace(message, text=why, cure="see `journalctl -u failberry`; the lines go on working")]

    def _modem(self, event: Heard) -> list[Message]:
        if event.what.startswith("locked ->") and event.target == "failed":
            title = "The SIM's PIN: a person is needed"
            return self._raise(event, "pin", Topic.PIN, title, severity=Severity.ERROR)
        if event.target == "failed":
            return self._raise(event, "modem", Topic.STANDBY, "The modem needs a person")
        if event.target in ("registered", "connected"):
            return [
                *self._end(event, "pin", Topic.PIN, "The SIM has taken its PIN"),
                *self._end(event, "modem", Topic.STANDBY, "The modem works again"),
            ]
        return []

    def _notice(self, event: Heard) -> list[Message]:
        if event.subject.startswith(_OURS):
            return []
        topic = _TOPIC_OF_NOTICE.get(event.subject, Topic.OTHER)
        if event.subject.startswith("names-"):
            topic = Topic.NAMES
        key = f"notice:{event.subject}"
        if event.what == "over":
            return self._end(event, key, topic, f"Over: {_capital(event.subject.replace('_', '-'))}")
        severity = Severity.NOTICE if event.subject in _TRIFLES else Severity.WARNING
        return self._raise(
            event, key, topic, _TITLES.get(topic, "Something needs attention"), severity=severity
        )

    # --- what stands --------------------------------------------------------------------------------

    def _hold(self, key: str, message: Message, due: float) -> None:
        self._held[key], self._due[key] = message, due

    def _release(self, key: str) -> bool:
        """Whether it was held; it is not any more."""
        self._due.pop(key, None)
        return self._held.pop(key, None) is not None

    def _raise(
        self, event: Heard, key: str, topic: Topic, title: str, *, severity: Severity | None = None
    ) -> list[Message]:
        return self._stand(key, _message_of(event, topic, title, severity=severity))

    def _stand(self, key: str, message: Message) -> list[Message]:
        stands = self._standing.get(key)
        if stands is not None and not stands.over:
            return []
        lately = stands is not None and message.time < stands.told + REPEAT and key not in _NEVER_SILENT
        told = stands.told if lately and stands is not None else message.time
        self._standing[key] = Standing(told=told, since=message.time, silent=lately)
        while len(self._standing) > MOST:
            del self._standing[next(iter(self._standing))]
        return [] if lately else [message]

    def _end(self, event: Heard, key: str, topic: Topic, title: str) -> list[Message]:
        return self._end_by(key, _message_of(event, topic, title, severity=Severity.NOTICE))

    def _end_by(self, key: str, message: Message) -> list[Message]:
        stands = self._standing.get(key)
        if stands is None or stands.over:
            return []
        self._standing[key] = replace(stands, over=True)
        return [] if stands.silent else [replace(message, over=True)]


_PATIENCE = {"no-line": OFFLINE, "standby": DEAD, "online": PROVEN}
_NEVER_SILENT = {"failover", "no-line"}
"""Each of these is told: who is away wants to know of each."""
_TITLES = {
    Topic.POWER: "The power supply is too weak",
    Topic.NAMES: "The house may not be reached from outside",
    Topic.UPDATE: "An update was taken back",
}


def _message_of(event: Heard, topic: Topic, title: str, *, severity: Severity | None = None) -> Message:
    why = _capital(event.why)
    return Message(
        id=f"{event.history[:12]}-{event.id}-{topic}",
        event=event.id,
        correlation=event.correlation,
        time=event.time,
        synced=event.synced,
        topic=topic,
        severity=severity or event.severity,
        title=title[:200],
        text=why if why.endswith((".", "!", "?")) or not why else f"{why}.",
        cure=event.next,
        kind=event.kind.value,
        subject=event.subject,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _message(stored: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(stored)
    return fields | {"topic": Topic(fields["topic"]), "severity": Severity(fields["severity"])}


def message_from(stored: Mapping[str, Any]) -> Message:
    """Read back what ``dataclasses.asdict`` made of a message."""
    return Message(**_message(stored))
