"""boot.cmd in Debian's own U-Boot: which slot is started, what is written; and the model does the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from failberry.system import slots
from failberry.system.slots import DataState, Slot, SlotEnv
from image import ubootenv
from tests.image.bootcard import START, Kernel, boot, make, unpacked
from tests.unit.system import slotcard

DEADLINE = 100.0
GOOD, BAD, NONE = Kernel.STAYS, Kernel.RESETS, Kernel.NONE
A, B = Slot.A, Slot.B
TRIAL = SlotEnv(slot=A, trial=B, tries=2)
BY_U_BOOT = b"data=new\nslot=b\ntrial=a\ntries=1\n\0".ljust(512, b"\0")

CASES = {
    "committed a": (slots.render(SlotEnv(slot=A)), GOOD, GOOD, "a"),
    "committed b": (slots.render(SlotEnv(slot=B, data=DataState.RESET)), GOOD, GOOD, "b"),
    "a trial that starts": (slots.render(TRIAL), GOOD, GOOD, "b"),
    "a trial that panics twice": (slots.render(TRIAL), GOOD, BAD, "bba"),
    "the last try panics": (slots.render(SlotEnv(slot=A, trial=B, tries=1)), GOOD, BAD, "ba"),
    "no try left": (slots.render(SlotEnv(slot=A, trial=B, tries=0)), GOOD, GOOD, "a"),
    "a trial of a": (slots.render(SlotEnv(slot=B, trial=A, tries=2)), BAD, GOOD, "aab"),
    "a trial without a kernel": (slots.render(TRIAL), GOOD, NONE, "a"),
    "a trial of what is no kernel": (slots.render(TRIAL), GOOD, Kernel.GARBAGE, "a"),
    "a trial without an initrd": (slots.render(TRIAL), GOOD, Kernel.NO_INITRD, "a"),
    "the committed kernel is gone": (slots.render(SlotEnv(slot=A)), NONE, GOOD, "b"),
    "the committed kernel is none": (slots.render(SlotEnv(slot=B)), GOOD, Kernel.GARBAGE, "a"),
    "damaged": (b"\xa5\x0f=" * 170, GOOD, GOOD, "a"),
    "damaged, and a panics": (b"\0" * 512, BAD, GOOD, "aab"),
    "damaged, only b": (b"rubbish\n" * 64, NONE, GOOD, "b"),
    "damaged, only a": (b"slot=q\n", GOOD, NONE, "a"),
    "gone": (None, GOOD, NONE, "a"),
    "empty": (b"", GOOD, NONE, "a"),
    "by Windows": (b"# mine\r\nslot=b\r\ntrial=a\r\ntries=1\r\ndata=made\r\n", GOOD, GOOD, "a"),
    "by U-Boot itself": (BY_U_BOOT, GOOD, GOOD, "a"),
}


@pytest.mark.parametrize(("env", "a", "b", "started"), CASES.values(), ids=CASES)
def test_which_slot_is_started(tmp_path: Path, env: bytes | None, a: Kernel, b: Kernel, started: str) -> None:
    booted = boot(make(tmp_path, env=env, kernels={"a": a, "b": b}), deadline=DEADLINE)
    assert "".join(booted.started) == started, booted.said
    assert slots.parse(booted.env or b"") == _as_modelled(env or b"", {A: a, B: b}, started)


def _as_modelled(env: bytes, kernels: dict[Slot, Kernel], started: str) -> SlotEnv | None:
    """What the model of the property tests leaves, having started the same slots."""
    card = slotcard.Card.flashed()
    card.env = env
    # The model's kernels all start: what is no kernel is none.
    card.kernels = {slot: "x" for slot, does in kernels.items() if does in (GOOD, BAD)}
    for name in started:
        assert slotcard.u_boot(card) == name
    return slots.parse(card.env)


def test_a_power_cut_leaves_the_old_sheet_or_the_new_one(tmp_path: Path) -> None:
    disk = make(tmp_path, env=slots.render(TRIAL), kernels={"a": GOOD, "b": GOOD})
    before = disk.read_bytes()
    booted = boot(disk, deadline=DEADLINE)
    after = disk.read_bytes()
    changed = [at for at in range(0, len(after), 512) if after[at : at + 512] != before[at : at + 512]]
    texts = [at for at in changed if b"slot=" in after[at : at + 512]]
    assert len(texts) == 1, "the sheet is one sector"
    # Besides it at most its entry in the folder, which holds its time; never the table of what is free.
    assert len(changed) <= 2, changed
    assert booted.env is not None
    assert len(booted.env) == slots.ENV_SIZE
    assert all(at > START for at in changed)


def test_both_slots_broken_is_tried_again_and_not_left_at_a_prompt(tmp_path: Path) -> None:
    disk = make(tmp_path, env=slots.render(SlotEnv()), kernels={"a": NONE, "b": NONE})
    with pytest.raises(Exception, match="timed out") as ended:
        boot(disk, deadline=45.0)
    said = (getattr(ended.value, "stdout", None) or b"").decode(errors="replace")
    assert "neither slot could be started; once more in 30 s" in said
    assert "=> " not in said


@pytest.mark.parametrize(
    ("architecture", "boards"),
    [("arm64", ("rpi_arm64",)), ("armhf", ("rpi_2", "rpi_3_32b", "rpi_4_32b"))],
)
def test_the_environment_serves_every_board(architecture: str, boards: tuple[str, ...]) -> None:
    folder = unpacked("u-boot-rpi", architecture) / "usr/lib/u-boot"
    made = {ubootenv.environment((folder / board / "u-boot.bin").read_bytes()) for board in boards}
    assert len(made) == 1
    variables = dict(each.split("=", 1) for each in made.pop()[4:].rstrip(b"\0").decode("ascii").split("\0"))
    assert variables["bootdelay"] == "-2"
    assert variables["boot_targets"] == "mmc"
    assert "preboot" not in variables
    assert "fdt_addr" not in variables, "U-Boot would look where another machine had its device tree"
    assert variables["board"] == "rpi"
