"""AWS as far as lambda/ddns asks for it, in memory; and a client that signs by what is published.

The client is written from the description of the protocol, not with its code: a mistake there shows here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from ddns.address import Address
from ddns.endpoint import Doors, Endpoint
from ddns.keys import KeyRing
from ddns.ports import CloudError, Entry, Reached, RecordSet, Stale
from ddns.update import Publisher, Settings

from tests.unit.aws.functionurl import event

NOW = 1_795_000_000_000
"""The server's clock, milliseconds."""
SECRET, OLD_SECRET, OTHER_SECRET = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
PASSWORD = "correct-horse-battery-staple"  # noqa: S105
HOST = "wireless.example.com"
V6_HOST = "wired.example.com"
SOURCE, ELSEWHERE, SOURCE6 = "198.13.32.5", "198.13.32.77", "2a00:1450:4001::5"
DOMAIN = "abc.lambda-url.eu-west-1.on.aws"


def keys(**changes: object) -> dict[str, Any]:
    """The document with the keys; changes are to key pi1."""
    pi1 = {
        "secrets": [SECRET.hex()],
        "hosts": {HOST: None, V6_HOST: None},
        "passwords": [hashlib.sha256(PASSWORD.encode()).hexdigest()],
        **changes,
    }
    return {"version": 1, "keys": {"pi1": pi1, "pi2": {"secrets": [OTHER_SECRET.hex()], "hosts": {}}}}


@dataclass
class MemoryParameter:
    """The SecureString."""

    text: str
    reads: int = 0
    fault: str = ""

    def read(self) -> str:
        self.reads += 1
        if self.fault:
            raise CloudError(self.fault)
        return self.text


@dataclass
class MemoryZone:
    """The hosted zone, in the order and with the dots of the API."""

    records: list[RecordSet] = field(default_factory=list)
    writes: list[RecordSet] = field(default_factory=list)
    lists: int = 0
    fault: str = ""
    meanwhile: Callable[[], object] | None = None
    """What happens once, just before the next write."""

    def find(self, name: str) -> Sequence[RecordSet]:
        self.lists += 1
        if self.fault:
            raise CloudError(self.fault)
        start = _order(name)
        return [each for each in sorted(self.records, key=_sorted) if _order(str(each["Name"])) >= start][
            :100
        ]

    def upsert(self, record: RecordSet) -> str:
        if self.fault:
            raise CloudError(self.fault)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        self.writes.append(record)
        written = {**record, "Name": str(record["Name"]).removesuffix(".") + "."}
        self.records = [each for each in self.records if _identity(each) != _identity(written)]
        self.records.append(written)
        return f"C{len(self.writes)}"


def _order(name: str) -> list[str]:
    return name.removesuffix(".").lower().split(".")[::-1]


def _sorted(record: RecordSet) -> tuple[list[str], str]:
    return _order(str(record["Name"])), str(record["Type"])


def _identity(record: RecordSet) -> tuple[object, ...]:
    return record["Name"], record["Type"], record.get("SetIdentifier")


@dataclass
class MemoryLedger:
    """The table."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    fault: str = ""

    def advance(self, key: str, host: str, *, ts: int) -> Entry | Stale:
        if self.fault:
            raise CloudError(self.fault)
        before = self.entries.get((key, host), Entry(ts=-1))
        if ts <= before.ts:
            return Stale(before.ts)
        self.entries[key, host] = Entry(ts=ts, changed=before.changed)
        return before

    def changed(self, key: str, host: str, kind: str, *, ts: int, at: int) -> bool:
        entry = self.entries[key, host]
        if entry.ts != ts:
            return False
        self.entries[key, host] = Entry(ts=ts, changed={**entry.changed, kind: at})
        return True


@dataclass
class MemoryProbe:
    """The Internet between the function and the house."""

    finds: Reached = field(default_factory=lambda: Reached("HTTP 200", reachable=True))
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, address: Address, path: str) -> Reached:
        self.asked.append((str(address), path))
        return self.finds


class Cloud:
    """Everything together, and a clock."""

    def __init__(self, *, dyndns2: bool = False, cooldown: int = 30_000, **changes: object) -> None:
        self.now = NOW
        self.parameter = MemoryParameter(json.dumps(keys(**changes)))
        self.zone = MemoryZone()
        self.ledger = MemoryLedger()
        self.probe = MemoryProbe()
        self.lines: list[str] = []
        settings = Settings(cooldown=cooldown)
        publisher = Publisher(zone=self.zone, ledger=self.ledger, probe=self.probe, settings=settings)
        self.endpoint = Endpoint(
            ring=KeyRing(self.parameter),
            publisher=publisher,
            settings=settings,
            doors=Doors(dyndns2=dyndns2),
            log=self.lines.append,
        )

    def handle(self, told: object, _context: object = None) -> dict[str, Any]:
        return self.endpoint.answer(told, now=self.now)

    def send(self, request: Request, **changes: Any) -> Reply:
        answer = self.handle(request.event(**changes))
        return Reply(answer["statusCode"], json.loads(answer["body"]), answer, request)

    def update(self, **fields: Any) -> Reply:
        """Send a request that is well signed, of now."""
        secret, source = fields.pop("secret", SECRET), fields.pop("source", SOURCE)
        return self.send(Request({"ts": self.now, **fields}, secret=secret), source=source)

    def address(self, host: str = HOST, kind: str = "A") -> str | None:
        """What the name points to."""
        for record in self.zone.records:
            if (record["Name"], record["Type"]) == (f"{host}.", kind):
                values = record["ResourceRecords"]
                assert isinstance(values, list)
                return str(ip_address(values[0]["Value"]))
        return None


class Request:
    """A signed update."""

    def __init__(self, fields: dict[str, Any], *, secret: bytes = SECRET, domain: str = DOMAIN) -> None:
        self.fields = {
            "v": 1,
            "key": "pi1",
            "host": HOST,
            "ip": "auto",
            "ts": NOW,
            "nonce": "n" * 16,
            **fields,
        }
        self.body = json.dumps(self.fields).encode()
        self.domain = domain
        self.secret = secret
        ts, nonce = self.fields["ts"], self.fields["nonce"]
        digest = hashlib.sha256(self.body).hexdigest()
        message = f"failberry-ddns-v1\nPOST\n/\n{domain}\n{ts}\n{nonce}\n{digest}"
        self.signature = f"v1={hmac.new(secret, message.encode(), 'sha256').hexdigest()}"

    def headers(self) -> dict[str, str]:
        return {
            "Host": self.domain,
            "Content-Type": "application/json",
            "X-Failberry-Signature": self.signature,
        }

    def event(self, *, source: str = SOURCE, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return event(
            "POST", "/", headers={**self.headers(), **(headers or {})}, body=self.body, source=source
        )


@dataclass
class Reply:
    """An answer, and whether it is to be trusted."""

    status: int
    told: dict[str, Any]
    answer: dict[str, Any]
    request: Request

    @property
    def genuine(self) -> bool:
        digest = hashlib.sha256(self.answer["body"].encode()).hexdigest()
        message = f"failberry-ddns-v1-answer\n{self.status}\n{self.request.signature}\n{digest}"
        wanted = f"v1={hmac.new(self.request.secret, message.encode(), 'sha256').hexdigest()}"
        return self.answer["headers"].get("x-failberry-signature") == wanted

    @property
    def word(self) -> str:
        return str(self.told.get("status") or self.told.get("error"))
