"""``failberryctl doctor``: everything that may be wrong with this house, each with its cure."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from failberry.adapters.inspection import Places, inspect
from failberry.adapters.inspection.daemon import Unasked
from failberry.control import client
from failberry.ctl import ATTENTION, CONFIG_FILE, NO_LINE, OK
from failberry.ctl.style import Style, clean
from failberry.ctl.words import count, sentence
from failberry.doctor.diagnose import diagnose
from failberry.doctor.document import document
from failberry.doctor.evidence import Evidence
from failberry.doctor.finding import Diagnosis, Finding, Severity

_SIGNS = {Severity.BAD: "!!", Severity.ATTENTION: "!", Severity.UNKNOWN: "?"}
_TONES = {Severity.BAD: "bad", Severity.ATTENTION: "attention", Severity.UNKNOWN: "attention"}
WELL = "All is well: nothing was found."


class Daemon:
    """The daemon behind a socket, as :class:`failberry.adapters.inspection.Ask`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, method: str, patience: float = 10.0, **parameters: Any) -> dict[str, Any] | Unasked:
        """Ask it."""
        try:
            return client.call(self._path, method, patience=patience, **parameters)
        except client.UnreachableError as error:
            return Unasked(why=str(error), stopped=error.stopped)
        except client.RefusedError as refused:
            return Unasked(why=refused.reason)


def look(arguments: SimpleNamespace, places: Places | None = None) -> Evidence:
    """Gather the evidence."""
    if places is None:
        places = Places(config=Path(arguments.config or CONFIG_FILE))
    return inspect(places, Daemon(arguments.socket), aws=not arguments.no_aws)


def run(arguments: SimpleNamespace, places: Places | None = None) -> int:
    """Look, tell, and return the worst as an exit code."""
    diagnosis = diagnose(look(arguments, places))
    if arguments.json:
        print(json.dumps(document(diagnosis), indent=2))
    else:
        print("\n".join(lines(diagnosis, Style.of(sys.stdout, os.environ))))
    return code(diagnosis)


def code(diagnosis: Diagnosis) -> int:
    """What it means, as an exit code."""
    if not diagnosis.findings:
        return OK
    return NO_LINE if any(each.severity is Severity.BAD for each in diagnosis.findings) else ATTENTION


def lines(diagnosis: Diagnosis, style: Style) -> list[str]:
    """For people."""
    found = diagnosis.findings
    if not found:
        return [style.paint(WELL, "good")]
    text = [f"{count(len(found), 'thing', 'things')} found, the worst first:"]
    for each in found:
        text += ["", *_shown(each, style)]
    return text


def _shown(finding: Finding, style: Style) -> list[str]:
    head = f"{clean(finding.where)}: {clean(finding.what)}."
    text = style.wrap(head, first=f"{_SIGNS[finding.severity]:3}", rest="   ")
    text = [style.paint(each, _TONES[finding.severity]) for each in text]
    for each in finding.evidence:
        text += style.wrap(f"seen: {clean(each)}", first="   ", rest="         ")
    cure = style.wrap(sentence(clean(finding.cure)), first=f"   {style.arrow} ", rest="     ")
    return text + [style.paint(each, "strong") for each in cure]
