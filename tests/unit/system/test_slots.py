"""slot.env, and what each event writes there."""

from __future__ import annotations

import pytest

from failberry.system import slots
from failberry.system.slots import Boot, DataState, Finding, Slot, SlotEnv

FLASHED = b"slot=a\ntrial=\ntries=0\nrolledback=\ndata=new\n"
BY_U_BOOT = b"data=made\nslot=a\ntrial=b\ntries=1\n\0".ljust(512, b"\0")
"""As ``env export -t`` writes it: sorted, without what is empty, closed by a zero."""


def test_the_flashed_file() -> None:
    env = SlotEnv(slot=Slot.A, data=DataState.NEW)
    assert slots.parse(FLASHED) == env
    assert slots.parse(slots.render(env)) == env
    assert slots.render(env).startswith(FLASHED)


def test_what_u_boot_writes() -> None:
    assert slots.parse(BY_U_BOOT) == SlotEnv(slot=Slot.A, trial=Slot.B, tries=1)


def test_what_windows_writes() -> None:
    raw = b"# mine\r\nslot=b\r\ntrial=a\r\ntries=2\r\ndata=reset\r\n"
    assert slots.parse(raw) == SlotEnv(slot=Slot.B, trial=Slot.A, tries=2, data=DataState.RESET)


@pytest.mark.parametrize(
    "raw", [b"", b"\0" * 512, b"\xff" * 512, b"slot=\n", b"slot=c\n", b"#slot=a\n", b"slot", b"\0slot=a\n"]
)
def test_damage(raw: bytes) -> None:
    assert slots.parse(raw) is None


@pytest.mark.parametrize(
    ("raw", "env"),
    [
        (b"slot=a\ntrial=a\ntries=2\n", SlotEnv(slot=Slot.A)),
        (b"slot=a\ntrial=x\ntries=2\n", SlotEnv(slot=Slot.A)),
        (b"slot=a\ntrial=b\ntries=99\n", SlotEnv(slot=Slot.A, trial=Slot.B, tries=0)),
        (b"slot=a\ntries=2\n", SlotEnv(slot=Slot.A)),
        (b"slot=a\ndata=neu\n", SlotEnv(slot=Slot.A, data=DataState.MADE)),
        (b"slot=a\nslot=b\n", SlotEnv(slot=Slot.B)),
    ],
)
def test_what_makes_no_sense_counts_as_absent(raw: bytes, env: SlotEnv) -> None:
    assert slots.parse(raw) == env


@pytest.mark.parametrize(
    ("words", "slot"),
    [
        ("root=PARTUUID=fa11be44-03 failberry.slot=b panic=10\n", Slot.B),
        ("failberry.slot=c", None),
        ("root=/dev/sda1 quiet", None),
        ("", None),
    ],
)
def test_the_slot_that_runs(words: str, slot: Slot | None) -> None:
    assert slots.slot_of(words) is slot


def test_a_trial_and_its_verdicts() -> None:
    env = slots.begin_trial(SlotEnv(slot=Slot.A), Slot.B)
    assert env == SlotEnv(slot=Slot.A, trial=Slot.B, tries=slots.TRIES)
    assert slots.commit(env, Slot.B) == SlotEnv(slot=Slot.B)
    assert slots.commit(env, Slot.A) == SlotEnv(slot=Slot.A)


def test_no_event_touches_what_stands_of_the_data() -> None:
    env = SlotEnv(slot=Slot.B, data=DataState.RESET)
    for after in (slots.begin_trial(env, Slot.A), slots.commit(env, Slot.A), slots.boot(env, Slot.A).env):
        assert after.data is DataState.RESET


@pytest.mark.parametrize(
    ("env", "running", "boot"),
    [
        (SlotEnv(slot=Slot.A), Slot.A, Boot(finding=Finding.NOTHING, env=SlotEnv(slot=Slot.A), writes=False)),
        (
            SlotEnv(slot=Slot.A, trial=Slot.B, tries=1),
            Slot.B,
            Boot(finding=Finding.ON_TRIAL, env=SlotEnv(slot=Slot.A, trial=Slot.B, tries=1), writes=False),
        ),
        (
            SlotEnv(slot=Slot.A, rolledback=Slot.B),
            Slot.A,
            Boot(finding=Finding.ROLLED_BACK, env=SlotEnv(slot=Slot.A), writes=True),
        ),
        (
            SlotEnv(slot=Slot.A, trial=Slot.B, tries=2),
            Slot.A,
            Boot(finding=Finding.NOT_TRIED, env=SlotEnv(slot=Slot.A), writes=True),
        ),
        (
            SlotEnv(slot=Slot.A),
            Slot.B,
            Boot(finding=Finding.OTHER_GONE, env=SlotEnv(slot=Slot.B), writes=True),
        ),
        (None, Slot.B, Boot(finding=Finding.DAMAGED, env=SlotEnv(slot=Slot.B), writes=True)),
    ],
    ids=lambda each: each.finding if isinstance(each, Boot) else "",
)
def test_what_a_boot_finds(env: SlotEnv | None, running: Slot, boot: Boot) -> None:
    assert slots.boot(env, running) == boot
