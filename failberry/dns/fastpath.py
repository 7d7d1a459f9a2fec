"""Whether the daemon itself holds the house's name on the mobile line, ahead of the health checks.

Level-triggered: at a start what Route 53 holds is set right once, so that a daemon that died in an outage
leaves nothing behind.  While the owner forces a line it is his: nothing is touched.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from failberry.core.names import NamesIntent
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import LASTING, Failed, Moved
from failberry.dns.pace import Pace


@dataclass(slots=True)
class FastPath:
    """Pure; instants are the engine's."""

    dice: random.Random
    pace: Pace = field(init=False)
    wanted: UplinkName | None = None
    holds: UplinkName | None = None
    """Where it was put last; says nothing until :attr:`known`."""
    since: float = 0.0
    known: bool = False
    trouble: Failed | None = None
    _opinion: bool = False
    """Whether anything is wanted at all."""

    def __post_init__(self) -> None:
        self.pace = Pace(self.dice)

    def observe(self, intent: NamesIntent | None, now: float) -> None:
        """Take what is known of the lines."""
        before = (self._opinion, self.wanted)
        wired = None if intent is None else intent.line(UplinkName.WIRED)
        dns = None if intent is None else intent.config.dns
        if intent is None or dns is None or intent.forced is not None:
            self._opinion, self.known = False, False
        elif not dns.fast:
            # Switched off while it held the name: let go.
            self._opinion, self.wanted = self.known and self.holds is not None, None
        elif intent.active is UplinkName.WIRED:
            self._opinion, self.wanted = True, None
        elif intent.active is UplinkName.CELLULAR and wired is not None and wired.state is LineState.DOWN:
            self._opinion, self.wanted = True, UplinkName.CELLULAR
        if before != (self._opinion, self.wanted):
            self.pace.reset()
            self.trouble = None

    def due(self, now: float) -> float | None:
        """When the name shall be moved; ``None``: it is where it should be."""
        if not self._opinion or (self.known and self.holds is self.wanted):
            return None
        return self.pace.due(0.0, now)

    def moved(self, forced: UplinkName | None, answer: Moved | Failed, now: float) -> None:
        """Take what came of moving it there."""
        if isinstance(answer, Moved):
            self.pace.reset()
            self.trouble = None
            if self.holds is not forced or not self.known:
                self.holds, self.since = forced, now
            self.known = True
            return
        # It may have been done all the same.
        self.known, self.trouble = False, answer
        self.pace.failed(now, lasting=answer.trouble in LASTING)
