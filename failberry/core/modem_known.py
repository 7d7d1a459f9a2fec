"""What the modem's scripts share: what is known, what they may change, and how they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from failberry.at.parse import PinTries, Registration
from failberry.at.quirks import Quirk, quirk_for
from failberry.config import Config
from failberry.core.budget import ProbeBudget
from failberry.core.causes import Cause
from failberry.core.facts import ModemHardware, Session, Stray
from failberry.core.modem_state import ModemState
from failberry.core.pin import PinRecord
from failberry.core.recovery import Ladder
from failberry.core.steps import Rung, Step

if TYPE_CHECKING:
    from failberry.core.standby import Standby


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Where a script wants to go, and why."""

    state: ModemState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A script could not do its part."""

    cause: Cause


Outcome = Next | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A step of recovery that is due at the next turn, harder than dialling again."""

    rung: Rung
    cause: str
    """Name of the fault, or :data:`OWNER`."""
    why: str
    usb_path: str
    """Where the modem is, or was; empty where the step needs no place."""
    stray: Stray | None = None
    again: bool = False
    """Whether the same step was the last one taken, in vain."""
    force: bool = False


OWNER = "owner"
"""The cause of a step that a person asked for."""


@dataclass(slots=True, kw_only=True)
class Signal:
    """What the network side told, each with the instant it was heard."""

    operator: str | None = None
    technology: str | None = None
    registration: Registration | None = None
    dbm: int | None = None
    heard: float | None = None


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of the modem right now; scripts fill it in."""

    hardware: ModemHardware | None = None
    quirk: Quirk = field(default_factory=lambda: quirk_for(0, 0))
    iccid: str | None = None
    pin_tries: PinTries | None = None
    signal: Signal = field(default_factory=Signal)
    session: Session | None = None
    missing: str = ""
    """Why no modem was found."""
    blocked: str = ""
    """Why a registered modem does not dial."""
    answers: bool = True
    """Whether any port answered AT when it was last asked."""
    silent: bool = False
    """Whether the second port stopped answering while a session was up."""
    poll_wanted: bool = False
    """Set by a script that has opened the second port."""
    proof: float | None = None
    """When something from beyond last came back over this session; ``None``: not yet."""
    silence: float | None = None
    """Since when nobody answers what is asked over this session; ``None``: whoever was asked last did."""
    prove: bool = False
    """Whether somebody waits for a proof: ask at once."""


class Desk(Protocol):
    """What a script sees of the machine that runs it."""

    config: Config
    known: Known
    now: float
    state: ModemState
    protected: bool
    retry_at: float | None
    next_step: str
    failures: int
    ladder: Ladder
    plan: Plan | None
    healing: bool
    """A step of recovery is under way: power may be off."""
    closed: list[Step]
    """Steps whose result is known and not told yet."""
    last_usb_path: str | None
    """Where the modem was last seen."""
    met: bool
    """Whether it was seen since the daemon started."""
    on_bus: bool
    other_line_works: bool
    """Whether the house is on the Internet without this modem."""
    standby: Standby
    budget: ProbeBudget
    stray: Stray | None
    pin_records: tuple[PinRecord, ...]
    pin_records_problem: str | None

    def hush(self) -> None:
        """Stop the poll until the ports are opened anew: two who talk take each other's answers."""
