"""What commands print for programs, besides the status and the diagnosis: the shapes, and their schemas.

``python -m failberry.ctl.documents deed`` prints what ``docs/schema/deed.json`` publishes.  Nothing imports
this at run time: the commands start light, and tests hold their output against it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from failberry.control.answers import AtAnswer, PowerPreview, UsbView
from failberry.control.document import schema_of
from failberry.core.snapshot import (
    ForcedView,
    LineView,
    ModemView,
    RecoveryView,
    RouterView,
    SignalView,
    SupplyView,
    UplinkName,
    UsageView,
)
from failberry.errors import Problem
from failberry.notify.answers import NotifyView, TestView


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that was asked for: done, or refused (exit status 1, or 78 with problems)."""

    version: int
    command: str
    """The words of the command: ``failover force``."""
    done: bool
    words: str
    """What was done; or why not, and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One line of work that is followed: ``modem redial --json`` and its like print one in each line."""

    version: int
    seconds: float
    """Since it was asked for."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Both versions."""

    version: int
    failberryctl: str
    failberryd: str | None
    """Null: it does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigCheck:
    """What is wrong with a configuration file."""

    version: int
    path: str
    good: bool
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    """What is odd about one that can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is in a support bundle."""

    version: int
    file: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    """Files in which something secret was still found, and whose contents were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTest:
    """How tests of the ways to tell somebody went."""

    version: int
    tests: tuple[TestView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverDocument:
    """The lines of the status, and the choice between them."""

    version: int
    failberry: str
    active: UplinkName | None
    active_for: float
    active_reason: str
    active6: UplinkName | None
    next: str
    next_in: float | None
    forced: ForcedView | None
    router: RouterView | None
    wired: LineView
    cellular: LineView


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleView:
    """What was used in one billing cycle."""

    began: str
    """Date (ISO 8601)."""
    ends: str
    """The first day that is not in it."""
    used: int
    """Bytes, both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDocument:
    """The mobile plan."""

    version: int
    failberry: str
    running_for: float
    usage: UsageView
    projection: int | None
    """Bytes at the end of the cycle if it goes on like this; null: not known, or too early to say."""
    cycles: tuple[CycleView, ...]
    """This one and those before it of which something is known, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemDocument:
    """Modem, supply and recovery."""

    version: int
    failberry: str
    cellular: LineView
    modem: ModemView
    recovery: RecoveryView
    supply: SupplyView


DOCUMENTS: dict[str, type] = {
    "failover": FailoverDocument,
    "usage": UsageDocument,
    "modem-status": ModemDocument,
    "modem-signal": SignalView,
    "modem-power-cycle": PowerPreview,
    "modem-at": AtAnswer,
    "usb": UsbView,
    "deed": Deed,
    "progress": Progress,
    "version": Versions,
    "config-check": ConfigCheck,
    "report": Report,
    "notify-status": NotifyView,
    "notify-test": NotifyTest,
}


_TEXT, _WHOLE, _THING = {"type": "string"}, {"type": "integer"}, {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}
_MAYBE = {"type": ["object", "null"]}
_SERVERS = {"name": _TEXT, "zone": _TEXT, "servers": {"type": "array", "items": _THING}, "problems": _TEXTS}
OUTLINES: dict[str, dict[str, Any]] = {
    "config-show": {"version": {"const": 1}, "config": _THING, "warnings": _TEXTS},
    "dns-plan": {"plan": _THING, "costs": _THING},
    "dns-apply": {"plan": _THING, "changes": _WHOLE, "left": _WHOLE},
    "dns-destroy": {"plan": _THING, "changes": _WHOLE},
    "dns-verify": _SERVERS,
    "dns-status": _SERVERS | {"api": _MAYBE, "daemon": _MAYBE},
    "system-status": {
        "schema": {"const": 1},
        "running": {"enum": ["a", "b"]},
        "progress": _MAYBE,
        "boot": _MAYBE,
    },
    "aws-doctor": {"level": _TEXT, "what": _TEXT, "words": _TEXT, "cure": _TEXT},
}
"""Documents of which only the outline is promised: inside, it is AWS's, the card's, or the owner's own."""


PRINTED: dict[str, str] = {
    "status": "status",
    "failover": "failover",
    "events": "events",
    "usage": "usage",
    "doctor": "doctor",
    "report": "report",
    "usb": "usb",
    "config check": "config-check",
    "version": "version",
    "modem status": "modem-status",
    "modem signal": "modem-signal",
    "modem redial": "progress",
    "modem reset": "progress",
    "modem power-cycle": "modem-power-cycle",
    "modem at": "modem-at",
    "notify status": "notify-status",
    "notify test": "notify-test",
    "config show": "config-show",
    "dns plan": "dns-plan",
    "dns apply": "dns-apply",
    "dns destroy": "dns-destroy",
    "dns status": "dns-status",
    "dns verify": "dns-verify",
    "aws doctor": "aws-doctor",
    "system status": "system-status",
    **dict.fromkeys(
        (
            *("failover force", "usage set", "reload", "redial", "release", "modem forget-pin"),
            *("modem disable-cdrom", "system update", "system rollback", "system commit"),
            *("aws deploy", "aws destroy"),
        ),
        "deed",
    ),
}
"""The schema in ``docs/schema/`` of what each command prints with ``--json``."""


def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one of them."""
    if name not in OUTLINES:
        return schema_of(DOCUMENTS[name], name=name, title=f"failberryctl: {name}", version=1)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:failberry:schema:{name}:1",
        "title": f"failberryctl: {name}",
    }
    outline = {"type": "object", "properties": OUTLINES[name], "required": [*OUTLINES[name]]}
    return head | ({"type": "array", "items": outline} if name == "aws-doctor" else outline)


NAMES = (*DOCUMENTS, *OUTLINES)

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python3 -m failberry.ctl.documents {'|'.join(NAMES)}")
    json.dump(schema(sys.argv[1]), sys.stdout, indent=2)
    sys.stdout.write("\n")
