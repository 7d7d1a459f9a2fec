"""The stream for pipes and the live view for terminals, as processes of their own."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import failberry
from failberry.control.document import encode
from tests.unit.control.simulated import DEADLINE, SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL, NO_LINE, WAITING

ROOT = Path(failberry.__file__).parents[1]
UTF8 = {**os.environ, "LANG": "C.UTF-8", "TERM": "xterm"}
UTF8.pop("NO_COLOR", None)


# The program itself, but hurried: it redraws, and looks for a lost daemon, ten times a second.
PROGRAM = """
import signal, sys
# A shell starts background jobs deaf to Ctrl-C, and pytest may be one.
signal.signal(signal.SIGINT, signal.default_int_handler)
from failberry.ctl import __main__, live
live.TICK = 0.1
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@contextlib.contextmanager
def watching(place: Path, *words: str, terminal: int | None = None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, "--socket", str(place), "status", "--watch", *words]
    output = subprocess.PIPE if terminal is None else terminal
    with subprocess.Popen(
        command, cwd=ROOT, env=UTF8, stdout=output, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def block(program: subprocess.Popen[str]) -> str:
    """Read up to the last line of one report."""
    assert program.stdout is not None
    lines = []
    for line in program.stdout:
        lines.append(line)
        if line.startswith("failberryd "):
            assert program.stdout.readline() == "\n"
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_a_pipe_gets_one_block_for_each_change_until_the_daemon_goes(place: Path) -> None:
    appliance = SimulatedAppliance()
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving := contextlib.ExitStack())
        changed = serving.enter_context(daemon(place, appliance))
        program = stack.enter_context(watching(place))
        assert block(program).startswith("All is well.")
        appliance.snapshot = NO_LINE
        changed()
        assert block(program).startswith("No line works.")
        serving.close()
        assert program.wait(DEADLINE) == 3
        assert program.stderr is not None
        assert "closed the" in program.stderr.read()


def test_json_gets_one_line_for_each_change(place: Path) -> None:
    appliance = SimulatedAppliance()
    with daemon(place, appliance) as changed, watching(place, "--json") as program:
        assert program.stdout is not None
        assert json.loads(program.stdout.readline()) == encode(ALL_WELL)
        appliance.snapshot = WAITING
        changed()
        assert json.loads(program.stdout.readline()) == encode(WAITING)


class Screen:
    """The other end of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until this was shown; forget it and what came before."""
        give_up = time.monotonic() + DEADLINE
        while text not in self.seen:
            ready, _, _ = select.select([self._master], [], [], give_up - time.monotonic())
            assert ready, f"{text!r} was not shown; this was: {self.seen!r}"
            self.seen += os.read(self._master, 1 << 16).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]


def test_a_terminal_gets_one_screen_that_moves_and_outlives_the_daemon(place: Path) -> None:
    master, slave = pty.openpty()
    appliance = SimulatedAppliance(snapshot=replace(WAITING, modem=replace(WAITING.modem, next_in=505.9)))
    screen = Screen(master)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, master)
        stack.enter_context(first := contextlib.ExitStack())
        first.enter_context(daemon(place, appliance))
        program = stack.enter_context(watching(place, terminal=slave))
        os.close(slave)
        screen.wait_for("\x1b[?1049h")
        screen.wait_for("\x1b[1;1H\x1b[1;33mTraffic goes over the wired line. 1 problem:")
        screen.wait_for("dial again in 8 min 26 s")
        screen.wait_for("\x1b[?2026h\x1b[")  # what changed is written anew
        screen.wait_for("dial again in 8 min 25 s")
        first.close()
        screen.wait_for("Trying again; this is how it was")
        appliance.snapshot = ALL_WELL
        with daemon(place, appliance):
            screen.wait_for("\x1b[1;32mAll is well.")
            program.send_signal(signal.SIGINT)
            screen.wait_for("\x1b[?1049l")
            assert program.wait(DEADLINE) == 130
