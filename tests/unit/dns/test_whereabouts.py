"""Where the Internet finds a line that somebody translates: our function is asked, not believed at once."""

from __future__ import annotations

from publishing import CELLULAR, HOUSE, MINE, OTHER, WIRED, Bench, settled

from failberry.core.snapshot import LineState, NameState
from failberry.dns.calls import Abandon, Publish, Reflect, Trouble, Verdict, Verify
from failberry.naming import Publisher as Writer


def behind_a_router(**settings: object) -> Bench:
    bench = Bench(wired_source=Writer.LAMBDA, **settings)
    bench.line(CELLULAR, state=LineState.DOWN, session=0)
    bench.line(WIRED, "192.168.1.10")
    return bench


def test_two_answers_that_agree_are_believed() -> None:
    bench = behind_a_router()
    bench.reflected(bench.expect(Reflect), "45.33.32.9")
    assert 4.0 <= bench.until_call() <= 6.0
    bench.reflected(bench.expect(Reflect), HOUSE)
    bench.until_call()
    bench.reflected(bench.expect(Reflect), HOUSE)
    look = bench.expect(Verify)
    bench.verified(look)
    call = bench.expect(Publish)
    assert (str(call.address), call.own, call.over.line) == (HOUSE, False, WIRED)
    bench.published(call)
    assert bench.view(WIRED).state is NameState.PUBLISHED
    assert bench.codes() == []


def agreed(bench: Bench, address: str = HOUSE) -> None:
    bench.reflected(bench.expect(Reflect), address)
    bench.until_call()
    bench.reflected(bench.expect(Reflect), address)


def test_the_address_in_front_is_looked_at_again_and_one_lie_changes_nothing() -> None:
    bench = behind_a_router()
    agreed(bench)
    bench.verified(bench.expect(Verify), HOUSE)
    lies = looks = 0
    for _ in range(60):
        bench.until_call()
        if isinstance(bench.calls[0], Reflect):
            lies, looks = lies + (looks % 4 == 0), looks + 1
            bench.reflected(bench.expect(Reflect), "45.33.32.9" if looks % 4 == 1 else HOUSE)
        elif isinstance(bench.calls[0], Publish):
            bench.published(bench.expect(Publish), Verdict.UNCHANGED)
        else:
            bench.verified(bench.expect(Verify), HOUSE)
        assert [str(each) for each in bench.view(WIRED).addresses] == [HOUSE]
    assert lies > 3


def test_the_other_lines_address_is_refused() -> None:
    bench = Bench(wired_source=Writer.LAMBDA, cellular_source=Writer.ELSEWHERE)
    bench.line(CELLULAR, MINE)
    bench.line(WIRED, "192.168.1.10")
    for _ in range(3):
        bench.reflected(bench.expect(Reflect), MINE)
        assert bench.codes() == ["names-wrong-line"]
        bench.until_call()
    agreed(bench)
    bench.expect(Verify)
    assert bench.codes() == []


def test_what_is_heard_while_the_line_wavers_does_not_count() -> None:
    bench = behind_a_router()
    first = bench.expect(Reflect)
    bench.line(WIRED, "192.168.1.10", state=LineState.SUSPECT)
    bench.expect(Abandon)
    bench.reflected(first, HOUSE)
    bench.line(WIRED, "192.168.1.10", state=LineState.UP)
    bench.until_call(within=3.0)
    bench.reflected(bench.expect(Reflect), HOUSE)
    bench.until_call()
    bench.expect(Reflect)


def test_after_an_absence_the_address_in_front_is_asked_for_before_anything_is_written() -> None:
    bench = behind_a_router()
    agreed(bench)
    bench.verified(bench.expect(Verify), HOUSE)
    bench.line(WIRED, "192.168.1.10", state=LineState.DOWN)
    bench.line(WIRED, "192.168.1.10", state=LineState.UP)
    bench.until_call(within=3.0)
    bench.reflected(bench.expect(Reflect), HOUSE)
    assert bench.view(WIRED).state is NameState.PUBLISHED


def test_a_carrier_that_shares_addresses_is_named() -> None:
    bench = Bench()
    bench.line(CELLULAR, "100.72.3.4")
    assert bench.codes() == ["names-cgnat"]
    agreed(bench, "62.7.40.9")
    bench.expect(Verify)
    assert bench.codes() == ["names-cgnat"]


def test_a_private_address_is_never_written() -> None:
    bench = Bench(cellular_source=Writer.ROUTE53, url="")
    bench.line(CELLULAR, "10.1.2.3")
    bench.passes(86_400.0)
    assert bench.quiet()
    assert (bench.view().state, bench.codes()) == (NameState.ABSENT, ["names-private"])
    bench = behind_a_router()
    bench.reflected(bench.expect(Reflect), "192.168.178.2")
    assert 600.0 <= bench.until_call() <= 900.0
    assert (bench.view(WIRED).state, bench.codes()) == (NameState.ABSENT, ["names-private"])


def test_an_own_address_that_the_function_does_not_see_is_translated() -> None:
    bench = settled()
    bench.line(CELLULAR, OTHER, session=8)
    bench.failed(bench.expect(Publish), Trouble.OTHER_SOURCE)
    agreed(bench, "62.7.40.200")
    bench.until_call(within=10.0)
    call = bench.expect(Publish)
    assert (str(call.address), call.own) == ("62.7.40.200", False)


def test_the_metered_line_is_looked_at_from_outside_once_an_hour_at_most() -> None:
    bench = Bench(cellular_source=Writer.ROUTE53)
    bench.line(CELLULAR, "192.168.8.100")
    agreed(bench, OTHER)
    bench.verified(bench.expect(Verify), OTHER)
    began, looks = bench.now, 0
    while bench.now < began + 24 * 3600.0:
        bench.until_call()
        if isinstance(bench.calls[0], Reflect):
            looks += 1
            bench.reflected(bench.expect(Reflect), OTHER)
        else:
            bench.verified(bench.expect(Verify), OTHER)
    assert 15 <= looks <= 25
