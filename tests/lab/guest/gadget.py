"""A USB device made of FunctionFS: its place in configfs, its descriptors, and whether it is on the bus.

Of several gadgets one at a time can be on the bus of one controller.
"""

import errno
import os
import struct
import subprocess
from pathlib import Path

CONFIGFS = Path("/sys/kernel/config/usb_gadget")
CONTROLLER = "dummy_udc.0"
# linux/usb/functionfs.h
DESCRIPTORS_V2, STRINGS, FULL_SPEED, HIGH_SPEED = 3, 2, 1, 2
UNBIND, ENABLE, DISABLE, SETUP = 1, 2, 3, 4
EVENT_SIZE = 12
PACKETS = {"full": 64, "high": 512}
"""Bytes in a bulk packet at each speed."""


def interface(number: int, kind: tuple[int, int, int], endpoints: list[tuple[int, int, int, int]]) -> bytes:
    """USB 2.0 tables 9-12 and 9-13. An endpoint: address, attributes, packet size, interval."""
    text = struct.pack("<9B", 9, 4, number, 0, len(endpoints), *kind, 0)
    return text + b"".join(struct.pack("<4BHB", 7, 5, *endpoint) for endpoint in endpoints)


class Gadget:
    """One device. ``control`` is its endpoint 0, where FunctionFS tells what ``events`` returns."""

    def __init__(self, name: str, *, ids: tuple[int, int], words: tuple[str, str]) -> None:
        self.name = name
        self.folder = CONFIGFS / name
        self.functions = Path("/run") / name
        vendor, product = ids
        for file, text in {
            "idVendor": f"{vendor:#06x}",
            "idProduct": f"{product:#06x}",
            "bcdDevice": "0x0000",
            "strings/0x409/manufacturer": words[0],
            "strings/0x409/product": words[1],
            "strings/0x409/serialnumber": "P680A1ZTED010000",
            "configs/c.1/MaxPower": "500",
        }.items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        function = self.folder / f"functions/ffs.{name}"
        function.mkdir(parents=True)
        (self.folder / f"configs/c.1/ffs.{name}").symlink_to(function)
        self.functions.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "functionfs", name, str(self.functions)], check=True, timeout=10)
        self.control = os.open(self.functions / "ep0", os.O_RDWR)

    def describe(self, *, full: bytes, high: bytes, count: int) -> None:
        """Give the kernel the descriptors, ``count`` of them at each speed; then endpoints can be opened."""
        body = struct.pack("<2I", count, count) + full + high
        head = struct.pack("<3I", DESCRIPTORS_V2, 12 + len(body), FULL_SPEED | HIGH_SPEED)
        os.write(self.control, head + body)
        os.write(self.control, struct.pack("<4I", STRINGS, 16, 0, 0))

    def open(self, endpoint: int) -> int:
        """A descriptor that blocks while the device is not on the bus, and fails when it leaves."""
        return os.open(self.functions / f"ep{endpoint}", os.O_RDWR)

    def bound(self) -> bool:
        """Whether it is on the bus, as far as it knows."""
        return bool((self.folder / "UDC").read_text().strip())

    def bind(self) -> None:
        """Join the bus."""
        if not self.bound():
            (self.folder / "UDC").write_text(CONTROLLER)

    def unbind(self) -> None:
        """Leave the bus."""
        if self.bound():
            (self.folder / "UDC").write_text("\n")

    def events(self) -> list[tuple[int, int, int, int, int]]:
        """What has happened: kind of event; request, value, index and length of a SETUP."""
        try:
            text = os.read(self.control, 4 * EVENT_SIZE)
        except OSError as error:
            if error.errno == errno.EIDRM:  # the host thought again of a SETUP that was not answered yet
                return []
            raise
        found = []
        for start in range(0, len(text), EVENT_SIZE):
            request, value, index, length, kind = struct.unpack_from("<HHHHB", text, start)
            found.append((kind, request, value, index, length))
        return found
