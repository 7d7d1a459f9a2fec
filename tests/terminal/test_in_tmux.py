"""What a person sees: the program in a real terminal of 80 and of 200 columns, with and without UTF-8."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import failberry
from failberry.core.snapshot import LineState, Snapshot, UplinkName
from tests.terminal.tmux import Pane, Tmux
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl import hours
from tests.unit.ctl.scenarios import NO_LINE, PIN_REFUSED

ROOT = Path(failberry.__file__).parents[1]
PROGRAM = "import sys; from failberry.ctl.__main__ import main; sys.exit(main(sys.argv[1:]))"
# What a doctor finds is given; how it is said is not.
DOCTOR = f"""
from failberry.ctl import doctor
from tests.unit.ctl.test_ctl_doctor import EVIDENCE
doctor.look = lambda *_: EVIDENCE
{PROGRAM}
"""
LETTERS = {"utf8": {"LANG": "C.UTF-8"}, "plain": {"LANG": "C"}}
SIZES = [(80, 24), (200, 50)]
CUT = replace(
    hours.WELL,
    active=UplinkName.CELLULAR,
    active_for=2.0,
    active_reason="the wired line is dead",
    wired=replace(
        hours.WELL.wired, state=LineState.DOWN, state_for=2.0, reason=f"{hours.SILENT} 5 pings in 0.5 s"
    ),
)
# A shell that tells how its terminal is set, before and after; it stays, so that there is something to see.
SHELL = """
trap : INT
before=$(stty -g); echo "the shell was here"; "$@"; code=$?
test "$before" = "$(stty -g)" && echo "ended with $code, as it was"
exec cat
"""


@dataclass
class House:
    """A daemon that tells what it is told to, and terminals to look at it."""

    tmux: Tmux
    place: Path
    appliance: SimulatedAppliance
    serving: contextlib.ExitStack
    changed: Callable[[], None] = lambda: None

    def serve(self) -> None:
        self.changed = self.serving.enter_context(daemon(self.place, self.appliance))

    def becomes(self, snapshot: Snapshot) -> None:
        self.appliance.snapshot = snapshot
        self.changed()

    def command(self, *words: str, program: str = PROGRAM) -> list[str]:
        return [sys.executable, "-c", program, "--socket", str(self.place), *words]

    def open(self, columns: int, rows: int, letters: str, *command: str, **more: str) -> Pane:
        environment = {"PATH": os.environ["PATH"], "TERM": "tmux-256color", "PYTHONPATH": str(ROOT)}
        return self.tmux.open(columns, rows, command, environment | LETTERS[letters] | more)

    def watch(self, columns: int = 80, rows: int = 24, letters: str = "utf8") -> Pane:
        """The live view, as somebody starts it at a prompt."""
        words = self.command("status", "--watch")
        return self.open(columns, rows, letters, "sh", "-c", SHELL, "sh", *words)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    now = time.time()
    appliance = SimulatedAppliance(
        snapshot=hours.WELL,
        clock=time.time,
        past=list(hours.news(now)),
        hour={UplinkName.WIRED: hours.wired(now), UplinkName.CELLULAR: hours.mobile(now)},
    )
    with contextlib.ExitStack() as serving, Tmux(tmp_path) as tmux:
        house = House(tmux=tmux, place=tmp_path / "control", appliance=appliance, serving=serving)
        house.serve()
        yield house


def judge(text: str, columns: int, letters: str) -> None:
    """Nothing too wide, nothing broken."""
    assert max(map(len, text.splitlines())) <= columns
    assert "\ufffd" not in text
    assert "Traceback" not in text
    if letters == "plain":
        assert text.isascii(), re.findall("[^\\x00-\\x7f]", text)


ENDS = {
    "status": "running for 3 days",
    "usage": "24 %",
    "events": "the wired line is good again",
    "doctor": "sudo",
}
"""What each command says near its end."""


@pytest.mark.parametrize("letters", LETTERS)
@pytest.mark.parametrize("columns", [80, 200])
def test_what_is_printed_once(house: House, columns: int, letters: str) -> None:
    panes = {
        word: house.open(
            columns, 60, letters, *house.command(word, program=DOCTOR if word == "doctor" else PROGRAM)
        )
        for word in ENDS
    }
    for word, pane in panes.items():
        pane.ended()
        text = pane.wait(ENDS[word])
        judge(text, columns, letters)
        # Prose is read in narrow columns, however wide the terminal is.
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b[" in pane.seen(colours=True)
        pane.close()


def test_no_colour_where_it_is_not_wanted(house: House) -> None:
    once = house.open(80, 50, "utf8", *house.command("status"), NO_COLOR="1")
    live = house.open(80, 24, "utf8", *house.command("status", "--watch"), NO_COLOR="1")
    once.ended()
    live.wait("q ends")
    assert "\x1b[" not in once.seen(colours=True)
    assert "\x1b[" not in live.seen(colours=True)


@pytest.mark.parametrize("letters", LETTERS)
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_live_view_changes_when_a_line_dies(house: House, columns: int, rows: int, letters: str) -> None:
    pane = house.watch(columns, rows, letters)
    text = pane.wait(lambda seen: "0/55 %" in seen and "failover: cellular -> wired" in seen)
    judge(text, columns, letters)
    assert "All is well. Traffic goes over the wired line." in text
    assert text.count("\n") == rows
    assert ("×××" if letters == "utf8" else "xxx") in text
    house.becomes(CUT)
    text = pane.wait("Traffic goes over the mobile line.")
    judge(text, columns, letters)
    assert re.search(r"Wired +down", text)
    for problem in (NO_LINE, PIN_REFUSED):
        house.becomes(problem)
        judge(pane.wait("2 problems" if problem is NO_LINE else "1 problem"), columns, letters)
    assert pane.told("#{alternate_on} #{cursor_flag}") == "1 0"
    pane.type("q")
    text = pane.wait("ended with 0, as it was")
    assert text.startswith("the shell was here\n")
    assert "Wired" not in text
    assert pane.told("#{alternate_on} #{cursor_flag} #{wrap_flag}") == "0 1 1"


@pytest.mark.parametrize(("ending", "code"), [("key", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_terminal_is_given_back_however_it_ends(
    house: House, ending: str | signal.Signals, code: int
) -> None:
    pane = house.watch()
    pane.wait("All is well.")
    if isinstance(ending, signal.Signals):
        told = subprocess.run(
            ["pgrep", "-f", f"{re.escape(str(house.place))} status --watch", "-P", pane.told("#{pane_pid}")],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        os.kill(int(told.stdout), ending)
    else:
        pane.type("C-c")
    text = pane.wait(f"ended with {code}, as it was")
    assert text.startswith("the shell was here\n")
    assert pane.told("#{alternate_on} #{cursor_flag} #{wrap_flag}") == "0 1 1"


def test_ctrl_z_gives_the_shell_its_screen_for_a_while(house: House) -> None:
    pane = house.open(80, 24, "utf8", "bash", "--norc", "--noprofile", "-i")
    pane.type(" ".join(house.command("status", "--watch", program="'" + PROGRAM + "'")), "Enter")
    pane.wait("q ends")
    pane.type("C-z")
    pane.wait("Stopped")
    assert pane.told("#{alternate_on} #{cursor_flag}") == "0 1"
    pane.type("fg", "Enter")
    pane.wait("q ends")
    pane.type("q")
    pane.wait(lambda _: pane.told("#{alternate_on}") == "0")


def test_the_daemon_may_go_and_come(house: House) -> None:
    pane = house.watch()
    pane.wait("All is well.")
    house.serving.close()
    # The socket's name may be long, and what stands behind it in the next line.
    text = pane.wait(lambda seen: "Trying again; this is how it was at" in " ".join(seen.split()))
    assert text.startswith("failberryd ")
    assert "Wired     up" in text
    judge(text, 80, "utf8")
    house.appliance.snapshot = NO_LINE
    house.serve()
    assert "Trying again" not in pane.wait("No line works.")


def test_it_fits_whatever_size_the_terminal_is_given(house: House) -> None:
    pane = house.watch()
    pane.wait("0/55 %")
    for columns, rows, shown in (
        (200, 50, "4 more|Mobile"),
        (80, 12, "Wired"),
        (40, 24, "Wired"),
        (80, 24, "loss"),
    ):
        pane.resize(columns, rows)
        text = pane.wait(
            lambda seen, rows=rows: seen.count("\n") == rows and seen.rstrip().endswith("q ends")
        )
        judge(text, columns, "utf8")
        assert re.search(shown, text)
