"""QEMU's model of the Pi 2 with the card that was built for it; all else is as in :mod:`tests.image.pi3`.

U-Boot for 32 bits runs only where it was linked for, at 0x8000, where the firmware of the board puts it. QEMU
would put it elsewhere, and says where the device tree is to nobody but a kernel.  So what QEMU takes for the
kernel has U-Boot copied there, and lets it run.

The model does not say what the clock of the card's reader is (SET_SDHOST_CLOCK of the firmware), and U-Boot
divides by it.  On 64 bits the processor says that this is 0 and all goes on; on 32 U-Boot stops itself.  Here
it is 0, too.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.image.bootcard import Kernel, named, words
from tests.image.card import Card
from tests.image.pi3 import Board, program

PORT = 0x3F201000
"""UARTDR of the PL011 (BCM2836 ARM Peripherals)."""
ASIDE, BEHIND = 0x0100_0000, 0x1000
"""Where U-Boot is first, behind what copies it."""


COPY = words(
    0xE3A04401,  # mov r4, #ASIDE
    0xE2844A01,  # add r4, r4, #BEHIND
    0xE3A05902,  # mov r5, #0x8000
    0xE2856602,  # add r6, r5, #0x200000
    0xE4947004,  # ldr r7, [r4], #4
    0xE4857004,  # str r7, [r5], #4
    0xE1550006,  # cmp r5, r6
    0x3AFFFFFB,  # blo to the ldr
    0xE3A0F902,  # mov pc, #0x8000
)


STOPS = re.compile(
    re.escape(words(0xE52DE008))  # str lr, [sp, #-8]!
    + b"..."
    + b"\xeb"  # bl to what stops
    + re.escape(words(0xE3A00000, 0xE49DF008)),  # mov r0, #0; ldr pc, [sp], #8
    re.DOTALL,
)
"""Of U-Boot's division by 0 (arch/arm/lib/lib1funcs.S)."""
GOES_ON = words(0xE52DE008, 0xE1A00000, 0xE3A00000, 0xE49DF008)


def u_boot(card: Card, folder: Path) -> tuple[str | Path, ...]:
    """The firmware of the board asks for this file (config.txt, [pi2])."""
    first, aside = folder / "first.bin", folder / "aside.bin"
    first.write_bytes(words(0xE51FF004, ASIDE))  # ldr pc, [pc, #-4]
    loader, count = STOPS.subn(GOES_ON, card.get("u-boot-pi2.bin"))
    assert count == 1
    aside.write_bytes(COPY.ljust(BEHIND, b"\0") + loader)
    return "-kernel", first, "-device", f"loader,file={aside},addr={ASIDE:#x},force-raw=on"


def kernel(name: str, does: Kernel) -> bytes:
    """Return a zImage (arch/arm/boot/compressed/head.S) for the port on the pins."""
    says = [
        0xE4D13001,  # ldrb r3, [r1], #1
        0xE3530000,  # cmp r3, #0
        0x15823000,  # strne r3, [r2]
        0x1AFFFFFB,  # bne to the ldrb
    ]
    store, stays = 0xE5823000, 0xEAFFFFFE  # str r3, [r2]; b here
    code = program(_load, says, store, stays, port=PORT, does=does)
    adr = 0xE28F1000 | 4 * (len(code) - 1)  # r1, the text behind: pc is the word after the next
    # Eight words that do nothing (mov r0, r0), a branch over three that say what it is and where it ends.
    header = words(*[0xE1A00000] * 8, 0xEA000002, 0x016F2818, 0, 0x1000)
    return named(header + words(adr, *code), name)


def _load(register: int, value: int) -> list[int]:
    """A 32-bit number: movw, movt."""
    low, high = value & 0xFFFF, value >> 16
    return [
        0xE3000000 | (low >> 12) << 16 | register << 12 | low & 0xFFF,
        0xE3400000 | (high >> 12) << 16 | register << 12 | high & 0xFFF,
    ]


PI_2 = Board(
    architecture="armhf",
    program="qemu-system-arm",
    model="raspi2b",
    tree="bcm2836-rpi-2-b.dtb",
    ports=(),
    u_boot=u_boot,
    kernel=kernel,
)
