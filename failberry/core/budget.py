"""The probe budget: what our own questions over the metered line may cost.

A bucket of bytes that fills all the time.  Of the month's budget a tenth is how much it holds, a tenth how
far it may go into debt, and the rest is what it is filled with in thirty days: so in any thirty days no more
is spent than the budget, whenever they begin.  Only what is asked while the wired line is dead comes on top:
it is counted, but the house shall not be blind because the month is used up.
"""

from __future__ import annotations

from failberry.core.facts import Address

MONTH = 30 * 86_400.0
_START = 1 / 30
"""Of the budget there is a day's worth at the start."""
_HOLDS = 1 / 10
_DEBT, _LEAST_DEBT = 1 / 10, 2000.0
"""However small the budget: enough to be sure of one line that is dead."""

# Bytes as IP counts them: a question, and a question with its answer.  An echo is one packet of a fixed size
# each way (RFC 792, RFC 4443); a query for the root comes back with an authority section (RFC 2308).
_ECHO = {4: (37, 74), 6: (57, 114)}
_NAME = {4: (45, 165), 6: (65, 205)}


def cost(
    targets: tuple[Address, ...],
    servers: tuple[Address, ...],
    *,
    targets_answered: int | None = None,
    servers_answered: int | None = None,
) -> int:
    """Bytes of one echo to each target and one query to each server; ``None``: all of them answer."""
    return _cost(targets, _ECHO, targets_answered) + _cost(servers, _NAME, servers_answered)


def _cost(peers: tuple[Address, ...], sizes: dict[int, tuple[int, int]], answered: int | None) -> int:
    whole = sorted((sizes[each.version][1] - sizes[each.version][0] for each in peers), reverse=True)
    # Who answered is not told: the dearest.
    return sum(sizes[each.version][0] for each in peers) + sum(whole[:answered])


class ProbeBudget:
    """Pure; instants are the engine's."""

    def __init__(self, megabytes: float) -> None:
        self.spent = 0
        """Bytes since the daemon started."""
        self._filled_at: float | None = None
        self._level = 0.0
        self._set(megabytes)
        self._level = self._whole * _START

    def _set(self, megabytes: float) -> None:
        self._whole = megabytes * 1e6
        self._holds = self._whole * _HOLDS
        self._debt = max(self._whole * _DEBT, min(_LEAST_DEBT, self._whole / 4))
        self._rate = (self._whole - self._holds - self._debt) / MONTH

    def reconfigure(self, megabytes: float) -> None:
        """Take a new budget; what is saved or owed stays, as far as it goes in."""
        self._set(megabytes)
        self._level = min(self._level, self._holds)

    @property
    def asks(self) -> bool:
        """Whether anything may be asked at all."""
        return self._whole > 0

    def affords(self, size: int, now: float, *, debt: bool = False) -> bool:
        """Whether so many bytes may be spent now; ``debt``: although later ones have to wait for it."""
        self._fill(now)
        return self.asks and self._level - size >= (-self._debt if debt else 0.0)

    def spend(self, size: int, now: float) -> None:
        """Note what a question cost; what was asked in need beyond all debt is not paid back."""
        self._fill(now)
        self.spent += size
        self._level = max(self._level - size, -self._debt)

    def _fill(self, now: float) -> None:
        since = now if self._filled_at is None else self._filled_at
        self._filled_at = max(since, now)
        self._level = min(self._holds, self._level + max(0.0, now - since) * self._rate)
