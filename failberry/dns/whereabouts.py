"""Which address the Internet finds a line at, of one family.

The interface's own, if it is one of the Internet.  Else (a router in front, a stick that is one, a carrier
that shares addresses) the one that our function sees, and only when two questions in a row say the same: one
answer may be wrong, and a carrier may use another address for each connection.  What the other line is found
at is never this line's: then the question went astray.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from failberry.core.facts import Address
from failberry.dns.checks import unreachable
from failberry.dns.pace import Pace, about

AGREE = 5.0
"""Seconds between two questions that shall agree."""
LOOK, LOOK_METERED = (600.0, 900.0), (3600.0, 5400.0)
"""Seconds between two looks whether it is still so; each costs a TLS handshake."""
ASTRAY = 60.0
STRAYS, UNSTEADY = 3, 300.0
"""Answers that agreed with none before, after which it is asked less often."""


@dataclass(slots=True)
class Whereabouts:
    """Pure; instants are the engine's."""

    family: int
    metered: bool
    reflector: bool
    """Whether there is anybody to ask."""
    dice: random.Random
    pace: Pace = field(init=False)
    own: Address | None = None
    """On the interface, and of the Internet."""
    hidden: Address | None = None
    """On the interface, where there is no such address."""
    seen_as: Address | None = None
    """What our function sees, agreed upon."""
    astray: Address | None = None
    """The other line's address, that it has seen instead."""
    useless: Address | None = None
    """An address that it has seen and that the Internet does not reach."""
    strays: int = 0
    _once: Address | None = None
    _translated: Address | None = None
    """An own address for which it has seen another."""
    _stale: bool = False
    """The line was away: what was agreed upon must be heard once more."""
    _due: float = 0.0

    def __post_init__(self) -> None:
        self.pace = Pace(self.dice)

    @property
    def address(self) -> Address | None:
        """Where the line is found, as far as that is known now."""
        if not self.translated:
            return self.own
        return None if self._stale else self.seen_as

    @property
    def translated(self) -> bool:
        """Whether somebody in front of the line translates its address."""
        return self.own is None or self.own == self._translated

    @property
    def heard_of(self) -> frozenset[Address]:
        """What our function has seen of it, agreed upon or not."""
        return frozenset(each for each in (self.seen_as, self._once) if each is not None)

    @property
    def exists(self) -> bool:
        """Whether the line has anything of this family."""
        return self.own is not None or self.hidden is not None

    def due(self, now: float) -> float | None:
        """When our function shall be asked; ``None``: there is no need, or nobody to ask."""
        if not self.reflector or not self.translated or not self.exists:
            return None
        return self.pace.due(self._due, now)

    # --- what happens ------------------------------------------------------------------------

    def observe(
        self, addresses: Iterable[Address], now: float, *, keep: Iterable[Address], anew: bool
    ) -> None:
        """Take the interface's addresses; of several, one of ``keep`` stays.  ``anew``: another session."""
        mine = [each for each in addresses if each.version == self.family]
        good = [each for each in mine if unreachable(each) is None]
        kept = [each for each in good if each in set(keep)]
        own = min(kept or good, key=_passing, default=None)
        # Of IPv6, a private address says nothing: translation is no rule there.
        hidden = mine[0] if own is None and mine and self.family == 4 else None
        if anew or (own, hidden) != (self.own, self.hidden):
            self.own, self.hidden = own, hidden
            self.seen_as = self._once = self._translated = self.astray = self.useless = None
            self.strays, self._stale, self._due = 0, False, now
            self.pace.reset()

    def lost(self) -> None:
        """Note that the line is not well: what is heard over it need not be its own."""
        self._once = None
        self._stale = self.translated

    def returned(self, now: float) -> None:
        """Note that the line is well again."""
        self.pace.reset()
        if self._stale:
            self._due = now + about(1.0, self.dice)

    def heard(self, address: Address, foreign: frozenset[Address] | None, now: float) -> None:
        """Take what our function sees.

        ``foreign``: what the other line is found at; as long as that is not known, nothing is agreed upon.
        """
        self.pace.reset()
        self.astray = address if foreign is not None and address in foreign else None
        self.useless = address if unreachable(address) is not None else None
        if self.astray or self.useless:
            self._once, self.strays = None, 0
            if self.seen_as == address:
                self.seen_as = None
            self._due = now + (about(ASTRAY, self.dice) if self.astray else self._pause())
        elif address == self.seen_as or (address == self._once and foreign is not None):
            self.seen_as, self._once, self._stale, self.strays = address, None, False, 0
            self._due = now + self._pause()
        else:
            self.strays += self._once not in (None, address)
            self._once = address
            self._due = now + about(AGREE if self.strays < STRAYS else UNSTEADY, self.dice)

    def disown(self, foreign: Iterable[Address], now: float) -> None:
        """Note which addresses the other line has itself: what was agreed upon may turn out to be one."""
        if self.seen_as is not None and self.seen_as in set(foreign):
            self.heard(self.seen_as, frozenset((self.seen_as,)), now)

    def contradicted(self, now: float) -> None:
        """Note that our function has seen another address than the one that was to be published."""
        if not self.translated:
            self._translated = self.own
        self.seen_as = self._once = None
        self._due = now

    def _pause(self) -> float:
        return self.dice.uniform(*(LOOK_METERED if self.metered else LOOK))


def _passing(address: Address) -> bool:
    """Whether an IPv6 address looks like one that is changed every day (RFC 8981).

    Made from the hardware's (RFC 4291 appendix A), or of a small number, it stays.
    """
    if address.version == 4:
        return False
    interface = address.packed[8:]
    return interface[3:5] != b"\xff\xfe" and any(interface[:4])
