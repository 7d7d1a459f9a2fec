"""Messages as text for people and as JSON for programs.  Pure: the Pi's time zone is an argument."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from failberry.core.actions import Severity
from failberry.notify.messages import Message, worst
from failberry.notify.outbox import Delivery

Clock = Callable[[float], str]
"""Seconds since 1970 as a person on the spot reads them."""
VERSION = 1
"""Of the JSON for webhooks and hooks; raised when a field goes away or changes its meaning."""
_ICONS = {Severity.ERROR: "rotating_light", Severity.WARNING: "warning"}


def local(seconds: float) -> str:
    """Time of day, with the date."""
    return time.strftime("%d %b %H:%M", time.localtime(seconds))


def severity(delivery: Delivery) -> Severity:
    """The worst in it."""
    return worst([each.severity for each in delivery.messages])


def title(delivery: Delivery) -> str:
    """One line for all of it."""
    messages = delivery.messages
    if len(messages) == 1:
        return messages[0].title
    return f"{len(messages)} messages; last: {messages[-1].title}"


def body(delivery: Delivery, clock: Clock = local) -> str:
    """All of it, in sentences; without the title where that says the same."""
    messages = delivery.messages
    if len(messages) == 1:
        lines = list(_details(messages[0], clock))
    else:
        lines = [line for each in messages for line in (f"{_when(each, clock)}: {each.title}", *_more(each))]
    if delivery.dropped:
        lines.append(f"{delivery.dropped} older messages were dropped; `failberryctl events` has them all.")
    return "\n".join(lines)


def within(delivery: Delivery, most: int, clock: Clock = local) -> str:
    """As :func:`body`, in so many bytes: the newest keep their details; what is still too long is cut."""
    text = body(delivery, clock)
    if len(text.encode()) <= most or len(delivery.messages) == 1:
        return cut(text, most)
    told = [[f"{_when(each, clock)}: {each.title}"] for each in delivery.messages]
    last = "More: `failberryctl events`."
    room = most - sum(len(line.encode()) + 1 for [line] in told) - len(last)
    for lines, each in zip(reversed(told), reversed(delivery.messages), strict=True):
        more = list(_more(each))
        room -= sum(len(line.encode()) + 1 for line in more)
        if room < 0:
            break
        lines.extend(more)
    return cut("\n".join([line for lines in told for line in lines] + [last]), most)


def cut(text: str, most: int) -> str:
    """The beginning of it, in so many bytes of UTF-8."""
    if len(text.encode()) <= most:
        return text
    mark = "…"
    return text.encode()[: most - len(mark.encode())].decode(errors="ignore") + mark


def brief(delivery: Delivery, host: str, clock: Clock = local) -> str:
    """For a text message: what counts, and when."""
    return f"{host}: " + " / ".join(f"{_when(each, clock)} {each.title}" for each in delivery.messages)


def tags(delivery: Delivery) -> list[str]:
    """For ntfy: an icon (https://docs.ntfy.sh/emojis/)."""
    if all(each.over for each in delivery.messages):
        return ["white_check_mark"]
    icon = _ICONS.get(severity(delivery))
    return [icon] if icon else []


def document(delivery: Delivery, host: str) -> dict[str, Any]:
    """For programs: docs/howto/notifications.md describes it."""
    return {
        "version": VERSION,
        "id": delivery.id,
        "host": host,
        "dropped": delivery.dropped,
        "messages": [_fields(each) for each in delivery.messages],
    }


def environment(delivery: Delivery, host: str) -> dict[str, str]:
    """For hooks, of which each gets one message at a time."""
    message = delivery.messages[0]
    names = {
        "ID": message.id,
        "HOST": host,
        "TOPIC": message.topic.value,
        "SEVERITY": message.severity.value,
        "TITLE": message.title,
        "TEXT": message.text,
        "CURE": message.cure,
        "OVER": "1" if message.over else "0",
        "EVENT": str(message.event),
        "CORRELATION": str(message.correlation),
        "KIND": message.kind,
        "SUBJECT": message.subject,
        "TIME": _iso(message),
        "ATTEMPT": str(delivery.attempt),
    }
    return {f"FAILBERRY_{name}": value.replace("\0", "") for name, value in names.items()}


ENVIRONMENT = {
    "ID": "the same for the same message, also when a hook is run again",
    "HOST": "name of the Pi",
    "TOPIC": "what it is about, as in `notify.topics`; `test` from `failberryctl notify test`",
    "SEVERITY": "`info`, `notice`, `warning` or `error`",
    "TITLE": "one line",
    "TEXT": "the cause",
    "CURE": "what follows, or what to do; may be empty",
    "OVER": "`1`: it tells the end of something that was told before",
    "EVENT": "id of the event in the history; `0`: a test",
    "CORRELATION": "id of the event that began the story",
    "KIND": "of the event, as in docs/events.md",
    "SUBJECT": "of the event",
    "TIME": "when it happened, in UTC: `2026-11-22T14:03:00Z`; empty where the clock was not set",
    "ATTEMPT": "`1`, or more where a run before asked to be repeated or was killed",
}
"""What each variable of :func:`environment` means."""


def _fields(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "event": message.event,
        "correlation": message.correlation,
        "time": message.time,
        "synced": message.synced,
        "topic": message.topic.value,
        "severity": message.severity.value,
        "title": message.title,
        "text": message.text,
        "cure": message.cure,
        "over": message.over,
        "kind": message.kind,
        "subject": message.subject,
    }


def _details(message: Message, clock: Clock) -> Iterator[str]:
    yield from _more(message)
    yield f"({_when(message, clock)})"


def _more(message: Message) -> Iterator[str]:
    if message.text:
        yield message.text
    if message.cure:
        yield f"Next: {message.cure}."


def _when(message: Message, clock: Clock) -> str:
    return clock(message.time) if message.synced else "at a time not known"


def _iso(message: Message) -> str:
    if not message.synced:
        return ""
    return datetime.fromtimestamp(message.time, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
