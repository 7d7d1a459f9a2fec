"""What of the mobile plan is used, and what that means for the line.

*Counted* are the bytes of the kernel's counters, both directions, by their differences from look to look.  A
new session has a new interface, which begins at 0; its number and the boot tell it from the one before.  The
last counters are kept with the sum, so that a daemon which starts anew counts what passed meanwhile, and
once only.  What pppd tells at a session's end closes the gap since the last look.

*Written* is seldom, for the disk is an SD card: when what is unwritten would be missed, that is half a
percent of the sum and 200 kB at least; else every ten minutes, and a mere trickle, such as our own questions,
four times a day.  So a power cut costs no more than that, and what passed since the last look.

*Dated* by days that can be believed only.  A clock that cannot (1970, or a disk's memory of last night) opens
no cycle, and what is counted under it goes into the next cycle if that turns out to have begun.  A clock that
is set back opens none either.

*The cap* takes effect at 100 percent.  As the last resort it is lifted while the wired line is dead, and for
a minute longer, so that a line that wavers does not cut the house off and on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from failberry.core import cycle
from failberry.core.actions import Action, Report, Severity, StoreUsage
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import DayObserved, UsageStored
from failberry.core.facts import UsageRecord
from failberry.core.snapshot import UsageView
from failberry.policy import CapAction, Usage

FLOOR, SHARE = 200_000, 0.005
"""Bytes, and the part of the sum, that may be unwritten."""
TRICKLE = 20_000
WRITE_EVERY, TRICKLE_EVERY = 600.0, 6 * 3600.0
"""Seconds after which what is unwritten is written; a trickle later."""
RETRY = 300.0
"""Seconds until the next try where the disk took nothing."""
RELAPSE = 60.0
"""Seconds for which the cap stays lifted after the wired line is back, and after a start."""
RATE_SPAN = 30.0
"""Seconds over which the rate is an average."""
FAR_AHEAD = timedelta(days=35)
"""A day that was believed and is so far ahead of today was wrong: it would keep all cycles from opening."""
_YEARS = range(2000, 9000)
_WRAP = 1 << 32
"""Where counters of 32 bits begin again (some drivers, on 32-bit kernels)."""
_MOST = 1 << 60
"""Bytes counted at most; the disk holds 63 bits."""


class Restriction(StrEnum):
    """What the cap does to the line now."""

    NONE = "none"
    BLOCK_CLIENTS = "block_clients"
    """The Pi itself may still use it."""
    DISCONNECT = "disconnect"


_RESTRICTIONS = {
    CapAction.WARN: Restriction.NONE,
    CapAction.BLOCK_CLIENTS: Restriction.BLOCK_CLIENTS,
    CapAction.DISCONNECT: Restriction.DISCONNECT,
}
_WORDS = {
    Restriction.NONE: "the mobile line may be used again",
    Restriction.BLOCK_CLIENTS: "only this Pi may use the mobile line",
    Restriction.DISCONNECT: "the mobile line is hung up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """Counters as they were seen last."""

    interface: str = ""
    index: int | None = 0
    received: int = 0
    sent: int = 0
    boot: str = ""


class Meter:
    """Pure: counters, days and instants in; the sum, a restriction, reports and what to write out."""

    def __init__(self, usage: Usage, numbers: DeedNumbers) -> None:
        self._usage = usage
        self._numbers = numbers
        self._boot = ""
        self._used = self._undated = self._warned = 0
        self._day: date | None = None
        self._today: date | None = None
        self._trusted = False
        self._mark = _Mark()
        self._remembers = False
        self._live = False
        """Whether these counters were seen by us, in the session that is up."""
        self._lower: _Mark | None = None
        """Counters that went back: late news of an ended session, or a new count; the next look tells."""
        self._unwritten = 0
        self._urgent = False
        self._written_at = 0.0
        self._deed: int | None = None
        self._flying = 0
        """Bytes that are being written under that number."""
        self._disk_problem: str | None = None
        self._wired_dead = False
        self._standby = True
        self._standby_used = 0
        self._lifted_until = 0.0
        self._reports: list[Action] = []
        self._samples: deque[tuple[float, int]] = deque(maxlen=64)
        self._moved = 0
        self.restriction = Restriction.NONE

    # --- what happens ------------------------------------------------------------------------

    def remember(
        self, record: UsageRecord | None, boot: str, now: float, *, problem: str | None = None
    ) -> None:
        """Take over what the disk remembers; once, at the start, before anything is counted."""
        self._boot, self._remembers = boot, True
        self._written_at, self._lifted_until = now, now + RELAPSE
        if problem is not None:
            self._tell("usage not known", problem, "count from 0", Severity.WARNING)
        if record is not None:
            self._used, self._undated = self._used + record.used, self._undated + record.undated
            self._day, self._warned = record.day, max(self._warned, record.warned)
            self._mark = _Mark(
                interface=record.interface,
                index=record.index,
                received=record.received,
                sent=record.sent,
                boot=record.boot,
            )
        self._judge(now)

    def reconfigure(self, usage: Usage, now: float) -> None:
        """Take a new plan; percentages that are no longer reached will be warned of again."""
        before, self._usage = self._usage, usage
        if before != usage:
            self._warned = min(self._warned, self._reached())
            self._urgent = True
        self._judge(now)

    def day(self, event: DayObserved, now: float) -> None:
        """Take the date; a new cycle begins when a day of it can be believed."""
        self._trusted = event.trusted and event.day.year in _YEARS
        if not self._trusted:
            return
        self._today = event.day
        if self._day is None:
            self._urgent = True
        elif event.day + FAR_AHEAD < self._day:
            why = f"it was {self._day} once and is {event.day} now"
            self._tell("clock was ahead", why, "stay in this cycle", Severity.NOTICE)
            self._urgent = True
        elif event.day < self._day:
            # Set back a little: the cycle that has begun goes on.
            self._undated = 0
            return
        elif self._began(event.day) > self._began(self._day):
            self._open(event.day)
        self._day, self._undated = event.day, 0
        self._judge(now)

    def counters(self, interface: str, index: int | None, received: int, sent: int, now: float) -> None:
        """Take what the interface has carried; ``index`` None: not known, the same as long as they rise."""
        if not self._remembers or min(received, sent) < 0 or max(received, sent) >= _MOST:
            return
        mark, boot = self._mark, self._boot
        seen = _Mark(interface=interface, index=index, received=received, sent=sent, boot=boot)
        same = (mark.interface, mark.boot) == (interface, boot) and index in (mark.index, None)
        if not same:
            moved = received + sent
        elif received >= mark.received and sent >= mark.sent:
            moved = received - mark.received + sent - mark.sent
            seen = replace(seen, index=mark.index)
        elif (wrapped := _wrapped(mark, seen)) is not None:
            moved = wrapped
        elif self._lower is None or received < self._lower.received or sent < self._lower.sent:
            self._lower = seen
            return
        else:
            moved = received + sent
        self._mark, self._live, self._lower = seen, True, None
        self._add(moved, now)

    def session_ended(self, received: int | None, sent: int | None, now: float) -> None:
        """Take what a session has carried in all, where its worker told it at its end."""
        live, self._live, self._lower = self._live, False, None
        if received is None or sent is None or not self._remembers:
            return
        if min(received, sent) < 0 or max(received, sent) >= _MOST:
            return
        mark = self._mark
        ours = live or (mark.boot == self._boot and received >= mark.received and sent >= mark.sent)
        if not ours:
            # A session that nobody looked at; its interface's number stays unknown, and never comes again.
            mark = _Mark(boot=self._boot)
        total_received, total_sent = max(received, mark.received), max(sent, mark.sent)
        moved = total_received - mark.received + total_sent - mark.sent
        self._mark = replace(mark, received=total_received, sent=total_sent)
        self._add(moved, now)

    def correct(self, used: int, now: float) -> None:
        """Take the owner's word for what is used, as the carrier counts."""
        before, self._used = self._used, max(0, min(used, _MOST))
        self._undated = 0
        self._warned = self._reached()
        self._urgent = True
        why = f"the owner said so; counted were {_megabytes(before)}"
        self._tell(f"{_megabytes(self._used)} used", why, "", Severity.NOTICE)
        self._judge(now)

    def line(self, *, wired_dead: bool, standby: bool, now: float) -> None:
        """Take note whether the wired line is dead, and whether the mobile one merely stands by."""
        self._wired_dead, self._standby = wired_dead, standby
        self._judge(now)

    def stored(self, event: UsageStored, now: float) -> None:
        """Take the disk's answer."""
        if event.deed != self._deed:
            return
        flying, self._deed, self._flying = self._flying, None, 0
        self._written_at = now
        if event.problem is None:
            self._unwritten = max(0, self._unwritten - flying)
        elif self._disk_problem is None:
            self._tell("usage not written", event.problem, f"again in {RETRY:.0f} s", Severity.WARNING)
        if event.problem is not None:
            self._urgent = True
        self._disk_problem = event.problem

    # --- what follows ------------------------------------------------------------------------

    def take(self, now: float) -> list[Action]:
        """Return what is to be told and done, each once."""
        self._judge(now)
        actions, self._reports = self._reports, []
        if self.due(now):
            self._deed, self._flying, self._urgent = self._numbers.next(), self._unwritten, False
            actions.append(StoreUsage(deed=self._deed, record=self.record))
        return actions

    def due(self, now: float) -> bool:
        """Whether it is time to write."""
        if self._deed is not None or not self._remembers:
            return False
        if self._disk_problem is not None and now < self._written_at + RETRY:
            return False
        if self._urgent or self._unwritten > max(FLOOR, SHARE * self._used):
            return True
        return self._unwritten > 0 and now >= self._written_at + self._patience

    @property
    def _patience(self) -> float:
        return WRITE_EVERY if self._unwritten > TRICKLE else TRICKLE_EVERY

    def deadline(self, now: float) -> float | None:
        """When something is due if nothing happens before."""
        candidates = []
        if self._deed is None and (self._unwritten or self._urgent):
            wait = RETRY if self._disk_problem is not None else self._patience
            candidates.append(self._written_at + wait)
        if self._capped and self.restriction is not self._wish and not self._wired_dead:
            candidates.append(self._lifted_until)
        return min((each for each in candidates if each > now), default=None)

    @property
    def record(self) -> UsageRecord:
        """What the disk is to remember."""
        return UsageRecord(
            used=self._used,
            day=self._day,
            interface=self._mark.interface,
            index=self._mark.index or 0,
            received=self._mark.received,
            sent=self._mark.sent,
            boot=self._mark.boot,
            warned=self._warned,
            undated=self._undated,
        )

    def view(self, *, probes_used: int = 0) -> UsageView:
        """Return what everybody may read."""
        today, state = self._today or self._day, "ok"
        if self._capped:
            lifted = self._wish is not Restriction.NONE and self.restriction is Restriction.NONE
            state = "lifted" if lifted else "capped"
        elif self._warned and self._reached():
            state = "warned"
        return UsageView(
            used=self._used,
            cap=self._cap or None,
            percent=round(100 * self._used / self._cap, 1) if self._cap else None,
            cycle_began=self._began(self._day).isoformat() if self._day is not None else None,
            days_left=(cycle.ends(today, self._usage.cycle_day) - today).days if today is not None else None,
            state=state,
            standby_used=self._standby_used,
            probes_used=probes_used,
        )

    def rate(self, now: float) -> float | None:
        """Bytes a second, both directions, of the last half minute; ``None``: not looked at for so long."""
        recent = [each for each in self._samples if each[0] >= now - RATE_SPAN]
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return None
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    # --- inside ------------------------------------------------------------------------------

    @property
    def _cap(self) -> int:
        return round(self._usage.cap * 1e6)

    @property
    def _capped(self) -> bool:
        return 0 < self._cap <= self._used

    @property
    def _wish(self) -> Restriction:
        """What the cap does where nothing lifts it."""
        return _RESTRICTIONS[self._usage.action]

    def _began(self, day: date) -> date:
        return cycle.began(day, self._usage.cycle_day)

    def _reached(self) -> int:
        """The highest percentage worth a word that the sum has come to."""
        if not self._cap:
            return 0
        steps = {*map(int, self._usage.warn_at), 100}
        return max((each for each in steps if 0 < each * self._cap <= 100 * self._used), default=0)

    def _add(self, moved: int, now: float) -> None:
        self._moved += moved
        self._samples.append((now, self._moved))
        self._used = min(_MOST, self._used + moved)
        self._unwritten += moved
        if not self._trusted:
            self._undated = min(self._used, self._undated + moved)
        if self._standby:
            self._standby_used += moved
        if moved:
            self._judge(now)

    def _open(self, day: date) -> None:
        why = f"{_megabytes(self._used - self._undated)} were used in the one before"
        self._used, self._warned, self._urgent = self._undated, 0, True
        self._tell(f"a billing cycle began on {self._began(day)}", why, "count anew", Severity.NOTICE)

    def _judge(self, now: float) -> None:
        reached = self._reached()
        if reached > self._warned:
            self._warned, self._urgent = reached, True
            self._warn(reached)
        if self._wired_dead:
            self._lifted_until = now + RELAPSE
        wish = self._wish if self._capped else Restriction.NONE
        if self._usage.last_resort and (self._wired_dead or now < self._lifted_until):
            wish = Restriction.NONE
        if wish is not self.restriction:
            self.restriction = wish
            why = f"{_megabytes(self._used)} of {_megabytes(self._cap)} are used"
            if wish is Restriction.NONE:
                why = "the wired line is dead, and this is the last resort" if self._capped else why
            severity = Severity.NOTICE if wish is Restriction.NONE else Severity.WARNING
            self._tell(_WORDS[wish], why, "", severity)

    def _warn(self, reached: int) -> None:
        why = f"{_megabytes(self._used)} of {_megabytes(self._cap)}, {_since(self._day, self._usage)}"
        if reached < 100:
            self._tell(f"{reached} % of the data cap are used", why, "", Severity.WARNING)
            return
        follows = "go on, as usage.action says"
        if self._wish is not Restriction.NONE:
            unless = " unless the wired line is dead" if self._usage.last_resort else ""
            follows = f"{_WORDS[self._wish]}{unless}"
        self._tell(f"the data cap is reached: {reached} %", why, follows, Severity.ERROR)

    def _tell(self, what: str, why: str, follows: str, severity: Severity) -> None:
        self._reports.append(Report(subject="usage", what=what, why=why, next=follows, severity=severity))


def _wrapped(before: _Mark, after: _Mark) -> int | None:
    """Bytes between two looks at counters of 32 bits of which one began again; ``None``: they are none."""
    moved = 0
    for earlier, later in ((before.received, after.received), (before.sent, after.sent)):
        if later >= earlier:
            moved += later - earlier
            continue
        step = later + _WRAP - earlier
        if earlier >= _WRAP or step > _WRAP // 4:
            return None
        moved += step
    return moved


def _since(day: date | None, usage: Usage) -> str:
    return "since nobody knows when" if day is None else f"since {cycle.began(day, usage.cycle_day)}"


def _megabytes(octets: int) -> str:
    return f"{octets / 1e9:.2f} GB" if octets >= 1e9 else f"{octets / 1e6:.1f} MB"
