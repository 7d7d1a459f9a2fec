"""One line's name in one address family: what stands there, what shall, and what is to be done about it.

*Looked at first.*  Whoever knows nothing asks the zone's own name servers, and writes only what differs.
*Written at once* when the line has another address, then not again for a minute.  *Looked at again* all the
time, for whoever else may write there.  Nothing is ever deleted: a line that is down keeps its record.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from failberry.core.facts import Address
from failberry.core.names import NamedLine
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import (
    LASTING,
    Answer,
    Failed,
    Moved,
    Publish,
    Published,
    Question,
    Reflect,
    Reflected,
    Trouble,
    Verdict,
    Verified,
)
from failberry.dns.pace import Pace, about
from failberry.dns.whereabouts import Whereabouts
from failberry.naming import Publisher

COOLDOWN = 60.0
"""Seconds between two writes."""
VERIFY, VERIFY_SOON, VERIFY_SELDOM = (600.0, 900.0), (75.0, 105.0), (3600.0, 5400.0)
"""Seconds until the name servers are asked: as a rule, after a write, and where it leads to nothing."""
SETTLED = 150.0
"""Seconds after a write in which some name servers may still tell what was (usually less than 60)."""
CONFIRM = (30.0, 60.0)
"""Seconds after a start until our function is asked how well the house is reached."""
ASK_BACK, ASK_BACK_METERED = 3600.0, 6 * 3600.0
"""Seconds until that is asked again where it was not reached."""
UNVERIFIED = 6 * 3600.0
"""Seconds without an answer of the name servers, after which it is written anew, to be sure."""
CLOCK_LOOK = 20.0
"""Seconds between two looks at a clock that was not set yet; they cost nothing."""
CONTESTED, HOUR = 3, 3600.0
"""Repairs within an hour that somebody else must be the cause of."""


class Step(StrEnum):
    """What can be done."""

    PUBLISH = "publish"
    REFLECT = "reflect"
    VERIFY = "verify"


@dataclass(slots=True)
class Publication:
    """Pure; instants are the engine's."""

    line: UplinkName
    family: int
    name: str
    source: Publisher
    reflector: bool
    probes: bool
    """Whether our function is to say how well the house is reached."""
    dice: random.Random
    where: Whereabouts = field(init=False)
    publishing: Pace = field(init=False)
    verifying: Pace = field(init=False)
    stands: tuple[Address, ...] | None = None
    """What stands at the name; ``None``: not known."""
    looked: bool = False
    """Whether it was looked at, or tried to."""
    unsure: bool = False
    """Whether something may have been written since that we know nothing of."""
    reachable: bool | None = None
    probe: str = ""
    trouble: Failed | None = None
    """Why it could not be written."""
    unreflected: Failed | None = None
    """Why our function could not be asked what it sees."""
    failing_since: float | None = None
    changed_at: float | None = None
    repaired: deque[float] = field(default_factory=lambda: deque(maxlen=CONTESTED))
    unseen: int = 0
    """How often in a row the name servers told something else than Route 53 says that it holds."""
    _observed: NamedLine | None = None
    _drifted: bool = False
    _hold: float = 0.0
    """No write before."""
    _verify_at: float = 0.0
    _confirm_at: float | None = None
    _unverified_since: float | None = None

    def __post_init__(self) -> None:
        metered = self.line is UplinkName.CELLULAR
        self.where = Whereabouts(self.family, metered, self.reflector, self.dice)
        self.publishing, self.verifying = Pace(self.dice), Pace(self.dice)

    # --- what others see ---------------------------------------------------------------------

    @property
    def right(self) -> bool:
        """Whether the line's address stands at its name, as far as is known."""
        address = self.where.address
        return address is not None and self.stands == (address,) and not self.unsure

    @property
    def unverified(self) -> int:
        """How often in a row the name servers could not be asked."""
        return self.verifying.failures

    def contested(self, now: float) -> bool:
        """Whether somebody else writes there, too."""
        return len(self.repaired) == CONTESTED and now < self.repaired[0] + HOUR

    def next(self, now: float) -> tuple[float, Step] | None:
        """What is to be done next, and when."""
        steps: list[tuple[float, Step]] = []
        if self.where.address is not None:
            if not self.looked:
                steps.append((self.verifying.due(0.0, now), Step.VERIFY))
            elif not self.right:
                steps.append((self.publishing.due(self._hold, now), Step.PUBLISH))
            else:
                if self._confirm_at is not None:
                    steps.append((self.publishing.due(max(self._confirm_at, self._hold), now), Step.PUBLISH))
                steps.append((self.verifying.due(self._verify_at, now), Step.VERIFY))
        if (look := self.where.due(now)) is not None:
            steps.append((look, Step.REFLECT))
        return min(steps, key=lambda each: each[0], default=None)

    def spend(self, step: Step, now: float) -> None:
        """Note that it is being done."""
        match step:
            case Step.PUBLISH:
                self.publishing.spend(now)
            case Step.REFLECT:
                self.where.pace.spend(now)
            case Step.VERIFY:
                self.verifying.spend(now)
            case _:
                assert_never(step)

    # --- what happens ------------------------------------------------------------------------

    def observe(self, line: NamedLine, now: float) -> None:
        """Take the line as it is now."""
        before, self._observed = self._observed, line
        anew = before is None or line.session != before.session or line.interface != before.interface
        old, known = (self.where.own, self.where.hidden), self.where.exists
        self.where.observe(line.addresses, now, keep=self.stands or (), anew=anew)
        if anew or (self.where.own, self.where.hidden) != old:
            self.reachable, self.probe, self._confirm_at = None, "", None
            self.trouble = self.unreflected = self.failing_since = None
            # Whoever sees it change need not look first: it must be written anyway.
            self.looked = self.looked or known
            anew = True
        up = line.state is LineState.UP
        if not up:
            self.where.lost()
        elif before is not None and before.state is not LineState.UP:
            self.where.returned(now)
            if before.state is LineState.DOWN:
                self._verify_at = min(self._verify_at, now + about(10.0, self.dice))
                anew = True
        if anew:
            self.publishing.reset()
            self.verifying.reset()

    def take(self, call: Question, answer: Answer, foreign: frozenset[Address] | None, now: float) -> None:
        """Take an answer; ``foreign``: what the other line is found at, if that is known."""
        match answer:
            case Published() if isinstance(call, Publish):
                self._published(call, answer, now)
            case Verified():
                self._verified(answer.addresses, now)
            case Reflected():
                self._reflected(answer.address, foreign, now)
            case Failed():
                self._failed(call, answer, now)
            case Published() | Moved():
                pass
            case _:
                assert_never(answer)

    def abandoned(self, call: Question) -> None:
        """Note that a call was given up."""
        if isinstance(call, Publish):
            self.unsure = True

    def _published(self, call: Publish, answer: Published, now: float) -> None:
        self.publishing.reset()
        self.trouble = self.failing_since = self._confirm_at = None
        self.stands, self.unsure, self.looked = (call.address,), False, True
        if call.probe:
            self.reachable, self.probe = answer.reachable, answer.probe
            if answer.reachable is False:
                metered = self.line is UplinkName.CELLULAR
                self._confirm_at = now + about(ASK_BACK_METERED if metered else ASK_BACK, self.dice)
        match answer.verdict:
            case Verdict.CHANGED:
                self.changed_at, self._hold = now, now + COOLDOWN
                if self._drifted:
                    self.repaired.append(now)
                self._verify_at = now + self.dice.uniform(*VERIFY_SOON)
            case Verdict.UNCHANGED:
                self.unseen += self._drifted
                seldom = self.unseen > 1
                self._verify_at = now + self.dice.uniform(*(VERIFY_SELDOM if seldom else VERIFY))
            case Verdict.OVERTAKEN:
                self.unsure, self._hold = True, now + about(5.0, self.dice)
            case _:
                assert_never(answer.verdict)
        self._drifted = False

    def _verified(self, addresses: tuple[Address, ...], now: float) -> None:
        first, self.looked = not self.looked, True
        self.verifying.reset()
        self._unverified_since = None
        address = self.where.address
        if set(addresses) == {address}:
            self.stands, self.unsure, self.unseen, self._drifted = (*set(addresses),), False, 0, False
            self.trouble = self.failing_since = None
            self.publishing.reset()
            seldom = VERIFY_SELDOM if self.contested(now) else VERIFY
            self._verify_at = now + self.dice.uniform(*seldom)
            if first and self.probes:
                self._confirm_at = now + self.dice.uniform(*CONFIRM)
        elif self.changed_at is not None and now < self.changed_at + SETTLED:
            self._verify_at = now + about(30.0, self.dice)
        else:
            # Where it was believed to be right, somebody else has written there.
            self._drifted = self._drifted or self.right
            self.stands = tuple(sorted(set(addresses), key=int))
            self._verify_at = now + self.dice.uniform(*VERIFY)

    def _reflected(self, address: Address, foreign: frozenset[Address] | None, now: float) -> None:
        before, self.unreflected = self.where.seen_as, None
        if self.trouble is None:
            self.failing_since = None
        self.where.heard(address, foreign, now)
        if before is not None and self.where.seen_as not in (None, before):
            # It has changed before our eyes.
            self.looked = True
            self.reachable, self.probe = None, ""
            self.publishing.reset()

    def _failed(self, call: Question, failure: Failed, now: float) -> None:
        if isinstance(call, Reflect):
            self._unable(self.where.pace, failure, now)
            self.failing_since = now if self.failing_since is None else self.failing_since
            self.unreflected = failure
        elif isinstance(call, Publish):
            self.unsure = self.unsure or failure.trouble is Trouble.SILENT
            if call.address != self.where.address:
                return  # it speaks of an address that is no longer ours
            self.trouble = failure
            self.failing_since = now if self.failing_since is None else self.failing_since
            self._unable(self.publishing, failure, now)
            if failure.trouble is Trouble.OTHER_SOURCE:
                self.where.contradicted(now)
        else:
            self.looked = True
            self._unable(self.verifying, failure, now)
            since = self._unverified_since = self._unverified_since or now
            if now >= since + UNVERIFIED:
                self._confirm_at, self._unverified_since = now, now

    def _unable(self, pace: Pace, failure: Failed, now: float) -> None:
        if failure.trouble is Trouble.NO_CLOCK:
            pace.refund()
            pace.resume = now + about(CLOCK_LOOK, self.dice)
            return
        if failure.trouble is Trouble.KEY:
            pace.refund()
        wait = failure.retry_after
        pace.failed(now, lasting=failure.trouble in LASTING, least=0.0 if wait is None else wait + 1.0)
