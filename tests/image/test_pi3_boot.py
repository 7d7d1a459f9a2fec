"""The card that was built for the Pi, in QEMU's model of the Pi 3: its U-Boot, its uboot.env, its boot.scr.

A kernel that is broken on purpose says its name and has the watchdog reset the machine; all others are the
card's own Linux, with all that it starts.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failberry.system import slots
from failberry.system.slots import DataState, Slot, SlotEnv
from tests.image.bootcard import STEP_DEADLINE, Kernel
from tests.image.card import DATA, ROOT_A, ROOT_B, Card, scratch
from tests.image.conftest import image
from tests.image.updates import HOUSE, NETWORK, hurry, inside, surroundings
from tests.patience import PATIENCE

DEADLINE, LINUX_DEADLINE = 240.0, 600.0
JUST_FLASHED = SlotEnv(slot=Slot.A, trial=Slot.B, tries=2, data=DataState.NEW)
"""With slot b to be tried, although its data has never been made."""
TREE = "bcm2837-rpi-3-b.dtb"
PORT = 0x3F215040
"""AUX_MU_IO of the mini UART (BCM2837 ARM Peripherals)."""
WATCHDOG = b"brcm,bcm2835-pm\0brcm,bcm2835-pm-wdt\0"
"""Its name in the device tree. QEMU resets the machine when Linux winds it up, not when it has run down."""
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


def test_a_broken_slot_goes_back_on_a_pi_3(card: Card, tmp_path: Path) -> None:
    for name, does in (("a", Kernel.STAYS), ("b", Kernel.RESETS)):
        card.put(f"{name}/vmlinuz", kernel(name, does))
        card.put(f"{name}/initrd.img", b"initrd" * 500)
    card.put("slot.env", slots.render(SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)))
    said = run_pi3(card, tmp_path, until=lambda told: "kernel of slot a" in told)
    assert re.findall(r"kernel of slot ([ab])", said) == ["b", "b", "a"], said
    assert "failberry: slot b is given up" in said
    assert "Hit any key" not in said, "noise on the serial port would stop it"
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, rolledback=Slot.B)


def test_a_broken_kernel_ends_in_the_old_system_with_the_reason(card: Card, tmp_path: Path) -> None:
    card.put("failberry.toml", HOUSE)
    card.put("b/vmlinuz", kernel("b", Kernel.RESETS))
    card.put("b/initrd.img", b"initrd" * 500)
    card.put("slot.env", slots.render(JUST_FLASHED))
    said = run_pi3(card, tmp_path, until=lambda _: noted(card), deadline=LINUX_DEADLINE)
    assert said.count("kernel of slot b") == 2, said
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, data=DataState.MADE)
    last = json.loads(kept(card, "/system/state.json", tmp_path))["last"]
    assert last["outcome"] == "rolled-back"
    assert "no sign of life" in last["reason"]


def test_a_slot_whose_line_works_is_kept(card: Card, tmp_path: Path) -> None:
    card.put("failberry.toml", HOUSE)
    for name in ("vmlinuz", "initrd.img"):
        card.put(f"b/{name}", card.get(f"a/{name}"))
    card.copy(ROOT_A, card.path, seek=ROOT_B)  # as an update makes it, with nothing new in it
    hurry(card, tmp_path)
    card.put("slot.env", slots.render(JUST_FLASHED))
    run_pi3(card, tmp_path, until=lambda _: card.slot_env()["slot"] == "b", deadline=2 * LINUX_DEADLINE)
    assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.B, data=DataState.MADE)
    state = json.loads(kept(card, "/system/state.json", tmp_path))
    assert (state["slots"]["b"]["verdict"], state["last"]["outcome"]) == ("good", "committed")


def noted(card: Card) -> bool:
    """Whether the Linux that came back has taken note of what U-Boot gave up."""
    env = slots.parse(card.get("slot.env"))
    return env == SlotEnv(slot=Slot.A, data=DataState.MADE)


def kept(card: Card, name: str, folder: Path) -> bytes:
    """A file of the data partition, from a copy whose journal was replayed: the plug was pulled."""
    copy = folder / "data.ext4"
    card.copy(DATA, copy)
    subprocess.run(["e2fsck", "-p", copy], check=False, capture_output=True, timeout=STEP_DEADLINE)
    read = ["debugfs", "-R", f"cat {name}", copy]
    return subprocess.run(read, check=True, capture_output=True, timeout=STEP_DEADLINE).stdout


def run_pi3(
    card: Card, folder: Path, *, until: Callable[[str], bool], deadline: float = DEADLINE, grace: float = 5.0
) -> str:
    """Boot, and boot again after each reset, until it is so; return all that was said.

    ``grace``: seconds that what was asked for may take to reach the card.
    """
    said = folder / "said"
    u_boot, tree = card.take("u-boot.bin", folder), card.take(TREE, folder)
    content = tree.read_bytes()
    assert content.count(WATCHDOG) == 1
    tree.write_bytes(content.replace(WATCHDOG, WATCHDOG.replace(b"brcm", b"none")))
    # setpriv: the kernel ends it when this process is killed too hard to do it itself.
    command = [
        "qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-kernel", u_boot, "-dtb", tree,
        "-drive", f"if=sd,format=raw,file={card.path}",
        "-netdev", f"{NETWORK},id=n0", "-device", "usb-net,netdev=n0",
        "-serial", "null", "-serial", f"file:{said}",
    ]  # fmt: skip
    with surroundings(folder) as place:
        machine = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *inside(place), *command],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            ends = time.monotonic() + deadline * PATIENCE
            while not until(_read(said).decode(errors="replace")):
                assert machine.poll() is None, "QEMU has ended"
                assert time.monotonic() < ends, _read(said).decode(errors="replace")[-3000:]
                time.sleep(0.5)
            time.sleep(grace)
        finally:
            machine.kill()
            machine.wait(STEP_DEADLINE)
    return _read(said).decode(errors="replace")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
