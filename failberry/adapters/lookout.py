"""Asks over each line by its plan, again and again, and tells each answer and each miss.

One task keeps all times; it sleeps until the next question or the next miss is due.  Pings go over sockets
that stay open, and cost no task; a name query or a page, of which there are few, has a task of its own.
A plan that changes takes effect at once, and whatever it leaves as it was goes on undisturbed.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Coroutine, Iterable
from itertools import chain

from failberry.adapters import pages
from failberry.adapters.echoes import Echoes, Ping
from failberry.adapters.pinned import Line
from failberry.adapters.questions import NameQuery
from failberry.adapters.turning import Turning
from failberry.core.facts import Address
from failberry.core.probing import LATE, VOLLEY_GAP, Kind, Page, ProbeAnswered, ProbeMissed, ProbePlan
from failberry.core.snapshot import UplinkName
from failberry.namechecks import LONGEST_NAME

CANARY_INTERVAL = 1.0
UNHEARD_OF_EVERY = 30.0
"""Seconds between two questions to a server for a name that nobody has asked for before.  A router, and many
a carrier's server, answers what it remembers with the Internet gone; more of them would burden strangers."""
_MOST_TASKS = 64
"""Name queries and pages of one line that are under way at once; more are not asked."""

Post = Callable[[ProbeAnswered | ProbeMissed], None]


class Lookout:
    """Carries out probe plans.

    Used from one event loop, whose clock is the engine's (``time.monotonic()``).
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._watched: dict[UplinkName, _Watched] = {}
        self._turning = Turning()

    def apply(self, plans: Iterable[ProbePlan]) -> None:
        """Go by these plans from now on, and ask over no other line; cheap, and may be repeated at will."""
        wanted = {plan.line: plan for plan in plans}
        for name, watched in list(self._watched.items()):
            plan = wanted.get(name)
            if plan is None or plan.interface != watched.plan.interface:
                watched.close()
                del self._watched[name]
        for name, plan in wanted.items():
            if name not in self._watched:
                self._watched[name] = _Watched(plan, self._post)
            elif plan != self._watched[name].plan:
                self._watched[name].change(plan)
            else:
                continue
            self._turning.ring()

    async def watch(self) -> None:
        """Ask and tell; runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:

            def turn(now: float) -> float | None:
                for each in tuple(self._watched.values()):
                    each.turn(now, tasks)
                due = min((each.due() for each in self._watched.values()), default=math.inf)
                return due if due < math.inf else None

            await self._turning.run(turn)

    async def prove_alive(self) -> bool:
        """Whether the task still turns."""
        return await self._turning.prove_alive()

    def close(self) -> None:
        """Ask nothing any more."""
        self.apply(())


class _Cadence:
    """Something that comes again and again, in an interval that may change at any time."""

    def __init__(self) -> None:
        self._last = -math.inf

    def due(self, interval: float) -> float:
        return self._last + interval

    def comes(self, now: float, interval: float) -> bool:
        due = self.due(interval)
        if due > now:
            return False
        # After a standstill it goes on from now: nothing is made up for in a burst.
        self._last = due if now < due + interval else now
        return True


class _Watched:
    """One line, and its plan."""

    def __init__(self, plan: ProbePlan, post: Post) -> None:
        self.plan = plan
        self._post = post
        self._line = Line(interface=plan.interface)
        self._echoes: dict[int, Echoes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pings, self._names, self._pages = _Cadence(), _Cadence(), _Cadence()
        self._canary = _Cadence()
        self._next_target: dict[int, int] = {}
        self._next_page = 0
        self._resolved: dict[Address, float] = {}
        """When each server was asked for the last such name that it could resolve."""
        self._volleys: list[float] = []
        """Instants of those that are still to come."""

    def change(self, plan: ProbePlan) -> None:
        """Go by this plan, for the same line and interface, from the next turn on."""
        if plan.volley > self.plan.volley:
            self._volleys = [-math.inf, asyncio.get_running_loop().time() + VOLLEY_GAP]
        self.plan = plan
        self._resolved = {server: at for server, at in self._resolved.items() if server in plan.servers}
        for each in self._echoes.values():
            each.keep(filter(None, (*plan.targets, plan.canary)))

    def close(self) -> None:
        for each in self._echoes.values():
            each.close()
        for task in self._tasks:
            task.cancel()

    def due(self) -> float:
        """The instant of the next turn."""
        plan = self.plan
        misses = (each.next_miss(plan.timeout) for each in self._echoes.values())
        return min(
            chain(
                (due for due in misses if due is not None),
                self._volleys,
                (self._pings.due(plan.interval),) if plan.targets else (),
                (self._canary.due(CANARY_INTERVAL),) if plan.canary else (),
                (self._names.due(plan.name_interval),) if plan.name and plan.servers else (),
                (self._pages.due(plan.page_interval),) if plan.pages else (),
            ),
            default=math.inf,
        )

    def turn(self, now: float, tasks: asyncio.TaskGroup) -> None:
        """Do what is due."""
        plan = self.plan
        for each in self._echoes.values():
            for ping in each.misses(now, plan.timeout):
                if not ping.canary:
                    # It is silent as long as all is well: nothing to tell.
                    self._missed(Kind.ECHO, ping.peer, ping.sent)
        if plan.targets and self._pings.comes(now, plan.interval):
            self._ping_in_turn()
        if any(instant <= now for instant in self._volleys):
            self._volleys = [instant for instant in self._volleys if instant > now]
            for target in plan.targets:
                self._ping(target)
        if plan.canary is not None and self._canary.comes(now, CANARY_INTERVAL):
            self._ping(plan.canary, canary=True)
        if plan.name and plan.servers and self._names.comes(now, plan.name_interval):
            for server in plan.servers:
                self._start(self._ask_name(server), tasks)
        if plan.pages and self._pages.comes(now, plan.page_interval):
            page = plan.pages[self._next_page % len(plan.pages)]
            self._next_page += 1
            self._start(self._fetch(page), tasks)

    # --- pings ---------------------------------------------------------------------------------

    def _ping_in_turn(self) -> None:
        for version in (4, 6):
            targets = [target for target in self.plan.targets if target.version == version]
            if targets:
                turn = self._next_target.get(version, 0)
                self._next_target[version] = turn + 1
                self._ping(targets[turn % len(targets)])

    def _ping(self, peer: Address, *, canary: bool = False) -> None:
        if peer.version not in self._echoes:
            self._echoes[peer.version] = Echoes(self._line, peer.version, self._heard)
        sent = asyncio.get_running_loop().time()
        try:
            self._echoes[peer.version].send(peer, canary=canary)
        except OSError as failure:
            if not canary:
                self._missed(Kind.ECHO, peer, sent, self._line.unsent(failure))

    def _heard(self, ping: Ping, now: float) -> None:
        self._answered(Kind.ECHO, ping.peer, ping.sent, now, canary=ping.canary)

    # --- names and pages -----------------------------------------------------------------------

    def _start(self, question: Coroutine[None, None, None], tasks: asyncio.TaskGroup) -> None:
        if len(self._tasks) >= _MOST_TASKS:
            question.close()
            return
        task = tasks.create_task(question)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_name(self, server: Address) -> None:
        loop = asyncio.get_running_loop()
        sent, patience = loop.time(), self.plan.name_timeout
        # Until one is answered each question is of this kind: what is remembered does not excuse the server.
        fresh = sent >= self._resolved.get(server, -math.inf) + UNHEARD_OF_EVERY
        name = _unheard_of(self.plan.name) if fresh else self.plan.name
        try:
            with NameQuery(server, name).asked(self._line) as answer:
                await asyncio.wait((answer,), timeout=patience)
                missed = not answer.done()
                if missed:
                    self._missed_name(server, sent)
                    await asyncio.wait((answer,), timeout=max(0.0, LATE - patience))
                if not answer.done():
                    return
                problem = answer.result().problem
                if not problem and server in self.plan.servers:
                    if fresh:
                        self._resolved[server] = sent
                    self._answered(Kind.NAME, server, sent, loop.time())
                elif problem and not missed:
                    self._missed_name(server, sent, problem)
        except OSError as failure:
            self._missed_name(server, sent, self._line.unsent(failure))

    def _missed_name(self, server: Address, sent: float, problem: str = "") -> None:
        if server in self.plan.servers:
            self._missed(Kind.NAME, server, sent, problem)

    async def _fetch(self, page: Page) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        fetched = await pages.fetch(self._line, self.plan.servers, page, seconds=self.plan.page_timeout)
        if not fetched.problem and fetched.server is not None:
            self._answered(Kind.PAGE, fetched.server, sent, loop.time())
        else:
            self._missed(Kind.PAGE, fetched.server, sent, fetched.problem, portal=fetched.portal)

    # --- what is told --------------------------------------------------------------------------

    def _answered(self, kind: Kind, peer: Address, sent: float, now: float, *, canary: bool = False) -> None:
        line = self.plan.line
        self._post(ProbeAnswered(line=line, kind=kind, peer=peer, sent=sent, rtt=now - sent, canary=canary))

    def _missed(
        self, kind: Kind, peer: Address | None, sent: float, problem: str = "", *, portal: bool = False
    ) -> None:
        line = self.plan.line
        self._post(ProbeMissed(line=line, kind=kind, peer=peer, sent=sent, problem=problem, portal=portal))


def _unheard_of(name: str) -> str:
    """A name below this one that no server remembers; the answer is that there is none."""
    below = f"{os.urandom(4).hex()}.{name}"
    return below if len(below) <= LONGEST_NAME else name
