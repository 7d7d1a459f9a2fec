"""The name servers of the zone: answers from Route 53's records by its rules of failover.

Of a failover pair the primary is answered while it is healthy, else the secondary if that is; with both
unhealthy, the primary (Developer Guide, "How Route 53 chooses records when health checking is configured").
A record without a health check is healthy; an alias that evaluates its target is as healthy as that, and as
its own check.  :class:`Recursor` is what stands between them and clients: it remembers.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from tests.awskit import dnswire
from tests.awskit.dnswire import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Answer, Record

Document = dict[str, Any]
_LONGEST_CHAIN = 8
_UNKNOWN = ("Weight", "Region", "GeoLocation", "MultiValueAnswer")
_NEGATIVE = 60
"""Seconds for which a recursor remembers that there is nothing, at most."""


class Names(Protocol):
    """Whoever answers questions."""

    def lookup(self, name: str, kind: str) -> Answer:
        """Answer one; names in lower case, without the final dot."""


class Authority:
    """One zone; ``records`` are ResourceRecordSets, ``healthy`` says what the health checks say."""

    def __init__(
        self, zone: str, records: Callable[[], Iterable[Document]], healthy: Callable[[str], bool]
    ) -> None:
        self.zone, self._records, self._healthy = zone, records, healthy

    def lookup(self, name: str, kind: str) -> Answer:
        """Answer with authority; REFUSED for names that are not of the zone."""
        if not self._within(name):
            return Answer(code=REFUSED, authoritative=False)
        records, told, here = list(self._records()), list[Record](), name
        for _ in range(_LONGEST_CHAIN):
            sets = [each for each in records if _plain(each["Name"]) == here]
            if any(policy in each for each in sets for policy in _UNKNOWN):
                return Answer(code=SERVFAIL)
            link = self._choose(records, here, "CNAME") if kind != "CNAME" else None
            if link is None:
                told += self._told(records, here, self._choose(records, here, kind))
                break
            told += self._told(records, here, link)
            here = _plain(told[-1].value)
            if not self._within(here):
                return Answer(records=told)
        if told and told[-1].name == here:
            return Answer(records=told)
        # What lies below a name makes it exist, too (RFC 8020).
        exists = any(
            _plain(each["Name"]) == here or _plain(each["Name"]).endswith(f".{here}") for each in records
        )
        return Answer(code=NOERROR if exists else NXDOMAIN, records=told, authority=self._soa(records))

    def _within(self, name: str) -> bool:
        return name == self.zone or name.endswith(f".{self.zone}")

    def _soa(self, records: list[Document]) -> list[Record]:
        [soa] = [each for each in records if each["Type"] == "SOA" and _plain(each["Name"]) == self.zone]
        [record] = self._told(records, self.zone, soa)
        # The last of its numbers bounds how long others remember that there is nothing (RFC 2308).
        return [
            Record(
                name=self.zone,
                type="SOA",
                ttl=min(record.ttl, int(record.value.split()[-1])),
                value=record.value,
            )
        ]

    def _choose(self, records: list[Document], name: str, kind: str) -> Document | None:
        sets = [each for each in records if _plain(each["Name"]) == name and each["Type"] == kind]
        roles = {each.get("Failover"): each for each in sets}
        primary, secondary = roles.get("PRIMARY"), roles.get("SECONDARY")
        if primary is None or secondary is None:
            return sets[0] if sets else None
        if not self._is_healthy(records, primary) and self._is_healthy(records, secondary):
            return secondary
        return primary

    def _is_healthy(self, records: list[Document], record: Document, depth: int = 0) -> bool:
        if "HealthCheckId" in record and not self._healthy(record["HealthCheckId"]):
            return False
        alias = record.get("AliasTarget")
        if alias is None or not alias["EvaluateTargetHealth"] or depth >= _LONGEST_CHAIN:
            return True
        aim = _plain(alias["DNSName"])
        targets = [each for each in records if _plain(each["Name"]) == aim and each["Type"] == record["Type"]]
        return any(self._is_healthy(records, each, depth + 1) for each in targets)

    def _told(self, records: list[Document], name: str, chosen: Document | None) -> list[Record]:
        aim = chosen
        for _ in range(_LONGEST_CHAIN):
            if aim is None or "AliasTarget" not in aim:
                break
            # An alias answers with what is at its target, and with its TTL.
            aim = self._choose(records, _plain(aim["AliasTarget"]["DNSName"]), aim["Type"])
        if aim is None or "ResourceRecords" not in aim:
            return []
        return [
            Record(name=name, type=aim["Type"], ttl=aim["TTL"], value=each["Value"])
            for each in aim["ResourceRecords"]
        ]


class Recursor:
    """Remembers what it was told for as long as it may; knows other names from a table.

    ``elsewhere`` are addresses (IPv4) by name, ``*`` for any other.  A ``pace`` of 10 lets time run ten times
    as fast: an answer with a TTL of 60 is remembered for 6 seconds.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        elsewhere: Mapping[str, str] | None = None,
        pace: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority, self._elsewhere = authority, dict(elsewhere or {})
        self._pace, self._clock = pace, clock
        self._known: dict[tuple[str, str], tuple[float, list[Record]]] = {}
        self._nothing: dict[tuple[str, str], tuple[float, Answer]] = {}

    def lookup(self, name: str, kind: str) -> Answer:
        """Answer from memory, else ask."""
        told: list[Record] = []
        for _ in range(_LONGEST_CHAIN):
            found = self._remembered(name, kind)
            if found:
                return Answer(records=told + found, authoritative=False)
            link = self._remembered(name, "CNAME") if kind != "CNAME" else []
            if not link:
                last = self._ask(name, kind)
                return Answer(
                    code=last.code, records=told + last.records, authority=last.authority, authoritative=False
                )
            told += link
            name = _plain(link[0].value)
        return Answer(code=SERVFAIL, authoritative=False)

    def _remembered(self, name: str, kind: str) -> list[Record]:
        until, records = self._known.get((name, kind), (0.0, []))
        left = math.ceil((until - self._clock()) * self._pace)
        return [
            Record(name=each.name, type=each.type, ttl=left, value=each.value) for each in records if left > 0
        ]

    def _ask(self, name: str, kind: str) -> Answer:
        until, nothing = self._nothing.get((name, kind), (0.0, Answer()))
        if until > self._clock():
            return nothing
        answer = self._authority.lookup(name, kind)
        if answer.code == REFUSED:
            address = self._elsewhere.get(name, self._elsewhere.get("*"))
            found = [Record(name=name, type="A", ttl=60, value=address)] if address and kind == "A" else []
            return Answer(code=NOERROR if address else NXDOMAIN, records=found, authoritative=False)
        by_place: dict[tuple[str, str], list[Record]] = {}
        for each in answer.records:
            by_place.setdefault((each.name, each.type), []).append(each)
        now = self._clock()
        for place, records in by_place.items():
            self._known[place] = now + records[0].ttl / self._pace, records
        if answer.authority:
            seconds = min(_NEGATIVE, answer.authority[0].ttl) / self._pace
            self._nothing[name, kind] = now + seconds, answer
        return answer


async def serve(names: Names, addresses: Iterable[str], port: int = 53, *, recursive: bool) -> None:
    """Answer on each of these addresses, by UDP and by TCP, until the loop ends."""
    loop = asyncio.get_running_loop()

    def answer(message: bytes, *, stream: bool) -> bytes | None:
        question = dnswire.read(message)
        if question is None:
            return None
        told = names.lookup(question.name, question.type)
        return dnswire.write(question, told, recursive=recursive, stream=stream)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(10):
                    message = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                said = answer(message, stream=True)
                if said is None:
                    break
                writer.write(len(said).to_bytes(2, "big") + said)
                await writer.drain()
        writer.close()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, message: bytes, peer: Any) -> None:
            said = answer(message, stream=False)
            if said is not None:
                self.transport.sendto(said, peer)

    for address in addresses:
        # A datagram is answered from the address that was asked, hence a socket for each.
        await loop.create_datagram_endpoint(Datagrams, (address, port))
        await asyncio.start_server(talk, address, port)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
