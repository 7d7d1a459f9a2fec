"""Stories: what belongs together has one correlation; told by a simulated house."""

import re
from dataclasses import replace
from pathlib import Path

import failberry
from failberry.config import Config, Keep
from failberry.core import events as ev
from failberry.core.actions import Report, SendCommand, Severity
from failberry.core.chronicle import Chronicle, Record
from failberry.core.deedwords import deed_told
from failberry.core.facts import PortRole
from failberry.core.kinds import SPECS, SUBJECTS, RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import Notice, UplinkName
from failberry.core.steps import Rung
from tests.simulation.chronicled import Chronicled
from tests.simulation.condition import WELL
from tests.simulation.test_lines import BESIDE, DUAL

ROOT = Path(failberry.__file__).parents[1]


def house(config: Config = DUAL) -> Chronicled:
    world = Chronicled(config=config)
    world.until(ModemState.CONNECTED)
    world.run(120)
    return world


def heads(records: list[Record]) -> list[str]:
    return [f"{each.subject}: {each.what}" for each in records if each.kind is not RecordKind.DEED]


def test_a_failover_is_one_story_from_the_first_doubt_to_the_last_sweep() -> None:
    world = house()
    world.street.change(broken=1)
    world.run(60)
    world.street.change(broken=WELL.broken)
    world.run(240)
    suspect = world.find(RecordKind.VERDICT, "up -> suspect")
    story = world.story(suspect)
    assert story[0] is suspect
    assert heads(story) == [
        "wired: up -> suspect",
        "failover: wired -> cellular",
        "routes: applied",
        "wired: suspect -> down",
        "failover: left for good",
        "wired: down -> up",
        "failover: cellular -> wired",
        "routes: applied",
    ]
    sweeps = [each for each in story if "forgotten" in each.what]
    assert {each.what for each in sweeps} == {
        "unanswered connections of the wired line forgotten",
        "connections of the wired line forgotten",
        "connections of the cellular line forgotten",
    }
    back = world.find(RecordKind.FAILBACK, "cellular -> wired")
    assert 90 < back.numbers["lasted"] < 240
    assert sweeps[-1].at > back.at, "what is swept after the return belongs to it"
    assert suspect.numbers["silent"] >= 0.5


def test_what_the_core_says_is_told_and_in_its_own_words() -> None:
    world = house()
    told = [(each.subject, each.what, each.why, each.next) for each in world.history if each.told]
    assert told == [(each.subject, each.what, each.why, each.next) for each in world.reports]


def test_ids_count_up_and_a_story_is_named_by_its_first_record() -> None:
    world = house()
    world.hang_up()
    world.run(60)
    assert [each.id for each in world.history] == list(range(1, len(world.history) + 1))
    for each in world.history:
        assert world.story(each)[0].id == each.correlation


def test_a_climb_is_one_story_until_a_session_has_lasted() -> None:
    world = house()
    world.unplug()
    world.run(200)
    world.plug()
    world.until(ModemState.CONNECTED)
    world.run(90)
    ended = world.find(RecordKind.MODEM, "connected -> unknown", after=1060)
    story = world.story(ended)
    kinds = {each.kind for each in story}
    assert {RecordKind.MODEM, RecordKind.RECOVERY, RecordKind.DEED, RecordKind.VERDICT} <= kinds
    assert any(each.subject == "power" for each in story), "the power that was cut belongs to it"
    assert "modem: connecting -> connected" in heads(story)
    assert "cellular: up -> down" in heads(story)
    world.hang_up()
    world.run(5)
    assert world.history[-1].correlation != ended.correlation, "the next failure is another story"


def test_a_dial_for_a_failover_belongs_to_it() -> None:
    cold = replace(DUAL, cellular=replace(DUAL.cellular, standby=Keep.COLD))
    world = Chronicled(config=cold)
    world.run(900)
    assert world.appliance.modem.standing_by
    world.street.change(broken=1)
    world.run(60)
    story = world.story(world.find(RecordKind.VERDICT, "up -> suspect"))
    assert "modem: registered -> connecting" in heads(story)
    assert "failover: wired -> cellular" in heads(story)


def test_a_request_is_the_cause_of_what_follows() -> None:
    world = house(BESIDE)
    world.post(ev.StepRequested(rung=Rung.POWER_CYCLE))
    world.run(100)
    asked = world.find(RecordKind.REQUEST, "asked: cut the modem's power")
    assert asked.correlation == asked.id
    assert any(each.subject == "power" and each.kind is RecordKind.DEED for each in world.story(asked))
    world.post(ev.LineForced(line=UplinkName.CELLULAR, seconds=60.0))
    world.run(30)
    forced = world.find(RecordKind.REQUEST, "forced to the mobile line")
    assert forced.numbers == {"seconds": 60.0}
    assert "failover: wired -> cellular" in heads(world.story(forced))


def test_another_configuration_is_the_cause_only_of_what_it_changes() -> None:
    world = house()
    world.unplug()
    world.run(30)
    climb = world.history[-1].correlation
    other = replace(DUAL, failover=replace(DUAL.failover, confirm=7.0))
    world.post(ev.ConfigChanged(config=other))
    reloaded = world.find(RecordKind.REQUEST, "reloaded")
    assert world.story(reloaded) == [reloaded]
    world.run(60)
    assert world.history[-1].correlation == climb
    dialled = replace(other, cellular=replace(other.cellular, apn="another"))
    world.post(ev.ConfigChanged(config=dialled))
    again = world.find(RecordKind.REQUEST, "reloaded", after=world.now)
    assert any(each.subject == "modem" for each in world.story(again))


def test_standby_is_quiet() -> None:
    world = house()
    began = world.now
    world.run(2 * 3600)
    later = [each for each in world.history if each.at > began]
    assert len(later) < 20, heads(later)
    assert {each.severity for each in later} <= {Severity.INFO}


def test_no_secret_is_in_a_deed() -> None:
    from failberry.at.codec import FinalResult, ResultKind
    from failberry.at.commands import enter_pin, raw

    good = ev.CommandAnswered(deed=1, result=FinalResult(kind=ResultKind.OK, text="OK"))
    for command in (enter_pin("4711"), raw('AT+CGAUTH=1,1,"user","4711"')):
        told = deed_told(SendCommand(deed=1, port=PortRole.DIAL, command=command), good)
        assert told is not None
        assert "4711" not in repr(told)
        assert told.what.endswith("on the dial port")


def test_a_notice_is_raised_once_and_then_over() -> None:
    chronicle = Chronicle(7)
    weak = Notice(code="power-supply", text="too weak", cure="another one")
    (raised,) = chronicle.notices((weak,), 10.0)
    assert (raised.subject, raised.what, raised.next) == ("power-supply", "raised", "another one")
    assert chronicle.notices((weak,), 70.0) == []
    (over,) = chronicle.notices((), 130.0)
    assert (over.what, over.correlation, over.numbers) == ("over", raised.id, {"lasted": 120.0})
    down = Notice(code="wired-down", text="dead", cure="look")
    assert chronicle.notices((down,), 190.0) == [], "the verdict has told it"
    metered = Notice(code="stranded", text="bytes still flow over the mobile line", cure="look for a client")
    (raised,) = chronicle.notices((down, metered), 250.0)
    assert raised.subject == "stranded", "no verdict tells of it"


def test_texts_from_outside_are_bounded() -> None:
    (made,) = Chronicle().tell(Report(subject="modem", what="said", why="x" * 5000), 1.0)
    assert len(made.why) == 500


def test_every_kind_is_declared_and_every_subject_of_the_core_has_one() -> None:
    assert set(SPECS) == set(RecordKind)
    identities = [each.message_id for each in SPECS.values()]
    assert len(set(identities)) == len(identities)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in identities)
    said = set[str]()
    for path in (ROOT / "failberry").rglob("*.py"):
        said |= set(re.findall(r'subject="(\w+)"', path.read_text()))
    others = {"probing", "engine", "configuration", "history", "daemon"}
    assert {"wired", "modem"} <= said
    written_here = {"wired6", "cellular", "power", "usb", "machine", "session", "disk"}
    assert said - others - written_here <= set(SUBJECTS)
