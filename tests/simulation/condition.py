"""How a wired line may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failberry.core.facts import Address


class Names(StrEnum):
    """Whose name servers answer."""

    ALL = "all"
    PUBLIC = "public"  # the line's own are dead
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How the wired line is now; the default is well."""

    carrier: bool = True
    address: bool = True
    broken: int | None = None
    """So many hops still answer, and nothing beyond; ``None``: everything passes."""
    loss: float = 0.0
    rtt: float = 0.02
    unreached: frozenset[Address] = frozenset()
    names: Names = Names.ALL
    portal: bool = False
    broken6: bool = False
    """IPv6 alone does not pass."""

    @property
    def passes(self) -> bool:
        """Whether a packet can come back at all."""
        return self.carrier and self.address and self.broken is None and self.loss < 1.0

    @property
    def good(self) -> bool:
        """Whether nobody could find fault with it."""
        return (
            self.passes
            and self.loss <= 0.05
            and not self.unreached
            and self.names is not Names.NONE
            and not self.portal
        )


WELL = Condition()
