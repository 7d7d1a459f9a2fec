"""Keeps the lines' addresses at their names in DNS: carries out what :mod:`failberry.dns.publisher` decides.

One task keeps all times; each call has a task of its own and a time limit.  Without ``[dns]`` it sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, assert_never, overload

from failberry.adapters.authority import Authority
from failberry.adapters.ddnsclient import FIRST_SECOND, DdnsClient, Endpoint
from failberry.adapters.dnschild import NobodyListens
from failberry.adapters.dnsmessage import Kind
from failberry.adapters.pinned import Line
from failberry.adapters.turning import Turning
from failberry.core.events import NamesChanged
from failberry.core.names import NamesIntent
from failberry.dns.calls import (
    Abandon,
    Answer,
    Call,
    Failed,
    Move,
    Moved,
    Publish,
    Published,
    Question,
    Reflect,
    Trouble,
    Verdict,
    Verified,
    Verify,
)
from failberry.dns.messages import MoveRequest, MoveResult, PublishRequest, PublishResult, Refusal
from failberry.dns.publisher import Publisher
from failberry.dns.wish import wished
from failberry.errors import AdapterReason
from failberry.naming import Dns
from failberry.naming import Publisher as Writer

_TROUBLES = {
    AdapterReason.GONE: Trouble.ABSENT,
    AdapterReason.BUSY: Trouble.BUSY,
    AdapterReason.DENIED: Trouble.DENIED,
    AdapterReason.TIMEOUT: Trouble.SILENT,
    AdapterReason.UNSUPPORTED: Trouble.NO_CHILD,
    AdapterReason.REFUSED: Trouble.REFUSED,
}


class Child(Protocol):
    """What speaks to Route 53 (:class:`failberry.adapters.dnschild.DnsChild`)."""

    @overload
    async def ask(self, request: PublishRequest) -> PublishResult | Refusal: ...
    @overload
    async def ask(self, request: MoveRequest) -> MoveResult | Refusal: ...


class Names:
    """Used from one event loop, whose clock is the engine's (``time.monotonic()``).

    ``publishing`` and ``moving`` are two, because each does one thing at a time, and a failover shall not
    wait for an address.
    """

    def __init__(
        self,
        post: Callable[[NamesChanged], None],
        *,
        publishing: Child,
        moving: Child,
        client: DdnsClient,
        authority: Authority,
        seed: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._post = post
        self._publishing, self._moving = publishing, moving
        self._client, self._authority = client, authority
        self._wall = wall
        self._publisher = Publisher(seed=seed)
        self._intent: NamesIntent | None = None
        self._waiting: list[NamesIntent | None] = []
        """The newest wish, until it is taken."""
        self._answers: list[Answer] = []
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._told = NamesChanged(names=None)
        self._turning = Turning()

    def keep(self, intent: NamesIntent | None) -> None:
        """Go by this from now on; cheap, and may be repeated at will."""
        self._waiting = [intent]
        self._turning.ring()

    async def attend(self) -> None:
        """Carry out what is wished; runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            await self._turning.run(lambda now: self._turn(now, tasks))

    async def prove_alive(self) -> bool:
        """Whether the task still turns."""
        return await self._turning.prove_alive()

    def _turn(self, now: float, tasks: asyncio.TaskGroup) -> float | None:
        publisher = self._publisher
        calls: list[Call] = []
        for answer in self._answers:
            publisher.take(answer, now)
        self._answers = []
        for intent in self._waiting:
            self._intent = intent
            calls += publisher.apply(intent, now)
        self._waiting = []
        calls += publisher.turn(now)
        for call in calls:
            if isinstance(call, Abandon):
                if (task := self._calls.get(call.number)) is not None:
                    task.cancel()
                continue
            task = tasks.create_task(self._answer(call), name=type(call).__name__)
            self._calls[call.number] = task
            task.add_done_callback(partial(self._over, call.number))
        told = NamesChanged(names=publisher.view(now), notices=publisher.notices(now))
        if told != self._told:
            self._told = told
            self._post(told)
        return publisher.deadline(now)

    def _over(self, number: int, _: asyncio.Task[None]) -> None:
        self._calls.pop(number, None)

    # --- calls -----------------------------------------------------------------------------------

    async def _answer(self, call: Question) -> None:
        answer: Answer
        try:
            async with asyncio.timeout(call.timeout):
                answer = await self._perform(call)
        except TimeoutError:
            words = f"no answer in {call.timeout:g} s"
            answer = Failed(number=call.number, trouble=Trouble.SILENT, evidence=words)
        self._answers.append(answer)
        self._turning.ring()

    async def _perform(self, call: Question) -> Answer:
        dns = None if self._intent is None else self._intent.config.dns
        if dns is None:
            words = "no names are wished any more"
            return Failed(number=call.number, trouble=Trouble.REFUSED, evidence=words)
        match call:
            case Publish(source=Writer.LAMBDA):
                return await self._client.publish(call, Endpoint(url=dns.url, key=dns.key_name))
            case Publish():
                return self._unset(call) or await self._by_child(call, dns)
            case Reflect():
                return await self._client.reflect(call, Endpoint(url=dns.url, key=dns.key_name))
            case Verify():
                return await self._verify(call, dns)
            case Move():
                return self._unset(call) or await self._move(call)
            case _:
                assert_never(call)

    def _unset(self, call: Question) -> Failed | None:
        """Why AWS would refuse whatever is signed now; ``None``: the clock was set."""
        if self._wall() >= FIRST_SECOND:
            return None
        words = "the clock of this machine was not set, and AWS takes nothing that is signed by it"
        return Failed(number=call.number, trouble=Trouble.NO_CLOCK, evidence=words)

    async def _verify(self, call: Verify, dns: Dns) -> Verified | Failed:
        kind = Kind.A if call.family == 4 else Kind.AAAA
        line = Line(interface=call.over.interface)
        try:
            found, octets = await self._authority.look(
                line, call.over.servers, zone=dns.zone, name=call.name, kind=kind
            )
        except OSError as failure:
            words = failure.strerror or str(failure)
            return Failed(number=call.number, trouble=Trouble.SILENT, evidence=words)
        return Verified(number=call.number, addresses=found, octets=octets)

    async def _by_child(self, call: Publish, dns: Dns) -> Published | Failed:
        answer = await self._publishing.ask(
            PublishRequest(
                zone=dns.zone, zone_id=dns.zone_id, name=call.name, ttl=dns.ttl, addresses=(call.address,)
            )
        )
        if isinstance(answer, Refusal):
            return _refused(call.number, answer)
        verdict = Verdict.CHANGED if answer.changed else Verdict.UNCHANGED
        return Published(number=call.number, verdict=verdict)

    async def _move(self, call: Move) -> Moved | Failed:
        wish = None if self._intent is None else wished(self._intent.config)
        if wish is None:
            words = "no names are wished any more"
            return Failed(number=call.number, trouble=Trouble.REFUSED, evidence=words)
        answer = await self._moving.ask(MoveRequest(wish=wish, forced=call.forced))
        if isinstance(answer, Refusal):
            return _refused(call.number, answer)
        return Moved(number=call.number, changed=answer.changed)


def _refused(number: int, refusal: Refusal) -> Failed:
    nobody = isinstance(refusal, NobodyListens)
    trouble = Trouble.NO_CHILD if nobody else _TROUBLES[refusal.reason]
    return Failed(number=number, trouble=trouble, evidence=refusal.evidence)
