"""Screens under odd conditions: narrow, plain, coloured, hostile; and what holds for all of them."""

import re
from dataclasses import replace

import pytest

from failberry.control.document import encode
from failberry.core.snapshot import KernelState, KernelView, LineState, SignalView, Snapshot
from failberry.ctl import ATTENTION, NO_LINE, OK
from failberry.ctl.screen import older
from failberry.ctl.style import Style
from tests.unit.ctl.painting import painted
from tests.unit.ctl.scenarios import ALL, ALL_WELL, DIALLING, PIN_REFUSED, WAITING
from tests.unit.ctl.scenarios import NO_LINE as NO_LINE_AT_ALL


@pytest.mark.parametrize("status", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [40, 61, 80])
def test_no_line_is_wider_than_the_terminal(status: Snapshot, width: int) -> None:
    _, text = painted(status, Style(width=width))
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("status", ALL.values(), ids=ALL)
def test_plain_letters_are_enough(status: Snapshot) -> None:
    _, text = painted(status, Style(utf8=False))
    assert text.isascii()
    assert "?" not in text


@pytest.mark.parametrize("status", ALL.values(), ids=ALL)
def test_colours_change_nothing_but_colours(status: Snapshot) -> None:
    _, plain = painted(status)
    _, coloured = painted(status, Style(colour=True))
    assert coloured.startswith("\x1b[1;3")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("status", ALL.values(), ids=ALL)
def test_problems_come_first_each_with_its_cure(status: Snapshot) -> None:
    _, text = painted(status, Style(width=10_000))
    for notice in status.warnings:
        for said in (notice.text, notice.cure):
            assert 0 < text.index(said[1:]) < text.index("\nActive ")


def test_names_from_outside_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x9b2J\r\nActive   all is well"
    status = replace(
        ALL_WELL,
        modem=replace(ALL_WELL.modem, product=evil, signal=replace(ALL_WELL.modem.signal, operator=evil)),
    )
    _, text = painted(status)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert len(re.findall("^Active", text, re.MULTILINE)) == 1


def test_the_exit_code_follows_the_worst() -> None:
    one_down = replace(ALL_WELL, wired=replace(ALL_WELL.wired, state=LineState.DOWN))
    failed = KernelView(state=KernelState.FAILED, problem="EBUSY")
    assert painted(ALL_WELL)[0] == OK
    assert painted(one_down)[0] == ATTENTION
    assert painted(replace(ALL_WELL, routes=failed))[0] == ATTENTION
    assert painted(replace(ALL_WELL, modem=replace(ALL_WELL.modem, advice="Look at it.")))[0] == ATTENTION
    assert painted(NO_LINE_AT_ALL)[0] == NO_LINE
    assert painted(replace(ALL_WELL, routes=KernelView(state=KernelState.PENDING, problem=None)))[0] == OK


def test_what_only_other_fields_tell_is_a_problem_too() -> None:
    status = replace(
        PIN_REFUSED, warnings=(), routes=KernelView(state=KernelState.FAILED, problem="netlink: EPERM")
    )
    _, text = painted(status)
    assert text.startswith(
        """\
Traffic goes over the wired line. 2 problems:

1. Modem: the SIM refused the configured PIN (incorrect password); it is not
   tried again
   → Correct cellular.pin, or switch the PIN off in a telephone.

2. The kernel did not take our routes: netlink: EPERM

Active """
    )


def test_a_line_that_is_down_is_named_even_without_a_notice() -> None:
    assert painted(replace(DIALLING, warnings=()))[1].startswith(
        "Traffic goes over the wired line. The mobile line is down.\n"
    )


def test_a_signal_without_strength_is_no_bar() -> None:
    deaf = replace(ALL_WELL, modem=replace(ALL_WELL.modem, signal=SignalView(operator="Example", age=3.0)))
    _, text = painted(deaf)
    assert "Signal   strength unknown, 3 s ago\n         Example\n" in text


def test_the_countdown_runs_between_two_reports() -> None:
    later = older(encode(WAITING), 500.0)
    assert later["modem"]["next_in"] == pytest.approx(5.0)
    assert later["modem"]["state_for"] == pytest.approx(WAITING.modem.state_for + 500)
    assert older(encode(WAITING), 9999.0)["modem"]["next_in"] == 0.0
    assert older(encode(ALL_WELL), 1.0)["modem"]["next_in"] is None
    assert older(encode(ALL_WELL), 0.0) == encode(ALL_WELL)
