"""The watch over a trial, asking a daemon on a real socket; and the script that ends a watch that hangs."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.core.snapshot import UplinkName
from failberry.system import slots, trial, trialwatch
from failberry.system.card import Card, Places
from failberry.system.slots import Slot, SlotEnv
from failberry.system.trialwatch import Outcome
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL

SCRIPT = Path(__file__).parents[3] / "image/root/usr/lib/failberry/trial-deadline"
WELL = replace(ALL_WELL, active=UplinkName.WIRED, wired=replace(ALL_WELL.wired, proven_age=1.0))


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card whose slot b is on trial; a minute passes in a hundredth of a second."""
    places = Places(
        command_line=tmp_path / "cmdline",
        firmware=tmp_path / "firmware",
        state=tmp_path / "state",
        runtime=tmp_path / "run",
    )
    places.firmware.mkdir()
    places.command_line.write_text("failberry.slot=b\n")
    made = Card(places)
    made.write_env(slots.begin_trial(SlotEnv(), Slot.B))
    monkeypatch.setattr(trial, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(trialwatch, "GOOD_FOR", 0.05)
    monkeypatch.setattr(trialwatch, "GIVE_UP_AFTER", 0.15)
    return made


def test_a_daemon_that_is_well_is_kept(card: Card, tmp_path: Path) -> None:
    appliance = SimulatedAppliance()
    appliance.snapshot = WELL
    with daemon(tmp_path / "control", appliance):
        judgement = trial.watch(card, Slot.B, socket=str(tmp_path / "control"))
    assert judgement.outcome is Outcome.COMMIT
    trial.commit(card, Slot.B, at="now", reason=judgement.reason)
    assert card.env() == SlotEnv(slot=Slot.B)


def test_a_daemon_without_a_line_is_given_up_with_the_reason_on_the_card(card: Card, tmp_path: Path) -> None:
    appliance = SimulatedAppliance()
    appliance.snapshot = replace(WELL, active=None)
    with daemon(tmp_path / "control", appliance):
        judgement = trial.watch(card, Slot.B, socket=str(tmp_path / "control"))
    assert judgement.outcome is Outcome.GIVE_UP
    assert "no line works" in judgement.reason
    assert "no line works" in card.ledger().slots[Slot.B].seen


def test_no_daemon_at_all(card: Card, tmp_path: Path) -> None:
    judgement = trial.watch(card, Slot.B, socket=str(tmp_path / "nowhere"))
    assert judgement.outcome is Outcome.GIVE_UP
    assert "does not answer" in judgement.reason


def deadline(card: Card, tmp_path: Path) -> str:
    """Run the script; return what it had asked for."""
    subprocess.run(
        ["sh", SCRIPT], check=True, timeout=20,
        env={
            "PATH": "/usr/bin:/bin",
            "FIRMWARE": str(card.places.firmware),
            "STATE": str(card.places.state),
            "COMMAND_LINE": str(card.places.command_line),
            "REBOOT": f"touch {tmp_path}/restarted",
        },
    )  # fmt: skip
    return "restart" if (tmp_path / "restarted").exists() else ""


def test_a_trial_without_a_verdict_is_restarted_and_leaves_a_note(card: Card, tmp_path: Path) -> None:
    card.places.state.mkdir()
    assert deadline(card, tmp_path) == "restart"
    assert "hung" in card.take_note()
    assert card.take_note() == ""


@pytest.mark.parametrize(
    "env",
    [
        slots.render(SlotEnv(slot=Slot.B)),
        slots.render(SlotEnv(slot=Slot.B, trial=Slot.A, tries=2)),
        b"trial=\r\nslot=b\r\n\0\0trial=b\n"[:20],
        b"",
    ],
)
def test_a_slot_that_was_kept_is_never_restarted(card: Card, tmp_path: Path, env: bytes) -> None:
    card.places.env.write_bytes(env)
    assert deadline(card, tmp_path) == ""


def test_no_card_of_ours(card: Card, tmp_path: Path) -> None:
    card.places.command_line.write_text("quiet\n")
    assert deadline(card, tmp_path) == ""
