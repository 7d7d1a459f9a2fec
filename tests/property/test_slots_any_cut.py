"""Power that fails between any two writes: one slot boots always, and a bad one is not booted for ever."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.system import slots
from failberry.system.ledger import Verdict
from failberry.system.slots import DataState, Slot, SlotEnv
from tests.unit.system.slotcard import Card, PowerCutError, World, come_up, u_boot, update

SLOTS = st.sampled_from(Slot)
ENVS = st.builds(
    lambda slot, on_trial, tries, rolledback, data: SlotEnv(
        slot=slot,
        trial=slot.other if on_trial else None,
        tries=tries if on_trial else 0,
        rolledback=rolledback,
        data=data,
    ),
    SLOTS,
    st.booleans(),
    st.integers(0, 2),
    st.none() | SLOTS,
    st.sampled_from(DataState),
)
CUTS = st.lists(st.none() | st.integers(0, 16), max_size=8)
BOOTS = 12
"""More than any history needs until something stays up."""


@settings(deadline=None)
@given(ENVS)
def test_what_is_written_is_read(env: SlotEnv) -> None:
    raw = slots.render(env)
    assert len(raw) == slots.ENV_SIZE
    assert slots.parse(raw) == env


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_any_octets_are_a_state_or_damage(raw: bytes) -> None:
    env = slots.parse(raw)
    assert env is None or slots.parse(slots.render(env)) == env


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_what_is_damaged_never_wipes_the_owner_s_data(raw: bytes) -> None:
    env = slots.parse(raw)
    if env is not None and env.data is not DataState.MADE:
        assert b"data=" in raw


@settings(deadline=None)
@given(cuts=CUTS, good=st.booleans(), releases=st.integers(1, 4))
def test_something_always_stays_up(*, cuts: list[int | None], good: bool, releases: int) -> None:
    """Update after update, each cut off somewhere, some of them bad; old releases are always good."""
    card = Card.flashed()
    bad: set[str] = set()
    for number in range(releases):
        release = f"r{number}"
        if not good and number % 2 == 0:
            bad.add(release)
        for cut in [*cuts, None]:
            slot = _until_up(card, bad, cut)
            world = World(card=card, slot=slot, cut_after=cut, release=release)
            world.offer = type(world.offer)(packages=world.offer.packages, packages_hash=release)
            before = card.roots[slot].release
            with contextlib.suppress(PowerCutError):
                update(world)
            assert card.roots[slot].release == before, "the running slot was written to"
        slot = _until_up(card, bad, None)
        expected = release if release not in bad else card.roots[slot].release
        assert card.roots[slot].release == expected
        env = slots.parse(card.env)
        assert env is not None and env.slot is slot and env.trial is None
        assert World(card=card, slot=slot).ledger().slots[slot].verdict in (Verdict.GOOD, Verdict.EMPTY)
        if release in bad:
            refused = World(card=card, slot=slot).ledger().refused
            assert refused is not None and refused.packages_hash == release and refused.reason


def _until_up(card: Card, bad: set[str], cut: int | None) -> Slot:
    """Boot until a slot stays up with its verdict written; the power may fail in the first boot, too."""
    for _ in range(BOOTS):
        try:
            slot = come_up(card, works=lambda release: release not in bad, cut_after=cut)
        except PowerCutError:
            cut = None
            continue
        if slot is not None:
            return slot
    raise AssertionError("a bad slot is booted for ever")


@settings(deadline=None)
@given(raw=st.binary(max_size=600), first=st.booleans(), second=st.booleans())
def test_a_damaged_sheet_never_keeps_a_bad_slot(*, raw: bytes, first: bool, second: bool) -> None:
    """Both slots are whole: in the end one that works stays up."""
    card = Card.flashed()
    card.roots[Slot.B] = type(card.roots[Slot.A])(release="other", whole=True)
    card.kernels[Slot.B] = "other"
    card.env = raw
    works = {"old": first, "other": second}
    if slots.parse(raw) is not None or not (first or second):
        return
    stays = None
    for _ in range(BOOTS):
        stays = come_up(card, works=works.__getitem__)
        if stays is not None:
            break
    assert stays is not None


@settings(deadline=None)
@given(env=ENVS, kernels=st.sets(SLOTS, min_size=1))
def test_the_boot_loader_always_finds_a_kernel(env: SlotEnv, kernels: set[Slot]) -> None:
    card = Card.flashed()
    card.env = slots.render(env)
    card.kernels = dict.fromkeys(kernels, "old")
    assert u_boot(card) in kernels
    after = slots.parse(card.env)
    assert after is not None and after.data is env.data
