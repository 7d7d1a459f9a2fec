"""What happened, as records: each with its cause, what comes next, and what it belongs to.

The engine shows each event, and the actions that followed, to the :class:`Chronicle`; it returns the records.
What belongs together is a *story*, and has one correlation: the id of its first record.

* *A failover*: from the first doubt of the wired line until that is up and in use again; with verdicts,
  deeds, sweeps, routes and names.
* *A climb*: from the first failure of the mobile line until a session has lasted; with each state of the
  modem, each step of the ladder and each deed.  A dial that a failover asked for belongs to that failover.
* *A request of the owner*, with all that follows from it, until the line or the modem is at rest again.

Anything else is a story of its own.  Pure: ids and correlations are counted, time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.actions import Action, Report, Severity
from failberry.core.deedwords import deed_told
from failberry.core.failover import Stage
from failberry.core.intent import RouteIntent
from failberry.core.kinds import SUBJECTS, RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.probing import ProbeAnswered, ProbeMissed
from failberry.core.recovery import SPECS
from failberry.core.snapshot import LineState, Notice, UplinkName

if TYPE_CHECKING:
    from failberry.core.appliance import Appliance

LONGEST = 500
"""Characters of a text; some of it comes from outside."""
MOST_DEEDS = 256
"""Deeds without an answer that are remembered."""
SETTLING = 10.0
"""Seconds from a session to the kernel's word that its interface stands."""
AFTERMATH = 300.0
"""Seconds after the end of a failover in which the names and routes that change still belong to it."""
TOLD_OTHERWISE = {"wired-down", "wired-degraded", "cellular-down"}
"""Notices that are a verdict as well: of those no record is made."""

_FREQUENT = (ProbeAnswered, ProbeMissed, ev.Tick)
_ANSWERS = get_args(ev.Answer)
_DEEDS = get_args(do.Deed)
_OWNER = "the owner asked for it"
_STEP_WORDS = {rung: spec.words for rung, spec in SPECS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened."""

    id: int
    """Counts up for ever, also over restarts; now and then some are left out."""
    at: float
    """The instant, on the engine's clock (``CLOCK_MONOTONIC``)."""
    kind: RecordKind
    subject: str
    what: str
    why: str
    next: str = ""
    severity: Severity = Severity.INFO
    correlation: int
    """The id of the record that began the story which this one belongs to."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    told: bool = False
    """Whether the journal has a line of it."""


@dataclass(slots=True, kw_only=True)
class _Pending:
    """A deed whose answer is awaited."""

    deed: do.Deed
    story: int | None
    began: float


@dataclass(slots=True)
class _Seen:
    """What the last record of each part has told, and since when that has stood."""

    wired6: LineState | None = None
    cellular: bool | None = None
    active: UplinkName | None = None
    since: dict[str, float] = field(default_factory=dict)

    def lasted(self, what: str, now: float) -> float:
        """Seconds since this was asked for last; from now on it is counted anew."""
        before = self.since.get(what, now)
        self.since[what] = now
        return round(now - before, 3)


class Chronicle:
    """Makes records of what the core does; ``first`` is the id of the next record."""

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._line: int | None = None
        """The story of the lines that is under way."""
        self._line_before: tuple[int, float] | None = None
        """The one before, and when it ended."""
        self._modem: int | None = None
        self._modem_before: tuple[int, float] | None = None
        self._pending: dict[int, _Pending] = {}
        self._seen = _Seen()
        self._routes: RouteIntent | None = None
        """Those that were wished for last."""
        self._wished: float | None = None
        """When they were, until they stand."""
        self._notices: dict[str, tuple[float, int]] = {}
        """Codes of those that stand: since when, and their story."""
        self._made: list[Record] = []

    # --- what the engine shows ---------------------------------------------------------------

    def note(
        self, event: ev.Event, actions: Sequence[Action], appliance: Appliance, now: float
    ) -> list[Record]:
        """Return what this event, and what followed from it, adds to the history."""
        if not actions and isinstance(event, _FREQUENT) and _state6(appliance) is self._seen.wired6:
            return []  # nearly all of them
        self._before(event, actions, now)
        for action in actions:
            if isinstance(action, Report):
                self._told(action, event, appliance, now)
            elif isinstance(action, do.ApplyRoutes) and action.intent != self._routes:
                self._routes, self._wished = action.intent, now
            elif isinstance(action, _DEEDS):
                self._begin(action, now)
        self._verdicts(appliance, now)
        self._close(appliance, now)
        return self._taken()

    def tell(self, report: Report, now: float) -> list[Record]:
        """Make a record of words that did not come from the core."""
        kind = SUBJECTS.get(report.subject, RecordKind.OTHER)
        self._write(kind, report, now, story=self._modem if report.subject == "modem" else None)
        return self._taken()

    def mark(self, kind: RecordKind, report: Report, now: float) -> list[Record]:
        """Make a record that the journal has no line of."""
        self._write(kind, report, now, told=False)
        return self._taken()

    def notices(self, stand: Iterable[Notice], now: float) -> list[Record]:
        """Compare what a person should know with what was told before."""
        current = {each.code: each for each in stand if each.code not in TOLD_OTHERWISE}
        for code in [each for each in self._notices if each not in current]:
            since, story = self._notices.pop(code)
            over = Report(subject=code, what="over", why="it is no longer so")
            numbers = {"lasted": round(now - since, 3)}
            self._write(RecordKind.NOTICE, over, now, story=story, told=False, numbers=numbers)
        for code, each in current.items():
            if code not in self._notices:
                raised = Report(
                    subject=code, what="raised", why=each.text, next=each.cure, severity=Severity.WARNING
                )
                made = self._write(RecordKind.NOTICE, raised, now, told=False)
                self._notices[code] = (now, made)
        return self._taken()

    def _taken(self) -> list[Record]:
        made, self._made = self._made, []
        return made

    # --- what came in ------------------------------------------------------------------------

    def _before(self, event: ev.Event, actions: Sequence[Action], now: float) -> None:
        """What is told of the event itself, before what followed from it."""
        match event:
            case ev.Started():
                why = "a session was taken over" if event.session is not None else "a fresh start"
                report = Report(subject="daemon", what="started", why=why, next="look at both lines")
                numbers = {"uptime": round(event.uptime, 1)}
                self._line = self._modem = self._write(
                    RecordKind.STARTED, report, now, told=False, numbers=numbers
                )
            case ev.RedialRequested():
                self._modem = self._asked("modem", "dial again", now)
            case ev.StepRequested():
                self._modem = self._asked("modem", _STEP_WORDS[event.rung], now)
            case ev.PinForgotten():
                self._modem = self._asked("modem", "forget refused PINs", now)
            case ev.ConfigChanged():
                reloaded = Report(
                    subject="configuration",
                    what="reloaded",
                    why=_OWNER,
                    severity=Severity.NOTICE,
                )
                made = self._write(RecordKind.REQUEST, reloaded, now)
                if any(isinstance(each, Report) and each.subject == "modem" for each in actions):
                    self._modem = made  # it is dialled anew
            case ev.RoutesApplied(problem=None):
                self._applied(now)
            case _ if isinstance(event, _ANSWERS):
                self._answered(event, now)
            case _:
                pass

    def _asked(self, subject: str, what: str, now: float) -> int:
        report = Report(subject=subject, what=f"asked: {what}", why=_OWNER, severity=Severity.NOTICE)
        return self._write(RecordKind.REQUEST, report, now, told=False)

    def _applied(self, now: float) -> None:
        """Routes stand; that they still stand, which is looked at again and again, is not told."""
        if self._wished is None:
            return
        numbers = {"seconds": round(now - self._wished, 3)}
        self._wished = None
        report = Report(subject="routes", what="applied", why="written, and read back from the kernel")
        self._write(RecordKind.KERNEL, report, now, story=self._house(now), told=False, numbers=numbers)

    def _begin(self, deed: do.Deed, now: float) -> None:
        story = self._modem
        if isinstance(deed, do.DropFlows | do.WeighFlows):
            # However long ago it was: what is swept late was given up then.
            story = self._house(now, within=math.inf)
        elif isinstance(deed, do.TracePath | do.ProvePinning):
            story = self._house(now)
        elif isinstance(deed, do.StoreUsage):
            story = None
        self._pending[deed.deed] = _Pending(deed=deed, story=story, began=now)
        if len(self._pending) > MOST_DEEDS:
            del self._pending[next(iter(self._pending))]

    def _answered(self, answer: ev.Answer, now: float) -> None:
        pending = self._pending.pop(answer.deed, None)
        if pending is None:
            return
        told = deed_told(pending.deed, answer)
        if told is None:
            return
        if isinstance(answer, ev.FlowsDropped) and (answer.count or answer.problem):
            return  # the core has a line of it
        report = Report(subject=told.subject, what=told.what, why=told.why, severity=told.severity)
        numbers = {"seconds": round(now - pending.began, 3), **told.numbers}
        self._write(RecordKind.DEED, report, now, story=pending.story, told=False, numbers=numbers)

    # --- what followed -----------------------------------------------------------------------

    def _told(self, report: Report, event: ev.Event, appliance: Appliance, now: float) -> None:
        """A line of the journal: find its kind, its story and its numbers."""
        kind = SUBJECTS.get(report.subject, RecordKind.OTHER)
        numbers: dict[str, float] = {}
        story: int | None = None
        match kind:
            case RecordKind.VERDICT:
                story, numbers = self._line, self._of_wired(appliance, now)
            case RecordKind.FAILOVER if isinstance(event, ev.FlowsDropped):
                kind, story, numbers = RecordKind.DEED, self._house(now), {"connections": event.count}
            case RecordKind.FAILOVER if isinstance(event, ev.LineForced) and report.why == _OWNER:
                kind = RecordKind.REQUEST
                numbers = {} if event.seconds is None else {"seconds": event.seconds}
                self._line = None
            case RecordKind.FAILOVER:
                story, (kind, numbers) = self._line, self._of_failover(appliance, now)
            case RecordKind.MODEM | RecordKind.RECOVERY:
                story, numbers = self._climb(appliance), self._of_modem(kind, appliance, now)
            case RecordKind.NAMES | RecordKind.KERNEL:
                story = self._house(now)
            case RecordKind.USAGE:
                numbers = {"used": appliance.meter.record.used}
            case _:
                pass
        made = self._write(kind, report, now, story=story, numbers=numbers)
        if report.subject in ("wired", "failover"):
            self._line = made if self._line is None else self._line
        elif report.subject in ("modem", "recovery"):
            self._modem = made if self._modem is None else self._modem

    def _climb(self, appliance: Appliance) -> int | None:
        """The story that words about the modem belong to; ``None``: they begin one."""
        if self._modem is None and appliance.modem.cause is None:
            return self._line  # it is dialled because the other line fails
        return self._modem

    def _house(self, now: float, *, within: float = AFTERMATH) -> int | None:
        """The story of the lines, also for a while after its end."""
        return self._line if self._line is not None else _lately(self._line_before, now, within)

    def _of_wired(self, appliance: Appliance, now: float) -> dict[str, float]:
        numbers = {"lasted": self._seen.lasted("wired", now)}
        verdict = appliance.wired.verdict
        if verdict.silent_since is not None:
            numbers["silent"] = round(now - verdict.silent_since, 3)
        family = appliance.wired.families.get(4)
        if family is not None:
            found = {"loss": family.detector.loss(now), "rtt": family.detector.rtt(now)}
            numbers |= {name: round(value, 1) for name, value in found.items() if value is not None}
        return numbers

    def _of_failover(self, appliance: Appliance, now: float) -> tuple[RecordKind, dict[str, float]]:
        before, self._seen.active = self._seen.active, appliance.failover.active
        numbers: dict[str, float] = {}
        if before is not self._seen.active:
            numbers["lasted"] = self._seen.lasted("active", now)
        silent = appliance.wired.verdict.silent_since
        if silent is not None:
            numbers["silent"] = round(now - silent, 3)
        back = (before, self._seen.active) == (UplinkName.CELLULAR, UplinkName.WIRED)
        return RecordKind.FAILBACK if back else RecordKind.FAILOVER, numbers

    def _of_modem(self, kind: RecordKind, appliance: Appliance, now: float) -> dict[str, float]:
        modem = appliance.modem
        numbers: dict[str, float] = {"failures": modem.failures}
        if kind is RecordKind.MODEM:
            numbers["lasted"] = self._seen.lasted("modem", now)
            if modem.known.signal.dbm is not None:
                numbers["dbm"] = modem.known.signal.dbm
        return numbers

    def _verdicts(self, appliance: Appliance, now: float) -> None:
        """Verdicts that the journal has no line of."""
        seen, six, state6 = self._seen, appliance.wired.verdict6, _state6(appliance)
        if state6 is not seen.wired6:
            before, seen.wired6 = seen.wired6, state6
            report = Report(
                subject="wired6",
                what=f"{before or 'absent'} -> {state6 or 'absent'}",
                why=six.reason if six is not None else "the line has no IPv6",
                severity=Severity.NOTICE if state6 is LineState.DOWN else Severity.INFO,
            )
            numbers = {"lasted": seen.lasted("wired6", now)}
            self._write(RecordKind.VERDICT, report, now, story=self._line, told=False, numbers=numbers)
        usable = appliance.mobile.link.usable
        if appliance.observed and usable is not seen.cellular:
            before_up, seen.cellular = seen.cellular, usable
            words = {None: "not known", True: LineState.UP, False: LineState.DOWN}
            resting = appliance.modem.standing_by
            report = Report(
                subject="cellular",
                what=f"{words[before_up]} -> {words[usable]}",
                why=appliance.mobile.link.reason,
                next=appliance.modem.next_step,
                severity=Severity.WARNING
                if not usable and before_up and not resting and appliance.modem.cause is not None
                else Severity.INFO,
            )
            numbers = {"lasted": seen.lasted("cellular", now)}
            story = self._modem if self._modem is not None else _lately(self._modem_before, now, SETTLING)
            self._write(RecordKind.VERDICT, report, now, story=story, told=False, numbers=numbers)

    def _close(self, appliance: Appliance, now: float) -> None:
        """End the stories whose matter is at rest."""
        if self._line is not None:
            wired, chosen = appliance.wired.verdict, appliance.failover
            well = wired.state is LineState.UP and not wired.degraded
            if well and chosen.stage is Stage.HOME and chosen.active is UplinkName.WIRED:
                self._line_before, self._line = (self._line, now), None
        if self._modem is not None:
            modem = appliance.modem
            lasts = modem.state is ModemState.CONNECTED and not modem.failures
            if (lasts and modem.ladder.under_way is None) or modem.standing_by:
                self._modem_before, self._modem = (self._modem, now), None

    def _write(
        self,
        kind: RecordKind,
        report: Report,
        now: float,
        *,
        story: int | None = None,
        told: bool = True,
        numbers: Mapping[str, float] | None = None,
    ) -> int:
        """Make the record; return its correlation."""
        correlation = self._next if story is None else story
        self._made.append(
            Record(
                id=self._next,
                at=now,
                kind=kind,
                subject=report.subject,
                what=report.what[:LONGEST],
                why=report.why[:LONGEST],
                next=report.next[:LONGEST],
                severity=report.severity,
                correlation=correlation,
                numbers=numbers or {},
                told=told,
            )
        )
        self._next += 1
        return correlation


def _state6(appliance: Appliance) -> LineState | None:
    verdict = appliance.wired.verdict6
    return None if verdict is None else verdict.state


def _lately(ended: tuple[int, float] | None, now: float, within: float) -> int | None:
    """That story, if it ended within so many seconds."""
    return ended[0] if ended is not None and now < ended[1] + within else None
