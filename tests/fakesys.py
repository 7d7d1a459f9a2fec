"""A machine's /sys and /proc as far as USB power is concerned, made of a few lines.

::

    model Raspberry Pi 3 Model B Rev 1.2
    platform 3f980000.usb dwc_otg
    usb1 1d6b:0002 ports=1
      1 0424:9514 ports=5 says=port
        1 0424:ec00 driver=smsc95xx net=eth0
        4 0781:5591 SanDisk_Ultra disk=sda/2
    mount sda2 / ext4

A device is its port on the hub above, its ids, its product, and any of: ``ports`` and ``says`` (port, gang or
none: what the hub answers when it is asked), ``usb3``, ``bcd``, ``self`` (self-powered), ``driver`` (one
interface each), ``net`` (``wlan0/wlan``, ``wwan0/wwan``), ``disk`` (name/partitions), ``peer`` (hub whose
ports are the other halves), ``box`` (Container ID), ``pm`` (the kernel knows that it switches), ``port``
(connect_type of its ports, and their other attributes).

Then what is made of the disks: ``made dm-0 vg-root of sda2`` (``md0/1``: with a partition), ``mount``,
``hidden`` (mounted out of sight), ``pool`` (btrfs over several), ``swap``; and ``above br0 of eth1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from failberry.adapters import usbtree
from failberry.core.usbtree import UsbTree, child_of

SAYS = {"gang": 0x0008, "port": 0x0009, "none": 0x000A}
"""Values of wHubCharacteristics as real hubs give them."""


@dataclass
class Machine:
    sys: Path
    proc: Path
    characteristics: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    def scan(self) -> UsbTree:
        return usbtree.scan(self.sys, self.proc, characteristics=self.characteristics)

    def device(self, path: str) -> Path:
        return (self.sys / "bus/usb/devices" / path).resolve()

    def write(self, path: Path, text: str | bytes = "") -> None:
        octets = text if isinstance(text, bytes) else text.encode()
        try:
            path.write_bytes(octets)
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.write_bytes(octets)

    def link(self, path: Path, target: Path) -> None:
        to = os.path.relpath(target, path.parent)
        try:
            path.symlink_to(to)
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.symlink_to(to)

    def append(self, path: Path, line: str) -> None:
        with path.open("a") as file:
            file.write(line + "\n")

    def block(self, place: Path) -> None:
        number = f"8:{len(self.numbers)}"
        self.numbers[place.name] = number
        self.write(place / "dev", f"{number}\n")
        self.link(self.sys / "class/block" / place.name, place)


def machine(text: str, where: Path) -> Machine:
    """Build it in a new directory."""
    made = Machine(sys=where / "sys", proc=where / "proc")
    made.write(made.proc / "self/mountinfo", "22 1 0:21 / /proc rw,relatime - proc proc rw\n")
    made.append(made.proc / "swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority")
    controller = made.sys / "devices"
    above: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        word, *rest = line.split()
        if depth or word.startswith("usb"):
            path = child_of(above[depth - 1], int(word)) if depth else word
            parent = made.device(above[depth - 1]) if depth else controller
            above[depth:] = [path]
            _device(made, parent / path, rest)
        elif word in {"pci", "platform"}:
            controller = made.sys / "devices" / word / rest[0]
            made.link(controller / "subsystem", made.sys / "bus" / word)
            if rest[1:]:
                made.link(controller / "driver", made.sys / "bus" / word / "drivers" / rest[1])
        else:
            _fact(made, word, rest)
    return made


def _device(made: Machine, place: Path, words: Iterable[str]) -> None:
    ids, *more = words
    flags = dict(each.partition("=")[::2] for each in more if "=" in each or each in {"usb3", "self", "pm"})
    product = " ".join(each for each in more if each.partition("=")[0] not in flags).replace("_", " ")
    made.link(made.sys / "bus/usb/devices" / place.name, place)
    # What a device has not got is what its absence means to a reader; that saves hundreds of files.
    for name, value in {
        "idVendor": ids[:4],
        "idProduct": ids[5:],
        "product": product or ("xHCI Host Controller" if place.name.startswith("usb") else f"device {ids}"),
        "version": " 3.00" if "usb3" in flags else f" {flags.get('bcd', '2.00')}",
        "speed": "5000" if "usb3" in flags else "480",
        "bConfigurationValue": "1",
        **({"bDeviceClass": "09", "maxchild": flags["ports"]} if "ports" in flags else {}),
        **({"bmAttributes": "e0"} if "self" in flags else {}),
    }.items():
        made.write(place / name, f"{value}\n")
    if "says" in flags:
        made.characteristics[place.name] = SAYS[flags["says"]]
    if "box" in flags:
        box = bytes.fromhex(flags["box"].rjust(32, "0"))
        capabilities = bytes((7, 0x10, 0x02, 6, 0, 0, 0)), bytes((20, 0x10, 0x04, 0)) + box
        made.write(place / "bos_descriptors", bytes((5, 0x0F, 32, 0, 2)) + b"".join(capabilities))
    if "ports" in flags:
        _hub(made, place, int(flags["ports"]), flags)
    for number, driver in enumerate(filter(None, flags.get("driver", "").split(","))):
        interface = place / f"{place.name}:1.{number}"
        made.write(interface / "bInterfaceNumber", f"{number:02x}\n")
        made.write(interface / "bInterfaceClass", "ff\n")
        made.link(interface / "driver", made.sys / "bus/usb/drivers" / driver)
    if "disk" in flags:
        name, _, partitions = flags["disk"].partition("/")
        disk = place / f"{place.name}:1.0/host0/target0:0:0/0:0:0:0/block" / name
        made.block(disk)
        for number in range(1, int(partitions or 0) + 1):
            made.write(disk / f"{name}{number}/partition", f"{number}\n")
            made.block(disk / f"{name}{number}")
    if "net" in flags:
        name, _, kind = flags["net"].partition("/")
        net = place / f"{place.name}:1.0/net" / name
        made.write(net / "type", "1\n")
        made.write(net / "uevent", f"{f'DEVTYPE={kind}' + chr(10) if kind else ''}INTERFACE={name}\n")
        made.link(made.sys / "class/net" / name, net)


def _hub(made: Machine, place: Path, ports: int, flags: dict[str, str]) -> None:
    bus = place.name.removeprefix("usb")
    interface = place / (f"{place.name}:1.0" if bus == place.name else f"{bus}-0:1.0")
    made.write(interface / "bInterfaceNumber", "00\n")
    made.write(interface / "bInterfaceClass", "09\n")
    made.link(interface / "driver", made.sys / "bus/usb/drivers/hub")
    for number in range(1, ports + 1):
        port = interface / f"{place.name}-port{number}"
        if "port" in flags:
            made.write(port / "connect_type", f"{flags['port']}\n")
            made.write(port / "over_current_count", "3\n")
            made.write(port / "disable", "0\n")
        if "pm" in flags:
            made.write(port / "power/pm_qos_no_power_off", "0\n")
        if "peer" in flags:
            # The link leads to a directory that may not be there yet; only its name counts.
            made.link(port / "peer", interface.parent / f"{flags['peer']}-port{number}")


def _fact(made: Machine, word: str, rest: list[str]) -> None:
    match word, rest:
        case "model", [*name]:
            made.write(made.sys / "firmware/devicetree/base/model", f"{' '.join(name)}\0")
        case "made", [block, mapped, "of", *slaves]:
            _made(made, block, mapped, slaves)
        case "mount", [block, where, kind]:
            number = "0:99" if kind in {"btrfs", "bcachefs"} else made.numbers[block]
            source = ":".join(f"/dev/{each}" for each in block.split(":"))
            made.append(
                made.proc / "self/mountinfo",
                f"30 1 {number} / {where} rw,noatime shared:1 - {kind} {source} rw",
            )
        case "hidden", [block, kind]:
            (made.sys / "fs" / kind / block).mkdir(parents=True)
        case "pool", [*blocks]:
            for each in blocks:
                made.link(made.sys / "fs/btrfs/0-0-0-0-0/devices" / each, made.sys / "class/block" / each)
        case "swap", [block]:
            made.append(made.proc / "swaps", f"/dev/{block}                   partition\t2097148\t0\t-2")
        case "above", [name, "of", beneath]:
            place = made.sys / "devices/virtual/net" / name
            if not place.exists():
                made.write(place / "type", "1\n")
                made.link(made.sys / "class/net" / name, place)
            made.link((made.sys / "class/net" / beneath).resolve() / f"upper_{name}", place)
        case _:
            raise ValueError(f"{word} {' '.join(rest)}")


def _made(made: Machine, block: str, mapped: str, slaves: list[str]) -> None:
    name, _, partitioned = block.partition("/")
    place = made.sys / "devices/virtual/block" / name
    made.block(place)
    if partitioned:
        made.write(place / f"{name}p1/partition", "1\n")
        made.block(place / f"{name}p1")
    if mapped != "-":
        made.write(place / "dm/name", f"{mapped}\n")
    for each in slaves:
        made.link(place / "slaves" / each, (made.sys / "class/block" / each).resolve())
