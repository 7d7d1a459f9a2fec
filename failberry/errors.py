"""Every exception of the product.

Failures of the *world* (a modem that refuses, a route that will not go in) are events, not
exceptions.  What is left to raise is: the owner's configuration is wrong, an adapter met the world's
refusal and is about to turn it into an event, or we have a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EX_CONFIG = 78
"""Exit status for a configuration that cannot be used (sysexits.h); systemd does not restart on it."""


class FailberryError(Exception):
    """The root; catch a subclass instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the configuration: the place, the fault, the cure."""

    key: str
    """Dotted key (``cellular.pin``), or an empty string for the file as a whole."""
    line: int | None
    """Line in the file, counted from 1, where it is known."""
    problem: str
    hint: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        key = f"{self.key}: " if self.key else ""
        return f"{place}{key}{self.problem} ({self.hint})"


class ConfigError(FailberryError):
    """The configuration cannot be used; carries *all* its problems, not the first."""

    def __init__(self, path: str, problems: tuple[Problem, ...]) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(f"{path}: {each}" for each in problems))


class AdapterReason(StrEnum):
    """Why an adapter could not do what it was asked."""

    GONE = "gone"
    BUSY = "busy"
    DENIED = "denied"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"


class AdapterError(FailberryError):
    """The world said no.  Never leaves :mod:`failberry.adapters`: there it becomes an event."""

    def __init__(self, reason: AdapterReason, evidence: str) -> None:
        self.reason = reason
        self.evidence = evidence
        super().__init__(f"{reason}: {evidence}")


class InvariantError(FailberryError):
    """A bug: an illegal transition, an answer to a question nobody asked.  The daemon dies and restarts."""
