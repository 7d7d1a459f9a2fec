"""What somebody is told of a life of the real core: each thing once, in order, and nothing in vain."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from failberry.control.document import encode
from failberry.control.pastview import _event
from failberry.core.chronicle import Record
from failberry.core.history import Dated
from failberry.notify.channels import Channel, channels
from failberry.notify.messages import Heard, Message, Topic, heard
from failberry.notify.outbox import Delivery, Outbox, Outcome, Result, Situation
from failberry.notify.reading import Lines, Reader
from failberry.notify.service import lines_of
from failberry.notifying import Notify, Receiver, Via
from tests.simulation.chronicled import Chronicled
from tests.simulation.test_lines import DUAL

HOUR = 3600.0
WALL = 1_800_000_000.0
PHONE = Receiver(name="phone", via=Via.NTFY, to="https://ntfy.example/house")
TEXT = Receiver(name="text", via=Via.SMS, to="+491701234567")


@dataclass
class Told(Chronicled):
    """A house whose notifier lives beside it, in the same virtual time."""

    notify: Notify = field(default_factory=Notify)
    receivers: tuple[Receiver, ...] = (PHONE, TEXT)
    deaf: float = 0.0
    """Until when nobody takes anything."""

    def __post_init__(self) -> None:
        self.reader = Reader()
        self.wished: tuple[Channel, ...] = channels(self.notify, self.receivers, ())
        self.outbox = Outbox(self.wished, rng=random.Random(1))  # noqa: S311
        self.got: list[tuple[float, Delivery]] = []
        self.tries: list[tuple[float, str, bool]] = []
        self.read = 0
        self.offline: float | None = None
        super().__post_init__()
        self.later(1.0, self.turn)
        self.later(60.0, self.minute)

    def minute(self) -> None:
        self.history += self.chronicle.notices(self.appliance.snapshot(self.now).warnings, self.now)
        self.later(60.0, self.minute)

    @property
    def status(self) -> Lines:
        return lines_of(encode(self.appliance.snapshot(self.now)))

    def situation(self) -> Situation:
        lines = self.status
        self.offline = None if lines.works else self.now if self.offline is None else self.offline
        dark = 0.0 if self.offline is None else self.now - self.offline
        wall = WALL + self.now
        return Situation(works=lines.works, offline=dark, wall=wall, minute=int(wall // 60) % 1440)

    def turn(self) -> None:
        for record in self.history[self.read :]:
            for message in self.reader.take(self.view(record), self.now):
                self.outbox.add(message, self.now)
        self.read = len(self.history)
        self.reader = Reader(self.reader.state()) if self.now % 600 < 1 else self.reader  # it was killed
        for message in self.reader.due(self.status, self.now):
            self.outbox.add(message, self.now)
        situation = self.situation()
        self.outbox.drop(situation)
        for delivery in self.outbox.due(situation, self.now):
            self.tries.append((self.now, delivery.channel, bool(situation.works)))
            good = self.now >= self.deaf
            outcome = Outcome(result=Result.SENT if good else Result.FAILED, words="no route")
            if good:
                self.got.append((self.now, delivery))
            self.outbox.answered(delivery, outcome, situation, self.now)
        self.later(1.0, self.turn)

    def view(self, record: Record) -> Heard:
        dated = Dated(record=record, wall=WALL + record.at, synced=True, boot="b")
        found = heard("house", encode(_event(dated)))
        assert found is not None
        return found

    def told(self, channel: str = "phone") -> list[Message]:
        return [each for _, made in self.got if made.channel == channel for each in made.messages]

    def topics(self, channel: str = "phone") -> list[tuple[str, bool]]:
        return [(each.topic.value, each.over) for each in self.told(channel)]


def lives(**settings: object) -> Told:
    world = Told(config=DUAL, **settings)
    world.run(400)
    assert world.appliance.failover.active == "wired"
    assert not world.got
    return world


def test_both_lines_dead_for_an_hour_and_everything_arrives_once_in_order() -> None:
    world = lives()
    began = world.now
    world.street.change(broken=1)
    world.run(1800)
    world.change(registration="searching")
    world.tell_modem(world.modem.hang_up(world.now))
    world.run(HOUR)
    assert world.topics("text") == [("no-line", False)]  # the one channel that needs no line
    assert world.topics() == [("failover", False)]
    assert all(works for _, channel, works in world.tries if channel == "phone")  # nothing was tried in vain
    world.street.change(broken=None)
    world.change(registration="home")
    world.run(1800)
    assert world.topics() == [("failover", False), ("no-line", False), ("no-line", True)]
    assert world.topics("text") == [("no-line", False)]
    told = world.told()
    assert [each.event for each in told] == sorted(each.event for each in told)
    assert len({each.id for each in told}) == len(told)
    assert told[-1].title.endswith("over the wired line, after 1 h")
    # What waited came as one, as soon as a line was proven.
    digest = next(at for at, made in world.got if len(made.messages) == 2)
    assert 0 <= digest - (began + 1800 + HOUR) < 15


def test_sessions_that_come_up_and_carry_nothing_are_neither_believed_nor_used() -> None:
    """The modem redials, heals and reboots the Pi for an hour: that is one outage."""
    world = lives()
    world.street.change(broken=1)
    world.run(1800)
    world.change(no_data=True)
    world.run(HOUR)
    assert sum(1 for each in world.history if each.subject == "failover") > 20
    in_vain = [at for at, channel, works in world.tries if channel == "phone" and not works]
    assert not in_vain
    assert [topic for topic in world.topics("text") if topic[0] != "daemon"] == [("no-line", False)]
    world.street.change(broken=None)
    world.run(900)
    lines = [each for each in world.topics() if each[0] != "daemon"]
    assert lines[:3] == [("failover", False), ("no-line", False), ("no-line", True)]
    assert len({each.id for each in world.told()}) == len(world.told())


def test_a_blip_is_told_to_nobody() -> None:
    world = lives()
    world.street.change(broken=1)
    world.run(3)
    world.street.change(broken=None)
    world.run(300)
    assert any(each.subject == "failover" for each in world.history)
    assert not world.told()


def test_there_and_back_is_told_at_once() -> None:
    world = lives()
    world.street.change(broken=1)
    world.run(120)
    assert world.topics() == [("failover", False)]
    assert world.got[0][0] < world.now - 80
    world.street.change(broken=None)
    world.run(1200)
    assert world.topics() == [("failover", False), ("failback", True)]
    assert not world.told("text")


def test_a_dead_standby_is_told_and_a_redial_is_not() -> None:
    world = lives()
    world.tell_modem(world.modem.hang_up(world.now))
    world.run(200)
    assert not world.told()
    world.change(registration="searching")
    world.tell_modem(world.modem.hang_up(world.now))
    world.run(250)
    assert not world.told()
    world.run(300)
    assert world.topics() == [("standby", False)]
    world.change(registration="home")
    world.run(900)
    assert world.topics() == [("standby", False), ("standby", True)]


def test_a_receiver_that_takes_nothing_gets_one_digest_when_it_does_again() -> None:
    world = lives(receivers=(PHONE,), deaf=1000.0 + 4 * HOUR)
    world.street.change(broken=1)
    world.run(600)
    world.street.change(broken=None)
    world.run(1200)
    assert not world.told()
    tried = len(world.tries)
    world.run(3 * HOUR)
    assert tried < len(world.tries) < tried + 8  # less and less often
    world.run(HOUR)
    assert [[each.topic.value for each in made.messages] for _, made in world.got] == [
        ["failover", "failback"]
    ]


def test_in_quiet_hours_people_sleep_and_errors_wake_them() -> None:
    first = int((WALL + 1000) // 60) % 1440
    last = (first + 180) % 1440
    hours = "-".join(f"{each // 60:02}:{each % 60:02}" for each in (first, last))
    world = lives(notify=Notify(quiet_hours=hours), receivers=(PHONE,))
    world.street.change(broken=1)
    world.run(600)
    world.street.change(broken=None)
    world.run(1200)
    assert not world.told()
    world.run(3 * HOUR)
    assert [[each.topic.value for each in made.messages] for _, made in world.got] == [
        ["failover", "failback"]
    ]
    assert world.got[0][0] >= 1000 + 179 * 60


def test_what_nobody_could_be_told_in_time_is_dropped_and_counted() -> None:
    world = lives(receivers=(PHONE,), notify=replace(Notify(), keep=600.0), deaf=1000.0 + HOUR)
    world.street.change(broken=1)
    world.run(300)
    world.street.change(broken=None)
    world.run(HOUR)
    world.street.change(broken=1)
    world.run(100)
    last = world.got[-1][1]
    assert [each.topic for each in last.messages] == [Topic.FAILOVER]
    assert last.dropped == 2
