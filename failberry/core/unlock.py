"""The SIM and its PIN: one attempt for each SIM and PIN, ever (see :mod:`failberry.core.pin`)."""

from __future__ import annotations

from failberry.at import commands
from failberry.at.codec import FinalResult
from failberry.at.parse import SimState
from failberry.at.results import explain
from failberry.core.actions import Report, Severity, StorePinRecord
from failberry.core.ask import Dialog, query, send
from failberry.core.causes import Cause, Remedy, cause_of_result
from failberry.core.dialogue import Wait
from failberry.core.events import PinRecordStored
from failberry.core.modem_known import Desk, Failed, Next, Outcome
from failberry.core.modem_state import ModemState
from failberry.core.pin import PinRecord, PinState, PinVerdict, judge

READY_TIMEOUT = 60.0
"""Seconds a SIM may take from the right PIN to READY."""

_FORGET = "`failberryctl modem forget-pin`"


def sim_outcome(desk: Desk, state: SimState) -> Dialog[Outcome]:
    """Say where a SIM in this state leads."""
    match state:
        case SimState.READY | SimState.SIM_PIN2 | SimState.SIM_PUK2:
            # PIN2 guards the SIM's fixed dialling numbers only; data needs none.
            radio, _ = yield from query(commands.QUERY_FUNCTION)
            if radio is not None and radio.level != 1:
                return Next(state=ModemState.DISABLED, why="the SIM is ready, the radio is off")
            return Next(state=ModemState.ENABLED, why="the SIM is ready")
        case SimState.SIM_PIN:
            return Next(state=ModemState.LOCKED, why="the SIM asks for its PIN")
        case SimState.SIM_PUK:
            advice = "Put the SIM into a telephone and enter the PUK there. Failberry never sends a PUK."
            return _human("the SIM is blocked and asks for its PUK", advice, state)
        case _:
            advice = "Use a SIM that this modem accepts, or have the lock removed by the carrier."
            return _human(f"the SIM or modem is locked: {state.value}", advice, state)


def _human(why: str, advice: str, state: SimState) -> Failed:
    return Failed(cause=Cause(remedy=Remedy.HUMAN, why=why, advice=advice, evidence=state.value))


def unlock(desk: Desk) -> Dialog[Outcome]:
    """Enter the PIN, if and only if the policy allows it."""
    pin = desk.config.cellular.pin
    iccid = yield from _read_iccid(desk)
    tries = None
    if desk.known.quirk.pin_tries is not None:
        tries, _ = yield from query(desk.known.quirk.pin_tries)
        desk.known.pin_tries = tries
    if desk.pin_records_problem is not None:
        return _latched(
            f"the memory of refused PINs cannot be read: {desk.pin_records_problem}",
            "Mend or remove the state file under /var/lib/failberry; without it no PIN is sent.",
        )
    left = tries.pin if tries is not None else None
    match judge(pin=pin, iccid=iccid, tries=left, records=desk.pin_records):
        case PinVerdict.NO_PIN:
            return _latched(
                "the SIM asks for a PIN and none is configured",
                "Set cellular.pin, or switch the PIN off in a telephone.",
            )
        case PinVerdict.ALREADY_REFUSED:
            return _latched(
                "this SIM has refused this PIN before, or the answer was lost; it is not tried again",
                f"Correct cellular.pin; if you are sure that it is right, run {_FORGET}.",
            )
        case PinVerdict.TOO_FEW_TRIES:
            return _latched(
                f"the SIM has only {left} PIN attempt left, and the last one is never used",
                "Enter the PIN in a telephone, which sets the counter back.",
            )
        case PinVerdict.SEND:
            return (yield from _enter_pin(desk, pin, iccid))


def _latched(why: str, advice: str) -> Failed:
    return Failed(cause=Cause(remedy=Remedy.PIN, why=why, advice=advice))


def _read_iccid(desk: Desk) -> Dialog[str | None]:
    for command in desk.known.quirk.iccid:
        iccid, _ = yield from query(command)
        if iccid:
            desk.known.iccid = iccid
            return iccid
    return None


def _enter_pin(desk: Desk, pin: str, iccid: str | None) -> Dialog[Outcome]:
    flying = PinRecord.of(iccid=iccid, pin=pin, state=PinState.IN_FLIGHT)
    stored = yield from _remember(desk, flying)
    if stored is not None:
        return _latched(
            f"the PIN attempt could not be written down first: {stored}",
            "Make room on, or mend, the disk under /var/lib/failberry.",
        )
    # The SIM may have been changed or unlocked while we wrote: ask once more, send only on the exact words.
    state, _ = yield from query(commands.QUERY_PIN)
    if state is not SimState.SIM_PIN:
        return Failed(cause=Cause(remedy=Remedy.SIM_WAIT, why="the SIM changed its mind about the PIN"))
    answer = yield from send(commands.enter_pin(pin))
    if answer.result is not None and answer.result.ok:
        yield from _remember(desk, PinRecord.of(iccid=iccid, pin=pin, state=PinState.GOOD))
        return (yield from _await_ready(desk))
    return (yield from _pin_not_taken(desk, pin, iccid, answer.result))


def _pin_not_taken(desk: Desk, pin: str, iccid: str | None, result: FinalResult | None) -> Dialog[Outcome]:
    if result is None:
        # In flight stays on the disk: whether the SIM saw it is not known, so it counts as refused.
        return _latched(
            "the modem did not say whether the SIM took the PIN; it is not tried again",
            f"Look at the SIM in a telephone, then run {_FORGET}.",
        )
    yield from _remember(desk, PinRecord.of(iccid=iccid, pin=pin, state=PinState.REFUSED))
    if desk.known.quirk.pin_tries is not None:
        desk.known.pin_tries, _ = yield from query(desk.known.quirk.pin_tries)
    error = explain(result)
    said = error.name if error is not None else result.text
    yield Report(
        subject="modem",
        what="PIN refused",
        why=said,
        next="it is never sent again",
        severity=Severity.ERROR,
    )
    return _latched(
        f"the SIM refused the configured PIN ({said}); it is not tried again",
        "Correct cellular.pin, or switch the PIN off in a telephone.",
    )


def _remember(desk: Desk, record: PinRecord) -> Dialog[str | None]:
    """Put the record on the disk and into memory; return the problem, if any."""
    answer = yield StorePinRecord(record=record)
    problem = answer.problem if isinstance(answer, PinRecordStored) else "no answer"
    if problem is None:
        others = tuple(each for each in desk.pin_records if not each.same_pair(record))
        desk.pin_records = (*others, record)
    return problem


def _await_ready(desk: Desk) -> Dialog[Outcome]:
    deadline = desk.now + READY_TIMEOUT
    answer = None
    while desk.now < deadline:
        state, answer = yield from query(commands.QUERY_PIN)
        if state is SimState.READY:
            return (yield from sim_outcome(desk, state))
        yield Wait(seconds=1.0)
    return Failed(cause=cause_of_result(answer, doing="waiting for the SIM after its PIN"))
