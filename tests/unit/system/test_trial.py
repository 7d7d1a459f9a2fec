"""Whether a new slot is kept, from what its daemon says over time; and what is written down of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failberry.control.document import encode
from failberry.core.snapshot import LineState, UplinkName
from failberry.system import slots, trial
from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Finding, Slot, SlotEnv
from failberry.system.trialnotes import NO_SIGN_OF_LIFE, went_back
from failberry.system.trialwatch import (
    ANSWERED_WITHIN,
    GIVE_UP_AFTER,
    GOOD_FOR,
    SILENCE,
    Judgement,
    Outcome,
    Seen,
    Trial,
    seen,
)
from tests.unit.ctl.scenarios import ALL_WELL
from tests.unit.system.slotcard import Card, World

WELL = Seen(passes=True, words="the wired line passes traffic")
ILL = Seen(passes=False, words="no line works")


def feed(trial: Trial, what: Seen | None, start: float, until: float) -> Judgement:
    """The same again and again, every five seconds; stops at a verdict."""
    now = start
    while True:
        running = replace(what, running_for=now) if what is not None else None
        judgement = trial.status(running, now) if running is not None else trial.silence("refused", now)
        if now >= until or judgement.outcome is not Outcome.WATCH:
            return judgement
        now += 5.0


def test_five_minutes_of_traffic_are_kept() -> None:
    watch = Trial(0.0)
    assert feed(watch, ILL, 0.0, 60.0).outcome is Outcome.WATCH
    judgement = feed(watch, WELL, 65.0, 65.0 + GOOD_FOR)
    assert judgement.outcome is Outcome.COMMIT
    assert "5 min" in judgement.reason


def test_a_gap_begins_anew() -> None:
    watch = Trial(0.0)
    feed(watch, WELL, 0.0, GOOD_FOR - 10)
    feed(watch, ILL, GOOD_FOR - 5, GOOD_FOR - 5)
    assert feed(watch, WELL, GOOD_FOR, 2 * GOOD_FOR - 10).outcome is Outcome.WATCH
    assert feed(watch, WELL, 2 * GOOD_FOR - 5, 2 * GOOD_FOR + 10).outcome is Outcome.COMMIT


def test_a_daemon_that_keeps_restarting_is_not_kept() -> None:
    watch = Trial(0.0)
    judgement = watch.judge(0.0)
    now = 0.0
    while judgement.outcome is Outcome.WATCH:
        now += 5.0
        judgement = watch.status(replace(WELL, running_for=now % 60.0), now)
    assert judgement.outcome is Outcome.GIVE_UP
    assert "keeps restarting" in judgement.reason


def test_no_line_in_a_quarter_of_an_hour_is_given_up_with_the_reason() -> None:
    watch = Trial(100.0)
    assert feed(watch, ILL, 100.0, 100.0 + GIVE_UP_AFTER - 5).outcome is Outcome.WATCH
    judgement = watch.status(ILL, 100.0 + GIVE_UP_AFTER)
    assert judgement.outcome is Outcome.GIVE_UP
    assert "no line works" in judgement.reason


def test_a_daemon_that_never_answers_is_given_up() -> None:
    judgement = feed(Trial(0.0), None, 0.0, 2 * GIVE_UP_AFTER)
    assert judgement.outcome is Outcome.GIVE_UP
    assert "does not answer: refused" in judgement.reason


def test_a_short_silence_is_a_restart_of_the_daemon_and_no_gap_by_itself() -> None:
    watch = Trial(0.0)
    feed(watch, WELL, 0.0, 200.0)
    assert watch.silence("refused", 205.0).outcome is Outcome.WATCH
    assert feed(watch, WELL, 210.0, GOOD_FOR).outcome is Outcome.COMMIT
    watch = Trial(0.0)
    feed(watch, WELL, 0.0, 200.0)
    assert feed(watch, WELL, 201.0 + SILENCE, GOOD_FOR + 20).outcome is Outcome.WATCH


def test_a_line_that_comes_up_late_may_finish_its_proof() -> None:
    watch = Trial(0.0)
    feed(watch, ILL, 0.0, GIVE_UP_AFTER - 60)
    assert feed(watch, WELL, GIVE_UP_AFTER - 55, GIVE_UP_AFTER + GOOD_FOR).outcome is Outcome.COMMIT


def test_what_the_daemon_s_status_tells() -> None:
    well = replace(ALL_WELL, active=UplinkName.WIRED, wired=replace(ALL_WELL.wired, proven_age=3.0))
    assert seen(encode(well)) == replace(WELL, running_for=well.running_for)
    old = encode(replace(well, wired=replace(well.wired, proven_age=ANSWERED_WITHIN + 1)))
    assert not seen(old).passes
    never = encode(replace(well, wired=replace(well.wired, proven_age=None)))
    assert "nobody outside has answered" in seen(never).words
    suspect = encode(replace(well, wired=replace(well.wired, state=LineState.SUSPECT, reason="quiet")))
    assert seen(suspect).words == "the wired line is suspect: quiet"
    none = encode(replace(well, active=None))
    assert "no line works" in seen(none).words
    assert well.cellular.reason in seen(none).words


@pytest.mark.parametrize(
    "document", [{}, {"active": 5}, {"active": "wired"}, {"active": "wired", "wired": {}}]
)
def test_a_status_of_another_time_proves_nothing(document: dict[str, object]) -> None:
    assert not seen(document).passes


def tried(env: SlotEnv, *, hash_of_b: str = "n", note: str = "", seen_of_b: str = "", running: Slot) -> World:
    """What the ledger holds after a boot that finds ``env``."""
    card = Card.flashed()
    card.env = slots.render(env)
    world = World(card=card, slot=running, note=note)
    ledger = Ledger().with_slot(Slot.A, verdict=Verdict.GOOD)
    ledger = ledger.with_slot(Slot.B, verdict=Verdict.TRIAL, packages_hash=hash_of_b, seen=seen_of_b)
    world.write_ledger(ledger)
    trial.settle(world, running, at="2027-01-12T03:40:00+00:00")
    return world


def test_a_slot_of_which_nothing_was_ever_heard() -> None:
    ledger = tried(SlotEnv(rolledback=Slot.B), running=Slot.A).ledger()
    assert ledger.slots[Slot.B].verdict is Verdict.BAD
    assert ledger.slots[Slot.B].reason == ledger.last.reason == NO_SIGN_OF_LIFE
    assert ledger.refused is not None and ledger.refused.packages_hash == "n"


def test_a_slot_whose_linux_was_heard_but_never_its_verdict() -> None:
    said = "its Linux started; the daemon does not answer"
    ledger = tried(SlotEnv(rolledback=Slot.B), seen_of_b=said, note="its watch hung", running=Slot.A).ledger()
    assert said in ledger.last.reason
    assert "its watch hung" in ledger.last.reason


def test_who_gave_itself_up_is_not_contradicted() -> None:
    card = Card.flashed()
    world = World(card=card, slot=Slot.B)
    world.write_env(slots.begin_trial(SlotEnv(), Slot.B))
    trial.give_up(world, Slot.B, at="then", reason="no line passed traffic")
    assert slots.parse(card.env) == SlotEnv(slot=Slot.A)
    world.slot = Slot.A
    # As if the power had failed before slot.env was written, and U-Boot had used up the tries.
    world.write_env(SlotEnv(slot=Slot.A, rolledback=Slot.B))
    assert trial.settle(world, Slot.A, at="later") is Finding.ROLLED_BACK
    assert world.ledger().last.reason == "no line passed traffic"


def test_a_commit_that_was_cut_off_before_the_ledger_is_good() -> None:
    ledger = tried(SlotEnv(slot=Slot.B), running=Slot.B).ledger()
    assert ledger.slots[Slot.B].verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("env", "running", "words"),
    [
        (SlotEnv(trial=Slot.B, tries=2), Slot.A, "boot loader did not try"),
        (SlotEnv(slot=Slot.B), Slot.A, "could not be loaded"),
    ],
)
def test_other_findings_are_told(env: SlotEnv, running: Slot, words: str) -> None:
    world = tried(env, running=running)
    assert words in world.ledger().last.reason
    assert world.env() == SlotEnv(slot=running)


def test_a_damaged_sheet_is_written_anew() -> None:
    world = World(card=replace(Card.flashed(), env=b"\xff" * 512), slot=Slot.A)
    assert trial.settle(world, Slot.A, at="now") is Finding.DAMAGED
    assert world.env() == SlotEnv(slot=Slot.A)


def test_what_the_owner_went_back_from_is_not_made_again() -> None:
    ledger = Ledger().with_slot(Slot.B, verdict=Verdict.GOOD, packages_hash="n")
    ledger = ledger.with_slot(Slot.A, verdict=Verdict.GOOD, packages_hash="o")
    back = went_back(ledger, Slot.B, at="now")
    assert back.slots[Slot.B].verdict is Verdict.GOOD
    kept = back.judged(Slot.A, Verdict.GOOD, at="later", outcome="committed", reason="")
    assert kept.refused is not None and kept.refused.packages_hash == "n"
