"""One thing that is wrong, and how bad it is.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a finding is to be taken, the worst first."""

    BAD = "bad"
    """Something that the house counts on does not work, or will not when it is needed."""
    ATTENTION = "attention"
    """It works, but a person should do something."""
    UNKNOWN = "unknown"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    code: str
    """For scripts: stable, lower case with dashes."""
    severity: Severity
    where: str
    """The line, interface, file or program that it is about."""
    what: str
    """What is wrong, as a sentence without its end."""
    evidence: tuple[str, ...] = ()
    """What was seen: values and lines of logs, as they are."""
    cure: str
    """What to do; commands in backticks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was found."""

    version: int = 1
    """Raised when a field goes away or changes its meaning.  New fields do not raise it."""
    failberry: str
    """Version of the program that looked."""
    findings: tuple[Finding, ...]
    """The worst first; empty when all is well."""


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order them, and leave out what was said before with the same code of the same place."""
    order = list(Severity)
    unique: dict[tuple[str, str], Finding] = {}
    for each in findings:
        unique.setdefault((each.code, each.where), each)
    return tuple(sorted(unique.values(), key=lambda each: order.index(each.severity)))
