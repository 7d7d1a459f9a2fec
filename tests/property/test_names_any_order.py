"""Any order of lines, answers and time: no two calls for a line, nothing published that is not the line's."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failberry.config import MOBILE_INTERFACE, Config, Mode, Wired
from failberry.core.facts import Address
from failberry.core.names import NamedLine, NamesIntent
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import (
    Abandon,
    Answer,
    Call,
    Failed,
    Move,
    Moved,
    Publish,
    Published,
    Question,
    Reflect,
    Reflected,
    Trouble,
    Verdict,
    Verified,
    Verify,
)
from failberry.dns.checks import unreachable
from failberry.dns.publisher import Publisher
from failberry.naming import Dns
from failberry.naming import Publisher as Writer

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
POOLS: dict[UplinkName, list[Address]] = {
    WIRED: [*map(ip_address, ("198.13.32.5", "198.13.32.6", "2a00:1450:4001::5", "192.168.1.9", "fd00::9"))],
    CELLULAR: [*map(ip_address, ("62.7.40.5", "62.7.40.6", "2a00:1450:4002::5", "100.72.3.4", "10.0.0.9"))],
}
CONFIGS = [
    None,
    *(
        Dns(
            zone="example.com",
            name="home.example.com",
            wired_name="wired.example.com",
            cellular_name="mobile.example.com",
            wired_source=wired,
            cellular_source=cellular,
            url=url,
            fast=fast,
        )
        for wired, cellular, url, fast in (
            (Writer.LAMBDA, Writer.LAMBDA, "https://a.example/", False),
            (Writer.ROUTE53, Writer.LAMBDA, "https://a.example/", True),
            (Writer.ROUTE53, Writer.ROUTE53, "", True),
            (Writer.ELSEWHERE, Writer.ROUTE53, "https://a.example/", False),
        )
    ),
]
BASES = [Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), dns=each) for each in CONFIGS]
STATES = st.sampled_from([LineState.UP, LineState.UP, LineState.SUSPECT, LineState.DOWN])


def lines() -> st.SearchStrategy[tuple[NamedLine, ...]]:
    def line(name: UplinkName) -> st.SearchStrategy[NamedLine]:
        return st.builds(
            NamedLine,
            line=st.just(name),
            interface=st.just("eth0" if name is WIRED else MOBILE_INTERFACE),
            state=STATES,
            addresses=st.lists(st.sampled_from(POOLS[name]), max_size=3, unique=True).map(tuple),
            session=st.integers(0, 2) if name is CELLULAR else st.just(0),
        )

    return st.tuples(line(WIRED), line(CELLULAR))


INTENTS = st.builds(
    NamesIntent,
    config=st.sampled_from(BASES),
    lines=lines(),
    active=st.sampled_from([*UplinkName, None]),
    forced=st.sampled_from([None, None, *UplinkName]),
)


def answers(call: Question, draw: st.DataObject) -> Answer:
    """Any answer to this call, true or false."""
    number = call.number
    failed = st.builds(
        Failed,
        number=st.just(number),
        trouble=st.sampled_from(Trouble),
        evidence=st.just("words"),
        retry_after=st.sampled_from([None, 5.0, 3600.0]),
    )
    good: st.SearchStrategy[Answer]
    match call:
        case Publish():
            good = st.builds(
                Published,
                number=st.just(number),
                verdict=st.sampled_from(Verdict),
                reachable=st.sampled_from([None, True, False]),
            )
        case Reflect():
            seen = [each for each in (*POOLS[WIRED], *POOLS[CELLULAR]) if each.version == call.family]
            good = st.builds(Reflected, number=st.just(number), address=st.sampled_from(seen))
        case Verify():
            pool = [each for each in POOLS[call.line] if each.version == call.family]
            found = st.lists(st.sampled_from([*pool, IPv4Address("45.79.1.1")]), max_size=2).map(tuple)
            good = st.builds(Verified, number=st.just(number), addresses=found)
        case Move():
            good = st.builds(Moved, number=st.just(number), changed=st.booleans())
    return draw.draw(st.one_of(good, good, failed))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_any_order(draw: st.DataObject) -> None:
    publisher, now = Publisher(seed=1), 100.0
    flying: dict[int, Question] = {}
    intent: NamesIntent | None = None

    def perform(calls: list[Call]) -> None:
        for call in calls:
            if isinstance(call, Abandon):
                del flying[call.number]
                continue
            place = _place(call)
            assert place not in map(_place, flying.values())
            flying[call.number] = call
            assert call.timeout > 0
            assert intent is not None
            assert intent.config.dns is not None
            if isinstance(call, Publish):
                assert unreachable(call.address) is None
                other = WIRED if call.over.line is CELLULAR else CELLULAR
                there = intent.line(other)
                assert there is not None
                assert call.own or call.address not in there.addresses
                assert intent.line(call.over.line) == call.over
                assert call.over.state is LineState.UP

    for _ in range(draw.draw(st.integers(5, 60))):
        now += draw.draw(st.sampled_from([0.0, 0.1, 5.0, 61.0, 700.0, 5000.0]))
        what = draw.draw(st.integers(0, 3))
        if flying and what:
            number = draw.draw(st.sampled_from(sorted(flying)))
            publisher.take(answers(flying.pop(number), draw), now)
        elif what == 0:
            intent = draw.draw(INTENTS)
            intent = None if intent.config.dns is None and draw.draw(st.booleans()) else intent
            perform(publisher.apply(intent, now))
        perform(publisher.turn(now))
        for _ in range(50):
            deadline = publisher.deadline(now)
            if deadline is None or deadline > now:
                break
            perform(publisher.turn(now))
        else:
            raise AssertionError("a deadline stays due")
        view = publisher.view(now)
        assert publisher.view(now) == view
        assert all(each.cure and each.text for each in publisher.notices(now))


def _place(call: Question) -> UplinkName | None:
    match call:
        case Move():
            return None
        case Verify():
            return call.line
        case _:
            return call.over.line


def test_an_intent_that_is_repeated_changes_nothing() -> None:
    publisher = Publisher(seed=1)
    config = replace(BASES[1])
    line = NamedLine(
        line=CELLULAR, interface="fbcell0", state=LineState.UP, addresses=(POOLS[CELLULAR][0],), session=1
    )
    intent = NamesIntent(config=config, lines=(line,), active=None)
    publisher.apply(intent, 1.0)
    assert len(publisher.turn(1.0)) == 1
    for _ in range(5):
        assert publisher.apply(intent, 1.0) == publisher.turn(1.0) == []
