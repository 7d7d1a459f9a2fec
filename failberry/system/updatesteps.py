"""One run of an update, from asking what is new to the restart into the other slot.

Each run starts from the beginning and finds most of it done: what was fetched is kept, what was copied is
compared only.  So a run that was cut off anywhere, by a power cut or by ``kill -9``, needs no repair, only
another run; and nothing of the running slot is written to, ever.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from failberry.errors import FailberryError
from failberry.system import slots
from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Slot, SlotEnv
from failberry.system.updateplan import (
    STEPS,
    Lines,
    Offer,
    Refusal,
    Step,
    Why,
    in_window,
    is_ready,
    may_fetch,
    may_look,
    may_retry,
    may_try,
)


class WorldError(FailberryError):
    """Something did not work; ``str()`` of it says what, and what to do.  Becomes the outcome of the run."""

    def __init__(self, reason: str, *, why: Why = Why.FAILED) -> None:
        self.why = why
        super().__init__(reason)


class Asker(StrEnum):
    """Who wants the update."""

    TIMER = "timer"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a run."""

    asker: Asker = Asker.TIMER
    again: bool = False
    """Try package versions again that were given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the configuration says."""

    updates: bool
    window: tuple[int, int]
    """Minutes of the day, local time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a slot is made of, for the record."""

    kernel: str
    failberry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended."""

    outcome: str
    """``nothing``, ``waits``, ``refused``, ``failed`` or ``trial``."""
    reason: str
    why: Why | None = None


class World(Protocol):
    """What a run asks of the machine.  Whatever does not work raises :class:`WorldError`."""

    def running(self) -> Slot:
        """Return the slot that runs."""

    def env(self) -> SlotEnv | None:
        """Read ``slot.env``; ``None``: it is damaged."""

    def write_env(self, env: SlotEnv) -> None:
        """Replace ``slot.env``, durably."""

    def ledger(self) -> Ledger:
        """Read ``state.json``."""

    def write_ledger(self, ledger: Ledger) -> None:
        """Replace it, durably."""

    def rules(self) -> Rules:
        """Read the configuration."""

    def lines(self) -> Lines | None:
        """Ask the daemon; ``None``: it does not answer."""

    def minute(self) -> int | None:
        """Tell the minute of the day, local time; ``None``: the clock has not been set since the start."""

    def now(self) -> str:
        """Tell date and time, ISO 8601."""

    def look(self, *, security_only: bool) -> Offer:
        """Ask the archives what is new."""

    def identity(self) -> Identity:
        """Tell what the running slot is made of."""

    def withdraw(self, slot: Slot) -> None:
        """Take the kernel of ``slot`` away from the first partition, durably: it does not boot any more."""

    def opened(self, slot: Slot) -> AbstractContextManager[None]:
        """Have the file system of ``slot`` whole and writable, for as long as it lasts; clean afterwards."""

    def sync(self, slot: Slot, tell: Callable[[float], None]) -> None:
        """Make ``slot`` a copy of the running one; ``tell`` is given percents."""

    def fetch(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        """Fetch the packages into ``slot``."""

    def install(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        """Install them there."""

    def check(self, slot: Slot) -> Identity:
        """Make sure that what must be in ``slot`` is there."""

    def place(self, slot: Slot) -> None:
        """Copy initrd and kernel of ``slot`` to the first partition, durably; the kernel last."""

    def reboot(self) -> None:
        """Restart the machine."""


Tell = Callable[[Step, float | None], None]
"""Is told each step as it begins, and how far it is, in percent."""

_BLAMES_THE_PACKAGES = (Step.INSTALL, Step.CHECK)
"""Steps that end the same way each time with the same packages."""


class Update:
    """One run."""

    def __init__(self, world: World, tell: Tell) -> None:
        self._world = world
        self._tell = tell
        self._step = Step.LOOK
        self._offer = Offer()

    def run(self, wish: Wish) -> Ending:
        """Go as far as it may go now."""
        try:
            ending = self._run(wish)
        except WorldError as error:
            outcome = "refused" if error.why in (Why.UNSIGNED, Why.ROOM) else "failed"
            reason = f"{STEPS[self._step]}: {error}"
            ending = Ending(outcome=outcome, reason=reason, why=error.why)
            if self._step in _BLAMES_THE_PACKAGES and error.why is Why.FAILED:
                self._blame(reason)
        if ending.why is not Why.WINDOW or wish.asker is Asker.OWNER:
            self._note(ending)
        return ending

    def _run(self, wish: Wish) -> Ending:
        world = self._world
        if refusal := self._gate(wish):
            return _refused(refusal)
        running = world.running()
        env = world.env() or SlotEnv(slot=running)
        if env.trial is running:
            reason = (
                "the system that runs is itself on trial; `failberryctl system status` tells how it fares"
            )
            return _refused(Refusal(why=Why.ON_TRIAL, reason=reason))
        if env.trial is not None:
            # The restart that should have tried it never came; it is ready still.
            world.write_env(slots.commit(env, running))
        if refusal := may_look(lines := world.lines()):
            return _refused(refusal)
        security_only = lines is not None and lines.active == "cellular"
        self._begin(Step.LOOK)
        offer = self._offer = world.look(security_only=security_only)
        ledger = self._with_running(world.ledger(), running)
        if not offer.packages or offer.packages_hash == ledger.slots[running].packages_hash:
            return Ending(outcome="nothing", reason="all packages are up to date")
        if not wish.again and (refusal := may_retry(ledger, offer)):
            return _refused(refusal)
        if not is_ready(ledger, running.other, offer):
            if refusal := may_fetch(lines, offer):
                return _refused(refusal)
            self._prepare(running.other, offer, security_only=security_only)
        return self._try(running.other, wish)

    def _gate(self, wish: Wish) -> Refusal | None:
        """What the owner has set; what he asks for himself is not held back by it."""
        if wish.asker is Asker.OWNER:
            return None
        rules, minute = self._world.rules(), self._world.minute()
        if not rules.updates:
            return Refusal(why=Why.OFF, reason="updates are switched off (system.updates)")
        if minute is None:
            return Refusal(why=Why.CLOCK, reason="the clock has not been set by a time server yet")
        if not in_window(rules.window, minute):
            return Refusal(why=Why.WINDOW, reason="it is not the time for updates (system.update_window)")
        return None

    def _prepare(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        world = self._world
        # From here on it cannot be booted, whatever is cut off when.
        world.write_ledger(world.ledger().with_slot(slot, verdict=Verdict.EMPTY, reason="", packages_hash=""))
        world.withdraw(slot)
        self._begin(Step.SYNC)
        with world.opened(slot):
            world.sync(slot, lambda percent: self._tell(Step.SYNC, percent))
            self._begin(Step.FETCH)
            world.fetch(slot, offer, security_only=security_only)
            self._begin(Step.INSTALL)
            world.install(slot, offer, security_only=security_only)
            self._begin(Step.CHECK)
            identity = world.check(slot)
            self._begin(Step.PLACE)
            world.place(slot)
        ledger = world.ledger().with_slot(
            slot,
            made=world.now(),
            kernel=identity.kernel,
            failberry=identity.failberry,
            packages_hash=offer.packages_hash,
            verdict=Verdict.READY,
            reason=f"made for {offer.words}",
            seen="",
        )
        world.write_ledger(ledger)

    def _try(self, slot: Slot, wish: Wish) -> Ending:
        world = self._world
        # Asked anew: what came before has taken its time.
        if refusal := self._gate(wish) or may_try(world.lines()):
            reason = f"the other slot is ready, and its trial waits: {refusal.reason}"
            return Ending(outcome="waits", reason=reason, why=refusal.why)
        self._begin(Step.TRY)
        world.write_ledger(world.ledger().with_slot(slot, verdict=Verdict.TRIAL, seen=""))
        env = world.env() or SlotEnv(slot=slot.other)
        world.write_env(slots.begin_trial(env, slot))
        self._note(Ending(outcome="trial", reason=f"restarting into slot {slot}, to try it"))
        world.reboot()
        return Ending(outcome="trial", reason=f"restarting into slot {slot}, to try it")

    def _begin(self, step: Step) -> None:
        self._step = step
        self._tell(step, None)

    def _with_running(self, ledger: Ledger, running: Slot) -> Ledger:
        """The first run finds nothing on record of the slot that was flashed."""
        if ledger.slots[running].verdict in (Verdict.GOOD, Verdict.TRIAL):
            return ledger
        identity = self._world.identity()
        ledger = ledger.with_slot(
            running,
            kernel=identity.kernel,
            failberry=identity.failberry,
            verdict=Verdict.GOOD,
            reason="",
        )
        self._world.write_ledger(ledger)
        return ledger

    def _blame(self, reason: str) -> None:
        world = self._world
        slot = world.running().other
        ledger = world.ledger().with_slot(slot, packages_hash=self._offer.packages_hash)
        blamed = ledger.judged(slot, Verdict.BAD, at=world.now(), outcome="failed", reason=reason)
        world.write_ledger(blamed)

    def _note(self, ending: Ending) -> None:
        """Keep how it ended; the card is not written to for the same again."""
        ledger = self._world.ledger()
        if (ledger.last.outcome, ledger.last.reason) != (ending.outcome, ending.reason):
            self._world.write_ledger(ledger.ended(self._world.now(), ending.outcome, ending.reason))


def _refused(refusal: Refusal) -> Ending:
    return Ending(outcome="refused", reason=refusal.reason, why=refusal.why)
