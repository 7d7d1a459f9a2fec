"""A simulated world whose history is written down, as the daemon's engine does it."""

from __future__ import annotations

from dataclasses import dataclass

from failberry.core import events as ev
from failberry.core.chronicle import Chronicle, Record
from failberry.core.kinds import RecordKind
from failberry.core.samples import Sampler
from tests.simulation.world import World


@dataclass
class Chronicled(World):
    """Remembers every record."""

    def __post_init__(self) -> None:
        self.chronicle = Chronicle()
        self.sampler = Sampler()
        self.history: list[Record] = []
        super().__post_init__()

    def post(self, event: ev.Event) -> None:
        if self.down:
            return
        actions = self.appliance.handle(event, self.now)
        self.sampler.note(event, actions, self.appliance, self.now)
        self.history += self.chronicle.note(event, actions, self.appliance, self.now)
        for action in actions:
            self._perform(action)
        self.check()

    def story(self, record: Record) -> list[Record]:
        """All that belongs to the same story."""
        return [each for each in self.history if each.correlation == record.correlation]

    def find(self, kind: RecordKind, what: str, *, after: float = 0.0) -> Record:
        """The first such record."""
        return next(
            each
            for each in self.history
            if each.kind is kind and each.what.startswith(what) and each.at >= after
        )
