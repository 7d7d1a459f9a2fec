"""A card in memory: its two slots, slot.env, U-Boot's script as a model, and power that fails at any write.

That the model does what ``image/boot/boot.cmd`` does is shown by tests/image/test_boot_script.py, which runs
the script itself in Debian's U-Boot on the same cards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from failberry.system import slots, trial
from failberry.system.ledger import Ledger
from failberry.system.ledger import parse as parse_ledger
from failberry.system.ledger import render as render_ledger
from failberry.system.slots import Slot, SlotEnv
from failberry.system.updateplan import Lines, Offer, Package
from failberry.system.updatesteps import Asker, Identity, Rules, Update, Wish, WorldError

STABLE = Lines(active="wired", wired_state="up", wired_for=90_000.0)
RULES = Rules(updates=True, window=(180, 300))
BY_TIMER = Wish(asker=Asker.TIMER)
NEW = Offer(
    packages=(Package(name="libssl3", version="3.5-2", security=True),), octets=5_000_000, packages_hash="n"
)


class PowerCutError(Exception):
    """The lights go out."""


class RestartError(Exception):
    """The machine restarts, as it was asked to."""


@dataclass
class Root:
    """What is in one root partition."""

    release: str = ""
    whole: bool = False
    """Nothing of it is half written."""


@dataclass
class Card:
    """All that outlives the power."""

    env: bytes
    roots: dict[Slot, Root]
    kernels: dict[Slot, str]
    """What lies in the slots' folders on FAT: the release; nothing, where there is no kernel."""
    ledger: str = ""

    @classmethod
    def flashed(cls) -> Card:
        return cls(
            env=slots.render(SlotEnv()),
            roots={Slot.A: Root(release="old", whole=True), Slot.B: Root()},
            kernels={Slot.A: "old"},
        )


def u_boot(card: Card) -> Slot | None:
    """Do what boot.cmd does; return the slot whose kernel is started, None: neither has one."""
    env = slots.parse(card.env)
    if env is None:
        both = Slot.B in card.kernels and Slot.A in card.kernels
        env = SlotEnv(slot=Slot.B if Slot.B in card.kernels else Slot.A)
        if both:
            env = replace(env, trial=Slot.A, tries=2)
    if env.trial is not None:
        if env.tries > 0:
            env = replace(env, tries=env.tries - 1)
            if env.trial in card.kernels:
                card.env = slots.render(env)
                return env.trial
        env = replace(env, rolledback=env.trial, trial=None, tries=0)
        card.env = slots.render(env)
    for slot in (env.slot, env.slot.other):
        if slot in card.kernels:
            return slot
    return None


@dataclass
class World:
    """What runs on the card, as an update and a trial see it.  Each write may be the last."""

    card: Card
    slot: Slot
    cut_after: int | None = None
    """Writes until the power fails."""
    offer: Offer = NEW
    release: str = "new"
    """What an update makes."""
    lines_now: Lines | None = STABLE
    minute_now: int | None = 200
    rules_now: Rules = RULES
    note: str = ""
    refuses: dict[str, WorldError] = field(default_factory=dict)
    """Steps that do not work, by name."""
    done: list[str] = field(default_factory=list)

    def _write(self, what: str) -> None:
        """Something is about to be on the card."""
        if self.cut_after is not None:
            if self.cut_after == 0:
                raise PowerCutError
            self.cut_after -= 1
        self.done.append(what)

    def _step(self, name: str) -> None:
        if name in self.refuses:
            raise self.refuses[name]

    def running(self) -> Slot:
        return self.slot

    def env(self) -> SlotEnv | None:
        return slots.parse(self.card.env)

    def write_env(self, env: SlotEnv) -> None:
        self._write("env")
        self.card.env = slots.render(env)

    def ledger(self) -> Ledger:
        return parse_ledger(self.card.ledger)

    def write_ledger(self, ledger: Ledger) -> None:
        self._write("ledger")
        self.card.ledger = render_ledger(ledger)

    def take_note(self) -> str:
        return self.note

    def tell(self, **_: object) -> None:
        pass

    def rules(self) -> Rules:
        return self.rules_now

    def lines(self) -> Lines | None:
        return self.lines_now

    def minute(self) -> int | None:
        return self.minute_now

    def now(self) -> str:
        return "2027-01-12T03:20:00+00:00"

    def look(self, *, security_only: bool) -> Offer:
        self._step("look")
        return self.offer

    def identity(self) -> Identity:
        return Identity(kernel="6.12.1", failberry=self.card.roots[self.slot].release)

    def withdraw(self, slot: Slot) -> None:
        self._write("withdraw")
        self.card.kernels.pop(slot, None)

    @contextmanager
    def opened(self, slot: Slot) -> Iterator[None]:
        assert slot is not self.slot
        assert slot not in self.card.kernels, "it could be booted while it is written to"
        yield

    def _half(self, slot: Slot, what: str) -> None:
        self._write(what)
        self.card.roots[slot] = Root(release="half", whole=False)

    def sync(self, slot: Slot, tell: Callable[[float], None]) -> None:
        self._half(slot, "sync")
        self._step("sync")
        tell(50.0)
        self._write("synced")
        self.card.roots[slot] = replace(self.card.roots[self.slot])

    def fetch(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        self._write("fetch")
        self._step("fetch")

    def install(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        self._half(slot, "install")
        self._step("install")
        self._write("installed")
        self.card.roots[slot] = Root(release=self.release, whole=True)

    def check(self, slot: Slot) -> Identity:
        self._step("check")
        assert self.card.roots[slot].whole
        return Identity(kernel="6.12.2", failberry=self.release)

    def place(self, slot: Slot) -> None:
        self._step("place")
        self._write("place")
        self.card.kernels[slot] = self.card.roots[slot].release

    def reboot(self) -> None:
        self._write("reboot")
        raise RestartError


def update(world: World, wish: Wish = BY_TIMER) -> str:
    """One run of an update; return how it ended, or that the machine restarts."""
    try:
        return Update(world, lambda step, percent: None).run(wish).outcome
    except RestartError:
        return "restart"


def come_up(card: Card, *, works: Callable[[str], bool], cut_after: int | None = None) -> Slot | None:
    """One boot, with the verdict on a trial; return the slot that stays up, None: the machine restarts.

    ``works`` tells of a release whether its kernel, its root and its daemon do what they should; of one
    that does not, not even Linux starts.
    """
    slot = u_boot(card)
    assert slot is not None, "nothing boots"
    root = card.roots[slot]
    assert root.whole, "a slot was booted that is half written"
    assert root.release == card.kernels[slot], "a kernel was booted with the modules of another"
    if not works(root.release):
        return None
    world = World(card=card, slot=slot, cut_after=cut_after)
    found = trial.settle(world, slot, at=world.now())
    if found is slots.Finding.ON_TRIAL:
        trial.commit(world, slot, at=world.now(), reason="a line has passed traffic for 5 min")
    return slot
