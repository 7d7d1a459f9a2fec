"""What is known of the slots from boot to boot: ``state.json``, schema 1.  Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from failberry.system.slots import Slot

SCHEMA = 1
LONGEST = 600
"""Characters of a reason: what apt says can be long."""


class Verdict(StrEnum):
    """What is held of a slot."""

    EMPTY = "empty"
    """Nothing that boots is in it."""
    READY = "ready"
    """It is whole, and waits for its trial."""
    TRIAL = "trial"
    GOOD = "good"
    """It has proved itself."""
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRecord:
    """One slot."""

    made: str = ""
    """When, by the clock (ISO 8601)."""
    kernel: str = ""
    """Version, as ``uname -r`` has it."""
    failberry: str = ""
    packages_hash: str = ""
    """Names and versions of all packages that it was made to have."""
    verdict: Verdict = Verdict.EMPTY
    reason: str = ""
    """Why that verdict."""
    seen: str = ""
    """What the Linux of a slot on trial told last; empty: nothing was ever heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """How the last run ended."""

    at: str = ""
    outcome: str = ""
    """One word for scripts: ``committed``, ``nothing``, ``refused``, ``failed``, ``trial``, ``gave-up``…"""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSet:
    """Package versions that were tried and came to nothing; not tried again until one of them changes."""

    packages_hash: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The file."""

    slots: dict[Slot, SlotRecord] = field(default_factory=lambda: {each: SlotRecord() for each in Slot})
    last: Last = Last()
    refused: RefusedSet | None = None

    def with_slot(self, slot: Slot, **changes: Any) -> Ledger:
        """The same with another record of ``slot``."""
        return replace(self, slots=self.slots | {slot: replace(self.slots[slot], **changes)})

    def ended(self, at: str, outcome: str, reason: str = "") -> Ledger:
        """The same, with how the last run ended."""
        return replace(self, last=Last(at=at, outcome=outcome, reason=shortened(reason)))

    def without_refusal_of(self, slot: Slot) -> Ledger:
        """The same, but what is in ``slot`` is not among the refused any more."""
        if self.refused is None or self.refused.packages_hash != self.slots[slot].packages_hash:
            return self
        return replace(self, refused=None)

    def judged(self, slot: Slot, verdict: Verdict, *, at: str, outcome: str, reason: str) -> Ledger:
        """The same, with a verdict on ``slot``; of one that is bad its package versions are remembered."""
        judged = self.with_slot(slot, verdict=verdict, reason=shortened(reason), seen="")
        if verdict is Verdict.BAD and (tried := self.slots[slot].packages_hash):
            refused = RefusedSet(packages_hash=tried, at=at, reason=shortened(reason))
            judged = replace(judged, refused=refused)
        elif verdict is Verdict.GOOD:
            judged = judged.without_refusal_of(slot)
        return judged.ended(at, outcome, reason)


def shortened(reason: str) -> str:
    """Return it in one line of bounded length."""
    flat = " ".join(reason.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"


def render(ledger: Ledger) -> str:
    """Return the file's text."""
    document = {
        "schema": SCHEMA,
        "slots": {str(slot): asdict(record) for slot, record in ledger.slots.items()},
        "last": asdict(ledger.last),
        "refused": asdict(ledger.refused) if ledger.refused is not None else None,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def parse(text: str) -> Ledger:
    """Read it; what is damaged, or of a later schema, counts as never written."""
    try:
        document = json.loads(text)
    except ValueError:
        return Ledger()
    match document:
        case {"schema": 1, "slots": dict(slots), **rest}:
            return Ledger(
                slots={each: _record(slots.get(each)) for each in Slot},
                last=Last(**_texts(Last, rest.get("last"))),
                refused=_refused(_texts(RefusedSet, rest.get("refused"))),
            )
        case _:
            return Ledger()


def _refused(told: dict[str, str]) -> RefusedSet | None:
    if not told.get("packages_hash"):
        return None
    return RefusedSet(
        packages_hash=told["packages_hash"], at=told.get("at", ""), reason=told.get("reason", "")
    )


def _record(told: Any) -> SlotRecord:
    texts = _texts(SlotRecord, told)
    verdict = texts.pop("verdict", "")
    return SlotRecord(**texts, verdict=Verdict(verdict) if verdict in list(Verdict) else Verdict.EMPTY)


def _texts(kind: Any, told: Any) -> dict[str, str]:
    """Those members that ``kind`` has and that are texts."""
    if not isinstance(told, dict):
        return {}
    return {
        name: shortened(told[name]) for name in kind.__dataclass_fields__ if isinstance(told.get(name), str)
    }
