"""One attempt for each SIM and PIN, ever.

Three wrong PINs block a SIM and ten wrong PUKs destroy it, so a PIN is treated like a loaded gun:
what is known about it is on the disk, synced, before it is sent; a crash in between counts as a wrong
attempt; only the owner, another PIN or another SIM clears it.  A PUK is never sent at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class PinState(StrEnum):
    """What is known of one PIN on one SIM."""

    IN_FLIGHT = "in_flight"
    """About to be sent, or sent with the answer unknown: counts as refused until proven otherwise."""
    GOOD = "good"
    """This SIM has taken this PIN; it may be entered again after each loss of power."""
    REFUSED = "refused"


UNKNOWN_SIM = "unknown"
"""A SIM whose ICCID could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRecord:
    """One line of the memory: a PIN on a SIM, neither written down in clear."""

    sim: str
    """Digest of the ICCID, or :data:`UNKNOWN_SIM`."""
    pin: str
    state: PinState

    @classmethod
    def of(cls, *, iccid: str | None, pin: str, state: PinState) -> PinRecord:
        """Digest one (SIM, PIN) pair."""
        return cls(sim=_digest(iccid) if iccid else UNKNOWN_SIM, pin=_digest(pin), state=state)

    def same_pair(self, other: PinRecord) -> bool:
        """Whether both speak of the same PIN on what may be the same SIM.

        A SIM that could not be named may be any SIM, which errs on the side of the card.
        """
        return self.pin == other.pin and (self.sim == other.sim or UNKNOWN_SIM in (self.sim, other.sim))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"failberry").hexdigest()


class PinVerdict(StrEnum):
    """Whether the PIN may be sent now, and if not, why not."""

    SEND = "send"
    NO_PIN = "no_pin"
    ALREADY_REFUSED = "already_refused"
    TOO_FEW_TRIES = "too_few_tries"


def judge(*, pin: str, iccid: str | None, tries: int | None, records: tuple[PinRecord, ...]) -> PinVerdict:
    """Decide, on a SIM that asks for exactly ``SIM PIN``.

    ``tries`` is the number of attempts the SIM has left, ``None`` if the modem does not say.
    """
    if not pin:
        return PinVerdict.NO_PIN
    wanted = PinRecord.of(iccid=iccid, pin=pin, state=PinState.IN_FLIGHT)
    if any(each.same_pair(wanted) and each.state is not PinState.GOOD for each in records):
        return PinVerdict.ALREADY_REFUSED
    if tries is not None and tries < 2:
        return PinVerdict.TOO_FEW_TRIES
    return PinVerdict.SEND
