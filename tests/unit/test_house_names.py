"""The core and the names: what it wishes of their publisher, and what it makes of its answers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from failberry.config import Config, Mode, Wired
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.appliance import Appliance
from failberry.core.facts import DefaultRoute, Interface, NetworkFacts, Session
from failberry.core.names import NamesIntent, PublishedName, PublishedNames
from failberry.core.snapshot import LineState, NameState, NamesView, NameView, Notice, UplinkName
from failberry.naming import Dns

DNS = Dns(
    zone="example.com",
    name="home.example.com",
    wired_name="wired.example.com",
    cellular_name="mobile.example.com",
    url="https://abc.lambda-url.eu-central-1.on.aws/",
)
PLAIN = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
NAMED = replace(PLAIN, dns=DNS)
WIRED = Interface(
    index=2,
    name="eth0",
    up=True,
    carrier=True,
    addresses=(IPv4Interface("192.168.1.9/24"), IPv6Interface("fe80::1/64"), IPv6Interface("2a00:1::9/64")),
)
PPP = Interface(index=5, name="fbcell0", up=True, carrier=True, addresses=(IPv4Interface("62.7.40.5/32"),))
FACTS = NetworkFacts(
    interfaces=(WIRED, PPP),
    defaults=(DefaultRoute(interface="eth0", gateway=IPv4Address("192.168.1.1"), metric=1, family=4),),
)
SESSION = Session(
    pid=7,
    tty="/dev/ttyUSB2",
    interface="fbcell0",
    local=IPv4Address("62.7.40.5"),
    dns=(IPv4Address("62.7.1.53"),),
)


class Bench:
    def __init__(self, config: Config) -> None:
        self.appliance = Appliance(config, seed=1)
        self.actions: list[do.Action] = []
        self.feed(ev.Started(session=SESSION), at=100.0)
        self.feed(ev.NetworkObserved(facts=FACTS), at=100.1)
        self.feed(ev.ResolversObserved(servers=(IPv4Address("192.168.1.1"),)), at=100.2)

    def feed(self, event: ev.Event, at: float) -> list[do.Action]:
        actions = self.appliance.handle(event, at)
        self.actions += actions
        return actions

    def wishes(self) -> list[NamesIntent | None]:
        return [each.intent for each in self.actions if isinstance(each, do.ApplyNames)]


def test_without_names_the_core_says_nothing_of_them() -> None:
    bench = Bench(PLAIN)
    assert bench.wishes() == []
    assert bench.appliance.snapshot(101.0).names is None


def test_both_lines_are_told_as_they_are_and_again_when_that_changes() -> None:
    bench = Bench(NAMED)
    wish = bench.wishes()[-1]
    assert wish is not None
    assert wish.config is NAMED
    wired, mobile = wish.lines
    assert [str(each) for each in wired.addresses] == ["192.168.1.9", "2a00:1::9"]
    assert (wired.interface, [*map(str, wired.servers)]) == ("eth0", ["192.168.1.1"])
    assert [str(each) for each in mobile.addresses] == ["62.7.40.5"]
    assert (mobile.interface, mobile.state, mobile.session) == ("fbcell0", LineState.UP, 7)
    assert [*map(str, mobile.servers)] == ["62.7.1.53"]
    before = len(bench.wishes())
    bench.feed(ev.Tick(), at=100.3)
    assert len(bench.wishes()) == before
    bench.feed(ev.LineForced(line=UplinkName.CELLULAR), at=100.4)
    wish = bench.wishes()[-1]
    assert wish is not None
    assert (wish.forced, wish.active) == (UplinkName.CELLULAR, UplinkName.CELLULAR)
    bench.feed(ev.SessionEnded(exit_code=15, port_gone=False, evidence="Modem hangup"), at=101.0)
    wish = bench.wishes()[-1]
    assert wish is not None
    assert (wish.lines[1].state, wish.lines[1].addresses, wish.lines[1].session) == (LineState.DOWN, (), 0)


def test_names_that_are_no_longer_configured_are_given_up_once() -> None:
    bench = Bench(NAMED)
    before = len(bench.wishes())
    for at in (101.0, 102.0, 103.0):
        bench.feed(ev.ConfigChanged(config=PLAIN), at=at)
        bench.feed(ev.SessionEnded(exit_code=15, port_gone=False, evidence=""), at=at + 0.5)
    assert bench.wishes()[before:] == [None]


def published(state: NameState = NameState.PUBLISHED, **fields: object) -> PublishedNames:
    line = PublishedName(
        line=UplinkName.CELLULAR,
        name="mobile.example.com",
        source="lambda",
        state=state,
        reason="62.7.40.5 stands there",
        since=90.0,
        addresses=(IPv4Address("62.7.40.5"),),
        reachable=True,
        next="look whether it still stands there",
        next_at=700.0,
    )
    return PublishedNames(name="home.example.com", lines=(line,), spent=6000, **fields)  # type: ignore[arg-type]


def test_what_the_publisher_tells_is_in_the_document_with_ages() -> None:
    bench = Bench(NAMED)
    notice = Notice(code="names-clock", text="the clock is wrong", cure="set it")
    bench.feed(ev.NamesChanged(names=published(), notices=(notice,)), at=101.0)
    document = bench.appliance.snapshot(110.0)
    assert document.names == NamesView(
        name="home.example.com",
        lines=(
            NameView(
                line=UplinkName.CELLULAR,
                name="mobile.example.com",
                source="lambda",
                addresses=("62.7.40.5",),
                state=NameState.PUBLISHED,
                state_for=20.0,
                reason="62.7.40.5 stands there",
                reachable=True,
                next="look whether it still stands there",
                next_in=590.0,
            ),
        ),
        spent=6000,
    )
    assert notice in document.warnings
    assert document.usage.probes_used == 6000
    bench.feed(ev.NamesChanged(names=None), at=102.0)
    document = bench.appliance.snapshot(110.0)
    assert document.names is None
    assert notice not in document.warnings


def test_what_is_worth_a_word_is_told_once() -> None:
    bench = Bench(NAMED)

    def words(names: PublishedNames | None) -> list[tuple[str, do.Severity]]:
        actions = bench.feed(ev.NamesChanged(names=names), at=101.0)
        return [(each.what, each.severity) for each in actions if isinstance(each, do.Report)]

    first = published(NameState.PENDING)
    assert words(replace(first, lines=(replace(first.lines[0], addresses=()),))) == []
    assert words(published()) == [("mobile.example.com published", do.Severity.INFO)]
    assert words(published()) == []
    for wavering in (NameState.KEPT, NameState.PENDING, NameState.PUBLISHED):
        assert words(published(wavering)) == []
    assert words(published(NameState.FAILED)) == [("mobile.example.com failed", do.Severity.WARNING)]
    assert words(published(NameState.FAILED)) == []
    assert words(published(moved=UplinkName.CELLULAR)) == [
        ("mobile.example.com published", do.Severity.INFO),
        ("home.example.com held on the mobile line", do.Severity.NOTICE),
    ]
    assert words(published()) == [("home.example.com left to the health checks", do.Severity.NOTICE)]
    assert words(None) == []
