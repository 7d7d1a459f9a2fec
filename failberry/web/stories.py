"""The history as the page shows it: what belongs together, with a headline.  Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from failberry.ctl.kinds import SEVERITIES
from failberry.ctl.screen import view
from failberry.ctl.stories import headline, is_detail

MOST = 60
"""Stories on one page."""
LONGEST = 40
"""Events of one story."""
HEAD = 50
"""Events that are looked through for the beginning of a story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """Where the page before begins: in the text ``before-below``."""

    before: int
    """Of events with a smaller id."""
    below: int
    """Only stories with a smaller id."""

    def __str__(self) -> str:
        return f"{self.before}-{self.below}"

    @classmethod
    def read(cls, text: str) -> Older | None:
        """The other way round; ``None``: it is none."""
        found = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", text)
        return None if found is None else cls(before=int(found[1]), below=int(found[2]))


def cut(events: Sequence[dict[str, Any]], limit: int) -> list[int]:
    """Which stories began before these events, the last ones before some place: ids, newest first."""
    if len(events) < limit:
        return []
    first = events[0]["id"]
    return sorted({each["correlation"] for each in events if each["correlation"] < first}, reverse=True)


def turned(
    events: Sequence[dict[str, Any]], place: Older, limit: int, heads: Sequence[dict[str, Any]] = ()
) -> tuple[list[dict[str, Any]], Older | None]:
    """One page, newest story first, and where the one before it begins; ``None``: there is none.

    ``events``: the last ``limit`` of those before ``place``; ``heads``: beginnings of what :func:`cut` names.
    A story that reaches over the edge of two pages is told on both, whole on the newer one.
    """
    told: dict[int, list[dict[str, Any]]] = {}
    for event in (*heads, *events):
        if event["correlation"] < place.below:
            told.setdefault(event["correlation"], []).append(event)
    newest = [story for number in sorted(told, reverse=True) if (story := _story(told[number])) is not None]
    if len(newest) > MOST:
        return newest[:MOST], Older(before=place.before, below=newest[MOST - 1]["id"])
    if len(events) < limit:
        return newest, None
    return newest, Older(before=events[0]["id"], below=events[0]["id"])


def _story(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    seen = [view(each) for each in events]
    shown = [each for each in seen if not is_detail(each)]
    if not shown:
        return None
    left_out = max(0, len(shown) - LONGEST)
    if left_out:
        shown = [*shown[: LONGEST // 2], *shown[-(LONGEST // 2) :]]
    return {
        "id": shown[0].correlation,
        "began": shown[0].time,
        "ended": shown[-1].time,
        "synced": all(each.synced for each in shown),
        "headline": headline(seen) if len(seen) > 1 else f"{shown[0].subject}: {shown[0].what}",
        "severity": max((each.severity for each in shown), key=SEVERITIES.index),
        "sort": _sort(seen),
        "left_out": left_out,
        "events": [
            {
                "id": each.id,
                "time": each.time,
                "subject": each.subject,
                "what": each.what,
                "why": each.why,
                "next": each.next,
                "severity": each.severity,
            }
            for each in shown
        ],
    }


def _sort(seen: list[Any]) -> str:
    """What kind of story it is, for its picture."""
    kinds = {each.kind for each in seen}
    if "started" in kinds:
        return "other"  # its first choice is no failover
    if "failover" in kinds:
        return "failover"
    if kinds & {"modem", "recovery"} or any(each.subject == "cellular" for each in seen):
        return "mobile"
    if "verdict" in kinds:
        return "wired"
    return "request" if "request" in kinds else "other"
