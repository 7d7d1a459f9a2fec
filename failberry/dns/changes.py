"""The steps of a plan, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failberry.core.snapshot import UplinkName
from failberry.dns.records import CheckSettings, Record
from failberry.errors import Problem


class Act(StrEnum):
    """What becomes of one record, in Route 53's words."""

    DELETE = "DELETE"
    CREATE = "CREATE"
    UPSERT = "UPSERT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One record of a batch."""

    act: Act
    record: Record
    was: Record | None = None
    """What an UPSERT overwrites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateHealthCheck:
    """Make a health check; whoever means it later in the plan names its caller reference."""

    line: UplinkName
    reference: str
    settings: CheckSettings
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagHealthCheck:
    """Write, and remove, tags of a health check."""

    line: UplinkName
    check: str
    """Id, or the caller reference of one made earlier in the plan."""
    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecords:
    """Change records in one batch: Route 53 carries out all of it or nothing."""

    zone_id: str
    zone: str
    edits: tuple[Edit, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateHealthCheck:
    """Change what a health check asks; refused if somebody else changed it since it was read."""

    line: UplinkName
    check: str
    version: int
    before: CheckSettings
    after: CheckSettings
    reason: str
    reread: bool = True
    """Whether the check copies its alarm's settings anew, for which the alarm has to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteHealthCheck:
    """Delete a health check that no record needs any more."""

    line: UplinkName
    check: str
    settings: CheckSettings
    reason: str


Change = CreateHealthCheck | TagHealthCheck | ChangeRecords | UpdateHealthCheck | DeleteHealthCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in this order; nothing at all while there are problems."""

    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What is worth knowing, and changes nothing."""
