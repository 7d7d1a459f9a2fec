"""Route 53's health checkers: many sources, each with an opinion of its own, and what follows from them.

As the Developer Guide has it ("How Route 53 determines whether a health check is healthy"): a checker takes
a connection within 4 s and the status within 2 more; so many results in a row turn its opinion, both ways; a
check is healthy while more than 18 % of the checkers hold it so.  A new check is healthy until proven dead, a
disabled one always is; inverted is the opposite of it.  Time may run faster (:class:`Pace`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.awskit.alarms import Metrics, State, health, judge, series

Document = dict[str, Any]

SHARE = 0.18
"""Of the checkers, of whom more must hold it healthy ("might change in a future release")."""
PER_REGION = 2
CONNECT, ANSWER, TCP_CONNECT = 4.0, 2.0, 10.0
"""Seconds for a connection; for status and headers, and again for the body; for a TCP check."""
AGGREGATION = (5.0, 10.0)
"""Seconds from the opinions to the answers of the name servers."""
BODY_LIMIT = 5_120
HEAD_LIMIT = 16_384
AGENT = "Amazon-Route53-Health-Check-Service (ref {}; report http://amzn.to/1vsZADi)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many times as fast as at AWS time runs here."""

    factor: float = 1.0
    floor: float = 0.0
    """Seconds that are waited for a peer in any case: machines do not become faster."""

    def span(self, seconds: float) -> float:
        """So many seconds of AWS here."""
        return seconds / self.factor

    def patience(self, seconds: float) -> float:
        """So many seconds of waiting for a peer here."""
        return max(seconds / self.factor, self.floor)


@dataclass(slots=True)
class Opinion:
    """What one checker thinks."""

    healthy: bool = True
    streak: int = 0
    """Results in a row that spoke against it."""
    words: str = "not asked yet"
    asked: int = 0

    def hear(self, passed: bool, words: str, *, threshold: int) -> None:  # noqa: FBT001 -- what it is about
        """Count one result."""
        self.asked += 1
        self.words = words
        self.streak = 0 if passed is self.healthy else self.streak + 1
        if self.streak >= threshold:
            self.healthy, self.streak = passed, 0


Resolve = Callable[[str], Sequence[str]]
"""IPv4 addresses of a name; none: it does not resolve."""


@dataclass(slots=True, kw_only=True)
class Checkers:
    """All health checks of an account at work, and what they say; ``checks`` are its documents by id."""

    checks: Mapping[str, Document]
    resolve: Resolve
    metrics: Metrics
    pace: Pace = field(default_factory=Pace)
    sources: Sequence[str] = ()
    """Addresses to ask from, taken in turn; none: whatever the kernel chooses."""
    dice: Random = field(default_factory=Random)
    opinions: dict[str, dict[str, Opinion]] = field(default_factory=dict)
    told: dict[str, bool] = field(default_factory=dict)
    """What the name servers know, a little later than it is so."""
    timeline: deque[Document] = field(default_factory=lambda: deque(maxlen=1000))
    _so: dict[str, bool] = field(default_factory=dict)
    _alarmed: dict[str, bool] = field(default_factory=dict)
    _tasks: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)

    # --- what the checks say ------------------------------------------------------------------------

    def healthy(self, check_id: str) -> bool:
        """What the name servers know of it."""
        return self.told.get(check_id, True)

    def status(self, check_id: str, depth: int = 0) -> bool:
        """What it says at this moment."""
        config = self.checks[check_id]["HealthCheckConfig"]
        if config.get("Disabled"):
            so = True
        elif config["Type"] == "CALCULATED":
            # Of checks that there are; calculated ones cannot be nested.
            children = [
                each for each in config.get("ChildHealthChecks", ()) if each in self.checks and not depth
            ]
            so = sum(self.status(each, 1) for each in children) >= config.get("HealthThreshold", 0)
        elif config["Type"] == "CLOUDWATCH_METRIC":
            so = self._alarmed.get(check_id, True)
        else:
            opinions = self.opinions.get(check_id, {}).values()
            so = not opinions or sum(each.healthy for each in opinions) > SHARE * len(opinions)
        return so is not bool(config.get("Inverted"))

    def weigh(self) -> None:
        """Look what has changed; the name servers will know in a while."""
        for check_id in self.checks:
            now, before = self.status(check_id), self._so.get(check_id)
            if now is before:
                continue
            self._so[check_id] = now
            if before is None:
                self.told[check_id] = now
                continue
            self._note("verdict", check_id, now)
            delay = self.pace.span(self.dice.uniform(*AGGREGATION))
            asyncio.get_running_loop().call_later(delay, self._tell, check_id, now)

    def _tell(self, check_id: str, healthy: bool) -> None:  # noqa: FBT001 -- what it is about
        if self._so.get(check_id) is healthy and self.told.get(check_id) is not healthy:
            self.told[check_id] = healthy
            self._note("told", check_id, healthy)

    def _note(self, what: str, check_id: str, healthy: bool) -> None:  # noqa: FBT001 -- what it is about
        line = self.checks.get(check_id, {}).get("CallerReference", "")
        self.timeline.append(
            {"at": time.monotonic(), "what": what, "check": check_id, "reference": line, "healthy": healthy}
        )

    def view(self) -> Document:
        """All of it, for tests."""
        return {
            "timeline": list(self.timeline),
            "checks": {
                check_id: {
                    "healthy": self.status(check_id),
                    "told": self.healthy(check_id),
                    "asked": sum(each.asked for each in self.opinions.get(check_id, {}).values()),
                    "opinions": {
                        name: [each.healthy, each.words]
                        for name, each in self.opinions.get(check_id, {}).items()
                    },
                }
                for check_id in self.checks
            },
        }

    # --- the checkers at work -----------------------------------------------------------------------

    def arrange(self) -> None:
        """Put checkers to work, or send them home; to be called whenever the checks may have changed."""
        wanted = {
            (check_id, place)
            for check_id, check in self.checks.items()
            for place in _places(check["HealthCheckConfig"])
        }
        for key in [each for each in self._tasks if each not in wanted]:
            self._tasks.pop(key).cancel()
            self.opinions.get(key[0], {}).pop(key[1], None)
        for each in [each for each in self.opinions if each not in self.checks]:
            del self.opinions[each]
            self._so.pop(each, None)
        for number, (check_id, place) in enumerate(sorted(wanted)):
            if (check_id, place) in self._tasks:
                continue
            if place:
                self.opinions.setdefault(check_id, {})[place] = Opinion()
                work = self._ask_for_ever(check_id, place, number)
            else:
                work = self._read_for_ever(check_id)
            self._tasks[check_id, place] = asyncio.get_running_loop().create_task(work)
        self.weigh()

    async def _ask_for_ever(self, check_id: str, place: str, number: int) -> None:
        source = self.sources[number % len(self.sources)] if self.sources else None
        # Nobody coordinates them.
        pause = self.dice.uniform(
            0, self.pace.span(self.checks[check_id]["HealthCheckConfig"]["RequestInterval"])
        )
        while True:
            await asyncio.sleep(pause)
            config = self.checks[check_id]["HealthCheckConfig"]
            pause = self.pace.span(config["RequestInterval"])
            if not config.get("Disabled"):
                passed, words = await self._ask(check_id, config, source)
                opinion = self.opinions[check_id][place]
                opinion.hear(passed, words, threshold=config["FailureThreshold"])
                self.weigh()

    async def _ask(self, check_id: str, config: Document, source: str | None) -> tuple[bool, str]:
        address = config.get("IPAddress")
        if not address:
            found = self.resolve(config["FullyQualifiedDomainName"])
            if not found:
                return False, "Failure: DNS resolution failed: no A record"
            address = self.dice.choice(found)
        return await ask(check_id, config, address, source=source, pace=self.pace)

    async def _read_for_ever(self, check_id: str) -> None:
        period = self.pace.span(self.checks[check_id]["CloudWatchAlarmConfiguration"]["Period"])
        await asyncio.sleep(self.dice.uniform(0, period))
        while True:
            check = self.checks[check_id]
            config, settings = check["HealthCheckConfig"], check["CloudWatchAlarmConfiguration"]
            period = self.pace.span(settings["Period"])
            points = self.metrics.of(series(config["AlarmIdentifier"]["Region"], settings))
            state = judge(settings, points, now=time.monotonic(), period=period)
            before = self._alarmed.get(check_id, True)
            insufficient = config["InsufficientDataHealthStatus"]
            self._alarmed[check_id] = health(state, insufficient, before=before)
            if state is State.INSUFFICIENT_DATA and before is not self._alarmed[check_id]:
                self._note("insufficient data", check_id, self._alarmed[check_id])
            self.weigh()
            await asyncio.sleep(period)


def _places(config: Document) -> list[str]:
    """Where checkers of a check stand; one without a name reads figures."""
    match config["Type"]:
        case "CALCULATED":
            return []
        case "CLOUDWATCH_METRIC":
            return [""]
        case _:
            return [f"{region}-{number}" for region in config["Regions"] for number in range(PER_REGION)]


async def ask(
    check_id: str, config: Document, address: str, *, source: str | None = None, pace: Pace
) -> tuple[bool, str]:
    """Ask once: whether it passed, and why, as GetHealthCheckStatus words it."""
    kind, port = config["Type"], config["Port"]
    patience = pace.patience(TCP_CONNECT if kind == "TCP" else CONNECT)
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(
                address, port, limit=HEAD_LIMIT, local_addr=(source, 0) if source else None
            )
    except TimeoutError:
        return False, f"Failure: no connection within {patience:g} s"
    except OSError as error:
        return False, f"Failure: {error.strerror or error}"
    try:
        if kind == "TCP":
            return True, "Success: TCP connected"
        name = config.get("FullyQualifiedDomainName") or address
        host = name if port == 80 else f"{name}:{port}"
        path = "/" + config.get("ResourcePath", "").removeprefix("/")
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: close",
            f"User-Agent: {AGENT.format(check_id)}",
        ]
        writer.write("\r\n".join([*lines, "Accept-Encoding: *", "", ""]).encode())
        return await _answered(reader, config, pace)
    finally:
        writer.close()


async def _answered(reader: asyncio.StreamReader, config: Document, pace: Pace) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(pace.patience(ANSWER)):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        return False, "Failure: no answer in time"
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return False, f"Failure: no answer: {type(error).__name__}"
    status = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2]
    body = b""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(pace.patience(ANSWER)):
            while len(body) < BODY_LIMIT and (more := await reader.read(BODY_LIMIT - len(body))):
                body += more
    if status[:1] not in {"2", "3"}:
        return False, f"Failure: HTTP Status Code {status}"
    wanted = config.get("SearchString", "").encode() if config["Type"].endswith("STR_MATCH") else b""
    if wanted not in body:
        return False, "Failure: the search string is not in the body"
    return True, f"Success: HTTP Status Code {status}"
