"""What commands print for programs, besides the status and the diagnosis: the shapes, and their schemas.

``python -m failberry.ctl.documents deed`` prints what ``docs/schema/deed.json`` publishes.  Nothing imports
this at run time: the commands start light, and tests hold their output against it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from failberry.control.document import schema_of
from failberry.errors import Problem


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


DOCUMENTS: dict[str, type] = {
    "deed": Deed,
    "progress": Progress,
    "version": Versions,
    "config-check": ConfigCheck,
    "report": Report,
}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one of them."""
    return schema_of(DOCUMENTS[name], name=name, title=f"failberryctl: {name}", version=1)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in DOCUMENTS:
        sys.exit(f"usage: python3 -m failberry.ctl.documents {'|'.join(DOCUMENTS)}")
    json.dump(schema(sys.argv[1]), sys.stdout, indent=2)
    sys.stdout.write("\n")
