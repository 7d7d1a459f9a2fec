"""The card that was built for the Pi, in QEMU's model of the Pi 3: its U-Boot, its uboot.env, its boot.scr.

A kernel that is broken on purpose says its name, and then hangs or has the watchdog reset the machine; all
others are the card's own Linux, with all that it starts.
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.system import slots
from failberry.system.slots import DataState, Slot, SlotEnv
from tests.image import pi3
from tests.image.bootcard import Kernel
from tests.image.card import Card, scratch
from tests.image.conftest import image
from tests.image.updates import HOUSE

LINUX_DEADLINE = 600.0
TRIED = SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)
JUST_FLASHED = SlotEnv(slot=Slot.A, trial=Slot.B, tries=2, data=DataState.NEW)
"""With slot b to be tried, although its data has never been made."""
PORT = 0x3F215040
"""AUX_MU_IO of the mini UART (BCM2837 ARM Peripherals)."""
PM_RSTC, PM_WDOG, PASSWORD = 0x3F10001C, 0x3F100024, 0x5A000000


def kernel(name: str, does: Kernel) -> bytes:
    """Return an arm64 Image that says its name at the mini UART, then waits or has the watchdog reset."""
    header = struct.pack("<II QQQ QQQ II", 0x14000010, 0, 0, 0x1000, 0b1010, 0, 0, 0, 0x644D5241, 0)
    code = [
        *_load(2, PORT),
        0x38401423,  # ldrb w3, [x1], #1
        0x34000063,  # cbz w3, behind the loop
        0x39000043,  # strb w3, [x2]
        0x17FFFFFD,  # b to the ldrb
    ]
    if does is Kernel.RESETS:
        for register, value in ((PM_WDOG, PASSWORD | 10), (PM_RSTC, PASSWORD | 0x20)):
            code += [*_load(2, register), *_load(3, value), 0xB9000043]  # str w3, [x2]
    code.append(0x14000000)  # b here
    words = [0x10000001 | ((len(code) + 1) << 5), *code]  # adr x1, the text behind
    body = b"".join(struct.pack("<I", word) for word in words) + f"kernel of slot {name}\r\n".encode() + b"\0"
    return (header + body).ljust(0x1000, b"\0")


def _load(register: int, value: int) -> list[int]:
    """A 32-bit number: movz, movk."""
    return [
        0xD2800000 | (value & 0xFFFF) << 5 | register,
        0xF2A00000 | (value >> 16) << 5 | register,
    ]


@pytest.fixture
def card() -> Iterator[Card]:
    """A card that was just flashed."""
    built, folder = image("arm64"), scratch()
    yield Card.flashed(built, folder)
    shutil.rmtree(folder)


def fill(card: Card, **does: Kernel) -> None:
    """Put a kernel of ours into each slot that is named."""
    for name, what in does.items():
        card.put(f"{name}/vmlinuz", kernel(name, what))
        card.put(f"{name}/initrd.img", b"initrd" * 500)


def ends_in_a(card: Card, folder: Path) -> list[str]:
    """Whose kernels were started until that of slot a stayed; b is given up then."""
    card.put("slot.env", slots.render(TRIED))
    with pi3.pi3(card, folder) as machine:
        said = machine.wait(lambda said: "kernel of slot a" in said, grace=5.0)
    assert "failberry: slot b is given up" in said
    assert "Hit any key" not in said, "noise on the serial port would stop it"
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, rolledback=Slot.B)
    return re.findall(r"kernel of slot ([ab])", said)


def test_a_broken_slot_goes_back_on_a_pi_3(card: Card, tmp_path: Path) -> None:
    pi3.unarmed(card, tmp_path)
    fill(card, a=Kernel.STAYS, b=Kernel.RESETS)
    assert ends_in_a(card, tmp_path) == ["b", "b", "a"]


def test_a_kernel_on_trial_that_hangs_is_ended_by_the_watchdog(card: Card, tmp_path: Path) -> None:
    # The model resets where the board begins to count. What has proved itself is started without that.
    fill(card, a=Kernel.STAYS, b=Kernel.STAYS)
    assert ends_in_a(card, tmp_path) == ["a"]


def test_what_is_no_kernel_goes_back_on_a_pi_3(card: Card, tmp_path: Path) -> None:
    pi3.unarmed(card, tmp_path)
    fill(card, a=Kernel.STAYS)
    card.put("b/vmlinuz", b"no kernel" * 1000)
    card.put("b/initrd.img", b"initrd" * 500)
    assert ends_in_a(card, tmp_path) == ["a"]


def test_a_broken_kernel_ends_in_the_old_system_with_the_reason(card: Card, tmp_path: Path) -> None:
    card.put("failberry.toml", HOUSE)
    pi3.tame(card, tmp_path)
    fill(card, b=Kernel.RESETS)
    card.put("slot.env", slots.render(JUST_FLASHED))
    with pi3.pi3(card, tmp_path) as machine:
        said = machine.wait(lambda said: bool(pi3.told(said)), deadline=LINUX_DEADLINE, grace=5.0)
    assert said.count("kernel of slot b") == 2, said
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, data=DataState.MADE)
    last = pi3.told(said)[-1]["last"]
    assert last["outcome"] == "rolled-back"
    assert "no sign of life" in last["reason"]
