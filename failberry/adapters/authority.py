"""What the name servers of a zone say themselves, asked over a given line.

Resolvers remember, and a router may answer in their stead: only an answer with AA counts (RFC 1035 section
4.1.1), to a question that asks for no recursion.  One packet each way, 128 bytes together (measured, for a
short name); who the name servers are is asked once in six hours.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from failberry.adapters.dnsmessage import Kind
from failberry.adapters.pinned import Line
from failberry.adapters.questions import NameAnswer, NameQuery, resolve
from failberry.core.facts import Address

REMEMBERED = 6 * 3600.0
"""Seconds for which the name servers are known."""
MOST = 2
"""Name servers whose addresses are asked for; a zone at Route 53 has four."""
PATIENCE = 3.0
"""Seconds for one answer."""
_DELEGATION = 700
"""Bytes of finding them, by estimate."""


class Authority:
    """Knows who serves a zone; used from one event loop."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}
        """Until when, and who, by zone and family."""
        self._dice = random.Random()  # noqa: S311 -- spreads questions, hides nothing

    async def look(
        self, line: Line, resolvers: Sequence[Address], *, zone: str, name: str, kind: Kind
    ) -> tuple[tuple[Address, ...], int]:
        """Return the addresses that stand at the name, and the bytes that it cost.

        Raises OSError, with the reason, where none of the servers told; the caller sets the time limit.
        """
        family = 4 if line.has_ipv4() else 6
        servers, octets = await self._servers(line, resolvers, zone, family)
        problems = []
        for server in self._dice.sample(servers, len(servers)):
            answer = await ask(line, NameQuery(server, name, kind, recurse=False))
            octets += answer.octets
            if not answer.problem and answer.own:
                return answer.addresses, octets
            problems.append(answer.problem or f"{server} does not answer for {zone}, or somebody else does")
        # They may have moved.
        self._known.pop((zone, family), None)
        raise OSError("; ".join(problems))

    async def _servers(
        self, line: Line, resolvers: Sequence[Address], zone: str, family: int
    ) -> tuple[tuple[Address, ...], int]:
        now = asyncio.get_running_loop().time()
        until, servers = self._known.get((zone, family), (0.0, ()))
        if now < until:
            return servers, 0
        problems = [f"nobody tells who serves {zone}"]
        for resolver in resolvers[:MOST]:
            answer = await ask(line, NameQuery(resolver, zone, Kind.NS))
            if answer.names:
                found = await self._addresses(line, resolvers, sorted(answer.names))
                self._known[zone, family] = now + REMEMBERED, found
                return found, _DELEGATION
            problems.append(answer.problem or f"{resolver} knows no name server of it")
        raise OSError(": ".join((problems[0], "; ".join(problems[1:]) or "there is no resolver to ask")))

    async def _addresses(
        self, line: Line, resolvers: Sequence[Address], names: Sequence[str]
    ) -> tuple[Address, ...]:
        found: list[Address] = []
        problem: OSError | None = None
        for each in self._dice.sample(names, min(MOST, len(names))):
            try:
                found += (await resolve(line, resolvers, each))[:1]
            except OSError as failure:
                problem = failure
        if not found:
            raise problem or OSError("no name server has an address")
        return tuple(found)


async def ask(line: Line, query: NameQuery) -> NameAnswer:
    """Ask once; silence, and what could not be sent, are told as a problem.  Never raises."""
    try:
        async with asyncio.timeout(PATIENCE):
            with query.asked(line) as answer:
                return await answer
    except TimeoutError:
        return NameAnswer(problem=f"{query.server} does not answer")
    except OSError as failure:
        return NameAnswer(problem=line.unsent(failure))
