"""``python3 -m failberry.system.update``: what failberry-update.service runs."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

from failberry.system.card import Card, Places
from failberry.system.updatehost import Host
from failberry.system.updateplan import STEPS, Step, Why
from failberry.system.updatesteps import Asker, Update, Wish

QUIET_FOR = 6 * 3600.0
"""Seconds for which the timer does not ask the archives again once they had nothing new."""


def main() -> int:
    """Run once; 0: it went as far as it may go now, whatever that is."""
    card = Card(Places())
    if card.running() is None:
        _log("this is no Failberry image: there is no failberry.slot= on the kernel command line")
        return 0
    runtime = card.places.runtime
    runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = os.open(runtime / "update.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log("another update is under way")
        return 0
    wish = take_wish(card.places.wish)
    nothing_new = runtime / "nothing-new"
    if wish.asker is Asker.TIMER and _age(nothing_new) < QUIET_FOR:
        return 0
    told = Telling(card)
    ending = Update(Host(card), told.step).run(wish)
    if ending.outcome == "nothing":
        nothing_new.touch()
    if ending.why is Why.WINDOW and wish.asker is Asker.TIMER:
        return 0
    card.tell(kind="update", running=False, outcome=ending.outcome, words=ending.reason, why=ending.why)
    _log(f"{ending.outcome}: {ending.reason}")
    return 0


class Telling:
    """Shows each step to whoever watches; in the journal, each once."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._said: Step | None = None

    def step(self, step: Step, percent: float | None) -> None:
        """It has come so far."""
        number, of = list(Step).index(step) + 1, len(Step)
        if step is not self._said:
            self._said = step
            _log(f"{number}/{of} {STEPS[step]}")
        self._card.tell(
            kind="update", running=True, step=step, number=number, of=of, words=STEPS[step], percent=percent
        )


def take_wish(path: Path) -> Wish:
    """Return what the owner wants, once; without a word of his it is the timer's run."""
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError):
        return Wish()
    path.unlink(missing_ok=True)
    return Wish(asker=Asker.OWNER, again=isinstance(told, dict) and told.get("again") is True)


def _age(path: Path) -> float:
    """Seconds since it was touched, by the clock on the wall; far off, if that was set meanwhile."""
    try:
        touched = path.stat().st_mtime
    except OSError:
        return float("inf")
    return max(0.0, time.time() - touched)


def _log(line: str) -> None:
    """To the journal."""
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
