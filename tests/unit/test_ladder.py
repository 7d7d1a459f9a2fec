"""The ladder by itself: budgets, patience, and the rule for the reboot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failberry.core.causes import Cause, Fault, Remedy
from failberry.core.recovery import DAY, HOUR, LADDER, Ladder, Situation
from failberry.core.steps import Rung, Step

HUNG = Cause(remedy=Remedy.MODEM, named=Fault.HUNG, why="silent")
ALONE = Situation(
    other_line_works=False,
    on_bus=True,
    at_answers=False,
    usb_path="1-1",
    may_power=True,
    may_reboot=True,
    uptime=DAY,
)


def climb(
    ladder: Ladder, situation: Situation, *, every: float, until: float, start: float = 0.0
) -> list[tuple[float, Rung]]:
    """Fail again and again; return what was done, with its time."""
    done, now = [], start
    while now < start + until:
        ladder.in_vain("still silent")
        choice = ladder.choose(HUNG, situation, now)
        assert choice is not None
        if choice.rung is not Rung.REDIAL:
            ladder.begin(Step(rung=choice.rung, cause="hung", why="silent"), now)
            done.append((now, choice.rung))
        now += every
    return done


@pytest.mark.parametrize("other_line_works", [True, False])
def test_no_budget_is_ever_exceeded(*, other_line_works: bool) -> None:
    situation = replace(ALONE, other_line_works=other_line_works)
    done = climb(Ladder(), situation, every=20.0, until=3 * DAY)
    assert {rung for _, rung in done} >= {Rung.USB_RESET, Rung.POWER_CYCLE}
    for spec in LADDER:
        times = [at for at, rung in done if rung is spec.rung]
        budgets = spec.patient if other_line_works else spec.urgent
        if budgets is None:
            assert not times, f"{spec.rung} while the other line works"
            continue
        for budget in budgets:
            for at in times:
                recent = sum(1 for each in times if at - budget.span < each <= at)
                assert recent <= budget.count, f"{spec.rung}: {recent} in {budget.span} s"


def test_the_machine_is_rebooted_only_by_the_rule() -> None:
    assert Rung.REBOOT in {rung for _, rung in climb(Ladder(), ALONE, every=20.0, until=DAY)}
    for against in (
        {"other_line_works": True},
        {"may_reboot": False},
        {"uptime": 3599.0},
        {"disk_problem": "read-only"},
        {"usb_path": None},
    ):
        done = climb(Ladder(), replace(ALONE, **against), every=20.0, until=DAY)  # type: ignore[arg-type]
        assert Rung.REBOOT not in {rung for _, rung in done}, against


def test_a_reboot_comes_after_two_power_cycles_in_vain() -> None:
    done = [rung for _, rung in climb(Ladder(), ALONE, every=20.0, until=DAY)]
    assert done[: done.index(Rung.REBOOT)].count(Rung.POWER_CYCLE) >= 2
    assert done.count(Rung.REBOOT) <= 3


def test_budgets_outlive_the_daemon() -> None:
    ladder = Ladder()
    ladder.remember([Step(rung=Rung.REBOOT, cause="hung", why="", result="did not help", age=HOUR)], now=0.0)
    done = climb(ladder, ALONE, every=20.0, until=4 * HOUR)
    assert Rung.REBOOT not in {rung for _, rung in done}
    done = climb(ladder, ALONE, every=20.0, until=8 * HOUR)
    assert Rung.REBOOT in {rung for _, rung in done}


def test_every_fault_climbs_by_itself() -> None:
    ladder = Ladder()
    misbehaves = Cause(remedy=Remedy.MODEM, why="garbage")
    situation = replace(ALONE, at_answers=True)
    for _ in range(3):
        assert ladder.choose(misbehaves, situation, 0.0).rung is Rung.REDIAL  # type: ignore[union-attr]
    assert ladder.choose(HUNG, situation, 0.0).rung is Rung.REDIAL  # type: ignore[union-attr]
    assert ladder.choose(misbehaves, situation, 0.0).rung is Rung.HANG_UP  # type: ignore[union-attr]


def test_many_gentle_steps_do_not_push_a_power_cycle_out_of_its_budget() -> None:
    ladder = Ladder()
    for number in range(10):
        ladder.begin(Step(rung=Rung.POWER_CYCLE, cause="hung", why="silent"), number * 1300.0)
    for number in range(96 + 48 + 24 + 48):  # a day of all that may come between
        ladder.begin(Step(rung=Rung.HANG_UP, cause="hung", why="silent"), 14_000.0 + number * 300.0)
    ladder.finish("did not help")
    done = climb(ladder, ALONE, every=20.0, until=HOUR, start=80_000.0)
    assert Rung.POWER_CYCLE not in {rung for _, rung in done}
