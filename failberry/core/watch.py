"""Watching a session that is up, to see whether traffic really passes.

LCP echoes end in the stick's own firmware, so a session may look well for hours while nothing passes.
Evidence that costs nothing comes first: bytes in both directions.  Only where nothing moves, or only
one way, is something asked over the line, rarely, for it is metered, and by the probe budget.

While the house depends on the line it is looked at every two seconds, and doubts are settled at once.  Bytes
alone are believed for a while only: a carrier whose name server answers, and beyond whom nobody does, moves
bytes both ways, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from math import inf

from failberry.core.actions import ProbeLine, ReadCounters, ReleaseDialPort
from failberry.core.ask import Dialog
from failberry.core.budget import cost
from failberry.core.causes import Cause, Fault, Remedy
from failberry.core.dialogue import Wait
from failberry.core.events import CountersRead, LineProbed
from failberry.core.facts import Address, Session
from failberry.core.heal import tell_result
from failberry.core.modem_known import Desk, Failed, Next, Outcome
from failberry.core.modem_state import ModemState
from failberry.core.recovery import GOOD_SESSION

FIRST_LOOK, FIRST_LOOK_IN_NEED = 2.0, 0.5
"""Seconds after the address: the routes are written by then; in need it is tried earlier."""
PACE_IN_USE = 2.0
"""Seconds between two looks at the counters while the house depends on the line."""
PACE, LONGEST_PACE = 7.5, 30.0
"""The same in standby, doubled while nothing moves."""
COVERAGE_PATIENCE = 120.0
"""Seconds that the network may be away while the session stands: it often comes back by itself."""
ONE_WAY_GAP = 5.0
"""Seconds at least between two questions for one-way traffic alone."""
MUCH = 65_536
"""Bytes that came while nobody answered us: more than names are. Slow, or a filter, and not dead."""
NAME_SERVERS = 3
_ANYBODY: tuple[Address, ...] = (IPv4Address(0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How questions are asked: patiently, or by somebody who depends on the answer."""

    timeout: float
    rounds: int
    """Times that nobody answers before it is believed."""
    gap: float
    one_way_looks: int
    """Looks in a row at which bytes went out and none came in."""


_PATIENT = _Manner(timeout=5.0, rounds=3, gap=5.0, one_way_looks=2)
_HASTY = _Manner(timeout=2.5, rounds=1, gap=1.0, one_way_looks=1)
"""Some ten seconds from the last sign of life to the verdict: a look, one ping, all, and names."""


@dataclass(slots=True)
class _Evidence:
    """What is known of the line since the session came up."""

    received: int = 0
    sent: int = 0
    one_way: int = 0
    uncovered_since: float | None = None
    asked: int = 0
    """Looks taken; each begins with another target."""
    asked_at: float | None = None
    answered_at: float = -inf
    """When a question was last answered, or found to be needless."""
    pace: float = PACE
    silence_weighed: bool = False
    """Whether the silence of the second port has led to a look already."""


def attend(desk: Desk) -> Dialog[Outcome]:
    """Leave the session to its worker, and look now and then; a session that lasts ends all climbs."""
    session = desk.known.session
    if session is not None and session.tty:
        yield ReleaseDialPort()
    began, well = desk.now, False
    desk.standby.spare(began)
    desk.known.proof = desk.known.silence = None
    evidence = _Evidence()
    # For the meter: what passes between two looks is lost with a power cut.
    yield from _read(desk, evidence)
    yield Wait(seconds=FIRST_LOOK_IN_NEED if _in_use(desk) else FIRST_LOOK, nudge=True)
    while True:
        if (cause := (yield from _look(desk, evidence))) is not None:
            return Failed(cause=cause)
        over, steady = _over(desk, began), desk.now >= began + GOOD_SESSION
        # One that is ended once it is proven has no time to show that it would last.
        if not well and (steady or (over and desk.known.proof is not None)):
            well = True
            desk.failures = 0
            if (helped := desk.ladder.well()) is not None:
                yield from tell_result(helped)
        if not over:
            rest = _rest(desk, evidence)
            left = began + GOOD_SESSION - desk.now
            yield Wait(seconds=rest if well else min(rest, left), nudge=True)
            over = _over(desk, began)
        if over:
            yield from _read(desk, evidence)  # the last look before the counters are gone
            return Next(state=ModemState.DISCONNECTING, why=over)


def _over(desk: Desk, began: float) -> str:
    return desk.standby.over(desk.config, desk.now, proven=desk.known.proof is not None, age=desk.now - began)


def _in_use(desk: Desk) -> bool:
    return desk.standby.wanted or not desk.other_line_works


def _rest(desk: Desk, evidence: _Evidence) -> float:
    """Seconds until the next look; nothing of it costs anything, unless something has to be asked."""
    if _in_use(desk):
        return PACE_IN_USE
    proof, interval = desk.known.proof, desk.config.probe.cellular_interval
    if proof is None or interval <= 0:
        return evidence.pace
    left = proof + interval - desk.now
    return evidence.pace if left <= 0 else min(evidence.pace, left)


def _read(desk: Desk, evidence: _Evidence) -> Dialog[tuple[bool, bool] | None]:
    """Look at the counters; return whether something came in and went out since the last look."""
    session = desk.known.session
    if session is None:
        return None
    counters = yield ReadCounters(interface=session.interface)
    if not isinstance(counters, CountersRead) or counters.received is None or counters.sent is None:
        return None
    came, went = counters.received > evidence.received, counters.sent > evidence.sent
    evidence.received, evidence.sent = counters.received, counters.sent
    evidence.pace = PACE if came or went else min(LONGEST_PACE, 2 * evidence.pace)
    return came, went


def _look(desk: Desk, evidence: _Evidence) -> Dialog[Cause | None]:
    moved = yield from _read(desk, evidence)
    session = desk.known.session
    if moved is None or session is None:
        return None
    came, went = moved
    prove, desk.known.prove = desk.known.prove, False
    proof, manner = desk.known.proof, _manner(desk)
    heard = proof is not None or not _affords(desk, _ANYBODY, (), debt=True)
    interval = desk.config.probe.cellular_interval
    hearsay = 0 < interval <= desk.now - evidence.answered_at and not desk.other_line_works
    if came and went and not prove and heard and not hearsay:
        _proven(desk, evidence)
        return None
    evidence.one_way = evidence.one_way + 1 if went and not came else 0
    due = prove or (came and went) or proof is None or desk.now >= proof + interval
    if desk.known.silent and not evidence.silence_weighed:
        evidence.silence_weighed = due = True
    if not due and evidence.one_way < manner.one_way_looks:
        return None
    if not due and evidence.asked_at is not None and desk.now < evidence.asked_at + ONE_WAY_GAP:
        return None
    return (yield from _ask(desk, session, evidence, manner, debt=prove or proof is None))


def _manner(desk: Desk) -> _Manner:
    return _PATIENT if desk.other_line_works else _HASTY


def _proven(desk: Desk, evidence: _Evidence) -> None:
    desk.known.proof, desk.known.silence = desk.now, None
    evidence.one_way, evidence.uncovered_since = 0, None
    desk.standby.proven(desk.now)


def _answered(desk: Desk, evidence: _Evidence) -> None:
    evidence.answered_at = desk.now
    _proven(desk, evidence)


def _ask(
    desk: Desk, session: Session, evidence: _Evidence, manner: _Manner, *, debt: bool
) -> Dialog[Cause | None]:
    """Ask over the line until somebody answers or it is certain that nobody does."""
    targets = tuple(
        each for each in map(ip_address, desk.config.probe.targets) if _has_family(session, each.version)
    )
    # A stick that is a router answers for its carrier, whether that one is there or not.
    named = (each for each in session.dns if each != session.gateway)
    servers = tuple(each for each in named if _has_family(session, each.version))[:NAME_SERVERS]
    if not targets:
        return None
    first, received = targets[evidence.asked % len(targets)], evidence.received
    evidence.asked += 1
    evidence.asked_at = desk.now
    # One ping proves a line that is well, and is all that a line in standby costs.  Then everybody is asked:
    # pings first; then names at the same places, because some carriers let no pings pass.
    # A line that has just failed again and again need not prove it three times over.
    repeats = manner.rounds if desk.failures < 2 else 1
    rounds = [((first,), ()), *[(targets, servers), ((), targets)] * repeats]
    carrier_answers = False
    for number, (pinged, asked) in enumerate(rounds):
        if number > 1 and pinged:
            yield Wait(seconds=manner.gap)
        # Whoever has begun to doubt may go into debt to be sure.
        if not _affords(desk, pinged, asked, debt=debt or number > 0):
            return None
        began = desk.now
        answer = yield ProbeLine(
            interface=session.interface, targets=pinged, servers=asked, timeout=manner.timeout
        )
        if not isinstance(answer, LineProbed) or answer.problem is not None:
            return None  # nothing could be sent: if the line is gone, its worker will say so
        _charge(desk, pinged, asked, answer)
        if answer.targets_answered or (not pinged and answer.servers_answered):
            _answered(desk, evidence)
            return None
        if desk.known.silence is None:
            desk.known.silence = began
        carrier_answers = carrier_answers or answer.servers_answered > 0
    moved = yield from _read(desk, evidence)
    slow = manner is _HASTY and not carrier_answers and moved is not None and all(moved)
    if slow or evidence.received >= received + MUCH:
        _answered(desk, evidence)  # not dead: what was asked first is answered only now
        return None
    if manner is _HASTY and carrier_answers:
        # Bytes say nothing here, and a line that may only be slow is not hung up in haste.
        return (yield from _ask(desk, session, evidence, _PATIENT, debt=True))
    return _verdict(desk, evidence, carrier_answers=carrier_answers)


def _affords(desk: Desk, targets: tuple[Address, ...], servers: tuple[Address, ...], *, debt: bool) -> bool:
    if not desk.budget.asks:
        return False
    # With the wired line dead there is no budget: the house lives by this one.
    return not desk.other_line_works or desk.budget.affords(cost(targets, servers), desk.now, debt=debt)


def _charge(
    desk: Desk, targets: tuple[Address, ...], servers: tuple[Address, ...], answer: LineProbed
) -> None:
    spent = cost(
        targets,
        servers,
        targets_answered=answer.targets_answered,
        servers_answered=answer.servers_answered,
    )
    desk.budget.spend(spent, desk.now)


def _has_family(session: Session, version: int) -> bool:
    if version == 4:
        return session.local is not None
    return session.local6 is not None and session.local6.is_global


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
    session = desk.known.session
    targets = map(ip_address, desk.config.probe.targets)
    reachable = (each for each in targets if session is None or _has_family(session, each.version))
    asked = ", ".join(map(str, reachable))
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
