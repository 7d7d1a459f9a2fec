"""Whether there shall be a session: dialled always, or only when it is needed.

A line in cold standby goes as far as the network (a stick that is a router: as far as the bus) and waits
there.  It is dialled when the other line fails, and once a day for a proof: a standby that nobody has tried
is none.  A data cap, or the owner, may forbid it altogether.
"""

from __future__ import annotations

from dataclasses import dataclass

from failberry.config import Config, Keep
from failberry.core.actions import LocateModem
from failberry.core.ask import Dialog
from failberry.core.dialogue import Wait
from failberry.core.events import ModemLocated, UsbChanged
from failberry.core.modem_known import Desk, Next, Outcome
from failberry.core.modem_state import ModemState

PROOF_EVERY = 86_400.0
"""Seconds between two proofs that a line in cold standby works."""
PROOF_PATIENCE = 300.0
"""Seconds after which a session nobody needs is ended, proven or not."""
SPARED = 15.0
"""Seconds for which a session stays although nobody needs it: after its start, and after a suspicion."""
CHECK = 30.0
"""Seconds between two looks, during the rest, whether the network, or the stick, is still there."""
NEXT = "dial as soon as the line is wanted and may be used"
COLD = "cold standby: dialled when needed"


@dataclass(slots=True)
class Standby:
    """What is wished of the session."""

    wanted: bool = False
    """Whether the house needs the line now, or may within moments."""
    forbidden: str = ""
    """Why it must not be used at all, in words; empty: it may."""
    asked: bool = False
    """Whether the owner asked to see it work."""
    proven_at: float | None = None
    """When something last came back over the line, in whichever session; ``None``: never."""

    spared_until: float = 0.0
    """The instant before which no session is ended for want of need."""

    def rests(self, config: Config, now: float) -> str:
        """Why there shall be no session now, in words; empty: dial."""
        if self.forbidden:
            return self.forbidden
        if config.cellular.standby is Keep.WARM or self.wanted or self.asked:
            return ""
        return "" if now >= self.proof_at(config, now) else COLD

    def proof_at(self, config: Config, now: float) -> float:
        """When the next proof is due; infinity where nothing may be asked."""
        if config.probe.cellular_budget <= 0:
            return float("inf")
        return now if self.proven_at is None else self.proven_at + PROOF_EVERY

    def over(self, config: Config, now: float, *, proven: bool, age: float) -> str:
        """Why the session that is up shall end, in words; empty: it stays."""
        if self.forbidden:
            return self.forbidden
        if config.cellular.standby is Keep.WARM or self.wanted or now < self.spared_until:
            return ""
        if proven:
            return "the mobile line works and is not needed now"
        blind = config.probe.cellular_budget <= 0 or age >= PROOF_PATIENCE
        return "the mobile line is not needed now" if blind else ""

    def spare(self, now: float) -> None:
        """Keep the session for a while: it has just begun, or somebody may soon need it."""
        self.spared_until = now + SPARED

    def proven(self, now: float) -> None:
        """Note that something has come back."""
        self.proven_at, self.asked = now, False


def rest(desk: Desk) -> Dialog[Outcome]:
    """Leave a stick that is a router alone until it is wanted: no lease, no address, its interface down."""
    while why := desk.standby.rests(desk.config, desk.now):
        desk.known.blocked, desk.next_step = why, NEXT
        yield Wait(seconds=CHECK, until=(UsbChanged,), nudge=True)
        located = yield LocateModem()
        if isinstance(located, ModemLocated) and located.hardware != desk.known.hardware:
            desk.known.blocked = ""
            return Next(state=ModemState.UNKNOWN, why="the stick is not where it was")
    desk.known.blocked = ""
    return Next(state=ModemState.CONNECTING, why="the mobile line is wanted")
