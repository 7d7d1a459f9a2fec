"""What is asked when, for one line and its name."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise

import pytest
from publishing import CELLULAR, MINE, MINE6, OTHER, WIRED, Bench, settled

from failberry.core.snapshot import LineState, NameState
from failberry.dns.calls import Abandon, Publish, Trouble, Verdict, Verify
from failberry.naming import Publisher as Writer


def test_without_names_nothing_is_ever_asked() -> None:
    bench = Bench()
    assert bench.publisher.apply(None, 1.0) == []
    assert (bench.publisher.turn(1.0), bench.publisher.deadline(1.0)) == ([], None)
    assert (bench.publisher.view(1.0), bench.publisher.notices(1.0)) == (None, ())


def test_whoever_knows_nothing_looks_first_and_writes_only_what_differs() -> None:
    bench = Bench()
    bench.line(CELLULAR, MINE)
    look = bench.expect(Verify)
    assert (look.name, look.family, look.over.line) == ("mobile.example.com", 4, WIRED)
    bench.verified(look, OTHER)
    call = bench.expect(Publish)
    assert (str(call.address), call.own, call.source, call.over.line) == (MINE, True, Writer.LAMBDA, CELLULAR)
    bench.published(call)
    assert bench.quiet()
    assert (bench.view().state, [*map(str, bench.view().addresses)]) == (NameState.PUBLISHED, [MINE])


def test_what_is_right_already_is_not_written() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    bench.passes(500.0)
    assert bench.quiet()


def test_name_servers_that_cannot_be_asked_do_not_stand_in_the_way() -> None:
    bench = Bench()
    bench.line(CELLULAR, MINE)
    bench.failed(bench.expect(Verify))
    bench.published(bench.expect(Publish), Verdict.UNCHANGED)
    assert bench.view().state is NameState.PUBLISHED


def test_a_new_address_is_written_at_once_and_the_next_a_minute_later() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    bench.published(bench.expect(Publish))
    bench.line(CELLULAR, "62.7.40.7", session=9)
    bench.line(CELLULAR, "62.7.40.8", session=10)
    assert bench.until_call() == pytest.approx(60.0)
    assert str(bench.expect(Publish).address) == "62.7.40.8"


@pytest.mark.parametrize("source", [Writer.LAMBDA, Writer.ROUTE53])
@pytest.mark.parametrize("quiet", [61.0, 3600.0, 86_400.0])
def test_the_first_change_after_a_quiet_time_waits_for_nothing_and_the_next_is_shown_to_wait(
    source: Writer, quiet: float
) -> None:
    bench = settled(cellular_source=source)
    bench.line(CELLULAR, OTHER, session=8)
    bench.published(bench.expect(Publish))
    end = bench.now + quiet
    while bench.now < end:
        bench.passes(end - bench.now)
        for call in [bench.calls.pop() for _ in range(len(bench.calls))]:
            if isinstance(call, Verify):
                bench.verified(call, OTHER)
    bench.line(CELLULAR, MINE, session=9)
    written = bench.now
    bench.published(bench.expect(Publish))
    bench.passes(25.0)
    bench.line(CELLULAR, "62.7.40.7", session=10)
    view = bench.view()
    assert (view.state, view.next, view.next_at) == (
        NameState.PENDING,
        "write the address",
        written + 60.0,
    )
    assert bench.until_call() == pytest.approx(35.0)


def test_a_call_of_the_session_before_is_given_up() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    old = bench.expect(Publish)
    bench.line(CELLULAR, "62.7.40.7", session=9)
    abandoned, new = bench.calls
    bench.calls.clear()
    assert isinstance(abandoned, Abandon)
    assert abandoned.number == old.number
    assert isinstance(new, Publish)
    bench.published(old)
    assert [str(each) for each in bench.view().addresses] == [MINE], "what it says does not count"
    bench.published(new)
    assert [str(each) for each in bench.view().addresses] == ["62.7.40.7"]


def test_the_child_is_waited_for_because_it_goes_on_whatever_we_do() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    bench.line(CELLULAR, OTHER, session=8)
    old = bench.expect(Publish)
    bench.line(CELLULAR, "62.7.40.7", session=9)
    assert bench.quiet()
    bench.published(old)
    assert bench.until_call() == pytest.approx(60.0)
    assert str(bench.expect(Publish).address) == "62.7.40.7"


def test_a_line_that_is_down_keeps_its_record_and_asks_nothing() -> None:
    bench = settled()
    bench.line(CELLULAR, state=LineState.DOWN, session=0)
    bench.passes(86_400.0)
    assert bench.quiet()
    assert (bench.view().state, bench.view().next_at) == (NameState.KEPT, None)
    assert [str(each) for each in bench.view().addresses] == [MINE]


def test_each_family_is_on_its_own() -> None:
    bench = Bench()
    bench.line(CELLULAR, MINE, MINE6)
    four = bench.expect(Verify)
    bench.verified(four, MINE)
    six = bench.expect(Verify)
    assert (four.family, six.family) == (4, 6)
    bench.verified(six)
    call = bench.expect(Publish)
    assert str(call.address) == MINE6
    bench.failed(call, Trouble.BUSY)
    assert bench.view().state is NameState.FAILED
    bench.line(CELLULAR, MINE)
    assert bench.view().state is NameState.PUBLISHED, "a family without an address deletes nothing"


def test_of_several_addresses_the_one_that_stands_there_stays_and_else_one_that_lasts() -> None:
    bench = Bench()
    fleeting, lasting = "2a00:1450:4002:0:5c1d:8e0a:1f3e:77a1", "2a00:1450:4002::211:22ff:fe33:4455"
    bench.line(CELLULAR, fleeting, lasting)
    look = bench.expect(Verify)
    bench.verified(look)
    call = bench.expect(Publish)
    assert call.address == ip_address(lasting)
    bench.published(call)
    bench.line(CELLULAR, "2a00:1450:4002::99", fleeting, lasting)
    assert bench.quiet()


def test_failures_are_repeated_ever_more_seldom_and_forgotten_with_a_new_address() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    waits = []
    for _ in range(9):
        bench.failed(bench.expect(Publish), Trouble.BUSY)
        waits.append(bench.until_call())
    assert 4.0 <= waits[0] <= 6.0
    assert all(earlier < later for earlier, later in pairwise(waits[:6]))
    assert 240.0 <= waits[-1] <= 360.0
    bench.failed(bench.expect(Publish), Trouble.BUSY)
    bench.line(CELLULAR, "62.7.40.7", session=9)
    bench.expect(Publish)


def test_whoever_says_how_long_to_wait_is_heeded() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    bench.failed(bench.expect(Publish), Trouble.BUSY, retry_after=20.0)
    assert bench.until_call() == pytest.approx(21.0)


def test_what_only_a_person_mends_is_tried_once_an_hour_at_last() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    for _ in range(15):
        bench.failed(bench.expect(Publish), Trouble.DENIED)
        last = bench.until_call()
    assert 2800.0 < last < 4400.0


def test_an_answer_that_never_comes_is_missed() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    old = bench.expect(Publish)
    assert bench.until_call() == pytest.approx(old.timeout + 5.0)
    assert bench.expect(Abandon).number == old.number
    bench.until_call(within=10.0)
    bench.published(bench.expect(Publish), Verdict.UNCHANGED)
    assert bench.view().state is NameState.PUBLISHED


def test_it_is_looked_at_every_quarter_of_an_hour_and_put_right() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    for _ in range(5):
        assert 600.0 <= bench.until_call() <= 900.0
        bench.verified(bench.expect(Verify), MINE)
    assert bench.codes() == []
    bench.until_call()
    bench.verified(bench.expect(Verify), "45.79.1.1")
    bench.published(bench.expect(Publish))
    assert bench.codes() == ["names-repaired"]
    assert 75.0 <= bench.until_call() <= 105.0
    bench.verified(bench.expect(Verify), MINE)
    for _ in range(5):
        bench.until_call()
        bench.verified(bench.expect(Verify), MINE)
    assert bench.codes() == []


def test_whoever_is_put_right_again_and_again_is_named() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    for _ in range(3):
        bench.until_call()
        bench.verified(bench.expect(Verify), "45.79.1.1")
        bench.published(bench.expect(Publish))
        bench.until_call()
        bench.verified(bench.expect(Verify), MINE)
    assert bench.codes() == ["names-contested"]


def test_name_servers_tell_the_old_address_for_a_while_after_a_write() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    bench.published(bench.expect(Publish))
    bench.until_call()
    bench.verified(bench.expect(Verify), MINE)
    bench.until_call(within=60.0)
    bench.verified(bench.expect(Verify), OTHER)
    assert bench.quiet()


def test_name_servers_of_another_zone_are_told_of_and_not_fought() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    for _ in range(2):
        bench.until_call()
        bench.verified(bench.expect(Verify), "45.79.1.1")
        bench.published(bench.expect(Publish), Verdict.UNCHANGED)
    assert bench.codes() == ["names-not-seen"]
    assert bench.until_call() >= 3600.0


def test_name_servers_are_asked_over_any_line_that_lives() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    bench.active = CELLULAR
    bench.tell()
    bench.until_call()
    call = bench.expect(Verify)
    assert call.over.line is CELLULAR
    bench.failed(call)
    bench.until_call()
    call = bench.expect(Verify)
    assert call.over.line is WIRED
    bench.failed(call)
    bench.line(WIRED, state=LineState.DOWN)
    bench.until_call()
    assert bench.expect(Verify).over.line is CELLULAR


def test_without_name_servers_for_hours_it_is_written_anew() -> None:
    bench = settled(cellular_source=Writer.ROUTE53)
    asked = 0
    while bench.until_call() and not isinstance(bench.calls[0], Publish):
        bench.failed(bench.expect(Verify))
        asked += 1
    assert 60 < asked < 100, "five minutes between two, for six hours"
    bench.published(bench.expect(Publish), Verdict.UNCHANGED)


def test_a_clock_that_was_not_set_is_looked_at_again_soon_and_costs_nothing() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    for _ in range(100):
        bench.failed(bench.expect(Publish), Trouble.NO_CLOCK)
        assert bench.until_call() < 25.0
    assert bench.codes() == ["names-clock"]
    bench.published(bench.expect(Publish))
    assert bench.codes() == []
