"""``uboot.env``: U-Boot's own environment with what an appliance without a keyboard wants changed.

U-Boot takes the file instead of its built-in environment, not on top of it, so it must be whole; and it
must not be one that ``saveenv`` wrote on some machine: that holds ``fdt_addr``, and U-Boot then looks for
the device tree where that machine had it (``set_fdt_addr()`` in ``board/raspberrypi/rpi/rpi.c``).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

SIZE = 0x4000
"""``CONFIG_ENV_SIZE`` of Debian's u-boot-rpi."""
WANTED = {
    # No prompt, and no key that stops the boot: noise on the serial port did that to others.
    "bootdelay": "-2",
    # The card, and nothing else; no search of USB and network, which takes a minute.
    "boot_targets": "mmc",
    "preboot": "",
    # Of the Pi 4's alone, and for a cable that is not there: without it one file serves all boards.
    "dfu_alt_info": "",
    # A card that did not answer at once is asked again.
    "bootcmd": "bootflow scan; sleep 10; reset",
}
_BLOCK = rb"\0((?:[A-Za-z_][\w#]*=[\x20-\x7e\n\t]*\0){8,})\0"


def built_in(u_boot: bytes) -> dict[str, str]:
    """Return the environment that is built into a ``u-boot.bin``; raises ``ValueError`` if there is none."""
    for found in re.finditer(_BLOCK, u_boot):
        pairs = (each.partition("=") for each in found[1].decode("ascii").split("\0") if each)
        variables = {name: value for name, _, value in pairs}
        if {"bootcmd", "kernel_addr_r"} <= variables.keys():
            return variables
    raise ValueError("there is no environment in this u-boot.bin: is it one of Debian's u-boot-rpi?")


def environment(u_boot: bytes, *, wanted: Mapping[str, str] = WANTED, size: int = SIZE) -> bytes:
    """Return ``uboot.env`` for this ``u-boot.bin``: checksum, then the variables, filled up to ``size``."""
    variables = built_in(u_boot) | dict(wanted)
    text = b"".join(f"{name}={value}\0".encode("ascii") for name, value in sorted(variables.items()) if value)
    filled = text.ljust(size - 4, b"\0")
    if len(filled) != size - 4:
        raise ValueError(f"the environment has {len(text)} octets, of {size - 5} that there are")
    return struct.pack("<I", zlib.crc32(filled)) + filled
