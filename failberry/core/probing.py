"""What is asked over a line, as values: the plan that the core wishes, and what came of each question.

A plan is an intent: the prober goes on asking by it until it gets another.  Deciding what silence means
is not the prober's business: it tells each answer and each miss, and when the question was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failberry.core.facts import Address
from failberry.core.snapshot import UplinkName


class Kind(StrEnum):
    """What was asked."""

    ECHO = "echo"
    """ICMP or ICMPv6 echo."""
    NAME = "name"
    """DNS query for ``probe.name``; only an answer with addresses, or that there are none, is one."""
    PAGE = "page"
    """HTTP GET of a known page, its name resolved by the line's own name servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, and how it is known."""

    host: str
    port: int
    path: str
    text: str
    """Must be in the body of a 200 answer; empty: the answer must be 204, or 200 without a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """Everything that is asked over one line until further notice."""

    line: UplinkName
    interface: str
    targets: tuple[Address, ...] = ()
    """Pinged in turn, those of each family by themselves: one ping per family and interval."""
    interval: float = 0.5
    timeout: float = 0.5
    """Seconds after which a miss is told; an answer is told whenever it comes within ``LATE``."""
    volley: int = 0
    """Whenever this number is raised, all targets are pinged at once, and again ``VOLLEY_GAP`` later."""
    servers: tuple[Address, ...] = ()
    """Name servers of the line, each asked for ``name`` once per ``name_interval``."""
    name: str = ""
    name_interval: float = 2.0
    name_timeout: float = 1.5
    pages: tuple[Page, ...] = ()
    page_interval: float = 120.0
    """Seconds between two fetches, of the pages in turn; the first at once."""
    page_timeout: float = 10.0
    canary: Address | None = None
    """Pinged once a second from the line's own address."""


LATE = 10.0
"""Seconds for which an answer is still told."""
VOLLEY_GAP = 0.1
PAGE_ANSWER = 4096
"""Bytes of an answer that are read at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswered:
    """Somebody answered over a line; the answer may be late."""

    line: UplinkName
    kind: Kind
    peer: Address
    """Who answered; of a page, the server that was asked."""
    sent: float
    """The instant the question was sent, on the engine's clock."""
    rtt: float
    """Seconds from then to the answer."""
    canary: bool = False
    """It was the canary: the router sends its traffic to this Pi."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeMissed:
    """A question was not answered in time, or was answered wrongly; an answer to it may still come."""

    line: UplinkName
    kind: Kind
    peer: Address | None
    """Whom it was sent to; ``None``: a page whose name could not be resolved."""
    sent: float
    problem: str = ""
    """What came instead: a redirect, a wrong page, an error, nothing could be sent; empty: silence."""
    portal: bool = False
    """Somebody else spoke for the page: a redirect, or another text."""
