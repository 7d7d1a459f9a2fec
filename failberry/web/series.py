"""Samples in columns: a fifth of the bytes.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One width of the charts."""

    seconds: float
    step: int
    """Seconds of one sample; each is one of those that are kept."""


SPANS = {
    "hour": Span(seconds=3600.0, step=60),
    "day": Span(seconds=86_400.0, step=300),
    "month": Span(seconds=30 * 86_400.0, step=3600),
}
_ROUNDED = {"start": 0, "rtt": 1, "rtt_worst": 1, "loss": 1, "loss_worst": 1, "dbm": 0}
_NUMBERS = ("down", "suspect", "active", "received", "sent", "used")


def columns(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the answer of ``Samples`` on its side; of times only the first, and then the steps between."""
    samples = answer["samples"]
    told: dict[str, Any] = {
        name: [_round(each[name], places) for each in samples] for name, places in _ROUNDED.items()
    }
    told |= {name: [_round(each[name], 0) for each in samples] for name in _NUMBERS}
    return {"step": answer["step"], **told}


def _round(value: float | None, places: int) -> float | int | None:
    if value is None:
        return None
    return round(value, places) if places else round(value)
