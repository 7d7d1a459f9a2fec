"""`failberryctl system`: the card's slots, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from failberry.ctl import system as ctl
from failberry.ctl import systemscreen
from failberry.ctl.__main__ import main
from failberry.system import slots
from failberry.system.card import Card, Places
from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Slot, SlotEnv

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A card whose slot b was committed, and a systemctl that writes down what it was asked."""
    made = Places(
        command_line=tmp_path / "cmdline",
        firmware=tmp_path / "firmware",
        state=tmp_path / "state",
        runtime=tmp_path / "run",
    )
    for slot in Slot:
        (made.firmware / slot).mkdir(parents=True)
        (made.firmware / slot / "vmlinuz").write_bytes(b"kernel")
    made.runtime.mkdir()
    made.command_line.write_text("root=PARTUUID=fa11be44-03 failberry.slot=b\n")
    made.env.write_bytes(slots.render(SlotEnv(slot=Slot.B)))
    monkeypatch.setattr(ctl, "PLACES", made)
    monkeypatch.setattr(ctl, "TICK", 0.01)
    monkeypatch.setattr(ctl, "LOST_AFTER", 0.05)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    told = Ledger().with_slot(Slot.A, verdict=Verdict.GOOD, kernel="6.12.1", failberry="0.1.0")
    told = told.with_slot(
        Slot.B, kernel="6.12.2", failberry="0.2.0", packages_hash="n", made="2027-01-12T03:14:00"
    )
    told = told.judged(
        Slot.B,
        Verdict.GOOD,
        at="2027-01-12T03:31:00+00:00",
        outcome="committed",
        reason="a line passed traffic",
    )
    Card(made).write_ledger(told)
    program(tmp_path, monkeypatch, 'echo "$@" >>$0.asked')
    return made


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Have this run as systemctl."""
    path = folder / "systemctl"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setattr(ctl, "SYSTEMCTL", str(path))


def asked(places: Places) -> list[str]:
    """What systemctl was asked."""
    path = places.command_line.with_name("systemctl.asked")
    return path.read_text().splitlines() if path.exists() else []


def put(places: Places, text: str) -> None:
    places.env.write_text(text)


def test_on_a_debian_of_one_s_own_it_says_so(places: Places, capsys: Captured) -> None:
    places.command_line.write_text("root=/dev/sda1 quiet\n")
    for words in (["status"], ["update"], ["rollback", "--yes"], ["commit"]):
        assert main(["system", *words]) == 1
        assert "not started from a Failberry SD card" in capsys.readouterr().err
    assert asked(places) == []


def test_the_status_for_people(places: Places, capsys: Captured) -> None:
    assert main(["system", "status"]) == 0
    told = capsys.readouterr().out
    flat = " ".join(told.split())
    assert "Runs slot b, good, made 2027-01-12 03:14 UTC; Linux 6.12.2, Failberry 0.2.0" in flat
    assert "Other slot a, good; Linux 6.12.1, Failberry 0.1.0" in flat
    assert "Boot slot b is started" in flat
    assert "Last the last update is kept (2027-01-12 03:31 UTC): a line passed traffic" in flat
    assert max(map(len, told.splitlines())) <= 80


def test_the_status_for_programs(places: Places, capsys: Captured) -> None:
    assert main(["system", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["running"] == "b"
    assert told["slots"]["b"]["verdict"] == "good"
    assert told["last"]["outcome"] == "committed"
    assert told["boot"] == {"slot": "b", "trial": None, "tries": 0, "rolledback": None}
    assert told["progress"] is None


def test_what_was_given_up_stands_there_and_is_no_success(places: Places, capsys: Captured) -> None:
    card = Card(places)
    ledger = card.ledger().with_slot(Slot.A, packages_hash="newer")
    reason = "no line passed traffic"
    card.write_ledger(
        ledger.judged(Slot.A, Verdict.BAD, at="2027-02-01T03:20", outcome="gave-up", reason=reason)
    )
    assert main(["system", "status"]) == 1
    flat = " ".join(capsys.readouterr().out.split())
    assert "Other slot a, given up" in flat
    assert "Refused versions of 2027-02-01 03:20 UTC: no line passed traffic" in flat


@pytest.mark.parametrize(
    ("outcome", "code"), [("nothing", 0), ("trial", 0), ("waits", 4), ("refused", 1), ("failed", 1)]
)
def test_an_update_is_followed_to_its_end(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, outcome: str, code: int
) -> None:
    step = {"kind": "update", "running": True, "number": 2, "of": 7, "words": "copying", "percent": 41.0}
    end = {"kind": "update", "running": False, "outcome": outcome, "words": "because"}
    # The end comes once the watcher has seen nothing new for a while, and asks whether it still runs.
    says = f"""case $1 in
        start) echo '{json.dumps(step)}' >{places.progress} ;;
        is-active) echo '{json.dumps(end)}' >{places.progress} ;;
    esac
    echo "$@" >>$0.asked"""
    program(tmp_path, monkeypatch, says)
    assert main(["system", "update", "--again"]) == code
    told = capsys.readouterr().out
    assert "2/7 copying, 40 %" in told
    assert f"{outcome}: because" in told
    assert asked(places)[0] == "start --no-block failberry-update.service"
    assert json.loads(places.wish.read_text()) == {"again": True}


def test_an_update_that_dies_is_told(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    program(tmp_path, monkeypatch, "case $1 in is-active) exit 3 ;; show) echo failed ;; esac")
    assert main(["system", "update"]) == 1
    assert "ended without a word" in capsys.readouterr().err


def test_nobody_need_wait(places: Places, capsys: Captured) -> None:
    assert main(["system", "update", "--no-wait"]) == 0
    assert "failberryctl system status" in capsys.readouterr().out


def test_what_changes_something_is_for_root(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for words in (["update"], ["rollback"], ["commit"]):
        assert main(["system", *words]) == 1
        assert f"`sudo failberryctl system {words[0]}`" in capsys.readouterr().err
    assert main(["system", "status"]) == 0


def test_back_to_the_other_slot_which_has_to_prove_itself(places: Places) -> None:
    assert main(["system", "rollback", "--yes"]) == 0
    card = Card(places)
    assert card.env() == SlotEnv(slot=Slot.B, trial=Slot.A, tries=2)
    assert asked(places) == ["--no-block reboot"]
    refused = card.ledger().refused
    assert refused is not None
    assert refused.packages_hash == "n"


def test_back_from_a_trial_is_at_once(places: Places) -> None:
    put(places, "slot=a\ntrial=b\ntries=1\n")
    card = Card(places)
    card.write_ledger(card.ledger().with_slot(Slot.B, verdict=Verdict.TRIAL))
    assert main(["system", "rollback", "--yes"]) == 0
    assert card.env() == SlotEnv(slot=Slot.A)
    assert card.ledger().slots[Slot.B].verdict is Verdict.BAD


def test_there_must_be_something_to_go_back_to(places: Places, capsys: Captured) -> None:
    (places.firmware / "a/vmlinuz").unlink()
    assert main(["system", "rollback", "--yes"]) == 1
    assert "slot a has no kernel" in capsys.readouterr().err
    assert Card(places).env() == SlotEnv(slot=Slot.B)


def test_a_slot_that_was_given_up_is_entered_by_force_alone(places: Places, capsys: Captured) -> None:
    card = Card(places)
    card.write_ledger(card.ledger().with_slot(Slot.A, verdict=Verdict.BAD, reason="it panics"))
    assert main(["system", "rollback", "--yes"]) == 1
    assert "it panics" in capsys.readouterr().err
    assert main(["system", "rollback", "--yes", "--force"]) == 0


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("y\n", 1), ("", 1)])
def test_it_asks_before(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, code: int
) -> None:
    (tmp_path / "typed").write_text(typed)
    with (tmp_path / "typed").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert main(["system", "rollback"]) == code
    assert (asked(places) != []) == (code == 0)


def test_a_trial_is_kept_by_the_owner_s_word(places: Places, capsys: Captured) -> None:
    assert main(["system", "commit"]) == 1
    assert "not on trial" in capsys.readouterr().err
    put(places, "slot=a\ntrial=b\ntries=1\n")
    assert main(["system", "commit"]) == 0
    card = Card(places)
    assert card.env() == SlotEnv(slot=Slot.B)
    assert card.ledger().last.reason == "the owner said so"


STATE = {"last": {"at": "2027-01-12T03:31:00+00:00", "outcome": "committed", "reason": "it is well"}}


@pytest.mark.parametrize(
    ("state", "progress", "running", "line"),
    [
        ({}, {}, "a", ""),
        (STATE, {}, "", ""),
        (STATE, {}, "b", "slot b; the last update is kept (2027-01-12 03:31 UTC): it is well"),
        (
            {"last": {"at": "2027-01-12T03:31", "outcome": "nothing", "reason": "x"}},
            {},
            "a",
            "slot a; all packages are up to date, as of 2027-01-12 03:31 UTC",
        ),
        (
            STATE,
            {"kind": "trial", "running": True, "words": "a line passes traffic"},
            "b",
            "slot b; it is on trial: a line passes traffic",
        ),
        (
            STATE,
            {"kind": "update", "running": True, "number": 3, "of": 7, "words": "fetching", "percent": 12.3},
            "b",
            "slot b; update, step 3 of 7: fetching, 12 %",
        ),
        ({"slots": {}}, {}, "a", "slot a; it has never been updated"),
        (
            STATE,
            {"kind": "update", "running": False},
            "a",
            "slot a; the last update is kept (2027-01-12 03:31 UTC): it is well",
        ),
    ],
)
def test_one_line(state: dict[str, object], progress: dict[str, object], running: str, line: str) -> None:
    assert systemscreen.one_line(state, progress, running) == line


def test_no_control_character_of_a_package_reaches_the_terminal() -> None:
    line = systemscreen.one_line({"last": {"outcome": "failed", "reason": "\x1b[2J"}}, {}, "a")
    assert "\x1b" not in line


def test_the_status_has_that_line(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemscreen, "LEDGER", str(places.ledger))
    monkeypatch.setattr(systemscreen, "PROGRESS", str(places.progress))
    monkeypatch.setattr(systemscreen, "COMMAND_LINE", str(places.command_line))
    assert systemscreen.row().startswith("slot b; the last update is kept")
    places.ledger.write_text("{")
    assert systemscreen.row() == ""
    places.ledger.unlink()
    assert systemscreen.row() == ""


def test_a_reader_who_may_not_see_the_first_partition(places: Places, capsys: Captured) -> None:
    places.env.unlink()
    places.env.mkdir()
    assert main(["system", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["boot"] is None
