"""What the history writes to the disk in a day: the real core, a simulated house, virtual time, a real disk.

    python -m bench.writes [--folder /var/tmp] [--days 3]

Measured is `write_bytes` of /proc/self/io (proc(5)): what this process caused to be sent to the storage
layer, each sync in between counted, so that a page which is written a hundred times counts a hundred times.
The journal of the file system itself is not in it.  The folder must not be in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from failberry.adapters.historyfile import HistoryFile
from failberry.adapters.store import Store
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.modem_state import ModemState
from failberry.past import Past
from tests.simulation.test_lines import DUAL
from tests.simulation.world import World

GOAL = 5.0
"""Megabytes a day in standby."""
DAY, MINUTE = 86_400.0, 60.0
NOON = 1_800_014_400.0
QUIET = replace(DUAL, modem=replace(DUAL.modem, poll_interval=30.0))


@dataclass
class Kept(World):
    """A simulated house with a real history; what of the plan is used goes to a real store."""

    past: Past | None = None
    used: list[do.StoreUsage] | None = None

    def post(self, event: ev.Event) -> None:
        if self.down:
            return
        assert self.past is not None
        actions = self.appliance.handle(event, self.now)
        self.past.note(event, actions, self.appliance, self.now)
        for action in actions:
            if isinstance(action, do.StoreUsage) and self.used is not None:
                self.used.append(action)
            self._perform(action)


def written() -> int:
    """Bytes so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(each.split()[1] for each in lines if each.startswith("write_bytes")))


async def live(folder: Path, days: int, trouble: Callable[[Kept], None]) -> tuple[float, float, int]:
    """Return megabytes of the history and of the store a day, and how many batches."""
    clock = {"now": 1000.0}
    past = Past(
        HistoryFile(folder / "history.sqlite"), boot="b", journal=lambda *_, **__: None,
        clock=lambda: clock["now"], wall=lambda: NOON + clock["now"],
    )  # fmt: skip
    store = Store(folder / "state.sqlite")
    await past.open()
    used: list[do.StoreUsage] = []
    began = written()
    of_store = 0
    async with past.kept():
        world = Kept(config=QUIET, past=past, used=used)
        world.until(ModemState.CONNECTED)
        trouble(world)
        end = world.now + days * DAY
        while world.now < end:
            world.run(MINUTE)
            clock["now"] = world.now
            past.minute(world.appliance.snapshot(world.now))
            await past.history.turn()
            before = written()
            for each in used:
                await store.store_usage(each.deed, each.record)
            used.clear()
            of_store += written() - before
    whole = written() - began
    return (whole - of_store) / days / 1e6, of_store / days / 1e6, past.history.written


def nothing(_: Kept) -> None:
    """A house that stands by."""


def pull_out(world: Kept) -> None:
    """The modem is gone, for good."""
    world.unplug()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="/var/tmp")  # noqa: S108
    parser.add_argument("--days", type=int, default=3)
    arguments = parser.parse_args()
    figures = {}
    for name, trouble in (("standby", nothing), ("the modem is gone all day", pull_out)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            history, store, batches = asyncio.run(live(Path(folder), arguments.days, trouble))
            size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6
        figures[name] = history + store
        print(
            f"{name}: {history:.2f} MB of history and {store:.2f} MB of usage a day, "
            f"{batches / arguments.days:.0f} batches; on the disk after {arguments.days} days: {size:.2f} MB"
        )
        if history == 0:
            print(f"{arguments.folder} is in memory: nothing was measured")
            return 1
    print(f"written in standby: {figures['standby']:.2f} MB a day (goal: at most {GOAL:.0f})")
    return int(figures["standby"] > GOAL)


if __name__ == "__main__":
    sys.exit(main())
