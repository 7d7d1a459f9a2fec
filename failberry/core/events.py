"""Everything that can happen, in the past tense.

Two kinds: what happened by itself, and answers to deeds.  An answer carries the number of its deed,
and each deed is answered by exactly one event.  Nothing else enters the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from failberry.at.codec import FinalResult
from failberry.config import Config
from failberry.core.facts import (
    Address,
    ModemHardware,
    NetworkFacts,
    PortRole,
    Session,
    Sighting,
    Stray,
    Supply,
    UsageRecord,
)
from failberry.core.names import PublishedNames
from failberry.core.pin import PinRecord
from failberry.core.power import PowerOutcome
from failberry.core.probing import ProbeAnswered, ProbeMissed
from failberry.core.snapshot import Notice, UplinkName
from failberry.core.steps import Rung, Step

# --- by themselves -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The daemon has come up: what the disk remembers and what a predecessor left running."""

    pin_records: tuple[PinRecord, ...] = ()
    pin_records_problem: str | None = None
    """Set when the store could not be read: then no PIN may be sent."""
    session: Session | None = None
    """A pppd or DHCP client of ours that is still alive and shall be adopted."""
    uptime: float = 0.0
    """Seconds since this machine booted."""
    steps: tuple[Step, ...] = ()
    """Steps of recovery of the last day, oldest first."""
    steps_problem: str | None = None
    """Set when they could not be read: then nothing is done that has a budget on the disk."""
    last_usb_path: str | None = None
    """Where the modem was last seen, also before this boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The one timer went off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged:
    """A new configuration was read and found good."""

    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbChanged:
    """Something was plugged, unplugged or re-enumerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLost:
    """An open AT port went away or failed."""

    port: PortRole
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrcReceived:
    """The modem said something unasked."""

    port: PortRole
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """pppd has an address."""

    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """pppd is gone and reaped, its lock removed."""

    exit_code: int | None
    """``None`` for an adopted pppd (not our child) or one that a signal ended."""
    port_gone: bool
    """The device node no longer existed at the end."""
    evidence: str
    """The last telling line of pppd's log."""
    received: int | None = None
    """Bytes of the whole session, where its worker told them at the end."""
    sent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkObserved:
    """The kernel's interfaces, addresses, default routes and our own entries, whole."""

    facts: NetworkFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesApplied:
    """A route intent was reconciled; what is true now follows as :class:`NetworkObserved`."""

    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterApplied:
    """A filter intent was reconciled, read back and compared."""

    backend: str
    changed: bool
    """False when the kernel already held it."""
    problem: str | None = None
    refused: tuple[str, ...] = ()
    """Back ends that failed their proof, each with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedialRequested:
    """The owner asked for a new dial now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequested:
    """The owner asked for a step of recovery now: a reset, a power cycle."""

    rung: Rung
    force: bool = False
    """Whatever else goes dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyObserved:
    """The power supply was looked at, and something about it has changed."""

    supply: Supply


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolversObserved:
    """The name servers of the wired line, as its DHCP client noted them; told when they change."""

    servers: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesChanged:
    """What an adapter has to say that a person should know; it replaces what it said before."""

    source: str
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesChanged:
    """How it stands with the house's names in DNS; told when that changes."""

    names: PublishedNames | None
    """``None``: none are kept."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayObserved:
    """The date, by the wall clock; told at the start, at midnight, and when the clock was set."""

    day: date
    """In local time, for billing cycles."""
    trusted: bool
    """Whether the clock can be believed: it was synchronised, or is not before this software was built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRemembered:
    """What the disk remembers of the data used; told once, after ``Started``."""

    record: UsageRecord | None
    problem: str | None = None
    boot: str = ""
    """Which boot this is (``/proc/sys/kernel/random/boot_id``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageCorrected:
    """The owner said how much of the plan is used, as the carrier counts it."""

    used: int
    """Bytes in the present cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineForced:
    """The owner chose a line, for a while or until further notice."""

    line: UplinkName | None
    """``None``: choose by yourself again."""
    seconds: float | None = None
    """``None``: until further notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinForgotten:
    """The owner asked to forget refused PINs; the store has forgotten them already."""


# --- answers to deeds ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemLocated:
    """Answer to ``LocateModem``."""

    deed: int
    hardware: ModemHardware | None
    problem: str = ""
    """Why there is none, and what to do."""
    sighting: Sighting = Sighting.NOTHING
    """What is in its place; ``MODEM`` or ``ROUTER`` with ``hardware``."""
    stray: Stray | None = None
    """The device in its place that is no modem yet: with ``CD_ROM`` and ``BARE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsOpened:
    """Answer to ``OpenPorts``, ``ReleaseDialPort`` and ``ClosePorts``."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswered:
    """Answer to ``SendCommand``, ``PulseDtr`` and ``SendBytes``."""

    deed: int
    lines: tuple[str, ...] = ()
    result: FinalResult | None = None
    """``None``: no final result in time (or the port failed, and ``problem`` says how)."""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRecordStored:
    """Answer to ``StorePinRecord``: it is on the disk, synced, or it is not."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """Answer to ``StartSession`` and ``StartLease``: it runs, or could not be started."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStored:
    """Answer to ``StoreStep``: it is on the disk, synced, or it is not."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbReset:
    """Answer to ``ResetUsb``, ``SwitchMode`` and ``RebindController``: done, or what prevented it.

    Whether it helped shows on the bus.
    """

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCycled:
    """Answer to ``CyclePower``; whatever the outcome, power is on again when this comes."""

    deed: int
    outcome: PowerOutcome
    words: str
    """What was switched, and what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootAnswered:
    """Answer to ``Reboot``: under way, or refused."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersRead:
    """Answer to ``ReadCounters``; ``None``: there is no such interface."""

    deed: int
    received: int | None
    sent: int | None
    interface: str = ""
    index: int | None = None
    """The interface's number, read with its counters: a new interface of that name begins at 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProbed:
    """Answer to ``ProbeLine``."""

    deed: int
    targets_answered: int
    servers_answered: int
    problem: str | None = None
    """Why nothing could be sent at all."""
    rtt: float | None = None
    """Seconds until the first target answered; ``None``: none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowsDropped:
    """Answer to ``DropFlows``: how many connections were forgotten."""

    deed: int
    count: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowsWeighed:
    """Answer to ``WeighFlows``."""

    deed: int
    packets_in: int | None
    """Packets that ever came back on the line's open connections; ``None``: not counted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTraced:
    """Answer to ``TracePath``."""

    deed: int
    hops: tuple[Address | None, ...] = ()
    """Who answered from hop 1, 2, ...; ``None``: nobody."""
    reached: bool = False
    """Whether the target itself answered."""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinningProved:
    """Answer to ``ProvePinning``."""

    deed: int
    problem: str = ""
    """Why questions meant for this line may leave by another, or their answers be dropped; with the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStored:
    """Answer to ``StoreUsage``: it is on the disk, or it is not."""

    deed: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStopped:
    """Answer to ``StopSession``; :class:`SessionEnded` came before it if one was running."""

    deed: int


Answer = (
    ModemLocated
    | PortsOpened
    | CommandAnswered
    | PinRecordStored
    | SessionStarted
    | SessionStopped
    | StepStored
    | UsbReset
    | PowerCycled
    | RebootAnswered
    | CountersRead
    | LineProbed
    | FlowsDropped
    | FlowsWeighed
    | PathTraced
    | PinningProved
    | UsageStored
)

Event = (
    Answer
    | Started
    | Tick
    | ConfigChanged
    | UsbChanged
    | PortLost
    | UrcReceived
    | SessionUp
    | SessionEnded
    | NetworkObserved
    | RoutesApplied
    | FilterApplied
    | RedialRequested
    | StepRequested
    | SupplyObserved
    | PinForgotten
    | ProbeAnswered
    | ProbeMissed
    | ResolversObserved
    | DayObserved
    | UsageRemembered
    | UsageCorrected
    | LineForced
    | NoticesChanged
    | NamesChanged
)
