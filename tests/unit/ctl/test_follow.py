"""Long work, told as it goes on: steps, states, results, and the exit code at the end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import failberry
from failberry.control import service
from failberry.control.document import encode
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import Snapshot, StepView
from failberry.core.steps import Rung
from failberry.ctl import ATTENTION, OK, WAITING, follow
from failberry.ctl.__main__ import main
from failberry.ctl.screen import view
from tests.unit.control.simulated import DEADLINE, SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL, HUNG, PIN_CURE, PIN_REFUSED

ROOT = Path(failberry.__file__).parents[1]
Captured = pytest.CaptureFixture[str]

WHY = "the owner asked for it"


def step(rung: Rung, *, age: float, result: str = "", cause: str = "owner") -> StepView:
    return StepView(rung=rung, cause=cause, why=WHY, result=result, age=age)


def at(state: ModemState, reason: str, *steps: StepView, **modem: object) -> Snapshot:
    """The mobile line is down, and these steps were taken, newest first."""
    return replace(
        HUNG,
        modem=replace(
            ALL_WELL.modem, state=state, reason=reason, state_for=0.1, next="", next_in=None, **modem
        ),  # type: ignore[arg-type]
        recovery=replace(HUNG.recovery, next=None, next_in=None, steps=steps),
    )


def up(*steps: StepView) -> Snapshot:
    """A new session."""
    return replace(
        ALL_WELL,
        modem=replace(ALL_WELL.modem, sessions=ALL_WELL.modem.sessions + 1, state_for=0.1),
        recovery=replace(ALL_WELL.recovery, steps=steps),
    )


def story(rung: str = "power_cycle", before: Snapshot = ALL_WELL) -> follow.Story:
    return follow.Story(view(encode(before)), rung=rung)


def news(told: follow.Story, status: Snapshot, elapsed: float) -> tuple[list[str], int | None]:
    return told.news(view(encode(status)), elapsed)


def test_a_power_cycle_that_helps() -> None:
    told = story()
    assert news(told, ALL_WELL, 0.1) == ([], None)
    assert news(told, at(ModemState.DISCONNECTING, "the owner asked: cut the modem's power"), 0.5) == (
        ["modem disconnecting (hanging up): the owner asked: cut the modem's power"],
        None,
    )
    cutting = at(ModemState.UNKNOWN, "hung up", step(Rung.POWER_CYCLE, age=0.5))
    assert news(told, cutting, 2.0) == (
        [f"step: cut the modem's power: {WHY}", "modem unknown (waiting): hung up"],
        None,
    )
    assert news(told, cutting, 2.5) == ([], None)
    assert news(told, up(step(Rung.POWER_CYCLE, age=40.0, result="helped")), 42.0) == (
        [
            "result: cut the modem's power: helped",
            "modem connected: the network granted 198.51.100.23",
            "The mobile line is up.",
        ],
        OK,
    )


def test_steps_of_before_are_no_news() -> None:
    old = step(Rung.RADIO, age=30.0, result="no answer", cause="hung")
    told = story(before=HUNG)
    status = at(ModemState.UNKNOWN, HUNG.modem.reason, step(Rung.POWER_CYCLE, age=1.0), old)
    assert news(told, status, 2.0)[0] == [f"step: cut the modem's power: {WHY}"]


def test_the_session_of_before_is_no_success() -> None:
    assert news(story(), ALL_WELL, 20.0)[1] is None


def test_a_step_that_cannot_be_taken_is_a_failure() -> None:
    refused = step(Rung.POWER_CYCLE, age=1.0, result="not possible: this hub does not switch power")
    lines, code = news(story(), at(ModemState.UNKNOWN, "hung up", refused), 3.0)
    assert code == ATTENTION
    assert "result: cut the modem's power: not possible: this hub does not switch power" in lines


def test_the_ladders_own_step_is_not_taken_for_ours() -> None:
    theirs = step(Rung.POWER_CYCLE, age=1.0, result="not possible: hub", cause="hung")
    assert news(story(), at(ModemState.UNKNOWN, "hung up", theirs), 3.0)[1] is None


def test_what_needs_a_person_ends_it() -> None:
    lines, code = news(story(), replace(PIN_REFUSED, modem=replace(PIN_REFUSED.modem, state_for=1.0)), 30.0)
    assert code == ATTENTION
    assert lines[-1] == f"It needs you. {PIN_CURE}"
    # It was so before the request: what that led to is not seen yet.
    assert news(story(before=PIN_REFUSED), PIN_REFUSED, 0.2) == ([], None)


def test_a_dial_that_fails_ends_a_redial_and_nothing_else() -> None:
    failed = at(ModemState.UNKNOWN, "NO CARRIER", failures=1)
    failed = replace(failed, modem=replace(failed.modem, next="dial again", next_in=4.2))
    assert news(story("redial"), failed, 9.0)[0][-1] == "The dial failed. Next: dial again in 5 s."
    assert news(story("redial"), failed, 9.0)[1] == ATTENTION
    assert news(story("modem_reboot"), failed, 9.0)[1] is None


# --- the whole program -----------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@contextlib.contextmanager
def playing(place: Path, monkeypatch: pytest.MonkeyPatch, *scenes: Snapshot) -> Iterator[SimulatedAppliance]:
    """A daemon that plays these scenes once it is asked for something."""
    monkeypatch.setattr(service, "WATCH_GAP", 0.01)
    appliance = SimulatedAppliance()
    with daemon(place, appliance) as changed:

        def play() -> None:
            for number, scene in enumerate(scenes):
                asyncio.get_running_loop().call_later(0.05 * number, show, scene)

        def show(scene: Snapshot) -> None:
            appliance.snapshot = scene
            changed()

        appliance.on_step = play
        yield appliance


@pytest.mark.parametrize(
    ("words", "rung", "asked"),
    [
        (["reset"], Rung.MODEM_REBOOT, "modem_reboot force=False"),
        (["reset", "--usb"], Rung.USB_RESET, "usb_reset force=False"),
        (["power-cycle"], Rung.POWER_CYCLE, "power_cycle force=False"),
        (["power-cycle", "--force"], Rung.POWER_CYCLE, "power_cycle force=True"),
    ],
)
def test_progress_until_the_line_is_up(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    words: list[str],
    rung: Rung,
    asked: str,
) -> None:
    scenes = (
        at(ModemState.UNKNOWN, "hung up", step(rung, age=0.0)),
        up(step(rung, age=0.1, result="helped")),
    )
    with playing(place, monkeypatch, *scenes) as appliance:
        assert main(["--socket", str(place), "modem", *words]) == OK
        assert appliance.asked == [asked]
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("    0 s  asked: ")
    assert " s  step: " in told[1]
    assert "helped" in told[-3]
    assert told[-1].endswith(" s  The mobile line is up.")


def test_redial_tells_how_it_goes_and_its_short_form_does_not(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with playing(place, monkeypatch, up()) as appliance:
        assert main(["--socket", str(place), "modem", "redial"]) == OK
        assert capsys.readouterr().out.splitlines()[-1].endswith("The mobile line is up.")
        for words in (["redial"], ["modem", "redial", "--no-wait"]):
            assert main(["--socket", str(place), *words]) == OK
            assert "status --watch" in capsys.readouterr().out
        assert appliance.asked == ["redial"] * 3


def test_a_deadline_ends_the_watching(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(follow, "DEADLINE", 0.05)
    with playing(place, monkeypatch, *[at(ModemState.UNKNOWN, f"scene {n}") for n in range(9)]):
        assert main(["--socket", str(place), "modem", "reset"]) == WAITING
    assert "The mobile line is not up yet. failberryd goes on" in " ".join(capsys.readouterr().out.split())


def test_ctrl_c_ends_the_watching_and_not_the_work(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A shell starts background jobs deaf to Ctrl-C, and pytest may be one.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from failberry.ctl.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", program, "--socket", str(place), "modem", "reset"]
    with (
        playing(place, monkeypatch) as appliance,
        subprocess.Popen(
            words, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watcher,
    ):
        assert watcher.stdout is not None
        assert watcher.stderr is not None
        assert "asked" in watcher.stdout.readline()
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(DEADLINE) == 130
        assert "the work goes on" in watcher.stderr.read()
        assert appliance.asked == ["modem_reboot force=False"]
