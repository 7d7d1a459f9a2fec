"""A bus as the kernel shows it, on which things happen: files of sysfs, hubs that are asked by pyusb.

Not a simulation of hubs that runs by itself, but a boundary: every write to an attribute, and every control
transfer, has its effect at once. Run as a script it is the child that the adapters start, with this kernel
behind it; what the kernel does is in ``kernel.json`` beside the tree.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from array import array
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))

from failberry.adapters import usbpower_errand as errand
from failberry.core.usbtree import child_of

SUPERSPEED_SPEED = "5000"


class Bus:
    """``root`` is /sys/bus/usb/devices; a device without power is kept in ``dark`` beside it."""

    def __init__(self, root: Path, **moods: Any) -> None:
        self.root = root
        self.dark = root.parent / "dark"
        self.moods = root.parent / "kernel.json"
        self.orders = root.parent / "orders"
        self.children = root.parent / "children"
        """Process ids of the children that were started, one a line."""
        for folder in (root, self.dark):
            folder.mkdir(parents=True, exist_ok=True)
        if not self.moods.exists():
            self.set(**moods)

    def set(self, **moods: Any) -> None:
        """``dumb``: hubs obey and cut nothing; ``mute``: they say so; ``blind``: the kernel is not told…"""
        self.moods.write_text(json.dumps(moods))

    def mood(self, name: str) -> Any:
        return json.loads(self.moods.read_text()).get(name, "")

    # --- what is plugged in

    def hub(self, name: str, ports: Iterable[int], *, switch: bool = True, superspeed: bool = False) -> None:
        self.device(name, speed=SUPERSPEED_SPEED if superspeed else "480")
        interface = f"{name.removeprefix('usb')}-0:1.0" if name.startswith("usb") else f"{name}:1.0"
        for number in ports:
            port = self.root / interface / f"{name}-port{number}"
            port.mkdir(parents=True, exist_ok=True)
            (port / "power").write_text("1")  # what the hub itself knows; not the kernel's
            if switch:
                (port / "disable").write_text("0\n")

    def device(self, name: str, speed: str = "480") -> None:
        place = self.root / name
        place.mkdir()
        bus = int(name.removeprefix("usb").partition("-")[0])
        number = 1 + len(list(self.root.iterdir())) + len(list(self.dark.iterdir()))
        attributes = {"busnum": bus, "devnum": number, "authorized": 1, "speed": speed}
        for attribute, value in attributes.items():
            (place / attribute).write_text(f"{value}\n")
        if not name.startswith("usb"):
            (self.root / f"{name}:1.0").mkdir(exist_ok=True)

    def port(self, hub: str, number: int) -> Path:
        (found,) = self.root.glob(f"*/{hub}-port{number}")
        return found

    def ports(self) -> dict[str, bool]:
        """Every port of every hub that is there, and whether its hub gives it power."""
        return {
            each.parent.name.replace("-port", ":"): each.read_text() == "1"
            for each in self.root.glob("*/*-port*/power")
        }

    def devices(self) -> set[str]:
        return {each.name for each in self.root.iterdir() if ":" not in each.name}

    def lit(self, device: str) -> bool:
        """Whether it has power."""
        off = [name for name, on in self.ports().items() if not on]
        dark = [child_of(hub, int(number)) for hub, _, number in (name.partition(":") for name in off)]
        return bool(self.mood("dumb")) or device not in dark

    # --- what the kernel does

    def power(self, hub: str, number: int, *, on: bool) -> None:
        """The hub was told to switch; nothing hangs on the kernel's books here."""
        if on or not self.mood("mute"):
            (self.port(hub, number) / "power").write_text(f"{on:d}")
        if self.mood("dumb") or self.mood("blind"):
            return
        device = child_of(hub, number)
        here, there = (self.dark, self.root) if on else (self.root, self.dark)
        for each in list(here.iterdir()):
            if each.name == device or each.name.startswith((f"{device}.", f"{device}:")):
                if not (there / each.name).exists():
                    each.rename(there / each.name)
                if on and (there / each.name / "authorized").exists():
                    (there / each.name / "authorized").write_text("1\n")
        if on and self.mood("arrives") == device and not (self.root / device).exists():
            self.device(device)

    def written(self, path: Path, text: str) -> None:
        """An attribute was written."""
        match path.name:
            case "disable":
                hub, _, number = path.parent.name.rpartition("-port")
                self.power(hub, int(number), on=text == "0")
                path.write_text("0" if (path.parent / "power").read_text() == "1" else "1")
            case "authorized":
                interface = self.root / f"{path.parent.name}:1.0"
                if text == "0" and interface.exists():
                    interface.rmdir()
                elif text == "1" and not self.mood("asleep"):
                    interface.mkdir(exist_ok=True)
            case "unbind":
                (path.parent / text).rmdir()
            case "bind":
                (path.parent / text).mkdir()

    def reset(self, node: Path) -> None:
        if self.mood("dead"):
            return
        for each in self.root.glob("*/devnum"):
            if f"{int(each.read_text()):03}" == node.name:
                (self.root / f"{each.parent.name}:1.0").mkdir(exist_ok=True)


class Wires(usb.backend.IBackend):  # type: ignore[misc]  # untyped upstream
    """pyusb's own boundary: hubs answer control transfers, as USB 2.0 chapter 11 has it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    def enumerate_devices(self) -> list[str]:
        return sorted(self.bus.devices())

    def get_device_descriptor(self, hub: str) -> SimpleNamespace:
        place = self.bus.root / hub
        superspeed = (place / "speed").read_text().strip() == SUPERSPEED_SPEED
        fields = dict.fromkeys(
            ("bLength", "bDescriptorType", "bDeviceSubClass", "bDeviceProtocol", "idVendor", "idProduct",
             "bcdDevice", "iManufacturer", "iProduct", "iSerialNumber", "port_number"), 1
        )  # fmt: skip
        return SimpleNamespace(
            **fields,
            bcdUSB=0x0300 if superspeed else 0x0200,
            bDeviceClass=9 if list(self.bus.root.glob(f"*/{hub}-port*")) else 0xFF,
            bMaxPacketSize0=64,
            bNumConfigurations=1,
            bus=int((place / "busnum").read_text()),
            address=int((place / "devnum").read_text()),
            port_numbers=(),
            speed=3,
        )

    def open_device(self, hub: str) -> str:
        return hub

    def close_device(self, handle: str) -> None:
        pass

    def ctrl_transfer(
        self, hub: str, kind: int, request: int, value: int, index: int, data: array[int], timeout: int
    ) -> int:
        superspeed = (self.bus.root / hub / "speed").read_text().strip() == SUPERSPEED_SPEED
        count = len(list(self.bus.root.glob(f"*/{hub}-port*")))
        match (kind, request, value):
            case (0x80, 0, 0):
                if not self.bus.lit(hub):
                    raise usb.core.USBError("Input/Output Error", -1, 5)
                answer = [0, 0]
            case (0x23, (1 | 3) as change, 8):
                self.bus.power(hub, index, on=change == 3)
                return 0
            case (0xA3, 0, 0):
                on = (self.bus.port(hub, index) / "power").read_text() == "1"
                word = (0x0200 if superspeed else 0x0100) if on else 0
                answer = [word & 0xFF, word >> 8, 0, 0]
            case (0xA0, 6, 0x2A00) if superspeed:
                answer = [12, 0x2A, count, 0x09, 0, 50, 0, 0, 0, 0, 0, 0]
            case (0xA0, 6, 0x2900) if not superspeed:
                answer = [9, 0x29, count, 0x09, 0, 50, 0, 0, 0xFF]
            case _:
                raise AssertionError(f"a hub would stall: {(kind, request, value)}")
        answer = answer[: len(data)]
        data[: len(answer)] = array("B", answer)
        return len(answer)


def serve(bus: Bus, request: dict[str, Any]) -> dict[str, Any]:
    """One errand, done by the adapter's own code, with this kernel behind it."""
    with bus.orders.open("a") as log:
        log.write(json.dumps(request) + "\n")
    real = errand.write

    def write(path: str, text: str) -> None:
        if bus.mood("broken") and "disable" in path:
            raise OSError(5, "Input/output error")
        real(path, text)
        bus.written(Path(path), text)

    errand.write = write
    errand.reset = lambda path: bus.reset(Path(path))
    try:
        return errand.serve(request, backend=Wires(bus), insistence=0)
    finally:
        errand.write = real


def main() -> None:
    bus = Bus(Path(os.environ.get("BUS") or Path(sys.argv[0]).parent / "devices"))
    with bus.children.open("a") as log:
        log.write(f"{os.getpid()}\n")

    def obey(request: dict[str, Any]) -> dict[str, Any]:
        if bus.mood("stuck") == request.get("on"):
            time.sleep(60)
        if bus.mood("kills") == request.get("on"):
            # As if the daemon were killed while its order is being carried out.
            os.kill(os.getppid(), signal.SIGKILL)
        return serve(bus, request)

    errand.main(obey)


if __name__ == "__main__":
    main()
