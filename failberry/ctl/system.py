"""``failberryctl system``: the two slots of the SD card, and their updates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from failberry.ctl import ATTENTION, OK, WAITING, systemscreen
from failberry.ctl.commands import refuse
from failberry.ctl.screen import Page
from failberry.ctl.style import Style, clean
from failberry.system import slots, trial
from failberry.system.card import Card, Places, now
from failberry.system.ledger import Verdict
from failberry.system.slots import Slot
from failberry.system.trialnotes import went_back

PLACES = Places()
SYSTEMCTL = "systemctl"
UNIT = "failberry-update.service"
TICK = 0.5
LOST_AFTER = 5.0
"""Seconds without a word of progress after which systemd is asked whether the work is still going on."""
ASK_DEADLINE = 30.0
LATER = "`failberryctl system status` shows how it goes on."
_CODES = {"nothing": OK, "trial": OK, "waits": WAITING}


def run(arguments: SimpleNamespace) -> int:
    """Carry out one of the four commands."""
    card = Card(PLACES)
    running = card.running()
    if running is None:
        return refuse(
            "This system was not started from a Failberry SD card: there are no slots. Debian's own tools "
            "update it: `sudo apt update`, then `sudo apt upgrade`."
        )
    command = arguments.words.removeprefix("system ")
    if command == "status":
        return _status(arguments, card, running)
    if os.geteuid() != 0:
        return refuse(f"Only root may do that: `sudo failberryctl {arguments.words}`")
    try:
        match command:
            case "update":
                return _update(arguments, card)
            case "commit":
                return _commit(card, running)
            case _:
                return _rollback(arguments, card, running)
    except OSError as error:
        return refuse(f"It could not be done: {clean(str(error))}")


def _status(arguments: SimpleNamespace, card: Card, running: Slot) -> int:
    document: dict[str, Any] = {"schema": 1, "running": running}
    document |= {
        name: value for name, value in systemscreen.load(str(PLACES.ledger)).items() if name != "schema"
    }
    document["progress"] = systemscreen.load(str(PLACES.progress)) or None
    document["boot"] = _boot(card)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        page = Page(style=Style.of(sys.stdout, os.environ), clock=time.time())
        systemscreen.paint(page, document)
        print("\n".join(page.lines))
    return systemscreen.verdict(document)


def _boot(card: Card) -> dict[str, Any] | None:
    """What the boot loader will do; root alone may read its file."""
    try:
        env = card.env()
    except OSError:
        return None
    if env is None:
        return None
    return {"slot": env.slot, "trial": env.trial, "tries": env.tries, "rolledback": env.rolledback}


def _update(arguments: SimpleNamespace, card: Card) -> int:
    card.places.runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
    card.places.wish.write_text(json.dumps({"again": bool(arguments.again)}))
    card.places.progress.unlink(missing_ok=True)
    asked = _systemctl("start", "--no-block", UNIT)
    if asked.returncode != 0:
        return refuse(f"systemd did not start it: {clean(asked.stderr.strip())}")
    if arguments.no_wait:
        print(f"Asked. {LATER}")
        return OK
    try:
        return _follow(lambda: systemscreen.load(str(PLACES.progress)), is_active)
    except KeyboardInterrupt:
        print(f"\nNo longer watching; the work goes on: {LATER}", file=sys.stderr)
        return 130


def _follow(look: Callable[[], dict[str, Any]], active: Callable[[], bool]) -> int:
    """Tell each step with the seconds since the first, until it has ended."""
    style = Style.of(sys.stdout, os.environ)
    began = heard = time.monotonic()
    last: dict[str, Any] = {}
    shown = ""
    for told in _changes(look):
        elapsed = time.monotonic() - began
        if told is not None and told != last:
            heard, last = time.monotonic(), told
            line = _line(told)
            if line != shown:
                shown = line
                print("\n".join(style.wrap(line, first=f"{elapsed:5.0f} s  ", rest=" " * 9)), flush=True)
            if told.get("kind") == "update" and not told.get("running"):
                return _CODES.get(str(told.get("outcome")), ATTENTION)
        elif time.monotonic() - heard > LOST_AFTER:
            heard = time.monotonic()
            if not active() and look() == last:
                return refuse(f"It ended without a word. `journalctl -u {UNIT} -n 30` may tell why.")
    raise AssertionError("it ends by a return")


def _changes(look: Callable[[], dict[str, Any]]) -> Iterator[dict[str, Any] | None]:
    while True:
        yield look() or None
        time.sleep(TICK)


def _line(told: dict[str, Any]) -> str:
    words = clean(str(told.get("words", "")))
    if told.get("running"):
        percent = told.get("percent")
        # Each tenth is enough.
        far = f", {percent // 10 * 10:.0f} %" if isinstance(percent, int | float) else ""
        return f"{told.get('number')}/{told.get('of')} {words}{far}"
    return f"{clean(str(told.get('outcome')))}: {words}"


def is_active() -> bool:
    """Whether an update is under way, by systemd's word."""
    return _systemctl("is-active", "--quiet", UNIT).returncode == 0 or _systemctl(
        "show", "--property=ActiveState", "--value", UNIT
    ).stdout.strip() in ("activating", "deactivating")


def _commit(card: Card, running: Slot) -> int:
    env = card.env()
    if env is None or env.trial is not running:
        return refuse(f"Slot {running} is not on trial: it is kept already.")
    trial.commit(card, running, at=now(), reason="the owner said so")
    _systemctl("stop", "--no-block", "failberry-trial.service")
    print(f"Slot {running} is kept.")
    return OK


def _rollback(arguments: SimpleNamespace, card: Card, running: Slot) -> int:
    other, env, ledger = running.other, card.env(), card.ledger()
    record = ledger.slots[other]
    if not (card.places.firmware / other / "vmlinuz").exists():
        return refuse(f"There is nothing to go back to: slot {other} has no kernel on the first partition.")
    if record.verdict is Verdict.BAD and not arguments.force:
        return refuse(f"Slot {other} was given up: {clean(record.reason)}. --force goes there all the same.")
    if not arguments.yes and not _agreed(
        f"Restart into slot {other} (Linux {clean(record.kernel) or 'unknown'}, Failberry "
        f"{clean(record.failberry) or 'unknown'})?"
    ):
        return refuse("Nothing was changed.")
    on_trial = env is not None and env.trial is running
    card.write_ledger(went_back(ledger, running, at=now()))
    env = env or slots.SlotEnv(slot=running)
    # Behind a slot on trial is the committed one; else the other has to prove itself.
    card.write_env(slots.commit(env, other) if on_trial else slots.begin_trial(env, other))
    asked = _systemctl("--no-block", "reboot")
    if asked.returncode != 0:
        return refuse(
            f"The next start takes slot {other}, but systemd did not restart: {clean(asked.stderr)}"
        )
    print(f"Restarting into slot {other}. {LATER}")
    return OK


def _agreed(question: str) -> bool:
    try:
        return input(f"{question} Type yes: ").strip() == "yes"
    except EOFError:
        print()
        return False


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [SYSTEMCTL, *words], capture_output=True, text=True, check=False, timeout=ASK_DEADLINE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess([SYSTEMCTL, *words], 255, "", str(error))
