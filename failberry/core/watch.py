"""Watching a session that is up, to see whether traffic really passes.

LCP echoes end in the stick's own firmware, so a session may look well for hours while nothing passes.
Evidence that costs nothing comes first: bytes in both directions.  Only where nothing moves, or only
one way, is something asked over the line, rarely, for it is metered.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from failberry.core.actions import ProbeLine, ReadCounters, ReleaseDialPort
from failberry.core.ask import Dialog
from failberry.core.causes import Cause, Fault, Remedy
from failberry.core.dialogue import Wait
from failberry.core.events import CountersRead, LineProbed
from failberry.core.facts import Session
from failberry.core.heal import tell_result
from failberry.core.modem_known import Desk, Failed, Outcome
from failberry.core.recovery import GOOD_SESSION

FIRST_LOOK = 2.0
"""Seconds after the address: the routes are written by then."""
PROBE_TIMEOUT = 5.0
ROUNDS = 3
"""Times that nobody answers before it is believed."""
ROUND_GAP = 5.0
ONE_WAY_LOOKS = 2
"""Looks in a row at which bytes went out and none came in."""
COVERAGE_PATIENCE = 120.0
"""Seconds that the network may be away while the session stands: it often comes back by itself."""
NAME_SERVERS = 3


@dataclass(slots=True)
class _Evidence:
    """What is known of the line since the session came up."""

    received: int = 0
    sent: int = 0
    proof: float | None = None
    """When something last came back over the line."""
    one_way: int = 0
    uncovered_since: float | None = None
    asked: int = 0
    """Looks taken; each begins with another target."""
    silence_weighed: bool = False
    """Whether the silence of the second port has led to a look already."""


def attend(desk: Desk) -> Dialog[Outcome]:
    """Leave the session to its worker, and look now and then; a session that lasts ends all climbs."""
    session = desk.known.session
    if session is not None and session.tty:
        yield ReleaseDialPort()
    began, well = desk.now, False
    evidence = _Evidence()
    yield Wait(seconds=FIRST_LOOK)
    while True:
        interval = desk.config.probe.cellular_interval
        if interval > 0 and (cause := (yield from _look(desk, evidence, interval))) is not None:
            return Failed(cause=cause)
        if not well and desk.now >= began + GOOD_SESSION:
            well = True
            desk.failures = 0
            if (helped := desk.ladder.well()) is not None:
                yield from tell_result(helped)
        # Counters are looked at ten times as often as the line would be asked, and that is free.
        rest = max(5.0, interval / 10) if interval > 0 else None
        if not well:
            left = began + GOOD_SESSION - desk.now
            rest = left if rest is None else min(rest, left)
        yield Wait(seconds=rest)


def _look(desk: Desk, evidence: _Evidence, interval: float) -> Dialog[Cause | None]:
    session = desk.known.session
    if session is None:
        return None
    counters = yield ReadCounters(interface=session.interface)
    if not isinstance(counters, CountersRead) or counters.received is None or counters.sent is None:
        return None
    came, went = counters.received > evidence.received, counters.sent > evidence.sent
    evidence.received, evidence.sent = counters.received, counters.sent
    if came and went and evidence.proof is not None:
        evidence.proof, evidence.one_way = desk.now, 0
        return None
    evidence.one_way = evidence.one_way + 1 if went and not came else 0
    due = evidence.proof is None or desk.now >= evidence.proof + interval
    if desk.known.silent and not evidence.silence_weighed:
        evidence.silence_weighed = due = True
    if not due and evidence.one_way < ONE_WAY_LOOKS:
        return None
    return (yield from _ask(desk, session, evidence))


def _ask(desk: Desk, session: Session, evidence: _Evidence) -> Dialog[Cause | None]:
    """Ask over the line until somebody answers or it is certain that nobody does."""
    targets = tuple(
        each for each in map(ip_address, desk.config.probe.targets) if _has_family(session, each.version)
    )
    # A stick that is a router answers for its carrier, whether that one is there or not.
    named = (each for each in session.dns if each != session.gateway)
    servers = tuple(each for each in named if _has_family(session, each.version))[:NAME_SERVERS]
    if not targets:
        return None
    first = targets[evidence.asked % len(targets)]
    evidence.asked += 1
    # One ping proves a line that is well, and is all that a line in standby costs.  Then everybody is asked:
    # pings first; then names at the same places, because some carriers let no pings pass.
    # A line that has just failed again and again need not prove it three times over.
    repeats = ROUNDS if desk.failures < 2 else 1
    rounds = [((first,), ()), *[(targets, servers), ((), targets)] * repeats]
    carrier_answers = False
    for number, (pinged, asked) in enumerate(rounds):
        if number > 1 and pinged:
            yield Wait(seconds=ROUND_GAP)
        answer = yield ProbeLine(
            interface=session.interface, targets=pinged, servers=asked, timeout=PROBE_TIMEOUT
        )
        if not isinstance(answer, LineProbed) or answer.problem is not None:
            return None  # nothing could be sent: if the line is gone, its worker will say so
        if answer.targets_answered or (not pinged and answer.servers_answered):
            evidence.proof, evidence.one_way, evidence.uncovered_since = desk.now, 0, None
            return None
        carrier_answers = carrier_answers or answer.servers_answered > 0
    return _verdict(desk, evidence, carrier_answers=carrier_answers)


def _has_family(session: Session, version: int) -> bool:
    return session.local is not None if version == 4 else session.local6 is not None


def _verdict(desk: Desk, evidence: _Evidence, *, carrier_answers: bool) -> Cause | None:
    registration = desk.known.signal.registration
    if registration is not None and not registration.carries_data:
        if evidence.uncovered_since is None:
            evidence.uncovered_since = desk.now
        if desk.now < evidence.uncovered_since + COVERAGE_PATIENCE:
            return None
        return Cause(
            remedy=Remedy.NETWORK,
            why="nothing passes, and the modem has lost its network",
            advice="Check antenna and coverage of this carrier at this place.",
        )
    asked = ", ".join(desk.config.probe.targets)
    if carrier_answers:
        return Cause(
            remedy=Remedy.PLAN,
            named=Fault.CAPPED,
            why=f"the carrier's own name servers answer, nobody beyond does (asked: {asked})",
            advice="Look at what is left of the data plan; the carrier may also filter probe.targets.",
        )
    registered = ", the modem is registered," if registration is not None else ""
    why = f"the session is up{registered} and nothing passes (asked: {asked})"
    return Cause(remedy=Remedy.MODEM, named=Fault.NO_DATA, why=why)
