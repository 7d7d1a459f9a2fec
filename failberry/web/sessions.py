"""Who is logged in, and how often somebody may try to be.  Pure: time is an argument; all in memory."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

IDLE = 12 * 3600.0
"""Seconds after the last question."""
ABSOLUTE = 7 * 86_400.0
"""Seconds after the login."""
MOST = 32
"""Sessions at one time; the one that was quiet longest goes first."""
TRIES, TRY_EVERY = 5, 30.0
"""Attempts of one address at once, and seconds until it has another one."""
ALL_TRIES, ALL_EVERY = 20, 3.0
"""The same for everybody together."""
_MOST_ADDRESSES = 256


@dataclass(slots=True)
class Session:
    """One browser that knew the password."""

    csrf: str
    """What a change must bring along; another page cannot read it."""
    began: float
    seen: float

    def lives(self, now: float) -> bool:
        """Whether it has not ended by itself."""
        return now - self.seen < IDLE and now - self.began < ABSOLUTE


class Sessions:
    """Kept by the hash of their token: a copy of this memory is no key."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}

    def begin(self, now: float) -> tuple[str, Session]:
        """Begin one; return its token, for the cookie."""
        self._sessions = {key: each for key, each in self._sessions.items() if each.lives(now)}
        while len(self._sessions) >= MOST:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen)]
        token = secrets.token_urlsafe(32)
        session = self._sessions[_key(token)] = Session(csrf=secrets.token_urlsafe(32), began=now, seen=now)
        return token, session

    def find(self, token: str, now: float, *, touch: bool = True) -> Session | None:
        """Find the session of a token, if it lives; with ``touch`` it is used, and so lives on."""
        session = self._sessions.get(_key(token)) if token else None
        if session is None or not session.lives(now):
            return None
        if touch:
            session.seen = now
        return session

    def end(self, token: str) -> None:
        """Log out."""
        self._sessions.pop(_key(token), None)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Throttle:
    """How often somebody may try: buckets that fill with time."""

    def __init__(self) -> None:
        self._all = _Bucket(ALL_TRIES, ALL_EVERY)
        self._each: dict[str, _Bucket] = {}

    def wait(self, peer: str, now: float) -> float:
        """Take one attempt; or return the seconds until there is one."""
        if peer not in self._each and len(self._each) >= _MOST_ADDRESSES:
            # The oldest is the one that has had the longest to recover.
            del self._each[next(iter(self._each))]
        bucket = self._each.pop(peer, None) or _Bucket(TRIES, TRY_EVERY)
        self._each[peer] = bucket
        # Whoever waits for himself alone takes nothing from the others.
        return bucket.take(now) or self._all.take(now)

    def forgive(self, peer: str) -> None:
        """Forget the attempts of somebody who knew it after all."""
        self._each.pop(peer, None)


class _Bucket:
    __slots__ = ("_at", "_every", "_left", "_most")

    def __init__(self, most: int, every: float) -> None:
        self._most, self._every = most, every
        self._left, self._at = float(most), 0.0

    def take(self, now: float) -> float:
        self._left = min(self._most, self._left + (now - self._at) / self._every)
        self._at = now
        if self._left < 1:
            return (1 - self._left) * self._every
        self._left -= 1
        return 0.0
