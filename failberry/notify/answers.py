"""What ``failberryctl notify`` is told, as documents (``docs/schema/notify-status.json``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One channel."""

    name: str
    via: str
    """ntfy, webhook, mail, sns, sms or hook."""
    waiting: int
    """Messages that wait."""
    oldest: float | None
    """Since when, in seconds since 1970."""
    held_back: str
    """What they wait for; empty: nothing."""
    last_sent: float | None
    """Seconds since 1970."""
    sent: int
    """Deliveries in the last 24 hours."""
    failures: int
    """In a row."""
    last_failure: str
    """Why the last one failed; empty: none did since the start."""
    next_in: float | None
    """Seconds until it is tried again."""
    dropped: int
    """Messages that were given up, and that the next delivery tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyView:
    """The notifier."""

    version: int = 1
    """Raised when a field goes away or changes its meaning."""
    following: bool
    """Whether it reads the history of a daemon that lives."""
    online: bool | None
    """Whether a line works; null: not known."""
    last: int | None
    """Id of the last event that was read."""
    held: int
    """Messages that are held for a moment, because they may be over before they are news."""
    channels: tuple[ChannelView, ...]
    problems: tuple[str, ...]
    """Hooks that are not run, and why; what the disk refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestView:
    """How a test went, of one channel."""

    channel: str
    via: str
    sent: bool
    words: str
    """What happened."""
