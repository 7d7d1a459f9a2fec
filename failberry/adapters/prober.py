"""Looks once whether traffic passes on a line, and reads what an interface has carried.

*Bytes*, as IP counts them: an echo that is answered is 74 (IPv6: 114), a query for the root with an
ordinary answer some 165 (IPv6: 205).  A look at three targets and two name servers is 556; unanswered, 203.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from failberry.adapters.pinned import Line
from failberry.adapters.questions import DnsQuery, Echo, Probe
from failberry.core.actions import ProbeLine, ReadCounters
from failberry.core.events import CountersRead, LineProbed

_STATISTICS = Path("/sys/class/net")


# --- a look --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one probe."""

    answered: bool = False
    unsent: OSError | None = None
    """Why it could not even be asked."""
    seconds: float = 0.0
    """Until it was answered."""


async def run(line: Line, probes: Sequence[Probe], seconds: float) -> tuple[Outcome, ...]:
    """Ask all at once; return when all are done, after so many seconds at the latest.

    The outcomes are in the order of the probes.  Never raises for a failure of the world.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(line, probe, seconds)) for probe in probes]
    return tuple(task.result() for task in tasks)


async def _outcome(line: Line, probe: Probe, seconds: float) -> Outcome:
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await probe.ask(line)
    except TimeoutError:
        return Outcome()
    except OSError as failure:
        return Outcome(unsent=failure)
    return Outcome(answered=True, seconds=time.monotonic() - began)


async def probe_line(action: ProbeLine) -> LineProbed:
    """Echo to each target and a query to each name server; never raises."""
    probes: tuple[Probe, ...] = (*map(Echo, action.targets), *map(DnsQuery, action.servers))
    line = Line(interface=action.interface)
    outcomes = await run(line, probes, action.timeout)
    targets, servers = outcomes[: len(action.targets)], outcomes[len(action.targets) :]
    return LineProbed(
        deed=action.deed,
        targets_answered=sum(each.answered for each in targets),
        servers_answered=sum(each.answered for each in servers),
        problem=_problem(line, outcomes),
        rtt=min((each.seconds for each in targets if each.answered), default=None),
    )


def _problem(line: Line, outcomes: Sequence[Outcome]) -> str | None:
    """Why nothing could be sent at all, if so."""
    reasons = [each.unsent for each in outcomes if each.unsent is not None]
    return line.unsent(*reasons) if len(reasons) == len(outcomes) else None


# --- counters ------------------------------------------------------------------------------------


def read_counters(action: ReadCounters, root: Path = _STATISTICS) -> CountersRead:
    """Read what the interface has carried (Documentation/ABI/testing/sysfs-class-net-statistics)."""
    folder = root / action.interface

    def read(name: str) -> int:
        return int((folder / name).read_text(encoding="ascii"))

    try:
        # The number on both sides: a stick may be pulled out, and the next one be named alike, in between.
        index = read("ifindex")
        received, sent = read("statistics/rx_bytes"), read("statistics/tx_bytes")
        gone = read("ifindex") != index
    except (OSError, ValueError):
        gone = True
    if gone:
        return CountersRead(deed=action.deed, received=None, sent=None, interface=action.interface)
    return CountersRead(
        deed=action.deed, received=received, sent=sent, interface=action.interface, index=index
    )
