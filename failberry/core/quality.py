"""How well a living line carries pings: loss, latency, stutters, and how long an answer may take.

Loss is found by Page's cumulative sum (Biometrika 41, 1954), latency by the mean of the last minute, both
with hysteresis.  Whether the line lives at all is not asked here, see :mod:`failberry.core.detector`.
"""

from __future__ import annotations

from collections import deque
from math import ceil, log

from failberry.core.probing import LATE

WINDOW = 60.0
"""Seconds over which loss and latency are averaged."""
ENOUGH, ENOUGH_LATENCIES = 60.0, 20.0
"""Pings in the window from which it is judged; where fewer are sent, half of those."""
CUSUM_LIMIT = 12.0
"""Where the sum says that the line is lossy.  Each ping adds ln(L1/L0) if it is lost and takes away
ln((1-L0)/(1-L1)) if not, L0 being the loss with which a line is good again and L1 one beyond the limit: with
the limit of 25 %, +1.10 and -0.25 for 10 % against 30 %.  With w > 0 such that E[exp(w * step)] = 1, an
excursion from zero reaches h with a probability below exp(-w*h) (Lundberg's inequality, by Wald's identity),
so the average run length is above exp(w*h) pings (Siegmund, Sequential Analysis, 1985, chapter 2).  At 5 % of
loss w = 1.925, hence 1e10 pings, 170 years at two a second; simulated 8e10.  At 10 % w = 1: simulated, two
weeks.  Loss of 40 % adds 0.29 per ping, so it takes 12/0.29 = 42 of them."""
LATENCY_BACK = 0.7
TIMEOUT_STEP, LEAST_TIMEOUT, MOST_TIMEOUT = 0.05, 0.2, 2.0
STEP_MARGIN = 0.4 * TIMEOUT_STEP

STUTTERS, STUTTER_SPAN, STUTTER_FORGOTTEN = 3, 3 * 3600.0, 86_400.0
STUTTER_MARGIN, STUTTER_PATIENCE = 0.5, 3.0
"""A line that was silent and came back so often within ``STUTTER_SPAN`` (hours, so that an hourly upload is
found too) gets patience: its longest stutter and the margin, at most ``STUTTER_PATIENCE``."""


class Patience:
    """How long to wait for an answer, by RFC 6298; late answers teach it too."""

    __slots__ = ("_mean", "_spread", "longest", "timeout")

    def __init__(self) -> None:
        self.timeout = LEAST_TIMEOUT
        """Seconds for the prober: within bounds, and in steps, so that plans do not change all the time."""
        self.longest = 0.0
        """Seconds in which an answer is due, without the bounds."""
        self._mean = self._spread = 0.0

    def learn(self, rtt: float, count: int = 1) -> bool:
        """Take a round trip in seconds, ``count`` times; return whether ``timeout`` changed."""
        rtt = min(max(rtt, 1e-6), LATE)
        if self._mean == 0.0:
            self._mean, self._spread = rtt, rtt / 2
        elif count == 1:
            self._spread += (abs(self._mean - rtt) - self._spread) / 4
            self._mean += (rtt - self._mean) / 8
        else:
            # The same, so often over.
            off, slow, fast = self._mean - rtt, 0.875**count, 0.75**count
            self._spread = fast * self._spread + 2 * abs(off) * (slow - fast)
            self._mean = rtt + off * slow
        due = self.longest = self._mean + 4 * self._spread
        timeout = self.timeout
        # A step lower only with some margin, lest a line between two steps go to and fro.
        if due > timeout:
            wanted = ceil(due / TIMEOUT_STEP) * TIMEOUT_STEP
        elif due + STEP_MARGIN <= timeout - TIMEOUT_STEP:
            wanted = ceil((due + STEP_MARGIN) / TIMEOUT_STEP) * TIMEOUT_STEP
        else:
            return False
        self.timeout = round(min(max(wanted, LEAST_TIMEOUT), MOST_TIMEOUT), 2)
        return self.timeout != timeout


class Stutters:
    """How long a line that is silent now and then, and comes back, may be silent before it is suspected."""

    __slots__ = ("_earned", "_instants", "_longest")

    def __init__(self) -> None:
        self._instants: deque[float] = deque(maxlen=STUTTERS)
        self._longest = 0.0
        self._earned = False

    def note(self, length: float, now: float) -> None:
        """Take a silence that was long enough to be suspect, in seconds, and that is over now."""
        self.patience(now)  # forgets what is old
        self._longest = max(self._longest, length)
        self._instants.append(now)
        if len(self._instants) == STUTTERS and now - self._instants[0] <= STUTTER_SPAN:
            self._earned = True

    def patience(self, now: float) -> float:
        """Return for how many seconds of silence this line is not suspected."""
        if self._instants and now - self._instants[-1] > STUTTER_FORGOTTEN:
            self._instants.clear()
            self._earned, self._longest = False, 0.0
        return min(self._longest + STUTTER_MARGIN, STUTTER_PATIENCE) if self._earned else 0.0


class Bucket:
    """Pings told within a second, or a longer stretch of answers."""

    __slots__ = ("answered", "begin", "dropped", "end", "lost", "micros")

    def __init__(self, begin: float) -> None:
        self.begin = self.end = begin
        self.answered = self.lost = self.micros = 0
        self.dropped = False


class Window:
    """Pings told in the last ``WINDOW`` seconds; at most a bucket a second is kept."""

    __slots__ = ("_answered", "_buckets", "_lost", "_micros")

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque()
        self._answered = self._lost = self._micros = 0

    def add(self, now: float, answered: int, lost: int, micros: int) -> Bucket:
        """Count, and return where; several answers were spread evenly since the bucket before."""
        buckets = self._buckets
        bucket = buckets[-1] if buckets else None
        if bucket is None or now >= bucket.begin + 1.0:
            begin = now
            if answered > 1 and bucket is not None:
                begin = bucket.end
                if now - begin > WINDOW:  # only the last minute of a long stretch
                    kept = ceil(answered * WINDOW / (now - begin))
                    micros, answered, begin = micros * kept // answered, kept, now - WINDOW
            bucket = Bucket(begin)
            buckets.append(bucket)
            while buckets[0].end < now - WINDOW and len(buckets) > 1:
                self._drop()
        if now > bucket.end:
            bucket.end = now
        bucket.answered += answered
        bucket.lost += lost
        bucket.micros += micros
        self._answered += answered
        self._lost += lost
        self._micros += micros
        return bucket

    def find(self, bucket: Bucket) -> None:
        """Turn a loss into an answer."""
        bucket.lost -= 1
        bucket.answered += 1
        if not bucket.dropped:
            self._lost -= 1
            self._answered += 1

    def sums(self, now: float) -> tuple[float, float, float]:
        """Return answered, lost, and the sum of all round trips in microseconds."""
        edge = now - WINDOW
        buckets = self._buckets
        while buckets and buckets[0].end < edge:
            self._drop()
        if not buckets or (first := buckets[0]).begin >= edge:
            return self._answered, self._lost, self._micros
        gone = (edge - first.begin) / (first.end - first.begin)
        return (
            self._answered - gone * first.answered,
            self._lost - gone * first.lost,
            self._micros - gone * first.micros,
        )

    def _drop(self) -> None:
        bucket = self._buckets.popleft()
        bucket.dropped = True
        self._answered -= bucket.answered
        self._lost -= bucket.lost
        self._micros -= bucket.micros


class Quality:
    """Loss and latency of one line, by its regular pings alone."""

    __slots__ = (
        "_answer_step",
        "_cusum",
        "_enough",
        "_latency_limit",
        "_loss_limit",
        "_loss_step",
        "_pings",
        "_pings_lost",
        "_told",
        "_window",
        "lossy",
        "slow",
    )

    def __init__(self) -> None:
        self.lossy = ""
        """Why the line is degraded by loss; empty: it is not."""
        self.slow = ""
        """Why the line is degraded by latency; empty: it is not."""
        self._window = Window()
        self._cusum = 0.0
        self._pings = self._pings_lost = 0  # since the sum was last zero
        self._told = 0  # since the line was called lossy
        self.retune(interval=0.5, loss_limit=25.0, latency_limit=0.0)

    def retune(self, *, interval: float, loss_limit: float, latency_limit: float) -> None:
        """Take seconds between pings, percent and milliseconds (0: however slow)."""
        self._loss_limit, self._latency_limit = loss_limit, latency_limit
        # H0: as good as a line must be to be good again; H1: a little beyond the limit.
        good, bad = loss_limit / 250, min(loss_limit / 100 + 0.05, 0.97)
        self._loss_step, self._answer_step = log(bad / good), log((1 - good) / (1 - bad))
        self._enough = WINDOW / interval / 2

    def answered(self, now: float, rtt: float, count: int) -> None:
        """Take ``count`` answers in a row."""
        self._window.add(now, count, 0, int(rtt * 1e6) * count)
        self._told += count
        if self._cusum > 0.0:
            self._sum(-self._answer_step * count, count, 0)
        if self.lossy or self._latency_limit or self.slow:
            self._judge(now)

    def missed(self, now: float) -> Bucket:
        """Take a miss; return where it was counted."""
        bucket = self._window.add(now, 0, 1, 0)
        self._told += 1
        self._sum(self._loss_step, 1, 1)
        return bucket

    def found(self, bucket: Bucket, now: float, rtt: float) -> None:
        """Take an answer that was late: it is not lost any more."""
        self._window.find(bucket)
        self._window.add(now, 0, 0, int(rtt * 1e6))
        self._sum(-self._loss_step - self._answer_step, 0, -1)
        if self.lossy or self._latency_limit or self.slow:
            self._judge(now)

    @property
    def doubtful(self) -> bool:
        """Whether more than one ping was lost of late."""
        return self._cusum > self._loss_step

    def share(self, now: float) -> float | None:
        """Return which part was lost; ``None``: there were no pings."""
        answered, lost, _ = self._window.sums(now)
        total = answered + lost
        return max(lost, 0.0) / total if total > 1e-6 else None

    def usual_loss(self, now: float) -> float:
        """Return which part must be expected to be lost: that of the last minute, or worse of late."""
        answered, lost, _ = self._window.sums(now)
        return max(lost / max(answered + lost, 20.0), self._pings_lost / max(self._pings, 10))

    def rtt(self, now: float) -> float | None:
        """Return the mean round trip in milliseconds; ``None``: there was no answer."""
        answered, _, micros = self._window.sums(now)
        return max(micros, 0.0) / answered / 1e3 if answered > 1e-6 else None

    def _sum(self, step: float, pings: int, lost: int) -> None:
        self._cusum += step
        if self._cusum <= 0.0:
            self._cusum, self._pings, self._pings_lost = 0.0, 0, 0
            return
        self._pings += pings
        self._pings_lost += lost
        if self._cusum >= CUSUM_LIMIT:
            self._cusum = CUSUM_LIMIT
            if not self.lossy:
                counted = f"{self._pings_lost} of {self._pings} pings were lost"
                self.lossy = f"{counted} (the limit is {self._loss_limit:g} %)"
                self._told = 0

    def _judge(self, now: float) -> None:
        answered, lost, micros = self._window.sums(now)
        total, limit = answered + lost, self._latency_limit
        # Half of what it is judged by is from after the onset: a good minute before it would excuse the line.
        enough = min(total, self._told) >= min(ENOUGH, self._enough)
        if self.lossy and enough and 250 * lost < total * self._loss_limit:
            self.lossy, self._cusum = "", 0.0
        if answered < min(ENOUGH_LATENCIES, self._enough):
            return
        mean = micros / answered / 1e3
        if limit and mean > limit and not self.slow:
            self.slow = (
                f"answers took {mean:.0f} ms on average in the last minute (the limit is {limit:g} ms)"
            )
        elif mean < LATENCY_BACK * limit or not limit:
            self.slow = ""
