"""What the publisher asks of the world, and what it is answered.

A call is made once, has a time limit, and is answered by exactly one answer with its number, unless it was
abandoned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from failberry.core.facts import Address
from failberry.core.names import NamedLine
from failberry.core.snapshot import UplinkName
from failberry.naming import Publisher

# --- calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Have this address at this name; the other family's stays as it is."""

    number: int
    timeout: float
    over: NamedLine
    """The line whose name it is; our function is asked over it, and over no other."""
    source: Publisher
    name: str
    address: Address
    own: bool
    """Whether it is an address of the line's interface, to ask from."""
    probe: str = field(default="", repr=False)
    """A path at which the Internet shall ask the health server there; empty: it is not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflect:
    """Ask our function which address it sees over this line."""

    number: int
    timeout: float
    over: NamedLine
    family: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Ask the zone's own name servers what stands at the name."""

    number: int
    timeout: float
    line: UplinkName
    """Whose name it is."""
    over: NamedLine
    name: str
    family: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Hold the house's name on this line; ``None``: let the health checks decide."""

    number: int
    timeout: float
    forced: UplinkName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """Give this call up: it is of no use any more, and what it does from now on does not count."""

    number: int


Question = Publish | Reflect | Verify | Move
Call = Question | Abandon

# --- answers -------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What came of a wish to publish."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    OVERTAKEN = "overtaken"
    """Written, but another request came in between: which of the two stands there is open."""


class Trouble(StrEnum):
    """Why something was not done."""

    SILENT = "silent"
    """No answer in time, or no way there: whether it was done is open."""
    BUSY = "busy"
    """The other side is in trouble, or asks to wait."""
    CLOCK = "clock"
    """This machine's clock is wrong."""
    NO_CLOCK = "no_clock"
    """It has not been set at all; nothing was sent."""
    KEY = "key"
    """There is no secret here, or it is none; nothing was sent."""
    DENIED = "denied"
    """The other side does not know our key, or does not let it do this."""
    OTHER_SOURCE = "other_source"
    """Our function saw another address than the one it was to publish."""
    ADDRESS = "address"
    """An address that the Internet does not reach."""
    RECORD = "record"
    """What stands at the name is not ours to change."""
    ABSENT = "absent"
    """Route 53 has no such zone, or the house's name is not set up there."""
    TLS = "tls"
    """Whoever answered could not prove to be our function."""
    NO_CHILD = "no_child"
    """The child that speaks to Route 53 is not there, or lacks something."""
    REFUSED = "refused"
    """Any other no, or an answer that cannot be understood."""


LASTING = {Trouble.KEY, Trouble.DENIED, Trouble.RECORD, Trouble.NO_CHILD, Trouble.ABSENT, Trouble.TLS}
"""What only a person mends: asked again seldom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Answer to :class:`Publish`."""

    number: int
    verdict: Verdict
    reachable: bool | None = None
    probe: str = ""
    """What the probe found, in words."""
    octets: int = 0
    """Bytes on the line, both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflected:
    """Answer to :class:`Reflect`."""

    number: int
    address: Address
    octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Answer to :class:`Verify`: what the zone's servers say themselves."""

    number: int
    addresses: tuple[Address, ...]
    octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Answer to :class:`Move`."""

    number: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Answer to any of them: it was not done, as far as is known."""

    number: int
    trouble: Trouble
    evidence: str
    retry_after: float | None = None
    """Seconds, where the other side said so."""
    octets: int = 0


Answer = Published | Reflected | Verified | Moved | Failed
