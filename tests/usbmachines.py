"""Raspberry Pis and a PC as :mod:`tests.fakesys` has them, and what is plugged into them.

Hubs, ids, drivers and claims as uhubctl prints them on real ones (its issues 205, 293, 491, 547 and 587).
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from failberry.core.boards import board_of
from failberry.core.power import PowerPlan
from failberry.core.powerplan import plan_power
from tests.fakesys import machine

STICK = "19d2:0117 ZTE_MF180 driver=option"
ETHERNET = "driver=smsc95xx net=eth0"
HUB_2 = "05e3:0608 self ports=4 says=port"

ZERO = """
    model Raspberry Pi Zero 2 W Rev 1.0
    platform 3f980000.usb dwc2
    usb1 1d6b:0002 ports=1 says=port
"""
A_PLUS = """
    model Raspberry Pi 3 Model A Plus Rev 1.0
    platform 3f980000.usb dwc_otg
    usb1 1d6b:0002 ports=1 says=port
"""
B_1 = f"""
    model Raspberry Pi Model B Rev 2
    platform 20980000.usb dwc_otg
    usb1 1d6b:0002 ports=1 says=port
      1 0424:9512 ports=3 says=port
        1 0424:ec00 {ETHERNET}
"""
B_3 = f"""
    model Raspberry Pi 3 Model B Rev 1.2
    platform 3f980000.usb dwc_otg
    usb1 1d6b:0002 ports=1 says=port
      1 0424:9514 ports=5 says=port
        1 0424:ec00 {ETHERNET}
"""
B_3_PLUS = """
    model Raspberry Pi 3 Model B Plus Rev 1.3
    platform 3f980000.usb dwc_otg
    usb1 1d6b:0002 ports=1 says=port
      1 0424:2514 ports=4 says=port
        1 0424:2514 ports=3 says=port
          1 0424:7800 driver=lan78xx net=eth0
"""
B_4 = """
    model Raspberry Pi 4 Model B Rev 1.4
    platform fe980000.usb dwc2
    usb3 1d6b:0002 ports=1 says=port
    pci 0000:01:00.0 xhci_hcd
    usb2 1d6b:0003 usb3 ports=4 says=port peer=usb1
    usb1 1d6b:0002 ports=1 says=port peer=usb2
      1 2109:3431 bcd=2.10 ports=4 says=gang box=5cf3
"""
B_5 = """
    model Raspberry Pi 5 Model B Rev 1.0
    platform 1000480000.usb dwc2
    usb1 1d6b:0002 ports=1 says=port
    platform xhci-hcd.0 xhci-hcd
    usb3 1d6b:0003 usb3 ports=1 says=port peer=usb2
    usb2 1d6b:0002 ports=2 says=port peer=usb3
    platform xhci-hcd.1 xhci-hcd
    usb5 1d6b:0003 usb3 ports=1 says=port peer=usb4
    usb4 1d6b:0002 ports=2 says=port peer=usb5
"""
CM_4 = """
    model Raspberry Pi Compute Module 4 Rev 1.0
    platform fe980000.usb dwc2
    usb1 1d6b:0002 ports=1 says=port
"""
PC = """
    pci 0000:00:14.0 xhci_hcd
    usb2 1d6b:0003 usb3 ports=4 says=port peer=usb1
    usb1 1d6b:0002 ports=6 says=port peer=usb2
"""

ALL_OF_4 = "1-1:1 1-1:2 1-1:3 1-1:4 usb2:1 usb2:2 usb2:3 usb2:4"
ALL_OF_5 = "usb2:1 usb2:2 usb4:1 usb4:2 usb3:1 usb5:1"


def below(base: str, hub: str, *lines: str) -> str:
    """The machine with more devices on one of its hubs, each as "port ids …", those below them indented."""
    out, depth, path, bus = [], 0, [], ""
    for line in dedent(base).strip().splitlines():
        out.append(line)
        indent = (len(line) - len(line.lstrip())) // 2
        word = line.split()[0]
        if word.startswith("usb"):
            bus, path = word.removeprefix("usb"), []
        elif indent:
            path[indent - 1 :] = [word]
        name = f"{bus}-{'.'.join(path)}" if path else f"usb{bus}"
        if name == hub and (indent or word.startswith("usb")):
            depth = indent + 1
            at = len(out)
    assert depth, hub
    # Devices of a hub stand below it; the first of them may.
    return "\n".join([*out[:at], *("  " * depth + each for each in lines), *out[at:]])


def plan(
    text: str,
    where: Path,
    target: str,
    *,
    ports: str = "",
    house: tuple[str, ...] = ("eth0",),
) -> PowerPlan:
    tree = machine(dedent(text), where).scan()
    return plan_power(
        tree,
        board=board_of(tree.model),
        target=target,
        configured_ports=tuple(ports.split()),
        house_interfaces=house,
    )


def cut(found: PowerPlan) -> str:
    return " ".join(map(str, found.ports))


def others(found: PowerPlan) -> list[str]:
    return [each.usb_path for each in found.casualties]


def usb3_hub(base: str, usb2: str, usb3: str, port: int, *, says: str, more: str = "", both: str = "") -> str:
    text = below(
        base, usb2, f"{port} 2109:2817 bcd=2.10 self ports=4 says={says} {both} {more}", f"  2 {STICK}"
    )
    return below(
        text, usb3, f"{port} 2109:0817 usb3 self ports=4 says={says} {both}", "  3 0781:55b0 SSD disk=sda/1"
    )
