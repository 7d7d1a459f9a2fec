"""The two slots of the SD card as a person reads them.

Pure but for :func:`row`, which is asked by every ``failberryctl status``: no import here is slow.
"""

from __future__ import annotations

import json

from failberry.ctl import ATTENTION, OK
from failberry.ctl.style import clean
from failberry.system import LEDGER, PROGRESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.ctl.screen import Page

COMMAND_LINE = "/proc/cmdline"
_LARGEST = 1 << 16

_ENDINGS = {
    "committed": "the last update is kept",
    "nothing": "all packages are up to date",
    "waits": "an update waits",
    "refused": "no update now",
    "failed": "the last update failed",
    "trial": "an update is being tried",
    "gave-up": "an update was tried and given up",
    "rolled-back": "an update was tried and given up",
    "rollback": "going back to the other slot",
    "mended": "mended",
}
_TROUBLE = {"failed", "gave-up", "rolled-back"}
_VERDICTS = {
    "empty": "empty",
    "ready": "ready to be tried",
    "trial": "on trial",
    "good": "good",
    "bad": "given up",
}


def load(path: str) -> dict[str, Any]:
    """Read a document of ours; empty: it is not there, or not readable."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib is slow to import
            told = json.loads(file.read(_LARGEST))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def running_slot(path: str) -> str:
    """Return the slot that runs; empty: this is no image of ours."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as above
            words = file.read(_LARGEST).split()
    except OSError:
        return ""
    slots = [word.partition("=")[2] for word in words if word.startswith("failberry.slot=")]
    return slots[0] if slots and slots[0] in ("a", "b") else ""


def row() -> str:
    """One line for ``failberryctl status``; empty: this is no image of ours, or nothing is known."""
    running = running_slot(COMMAND_LINE)
    return one_line(load(LEDGER), load(PROGRESS), running) if running else ""


def one_line(state: dict[str, Any], progress: dict[str, Any], running: str) -> str:
    """How the system is, in one sentence."""
    if not running or not state:
        return ""
    if now := doing(progress):
        return f"slot {running}; {now}"
    return f"slot {running}; {ending(state.get('last') or {})}"


def doing(progress: dict[str, Any]) -> str:
    """What is being done to the slots; empty: nothing."""
    if not progress.get("running"):
        return ""
    words = clean(str(progress.get("words", "")))
    if progress.get("kind") == "trial":
        return f"it is on trial: {words}"
    percent = progress.get("percent")
    far = f", {percent:.0f} %" if isinstance(percent, int | float) else ""
    return f"update, step {progress.get('number')} of {progress.get('of')}: {words}{far}"


def ending(last: dict[str, Any]) -> str:
    """How the last update ended."""
    outcome, reason = str(last.get("outcome", "")), clean(str(last.get("reason", "")))
    if not outcome:
        return "it has never been updated"
    words = _ENDINGS.get(outcome, clean(outcome))
    if outcome == "nothing":
        return f"{words}, as of {date(last.get('at'))}"
    return f"{words} ({date(last.get('at'))}): {reason}" if reason else f"{words} ({date(last.get('at'))})"


def date(text: object) -> str:
    """Write an instant (ISO 8601, UTC) for people."""
    return clean(str(text or "?"))[:16].replace("T", " ") + " UTC"


def verdict(document: dict[str, Any]) -> int:
    """Return the exit code that this means."""
    return ATTENTION if (document.get("last") or {}).get("outcome") in _TROUBLE else OK


def paint(page: Page, document: dict[str, Any]) -> None:
    """Write all that is known."""
    running = str(document.get("running", ""))
    page.row("Runs", _slot(document, running))
    page.row("Other", _slot(document, "b" if running == "a" else "a"))
    boot = document.get("boot") or {}
    if boot.get("trial"):
        page.row(
            "Boot", f"slot {boot['trial']} is tried, {boot.get('tries')} more times, then slot {boot['slot']}"
        )
    elif boot:
        page.row("Boot", f"slot {boot.get('slot')} is started")
    page.row("Now", doing(document.get("progress") or {}))
    page.row("Last", ending(document.get("last") or {}))
    if refused := document.get("refused"):
        page.row(
            "Refused",
            f"versions of {date(refused.get('at'))}: {clean(str(refused.get('reason', '')))}",
            "not tried again until one of them changes, or by `failberryctl system update --again`",
        )


def _slot(document: dict[str, Any], slot: str) -> str:
    record = (document.get("slots") or {}).get(slot) or {}
    verdict = _VERDICTS.get(str(record.get("verdict", "")), "nothing known")
    parts = [f"slot {slot}, {verdict}"]
    if record.get("made") and record.get("verdict") != "empty":
        parts[0] += f", made {date(record['made'])}"
    if record.get("kernel") and record.get("verdict") != "empty":
        parts.append(
            f"Linux {clean(str(record['kernel']))}, Failberry {clean(str(record.get('failberry', '')))}"
        )
    text = "; ".join(parts)
    return f"{text}: {clean(str(record['reason']))}" if record.get("reason") else text
