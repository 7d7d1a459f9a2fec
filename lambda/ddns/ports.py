"""What the decisions ask of the world.  One implementation speaks to AWS, the tests' ones are in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ddns.address import Address

RecordSet = Mapping[str, object]
"""A ResourceRecordSet in the API's own form."""


class CloudError(Exception):
    """AWS did not do what was asked.  ``code`` is its own word for why (``Throttling``)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Parameter(Protocol):
    """The SecureString with the keys."""

    def read(self) -> str:
        """Fetch it.  Raises CloudError."""


class Zone(Protocol):
    """The hosted zone."""

    def find(self, name: str) -> Sequence[RecordSet]:
        """Fetch the records at a name, and perhaps some after it.  Raises CloudError."""

    def upsert(self, record: RecordSet) -> str:
        """Write one record, and return the change's id.  Raises CloudError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered for one key and one name."""

    ts: int
    """Time stamp of the newest request, milliseconds."""
    changed: Mapping[str, int] = field(default_factory=dict)
    """When a record was last changed, by type; milliseconds."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A request no newer than one before it."""

    newest: int | None
    """That one's time stamp, where it is known."""


class Ledger(Protocol):
    """What has been asked and done before, shared by everything that runs at the same time."""

    def advance(self, key: str, host: str, *, ts: int) -> Entry | Stale:
        """Remember ``ts`` if it is later than what is remembered; return what was before.

        One conditional write: of two equal requests one is stale, whichever comes first.  Raises CloudError.
        """

    def changed(self, key: str, host: str, kind: str, *, ts: int, at: int) -> bool:
        """Remember when a record was changed; False if a newer request came between.  Raises CloudError."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking the house's health server from outside."""

    detail: str
    reachable: bool | None = False
    """``None``: it could not be tried."""


class Probe(Protocol):
    """Asks the house's health server."""

    def __call__(self, address: Address, path: str) -> Reached:
        """Ask within seconds.  Never raises."""
