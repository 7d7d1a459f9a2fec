"""The loop: one queue of events, one timer, one writer of state.

The only place that knows both the clock and the core.  Events come in from anywhere on this thread by
:meth:`Engine.post`; the core answers with actions; each action is performed in a task of its own,
whose result, if it has one, comes back as the next event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from failberry.core.actions import (
    Action,
    ApplyNames,
    ApplyProbes,
    ApplyResolvers,
    ApplyStandby,
    Deed,
    Report,
    Severity,
    Standing,
    Wish,
)
from failberry.core.appliance import Appliance
from failberry.core.events import Event, Started, Tick
from failberry.core.snapshot import Snapshot

Note = Callable[[Event, Sequence[Action], Appliance, float], None]
"""Takes what happened, and what follows from it, into journal and history; cheap."""
Perform = Callable[[Wish | Deed], Awaitable[Event]]
"""Does one action and returns its event; never raises for a failure of the world."""


class Engine:
    """Runs one appliance."""

    def __init__(
        self,
        appliance: Appliance,
        *,
        queue: asyncio.Queue[Event],
        perform: Perform,
        keep: Callable[[Standing], None],
        note: Note,
        tell: Callable[[Report], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.appliance = appliance
        self.turns = 0
        """Events handled; proof of life for the watchdog."""
        self.changed = asyncio.Event()
        """Set after each turn; whoever watches clears it."""
        self._perform = perform
        self._keep = keep
        self._note = note
        self._tell = tell
        self._clock = clock
        self._queue = queue

    def post(self, event: Event) -> None:
        """Hand in what has happened; from the loop's own thread only."""
        self._queue.put_nowait(event)

    def snapshot(self) -> Snapshot:
        """Return the state of everything, now."""
        return self.appliance.snapshot(self._clock())

    async def run(self, started: Started) -> None:
        """Turn for ever; a bug in the core, or in an adapter, ends it by exception."""
        async with asyncio.TaskGroup() as tasks:
            event: Event = started
            while True:
                for action in self._handle(event):
                    self._dispatch(action, tasks)
                self.turns += 1
                self.changed.set()
                event = await self._next()

    def _handle(self, event: Event) -> list[Action]:
        now = self._clock()
        try:
            actions = self.appliance.handle(event, now)
        except Exception as bug:
            # The state goes with the process; systemd restarts us, and this line is what is left of it.
            why = f"{bug!r} on {event!r} in {self.snapshot()!r}"
            self._tell(
                Report(
                    subject="engine", what="bug", why=why, next="systemd restarts us", severity=Severity.ERROR
                )
            )
            raise
        self._note(event, actions, self.appliance, now)
        return actions

    async def _next(self) -> Event:
        deadline = self.appliance.next_deadline()
        timeout = None if deadline is None else max(0.0, deadline - self._clock())
        try:
            async with asyncio.timeout(timeout):
                return await self._queue.get()
        except TimeoutError:
            return Tick()

    def _dispatch(self, action: Action, tasks: asyncio.TaskGroup) -> None:
        match action:
            case Report():
                pass  # told already, together with its event
            case ApplyProbes() | ApplyResolvers() | ApplyStandby() | ApplyNames():
                self._keep(action)
            case _:
                tasks.create_task(self._answer(action), name=type(action).__name__)

    async def _answer(self, action: Wish | Deed) -> None:
        self.post(await self._perform(action))
