"""What the daemon says of itself, and how the modem's power is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from failberry.control.document import DocumentError, decode
from failberry.core.snapshot import Snapshot
from failberry.doctor.evidence import Told

HUBS = 20.0
"""Seconds for all hubs to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """Why there is no answer."""

    why: str
    stopped: bool = False
    """Whether there is simply no daemon."""


class Ask(Protocol):
    """One question to the daemon, by the name of the method."""

    def __call__(self, method: str, patience: float = 10.0, **parameters: Any) -> dict[str, Any] | Unasked:
        """Answer with the parameters of the reply, or with why there is none."""


def listen_to(ask: Ask, *, power: bool) -> Told:
    """Ask for the status; with ``power`` for the hubs, too."""
    answer = ask("GetStatus")
    if isinstance(answer, Unasked):
        return Told(problem=answer.why, stopped=answer.stopped)
    try:
        status = decode(Snapshot, answer["status"])
    except (DocumentError, KeyError) as odd:
        return Told(problem=f"it writes a status that this program does not read ({odd})")
    return Told(status=status, no_power_switch=_switch(ask) if power else "")


def _switch(ask: Ask) -> str:
    answer = ask("GetUsb", patience=HUBS)
    if isinstance(answer, Unasked):
        return ""
    match answer:
        case {
            "usb": {"power": {"plan": {"impossible": str(why)}, "refusal": str(refusal), "forced": forced}}
        }:
            return why or ("" if forced else refusal)
        case _:
            return ""
