"""What the doctor was told, as values: by AWS, by our function over each line, by the Pi itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from failberry.aws.keys import KeyPlan
from failberry.core.snapshot import UplinkName
from failberry.dns.records import Found

if TYPE_CHECKING:  # boto3 is behind it, which is not on every Pi
    from failberry.aws.stack import Stack

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nothing is known of something."""

    why: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """What our function said of itself and of us, over one line."""

    source: Address
    """The address that the question left from."""
    seen: Address
    """The one that it arrived from."""
    sent: float
    received: float
    """Seconds since the epoch, by this machine's clock."""
    server: float
    """The same, by the server's, somewhere in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a signed update that shall change nothing."""

    status: int
    word: str
    """``unchanged``, ``would_change``, ``signature``… (lambda/README.md)."""
    reason: str = ""
    reachable: bool | None = None
    """Whether our function reached the line's health path; None: not tried."""
    probe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkers:
    """What Route 53's checkers say of a line."""

    content: int
    asked: int
    example: str = ""
    """What one says that is not content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it."""

    stack: Stack | None
    parameters: Mapping[str, str] = field(repr=False)
    """Those that the stack should have."""
    outdated: tuple[str, ...] = ()
    """Functions with other code than ours."""
    url: str = ""
    auth: str = ""
    statements: tuple[Mapping[str, Any], ...] = ()
    """The resource policy of the function behind the URL."""
    keys: KeyPlan | Silence | None = None
    """What a deployment would change of the keys; None: no key is needed."""
    has_key: bool = False
    """Whether the Pi has one."""
    reflections: Mapping[UplinkName, Reflection | Silence] = field(default_factory=dict)
    trials: Mapping[UplinkName, Trial | Silence] = field(default_factory=dict)
    found: Found | Silence = Silence("it was not asked")
    figures: Mapping[UplinkName, float | Silence | None] = field(default_factory=dict)
    """The newest of each line that is pinged: 1 up, 0 down, None: there is none."""
    checkers: Mapping[UplinkName, Checkers | Silence] = field(default_factory=dict)
