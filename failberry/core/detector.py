"""Whether one line works in one family of addresses, judged by the answers to pings.

Two questions are kept apart.  *Dead*: from the first ping that is not answered all targets are asked at
once, and Wald's sequential probability ratio test (Annals of Mathematical Statistics 16, 1945) decides
with stated error rates.  *Degraded*, by loss or latency: see :mod:`failberry.core.quality`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import inf, log

from failberry.core.facts import Address
from failberry.core.probing import LATE, VOLLEY_GAP
from failberry.core.quality import LEAST_TIMEOUT, MOST_TIMEOUT, Bucket, Patience, Quality, Stutters


class Finding(StrEnum):
    """What is known of a line."""

    UP = "up"
    SUSPECT = "suspect"
    """Silent since a moment, answering again but not steadily, or not heard yet."""
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a line is judged."""

    targets: tuple[Address, ...]
    """Who is pinged, in turn."""
    interval: float
    """Seconds between two regular pings."""
    confirm: float
    """Seconds of silence after which the line is down."""
    loss_limit: float
    """Percent of lost pings above which the line is lossy."""
    latency_limit: float
    """Milliseconds of round-trip time above which the line is slow; 0: however slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the detector wants the line to be asked."""

    timeout: float
    """Seconds after which an answer is missed."""
    volley: int
    """Raised to ask for a volley, see :class:`failberry.core.probing.ProbePlan`."""


PARTIAL_AFTER = 30.0
"""Seconds without an answer after which a target is unreached while others answer."""

DEAD_ANSWERS = 1e-3
"""A dead line answers a ping with this probability at most (a stray answer, a wrong match)."""
LEAST_LOSS, MOST_LOSS = 0.05, 0.5
"""A living line is believed to lose what it lost in the last minute, within these bounds."""
SUSPECT_EVIDENCE, DOWN_EVIDENCE = log(1e6), log(1e9)
"""Wald's upper threshold is ln((1-beta)/alpha): a living line is suspected in one silence of a million (five
misses where little is lost), and called down in one of 1e9.  There is no lower threshold: one answer is worth
ln((1-p)/1e-3) > 6, so it ends every silence outright."""
SETTLING = 0.25
"""Seconds that a suspicion waits beyond the timeout of the first silent ping: the volley's second half, sent
``VOLLEY_GAP`` after that timeout, is then due, so that a gap of 0.1 s is no suspicion."""
LONGEST_WAIT = 5.0
"""Seconds of round-trip time that are believed at most when waiting."""
VOLLEY_EVERY = 0.5
VOLLEY_SPAN = VOLLEY_GAP + 0.15
"""Seconds after asking for a volley within which each ping sent is taken for one of it (0.15 s for the prober
to get the order).  Asked because one was lost, they are no fair sample of a line that loses in bursts, so
none counts as loss; but where loss is in the air already, those to one target do, chosen before, so that 40 %
loss is named in two thirds of the time."""

ANSWERS_BACK = 3
BACK_WITHIN = {Finding.SUSPECT: 2.0, Finding.DOWN: 3.0}
"""``ANSWERS_BACK`` answers to pings sent within so many seconds (or four intervals) make a line up again: one
half of a volley to three targets, so a line that is back is up at once, but not by one stray answer.  A lossy
line does not bounce because each loss weighs less there, see ``MOST_LOSS``."""
LONGEST_RUN, LONGEST_TARGET_RUN = 3, 6
"""Misses in a row that count as loss.  More are silence, the dead test's business, or one target's own."""
MISSES_KEPT = 512


class _Target:
    __slots__ = ("heard", "peer", "run")

    def __init__(self, peer: Address, heard: float) -> None:
        self.peer, self.heard = peer, heard
        self.run = 0  # fair pings missed since it answered


_Voice = _Target | Address
"""A target, or a stranger."""


class Detector:
    """Judges one line; the prober's answers and misses go in, a finding and a pace come out.

    Times are seconds on one monotonic clock.  Answers and misses may come late, twice, in any order, and
    from anybody.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pace = Pace(timeout=LEAST_TIMEOUT, volley=0)
        self._begin(-inf)
        self.since = 0.0
        """Instant of the last change of ``finding``."""

    def _begin(self, now: float) -> None:
        self.finding = Finding.SUSPECT
        self.since = self._now = now
        self.silent_since: float | None = None
        """When the first ping of the present silence was sent."""
        self.last_answer: float | None = None
        """Instant of the newest answer that proves that the line works."""
        self.pace = Pace(timeout=LEAST_TIMEOUT, volley=self.pace.volley)
        self._epoch = now
        # The dead test.
        self._proof = -inf  # when the newest ping that was answered had been sent
        self._peer: Address | None = None
        self._rtt = 0.0
        self._evidence = self._weight = 0.0
        self._unanswered = 0
        self._silent: set[_Voice] = set()
        self._problem = ""
        self._missed: dict[tuple[_Voice, float], tuple[Bucket | None, bool]] = {}
        self._newest_miss = -inf
        self._asked: deque[tuple[float, _Voice | None]] = deque(maxlen=64)
        self._next_volley = -inf
        self._back: deque[tuple[float, Address]] = deque(maxlen=8)
        self._targets: dict[Address, _Target] = {}
        # What a living line is like.
        self._stutters = Stutters()
        self._wait = Patience()
        self._quality = Quality()
        self._run = 0  # fair pings missed in the present silence
        self.retune(self.limits)

    def retune(self, limits: Limits) -> None:
        """Judge by other limits from now on, keeping what is known."""
        self.limits = limits
        self._quality.retune(
            interval=limits.interval, loss_limit=limits.loss_limit, latency_limit=limits.latency_limit
        )
        self._partial_after = max(PARTIAL_AFTER, 4 * limits.interval * len(limits.targets))
        known = self._targets
        self._targets = {each: known.get(each) or _Target(each, self._now) for each in limits.targets}

    def forget(self, now: float) -> None:
        """Begin anew: the line was gone.  What was asked before does not count any more."""
        self._begin(now)

    # What came of the questions.

    def answered(self, peer: Address, *, sent: float, rtt: float, now: float, count: int = 1) -> None:
        """Take an answer, or ``count`` of them in a row of which this is the newest."""
        if sent < self._epoch or (sent == self._proof and peer == self._peer):
            return
        if now > self._now:
            self._now = now
        silent = self.silent_since
        # What was sent before the silence began proves nothing about now.
        stale = silent is not None and sent < silent
        if silent is not None and not stale:
            self._end_silence(silent, now)
        if self._wait.learn(rtt, count):
            self.pace = Pace(timeout=self._wait.timeout, volley=self.pace.volley)
        voice = self._targets.get(peer, peer)
        miss = self._missed.pop((voice, sent), None) if sent <= self._newest_miss else None
        if miss is not None and miss[0] is not None:
            self._quality.found(miss[0], now, rtt)
        elif self._fair(voice, sent) if miss is None else miss[1]:
            self._quality.answered(now, rtt, count)
        if sent > self._proof:
            self._proof, self._peer, self._rtt = sent, peer, rtt
        if stale:
            return
        self._run = 0
        first = self._hear(voice, now, count)
        if self.finding is not Finding.UP:
            self._come_back(peer, sent, now, count, first=first)

    def missed(self, peer: Address, *, sent: float, now: float, problem: str = "") -> None:
        """Take a miss; ``problem`` says what came instead of an answer, or why nothing could be sent."""
        voice = self._targets.get(peer, peer)
        key = (voice, sent)
        if sent < self._epoch or key in self._missed:
            return
        self._now = max(self._now, now)
        present = sent > self._proof
        fair, bucket, run = self._fair(voice, sent), None, 0
        if isinstance(voice, _Target):
            voice.run += fair
            run = voice.run
            present = present and not self._is_mute(voice)
        if present and (problem or now - sent >= 0.8 * self.pace.timeout):
            # A ping that was sent before the timeout was raised has not been waited for long enough.
            self._be_silent(voice, sent, now, problem)
        if fair and run <= LONGEST_TARGET_RUN and (not present or self._run < LONGEST_RUN):
            bucket = self._quality.missed(now)
            self._run += present
        self._remember(key, (bucket, fair), now)
        self._judge(now)

    def tick(self, now: float) -> None:
        """Let happen what time alone brings about."""
        self._now = max(self._now, now)
        self._judge(now)

    # The dead test.

    def _be_silent(self, voice: _Voice, sent: float, now: float, problem: str) -> None:
        if self.silent_since is None:
            self.silent_since = sent
            # What the line lost before: its present silence is not held against itself.
            usual = min(max(self._quality.usual_loss(now), LEAST_LOSS), MOST_LOSS)
            self._weight = log((1 - DEAD_ANSWERS) / usual)
        self.silent_since = min(self.silent_since, sent)
        self._evidence += self._weight
        self._unanswered += 1
        self._problem = problem
        if len(self._silent) < 64:
            self._silent.add(voice)

    def _end_silence(self, silent: float, now: float) -> None:
        # An answer that took so long says that each ping sent after it may take as long: all misses fall.
        if (
            self.last_answer is not None
            and self.finding is not Finding.DOWN
            and self._convincing(SUSPECT_EVIDENCE)
            and self._due(silent, patience=0.0) <= now < silent + self.limits.confirm
        ):
            self._stutters.note(now - silent, now)
        self.silent_since = None
        self._evidence, self._unanswered, self._problem = 0.0, 0, ""
        self._silent.clear()

    def _convincing(self, needed: float) -> bool:
        return self._evidence >= needed and len(self._silent) >= self._needed_voices()

    def _due(self, silent: float, *, patience: float) -> float:
        wait = max(self.pace.timeout, min(self._wait.longest, LONGEST_WAIT))
        return silent + max(wait + SETTLING, patience)

    def _judge(self, now: float) -> None:
        silent = self.silent_since
        if silent is not None:
            if self.finding is Finding.UP and self._is_due(silent, SUSPECT_EVIDENCE, now):
                self._turn(Finding.SUSPECT, now)
            if self.finding is Finding.SUSPECT and self._is_due(silent, DOWN_EVIDENCE, now):
                self._turn(Finding.DOWN, now)
        if self._curious and now >= self._next_volley:
            self.pace = Pace(timeout=self.pace.timeout, volley=self.pace.volley + 1)
            targets = self.limits.targets
            chosen = targets[self.pace.volley % len(targets)]
            sample = self._targets[chosen] if self._quality.doubtful else None
            self._asked.append((now, sample))
            wait = VOLLEY_EVERY if self._convincing(SUSPECT_EVIDENCE) else self.pace.timeout + VOLLEY_GAP
            self._next_volley = now + min(wait, VOLLEY_EVERY)

    def _is_due(self, silent: float, evidence: float, now: float) -> bool:
        return self._convincing(evidence) and now >= self._when(silent)

    def _when(self, silent: float) -> float:
        """When the next worse finding is due, if the evidence suffices."""
        if self.finding is Finding.UP:
            return self._due(
                silent, patience=min(self._stutters.patience(self._now), self.limits.confirm - 1)
            )
        return max(self._due(silent, patience=0.0), silent + self.limits.confirm)

    @property
    def _curious(self) -> bool:
        """Whether volleys are wanted: while silent, and until a suspicion is over."""
        if self.silent_since is not None:
            return self.finding is not Finding.DOWN
        return self.finding is Finding.SUSPECT and self.last_answer is not None

    @property
    def deadline(self) -> float | None:
        """When ``tick`` would change something by itself; ``None``: never."""
        if not self._curious:
            return None
        silent = self.silent_since
        needed = SUSPECT_EVIDENCE if self.finding is Finding.UP else DOWN_EVIDENCE
        if silent is not None and self._convincing(needed):
            return min(self._next_volley, self._when(silent))
        return self._next_volley

    def _come_back(self, peer: Address, sent: float, now: float, count: int, *, first: bool) -> None:
        targets = self.limits.targets
        back = self._back
        if (sent, peer) not in back:
            back.append((sent, peer))
        back.extend((sent, targets[each % len(targets)]) for each in range(min(count - 1, ANSWERS_BACK)))
        within = max(BACK_WITHIN[self.finding], 4 * self.limits.interval)
        recent = [each for each in back if each[0] >= self._proof - within]
        several = (
            self.finding is Finding.SUSPECT or len({each[1] for each in recent}) >= self._needed_voices()
        )
        if (first and self.finding is Finding.SUSPECT) or (len(recent) >= ANSWERS_BACK and several):
            self._turn(Finding.UP, now)

    def _turn(self, finding: Finding, now: float) -> None:
        self.finding, self.since = finding, now
        self._back.clear()

    # Targets, and what pings are a fair sample.

    def _hear(self, voice: _Voice, now: float, count: int) -> bool:
        """Note who answers; return whether it is the first answer ever."""
        last = self.last_answer
        if last is None or now - last > self._partial_after:
            # After a long silence each has its time anew, but for those that had not answered before.
            for each in self._targets.values():
                if last is None or not self._is_mute(each):
                    each.heard = now
        self.last_answer = now
        if count >= len(self._targets):
            for each in self._targets.values():
                each.heard, each.run = now, 0
        elif isinstance(voice, _Target):
            voice.heard, voice.run = now, 0
        return last is None

    def _is_mute(self, target: _Target) -> bool:
        """Whether it has not answered for long while others have, so that it says nothing of the line."""
        return self.last_answer is not None and target.heard < self.last_answer - self._partial_after

    @property
    def unreached(self) -> tuple[Address, ...]:
        """Targets that have not answered for long while others have."""
        return tuple(each.peer for each in self._targets.values() if self._is_mute(each))

    def _needed_voices(self) -> int:
        """How many targets must agree."""
        return min(2, len(self._targets) - len(self.unreached))

    def _fair(self, voice: _Voice, sent: float) -> bool:
        """Whether a ping is a fair sample: a regular one, or to the target that was chosen before."""
        asked = self._asked
        if not asked or sent > asked[-1][0] + VOLLEY_SPAN:
            return True
        for at, sample in reversed(asked):
            if sent >= at:
                return sent > at + VOLLEY_SPAN or voice == sample
        return True

    def _remember(self, key: tuple[_Voice, float], miss: tuple[Bucket | None, bool], now: float) -> None:
        missed = self._missed
        while missed:
            oldest = next(iter(missed))
            if len(missed) < MISSES_KEPT and now - oldest[1] <= LATE + MOST_TIMEOUT:
                break
            del missed[oldest]
        missed[key] = miss
        self._newest_miss = max(self._newest_miss, key[1])

    @property
    def lossy(self) -> str:
        """Why the line is degraded by loss; empty: it is not."""
        return self._quality.lossy

    @property
    def slow(self) -> str:
        """Why the line is degraded by latency; empty: it is not."""
        return self._quality.slow

    def loss(self, now: float) -> float | None:
        """Return the percentage of regular pings lost in the last minute; ``None``: there were none."""
        share = self._quality.share(now)
        return None if share is None else 100 * share

    def rtt(self, now: float) -> float | None:
        """Return the mean round trip in the last minute in milliseconds; ``None``: there was no answer."""
        return self._quality.rtt(now)

    @property
    def reason(self) -> str:
        """What the finding rests on, as of the newest event."""
        if self.finding is Finding.UP:
            lost = self.loss(self._now) or 0.0
            return f"{self._peer} answered in {self._rtt * 1e3:.0f} ms, {lost:.0f} % lost in a minute"
        silent = self.silent_since
        if silent is None:
            if self.last_answer is None:
                return "not asked yet" if self._newest_miss == -inf else "no answer yet"
            return f"{self._peer} answers again, not steadily yet"
        peers = [each for each, target in self._targets.items() if target in self._silent]
        names = ", ".join(map(str, peers or self._silent))
        whom = f"none of {names} has" if len(self._silent) > 1 else f"{names} has not"
        pings = "1 ping" if self._unanswered == 1 else f"{self._unanswered} pings"
        words = f"{whom} answered {pings} in {self._now - silent:.1f} s"
        return f"{words}: {self._problem}" if self._problem else words
