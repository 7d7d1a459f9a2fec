"""How well the house is reached, the fast path, and what a person is told."""

from __future__ import annotations

import pytest
from publishing import CELLULAR, HOUSE, MINE, OTHER, WIRED, Bench, settled

from failberry.core.snapshot import LineState, NameState
from failberry.dns.calls import Move, Publish, Trouble, Verdict, Verify
from failberry.naming import Publisher as Writer

# --- how well the house is reached ---------------------------------------------------------------


def test_our_function_asks_back_and_what_is_not_reached_is_told() -> None:
    bench = settled()
    assert 30.0 <= bench.until_call() <= 60.0
    call = bench.expect(Publish)
    assert call.probe == "/"
    bench.published(call, Verdict.UNCHANGED, reachable=False, probe="no answer in time")
    assert (bench.view().reachable, bench.codes()) == (False, ["names-unreachable"])
    bench.line(CELLULAR, OTHER, session=8)
    bench.published(bench.expect(Publish), reachable=True, probe="HTTP 200")
    assert (bench.view().reachable, bench.codes()) == (True, [])


def test_it_is_not_asked_at_a_port_that_is_not_ours() -> None:
    bench = Bench(wired_source=Writer.LAMBDA, wired_port=9443)
    bench.line(WIRED, HOUSE)
    bench.failed(bench.expect(Verify))
    assert bench.expect(Publish).probe == ""


# --- the fast path ---------------------------------------------------------------------------------


def test_a_dead_wired_line_moves_the_name_at_once() -> None:
    bench = Bench(wired_source=Writer.ROUTE53, fast=True)
    bench.tell()
    call = bench.expect(Move)
    assert call.forced is None, "what a daemon before may have left is set right once"
    bench.moved(call)
    bench.active = CELLULAR
    bench.line(WIRED, state=LineState.SUSPECT)
    assert bench.quiet(), "a suspicion moves nothing"
    bench.line(WIRED, state=LineState.DOWN)
    call = bench.expect(Move)
    assert call.forced is CELLULAR
    bench.failed(call, Trouble.BUSY)
    assert bench.codes() == ["names-not-moved"]
    assert bench.until_call() < 7.0
    bench.moved(bench.expect(Move))
    view = bench.publisher.view(bench.now)
    assert view is not None
    assert view.moved is CELLULAR
    bench.line(WIRED, state=LineState.UP)
    assert bench.quiet(), "the house is not back yet"
    bench.active = WIRED
    bench.tell()
    assert bench.expect(Move).forced is None


def test_a_name_that_was_never_set_up_is_not_moved_and_that_is_said() -> None:
    bench = Bench(wired_source=Writer.ROUTE53, fast=True)
    bench.tell()
    bench.failed(bench.expect(Move), Trouble.ABSENT)
    [notice] = bench.publisher.notices(bench.now)
    assert (notice.code, "failberryctl dns apply" in notice.cure) == ("names-not-moved", True)


def test_while_the_owner_forces_a_line_the_name_is_his() -> None:
    bench = Bench(wired_source=Writer.ROUTE53, fast=True)
    bench.forced = CELLULAR
    bench.active = CELLULAR
    bench.line(WIRED, state=LineState.DOWN)
    bench.passes(3600.0)
    assert bench.quiet()
    bench.forced = None
    bench.tell()
    assert bench.expect(Move).forced is CELLULAR


def test_without_fast_nothing_is_moved() -> None:
    bench = Bench(wired_source=Writer.ROUTE53)
    bench.active = CELLULAR
    bench.line(WIRED, state=LineState.DOWN)
    bench.passes(3600.0)
    assert bench.quiet()


# --- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble.CLOCK, "names-clock"),
        (Trouble.KEY, "names-key"),
        (Trouble.DENIED, "names-denied"),
        (Trouble.RECORD, "names-not-ours"),
        (Trouble.NO_CHILD, "names-child"),
        (Trouble.ABSENT, "names-absent"),
        (Trouble.TLS, "names-tls"),
    ],
)
def test_each_trouble_has_a_notice_with_a_cure(trouble: Trouble, code: str) -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    bench.failed(bench.expect(Publish), trouble)
    [notice] = bench.publisher.notices(bench.now)
    assert notice.code == code
    assert f"it is {trouble}" in notice.text
    assert notice.cure
    bench.line(CELLULAR, state=LineState.DOWN, session=0)
    assert bench.codes() == [], "the line itself is told of then"


def test_silence_is_told_when_it_lasts() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    began = bench.now
    while "names-failing" not in bench.codes():
        bench.failed(bench.expect(Publish))
        bench.until_call()
    assert 120.0 <= bench.now - began <= 300.0


def test_bytes_are_counted_on_the_mobile_line_alone() -> None:
    bench = Bench(wired_source=Writer.LAMBDA)
    bench.line(CELLULAR, state=LineState.DOWN, session=0)
    bench.line(WIRED, HOUSE)
    bench.failed(bench.expect(Verify), octets=300)
    bench.published(bench.expect(Publish), octets=6000)
    assert bench.publisher.spent == 0
    bench.line(CELLULAR, MINE, state=LineState.UP, session=7)
    bench.failed(bench.expect(Verify), octets=300)
    bench.published(bench.expect(Publish), octets=6000)
    assert bench.publisher.spent == 6000, "the name servers were asked over the wired line"


def test_names_that_are_not_ours_are_shown_and_left() -> None:
    bench = Bench(wired_source=Writer.FIXED, wired_address=(HOUSE,), cellular_source=Writer.ELSEWHERE)
    bench.line(WIRED, HOUSE)
    bench.line(CELLULAR, MINE)
    bench.passes(86_400.0)
    assert bench.quiet()
    assert {bench.view(WIRED).state, bench.view(CELLULAR).state} == {NameState.OTHERS}
