"""Work that takes a while: asked for, then told step by step until the mobile line is up again."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import ATTENTION, OK, WAITING
from failberry.ctl.repair import step_words
from failberry.ctl.screen import STATES, view
from failberry.ctl.status import understood
from failberry.ctl.style import Style
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.core.snapshot import Snapshot, StepView

DEADLINE = 300.0
"""Seconds: hang up, ten without power, a minute to come back, two for the network, one to dial."""
TICK = 1.0
LATER = "`failberryctl status --watch` shows how it goes on."
_SLACK = 0.5
"""Seconds by which the daemon's clock may seem to lag: the document took its way."""
_INDENT = 9


def follow(arguments: SimpleNamespace, ask: Callable[[], None], *, rung: str, deadline: float = 0.0) -> int:
    """Ask for a step, tell what happens, and return what came of it as an exit code.

    ``ask`` raises what :func:`failberry.control.client.call` raises.  Ctrl-C ends the watching only.
    """
    style = Style.of(sys.stdout, os.environ)
    # The look before the request comes first, so that nothing that follows from it is missed.
    reports = client.watch(arguments.socket, tick=TICK)
    before = next(each for each in reports if each is not None)
    if not understood(before):
        return ATTENTION
    ask()
    story = Story(view(before), rung=rung)
    started = time.monotonic()
    try:
        tell = partial(_tell, style, as_json=getattr(arguments, "json", False))
        tell(0.0, f"asked: {step_words(rung)}")
        for document in reports:
            elapsed = time.monotonic() - started
            code = None
            if document is not None:
                lines, code = story.news(view(document), elapsed)
                for line in lines:
                    tell(elapsed, line)
            if code is not None:
                return code
            if elapsed > (deadline or DEADLINE):
                tell(elapsed, f"The mobile line is not up yet. failberryd goes on: {LATER}")
                return WAITING
    except KeyboardInterrupt:
        print(f"\nNo longer watching; the work goes on: {LATER}", file=sys.stderr)
        return 130
    raise AssertionError("a watch ends only by an exception")


class Story:
    """What is news in each report, and how it ended.  Pure."""

    def __init__(self, before: Snapshot, *, rung: str) -> None:
        self._rung = rung
        self._sessions = before.modem.sessions
        self._state = (before.modem.state, before.modem.reason)
        self._results: list[str] = []
        """Of each step since the request, as far as it was told."""

    def news(self, status: Snapshot, elapsed: float) -> tuple[list[str], int | None]:
        """What to tell of this report, ``elapsed`` seconds after the request; the exit code at the end."""
        steps = [each for each in reversed(status.recovery.steps) if each.age <= elapsed + _SLACK]
        lines = self._steps(steps)
        modem = status.modem
        if (state := (modem.state, modem.reason)) != self._state:
            self._state = state
            meaning = STATES.get(modem.state)
            words = f" ({meaning})" if meaning else ""
            lines.append(f"modem {modem.state}{words}: {modem.reason}")
        ending, code = self._ending(status, steps, elapsed)
        return [*lines, *filter(None, [ending])], code

    def _steps(self, steps: list[StepView]) -> list[str]:
        lines = []
        for number, step in enumerate(steps):
            if number == len(self._results):
                self._results.append("")
                lines.append(f"step: {step_words(step.rung)}: {step.why}")
            if step.result != self._results[number]:
                self._results[number] = step.result
                lines.append(f"result: {step_words(step.rung)}: {step.result}")
        return lines

    def _ending(self, status: Snapshot, steps: list[StepView], elapsed: float) -> tuple[str, int | None]:
        modem = status.modem
        if status.cellular.state == "up" and modem.sessions > self._sessions:
            return "The mobile line is up.", OK
        ours = next((each for each in steps if each.cause == "owner" and each.rung == self._rung), None)
        if ours is not None and ours.result.startswith("not possible"):
            return "That could not be done; failberryd dials again.", ATTENTION
        fresh = modem.state_for <= elapsed + _SLACK
        if fresh and modem.state == "failed":
            return f"It needs you. {modem.advice or modem.reason}", ATTENTION
        if fresh and self._rung == "redial" and modem.state == "unknown" and modem.failures:
            wait = f" in {duration(math.ceil(modem.next_in))}" if modem.next_in is not None else ""
            return f"The dial failed. Next: {modem.next}{wait}.", ATTENTION
        return "", None


def _tell(style: Style, elapsed: float, text: str, *, as_json: bool) -> None:
    if as_json:
        import json  # late: only programs want it

        print(json.dumps({"version": 1, "seconds": round(elapsed, 3), "words": text}), flush=True)
        return
    lines = style.wrap(text, first=f"{elapsed:5.0f} s  ", rest=" " * _INDENT)
    print("\n".join(lines), flush=True)
