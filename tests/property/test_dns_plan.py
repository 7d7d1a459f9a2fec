"""Whatever stands in the zone: a plan carried out leaves nothing to plan, wherever it was interrupted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.dns.register import line_of
from tests.awskit import lives

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_what_was_applied_leaves_nothing_to_plan(seed: int) -> None:
    there, wish = lives.life(lives.dice_of(seed))
    planned = there.apply(wish, adopt=True)
    again = there.plan(wish, adopt=bool(planned.problems))
    assert (again.changes, again.problems) == ((), planned.problems)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_whoever_is_interrupted_goes_on(seed: int) -> None:
    dice = lives.dice_of(seed)
    there, wish = lives.life(dice)
    planned = there.plan(wish, adopt=True)
    there.carry_out(planned.changes[: dice.randint(0, len(planned.changes))])
    there.apply(wish, adopt=True)
    assert there.plan(wish).changes == ()
    ours = {each.id for each in there.found(wish).checks if line_of(each, wish.owner) is not None}
    assert planned.problems or ours <= {each.check for each in there.records()}


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_what_is_not_ours_is_not_touched(seed: int) -> None:
    dice = lives.dice_of(seed)
    there, adopt, taken = lives.account(dice), dice.choice((False, True)), set[str]()
    before, somebody = there.records(), dict(there.api.checks)
    for _ in range(3):
        wish = lives.wish(dice)
        taken |= {wish.name, wish.wired.name, wish.cellular.name} if adopt else set()
        there.apply(wish, adopt=adopt)
        now = there.records()
        assert [each for each in before if each.name not in taken and each not in now] == []
        assert somebody.items() <= there.api.checks.items()


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_destroy_leaves_the_zone_as_found(seed: int) -> None:
    dice = lives.dice_of(seed)
    there, adopt, told = lives.account(dice), dice.choice((False, True)), list[str]()
    before, somebody = there.records(), dict(there.api.checks)
    for _ in range(dice.randint(1, 3)):
        wish = lives.wish(dice)
        planned = there.plan(wish, adopt=adopt)
        changes, told = planned.changes, [*told, *planned.notes]
        there.carry_out(changes[: dice.randint(0, len(changes))])
        if there.apply(wish, adopt=adopt).changes:
            lives.publish(there, wish)
    changes = there.plan_destruction(wish).changes
    there.carry_out(changes[: dice.randint(0, len(changes))])
    there.destroy(wish)
    assert there.plan_destruction(wish).changes == ()
    # An alias whose target gave way to us in the same batch cannot come back, which was told.
    lost = [each for each in before if each not in there.records()]
    assert [each for each in there.records() if each not in before] == []
    assert all(any(f"{each.type} {each.name} does not come back" in note for note in told) for each in lost)
    assert there.api.checks == somebody
