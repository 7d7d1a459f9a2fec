"""One authenticated wish, from the checks to the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ddns.address import Address, record_type, unpublishable
from ddns.keys import Key
from ddns.ports import CloudError, Entry, Ledger, Probe, Reached, Stale, Zone
from ddns.protocol import WINDOW
from ddns.record import Foreign, Same, decide


class Verdict(StrEnum):
    """What came of a wish."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WOULD_CHANGE = "would_change"
    """A dry run of what would be changed."""
    UNREACHABLE = "unreachable"
    """Not published, because the probe was not answered and only a reachable address was wished for."""
    HOST = "host"
    """The key may not change this name."""
    EXPLICIT = "explicit"
    """The key may not publish an address that the request does not come from."""
    ADDRESS = "address"
    """Not an address that the whole Internet can reach."""
    CLOCK = "clock"
    """The time stamp is not of now."""
    REPLAY = "replay"
    """The time stamp is not later than that of a request before."""
    OVERTAKEN = "overtaken"
    """Published, but a newer request came in between: ask again which of the two the record has."""
    COOLDOWN = "cooldown"
    """Changed just now."""
    RECORD = "record"
    """What is there is not ours to change."""
    CLOUD = "cloud"
    """AWS did not do it."""


PUBLISHED = {Verdict.CHANGED, Verdict.UNCHANGED, Verdict.WOULD_CHANGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants which name to point where."""

    key: Key
    host: str
    address: Address | None
    """``None``: ``source``."""
    source: Address
    """Where the request comes from."""
    ts: int
    """Its time stamp, milliseconds."""
    dry_run: bool = False
    probe: str | None = field(default=None, repr=False)
    only_reachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict, and what belongs to it."""

    verdict: Verdict
    address: Address
    reason: str = ""
    change: str = ""
    """Id of the change in Route 53."""
    reached: Reached | None = None
    retry_after: float | None = None
    """Seconds."""
    newest: int | None = None
    """The time stamp that a request must be later than."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the stack says."""

    ttl: int = 60
    """Seconds, of records that are new."""
    cooldown: int = 30_000
    """Milliseconds between two changes of one record."""


class Publisher:
    """Carries out wishes.  Never raises for what the world does."""

    def __init__(self, *, zone: Zone, ledger: Ledger, probe: Probe, settings: Settings) -> None:
        self._zone = zone
        self._ledger = ledger
        self._ask = probe
        self._settings = settings

    def publish(self, wish: Wish, *, now: int) -> Outcome:
        """Check the wish and carry it out.  ``now`` is the server's clock, milliseconds since 1970.

        What needs nobody's answer is checked first, so a request that is refused costs no call to AWS.
        """
        address = wish.address or wish.source
        outcome = Outcome(verdict=Verdict.UNCHANGED, address=address)
        if abs(now - wish.ts) > WINDOW:
            return replace(outcome, verdict=Verdict.CLOCK)
        if wish.host not in wish.key.hosts:
            return replace(outcome, verdict=Verdict.HOST)
        if address != wish.source and not wish.key.explicit:
            return replace(outcome, verdict=Verdict.EXPLICIT)
        if reason := unpublishable(address):
            return replace(outcome, verdict=Verdict.ADDRESS, reason=f"{address} {reason}")
        try:
            match self._ledger.advance(wish.key.name, wish.host, ts=wish.ts):
                case Stale(newest):
                    return replace(outcome, verdict=Verdict.REPLAY, newest=newest)
                case Entry() as before:
                    return self._change(wish, outcome, before.changed, now=now)
        except CloudError as failure:
            return replace(outcome, verdict=Verdict.CLOUD, reason=failure.code)

    def _change(self, wish: Wish, outcome: Outcome, changed: Mapping[str, int], *, now: int) -> Outcome:
        address = outcome.address
        if wish.only_reachable:
            outcome = replace(outcome, reached=self._reached(wish, address))
            if outcome.reached is not None and outcome.reached.reachable is False:
                return replace(outcome, verdict=Verdict.UNREACHABLE, reason=outcome.reached.detail)
        mark = wish.key.hosts[wish.host]
        found = self._zone.find(wish.host)
        step = decide(found, name=wish.host, mark=mark, address=address, ttl=self._settings.ttl)
        if isinstance(step, Foreign):
            return replace(outcome, verdict=Verdict.RECORD, reason=step.reason)
        if not isinstance(step, Same):
            wait = changed.get(record_type(address), 0) + self._settings.cooldown - now
            if wait > 0:
                return replace(outcome, verdict=Verdict.COOLDOWN, retry_after=wait / 1000)
            if wish.dry_run:
                outcome = replace(outcome, verdict=Verdict.WOULD_CHANGE)
            else:
                change = self._zone.upsert(step.record)
                kind = record_type(address)
                newest = self._ledger.changed(wish.key.name, wish.host, kind, ts=wish.ts, at=now)
                verdict = Verdict.CHANGED if newest else Verdict.OVERTAKEN
                outcome = replace(outcome, verdict=verdict, change=change)
        if wish.probe is not None and outcome.reached is None:
            # After the change, which does not depend on it: silence takes seconds to tell.
            outcome = replace(outcome, reached=self._reached(wish, address))
        return outcome

    def _reached(self, wish: Wish, address: Address) -> Reached:
        if address != wish.source:
            # Asking anybody but the caller would make this function a tool against others.
            return Reached("not the address that the request comes from", reachable=None)
        return self._ask(address, wish.probe or "/")
