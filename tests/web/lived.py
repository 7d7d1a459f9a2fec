"""A month that a house has lived through, in the daemon's own history file, before the daemon is started.

The stories are those of the real core in the simulated world; the samples are made up, from a seed.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from pathlib import Path

from failberry.adapters.historyfile import Batch, HistoryFile
from failberry.core import events as ev
from failberry.core.chronicle import Record
from failberry.core.history import Dated
from failberry.core.kinds import RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.samples import Sample
from failberry.core.snapshot import UplinkName
from tests.simulation.chronicled import Chronicled
from tests.simulation.condition import WELL
from tests.simulation.test_lines import DUAL

DAY = 86_400.0
OUTAGES = ((27.2, 1.4), (21.6, 0.4), (16.1, 3.0), (9.4, 0.6), (4.7, 7.5), (0.55, 0.4), (0.19, 0.7))
"""Of the wired line: days ago, and hours that it took."""
OLDER = 1200
"""Events from before that."""


def write(path: Path) -> None:
    """Write it, up to some minutes ago."""
    now = time.time()
    file = HistoryFile(path)
    file.open()
    file.write(Batch(events=_events(now - 900), minutes=_minutes(now)))
    file.close()


def _events(end: float) -> list[Dated]:
    world = Chronicled(config=DUAL)
    world.until(ModemState.CONNECTED)
    world.run(3600)
    world.street.change(broken=1)
    world.run(1440)
    world.street.change(broken=WELL.broken)
    world.run(7200)
    world.unplug()
    world.run(300)
    world.plug()
    world.run(1800)
    world.street.change(broken=2)
    world.run(95)
    world.street.change(broken=WELL.broken)
    world.run(3600)
    world.post(ev.LineForced(line=UplinkName.CELLULAR, seconds=600.0))
    world.run(1800)
    zero = end - world.now
    lately = [
        replace(each, id=each.id + OLDER, correlation=each.correlation + OLDER) for each in world.history
    ]
    return [
        *_before(zero),
        *(Dated(record=each, wall=zero + each.at, synced=True, boot="simulated") for each in lately),
    ]


def _before(end: float) -> list[Dated]:
    """Months in which the wired line was down now and then, three events each: more than is told at once."""
    made = []
    for number in range(1, OLDER + 1):
        story, step = divmod(number - 1, 3)
        record = Record(
            id=number,
            at=float(number),
            kind=RecordKind.VERDICT,
            subject="wired",
            what=("up -> suspect", "suspect -> down", "down -> up")[step],
            why=("no answer for 0.6 s", "no answer for 5.0 s", "answers again")[step],
            correlation=story * 3 + 1,
        )
        wall = end - (OLDER // 3 - story) * DAY / 3 + step
        made.append(Dated(record=record, wall=wall, synced=True, boot="before"))
    return made


def _minutes(now: float) -> list[tuple[int, Sample]]:
    chance = random.Random(7)  # noqa: S311
    told: list[tuple[int, Sample]] = []
    hour = int((now - 30 * DAY) // 3600)
    while hour * 3600 < now - DAY:
        # One sample stands for the hour: longer spans are made of whatever minutes there are.
        told += _pair(hour * 60, 3600.0, now, chance)
        hour += 1
    told += [each for minute in range(hour * 60, int(now // 60)) for each in _pair(minute, 60.0, now, chance)]
    return told


def _pair(minute: int, span: float, now: float, chance: random.Random) -> list[tuple[int, Sample]]:
    start = minute * 60.0
    down = sum(
        max(0.0, min(start + span, now - ago * DAY + hours * 3600) - max(start, now - ago * DAY))
        for ago, hours in OUTAGES
    )
    evening = max(0.0, math.sin((start / 3600 - 14) / 24 * 2 * math.pi)) ** 2
    rtt = 11 + 7 * evening + chance.gauss(0, 0.8)
    loss = max(0.0, chance.gauss(-1.2, 0.9)) + (3 if evening > 0.9 and chance.random() < 0.2 else 0)
    dead = down > span * 0.9
    wired = Sample(
        line=UplinkName.WIRED, up=span - down, down=down, active=span - down, received=9_000_000,
        sent=900_000,
        rtt=None if dead else rtt, rtt_worst=None if dead else rtt + abs(chance.gauss(2, 4)),
        loss=None if dead else loss, loss_worst=None if dead else loss * 2.5,
    )  # fmt: skip
    slow = 46 + 8 * evening + chance.gauss(0, 3)
    cellular = Sample(
        line=UplinkName.CELLULAR, up=span, active=down, rtt=slow, rtt_worst=slow + abs(chance.gauss(5, 4)),
        loss=max(0.0, chance.gauss(-0.3, 1.0)), loss_worst=None, received=40_000, sent=40_000,
        dbm=-74 + 5 * math.sin(start / 9_000) + chance.gauss(0, 1.3), used=0,
    )  # fmt: skip
    return [(minute, wired), (minute, replace(cellular, suspect=0.0))]
