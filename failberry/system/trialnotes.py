"""What is written down of a trial: at the boot that begins it, at its end, at the boot after it.  Pure."""

from __future__ import annotations

from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Boot, Finding, Slot

NO_SIGN_OF_LIFE = "the new slot did not start: no sign of life from its Linux"


def at_boot(boot: Boot, ledger: Ledger, running: Slot, *, at: str, note: str = "") -> Ledger:
    """Return the ledger after a boot of ``running`` that found this.

    ``note`` was left by whoever cut the last watch off; empty: nobody did.
    """
    other = running.other
    match boot.finding:
        case Finding.ON_TRIAL:
            return ledger.with_slot(running, verdict=Verdict.TRIAL, seen=f"its Linux started on {at}")
        case Finding.ROLLED_BACK:
            return _given_up(ledger, other, note, at=at)
        case Finding.NOT_TRIED:
            reason = "the boot loader did not try the new slot: is boot.scr still on the first partition?"
            return ledger.judged(other, Verdict.BAD, at=at, outcome="failed", reason=reason)
        case Finding.OTHER_GONE:
            reason = f"the kernel of slot {other} could not be loaded; the boot loader took slot {running}"
            gone = ledger.with_slot(other, verdict=Verdict.EMPTY, reason=reason)
            return _running_is_good(gone, running).ended(at, "mended", reason)
        case Finding.DAMAGED:
            reason = "slot.env was damaged, and has been written anew"
            return ledger.ended(at, "mended", reason)
        case Finding.NOTHING:
            return _running_is_good(ledger, running)


def _given_up(ledger: Ledger, slot: Slot, note: str, *, at: str) -> Ledger:
    record = ledger.slots[slot]
    if record.verdict is Verdict.BAD:
        # It gave itself up, and has told why.
        return ledger
    if note or record.seen:
        reason = "; ".join(filter(None, (record.seen, note or "it crashed, hung or lost its power")))
        reason = f"the new slot never came to a verdict: {reason}"
    else:
        reason = NO_SIGN_OF_LIFE
    return ledger.judged(slot, Verdict.BAD, at=at, outcome="rolled-back", reason=reason)


def _running_is_good(ledger: Ledger, running: Slot) -> Ledger:
    """It is the committed one: it was flashed, or what was found of it could not be written in time."""
    if ledger.slots[running].verdict in (Verdict.GOOD, Verdict.BAD):
        return ledger
    return ledger.without_refusal_of(running).with_slot(running, verdict=Verdict.GOOD, seen="")


def committed(ledger: Ledger, running: Slot, *, at: str, reason: str) -> Ledger:
    """Return the ledger once the slot on trial is to be kept."""
    return ledger.judged(running, Verdict.GOOD, at=at, outcome="committed", reason=reason)


def gave_up(ledger: Ledger, running: Slot, *, at: str, reason: str) -> Ledger:
    """Return the ledger once the slot on trial is not to be kept."""
    return ledger.judged(running, Verdict.BAD, at=at, outcome="gave-up", reason=reason)


def went_back(ledger: Ledger, running: Slot, *, at: str) -> Ledger:
    """Return the ledger when the owner goes back: what runs is not made again by the next update."""
    reason = "the owner went back from it"
    record = ledger.slots[running]
    back = ledger.judged(running, Verdict.BAD, at=at, outcome="rollback", reason=reason)
    if record.verdict is Verdict.TRIAL:
        return back
    # It stays the committed one until the other has proved itself.
    return back.with_slot(running, verdict=Verdict.GOOD, reason="")
