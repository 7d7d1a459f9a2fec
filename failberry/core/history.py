"""Records with the time of day, and which of them somebody wants."""

from __future__ import annotations

from dataclasses import dataclass

from failberry.core.actions import Severity
from failberry.core.chronicle import Record
from failberry.core.kinds import RecordKind

SEVERITIES = tuple(Severity)
"""From the least to the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A record with the time of day."""

    record: Record
    wall: float
    """Seconds since 1970, as far as this machine knew then."""
    synced: bool
    """Whether the clock could be believed, or the time was corrected once it could."""
    boot: str
    """Which boot it was (``/proc/sys/kernel/random/boot_id``): ``record.at`` is its clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records."""

    after: int | None = None
    """Those with a greater id, the first of them; ``None``: the last ones."""
    before: int | None = None
    """With a smaller id only."""
    since: float | None = None
    kinds: frozenset[RecordKind] | None = None
    severity: Severity = Severity.INFO
    """At least."""
    limit: int = 100

    def holds(self, each: Dated) -> bool:
        """Whether it is one of them."""
        record = each.record
        return (
            (self.after is None or record.id > self.after)
            and (self.before is None or record.id < self.before)
            and (self.since is None or each.wall >= self.since)
            and (self.kinds is None or record.kind in self.kinds)
            and SEVERITIES.index(record.severity) >= SEVERITIES.index(self.severity)
        )
