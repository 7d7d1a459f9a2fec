"""The cards that were built for the Pi, in QEMU's models of the Pi 2 and 3: U-Boot, uboot.env, boot.scr.

A kernel that is broken on purpose says its name, and then hangs or has the watchdog reset the machine; all
others are the card's own Linux, with all that it starts.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.system import slots
from failberry.system.slots import DataState, Slot, SlotEnv
from tests.image import pi3
from tests.image.bootcard import Kernel
from tests.image.card import Card, scratch
from tests.image.conftest import image
from tests.image.pi2 import PI_2
from tests.image.pi3 import PI_3, Board
from tests.image.updates import HOUSE

LINUX_DEADLINE = 600.0
TRIED = SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)
JUST_FLASHED = SlotEnv(slot=Slot.A, trial=Slot.B, tries=2, data=DataState.NEW)
"""With slot b to be tried, although its data has never been made."""


@pytest.fixture(params=[PI_2, PI_3], ids=["pi2", "pi3"])
def board(request: pytest.FixtureRequest) -> Board:
    chosen: Board = request.param
    return chosen


@pytest.fixture
def card(board: Board) -> Iterator[Card]:
    """A card that was just flashed."""
    built, folder = image(board.architecture), scratch()
    yield Card.flashed(built, folder)
    shutil.rmtree(folder)


def fill(card: Card, board: Board, **does: Kernel) -> None:
    """Put a kernel of ours into each slot that is named."""
    for name, what in does.items():
        card.put(f"{name}/vmlinuz", board.kernel(name, what))
        card.put(f"{name}/initrd.img", b"initrd" * 500)


def ends_in_a(card: Card, board: Board, folder: Path) -> list[str]:
    """Whose kernels were started until that of slot a stayed; b is given up then."""
    card.put("slot.env", slots.render(TRIED))
    with pi3.powered(card, folder, board=board) as machine:
        said = machine.wait(lambda said: "kernel of slot a" in said, grace=5.0)
    assert "failberry: slot b is given up" in said
    assert "Hit any key" not in said, "noise on the serial port would stop it"
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, rolledback=Slot.B)
    return re.findall(r"kernel of slot ([ab])", said)


def test_a_broken_slot_goes_back_by_itself(card: Card, board: Board, tmp_path: Path) -> None:
    pi3.unarmed(card, tmp_path)
    fill(card, board, a=Kernel.STAYS, b=Kernel.RESETS)
    assert ends_in_a(card, board, tmp_path) == ["b", "b", "a"]


def test_a_kernel_on_trial_that_hangs_is_ended_by_the_watchdog(
    card: Card, board: Board, tmp_path: Path
) -> None:
    # The model resets where the board begins to count. What has proved itself is started without that.
    fill(card, board, a=Kernel.STAYS, b=Kernel.STAYS)
    assert ends_in_a(card, board, tmp_path) == ["a"]


def test_what_is_no_kernel_goes_back_by_itself(card: Card, board: Board, tmp_path: Path) -> None:
    pi3.unarmed(card, tmp_path)
    fill(card, board, a=Kernel.STAYS)
    card.put("b/vmlinuz", b"no kernel" * 1000)
    card.put("b/initrd.img", b"initrd" * 500)
    assert ends_in_a(card, board, tmp_path) == ["a"]


def test_a_broken_kernel_ends_in_the_old_system_with_the_reason(
    card: Card, board: Board, tmp_path: Path
) -> None:
    card.put("failberry.toml", HOUSE)
    pi3.tame(card, tmp_path)
    fill(card, board, b=Kernel.RESETS)
    card.put("slot.env", slots.render(JUST_FLASHED))
    with pi3.powered(card, tmp_path, board=board) as machine:
        said = machine.wait(lambda said: bool(pi3.told(said)), deadline=LINUX_DEADLINE, grace=5.0)
    assert said.count("kernel of slot b") == 2, said
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, data=DataState.MADE)
    last = pi3.told(said)[-1]["last"]
    assert last["outcome"] == "rolled-back"
    assert "no sign of life" in last["reason"]
