"""The card that was built for the Pi, in QEMU's model of the Pi 3: its U-Boot, its uboot.env, its boot.scr.

The kernels say their name and are no Linux: what comes after them is the same on every machine.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import time
from pathlib import Path

from failberry.system import slots
from failberry.system.slots import Slot, SlotEnv
from tests.image.bootcard import STEP_DEADLINE, Kernel
from tests.image.card import Card, scratch
from tests.image.conftest import image

DEADLINE = 240.0
TREE = "bcm2837-rpi-3-b.dtb"
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


def test_a_broken_slot_goes_back_on_a_pi_3(tmp_path: Path) -> None:
    folder = scratch()
    try:
        card = Card.flashed(image("arm64"), folder)
        for name, does in (("a", Kernel.STAYS), ("b", Kernel.RESETS)):
            card.put(f"{name}/vmlinuz", kernel(name, does))
            card.put(f"{name}/initrd.img", b"initrd" * 500)
        card.put("slot.env", slots.render(SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)))
        said = run_pi3(card, tmp_path)
        assert re.findall(r"kernel of slot ([ab])", said) == ["b", "b", "a"], said
        assert "failberry: slot b is given up" in said
        assert "Hit any key" not in said, "noise on the serial port would stop it"
        assert slots.parse(card.get("slot.env")) == SlotEnv(slot=Slot.A, rolledback=Slot.B)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_pi3(card: Card, folder: Path) -> str:
    """Boot, and boot again after each reset, until slot a has said its name; return all that was said."""
    said = folder / "said"
    u_boot, tree = card.take("u-boot.bin", folder), card.take(TREE, folder)
    machine = subprocess.Popen(
        ["qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-kernel", u_boot, "-dtb", tree,
         "-drive", f"if=sd,format=raw,file={card.path}",
         "-serial", "null", "-serial", f"file:{said}"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends and b"kernel of slot a" not in _read(said):
            assert machine.poll() is None, "QEMU has ended"
            time.sleep(0.5)
    finally:
        machine.kill()
        machine.wait(STEP_DEADLINE)
    return _read(said).decode(errors="replace")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
