"""The whole USB tree from sysfs, with what the machine does with each device.

Layout: Documentation/ABI/testing/sysfs-bus-usb and stable/sysfs-bus-usb.  What vanishes while it is read is
left out.  What a hub says of power switching is not in sysfs: whoever asked the hubs hands it in.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from failberry.adapters import sysfs
from failberry.adapters.usbburdens import burdens
from failberry.core.usbtree import HUB_CLASS, Controller, Port, TreeDevice, UsbInterface, UsbTree

SYS, PROC = Path("/sys"), Path("/proc")
_SELF_POWERED = 0x40
_DEVICE_CAPABILITY, _CONTAINER_ID = 0x10, 0x04
"""USB 3.2 tables 9-14 and 9-20."""
_MOST_PORTS = 255
"""bNbrPorts is a byte."""


def scan(
    root: Path = SYS,
    proc: Path = PROC,
    *,
    characteristics: Mapping[str, int] = MappingProxyType({}),
    power_good: Mapping[str, float] = MappingProxyType({}),
) -> UsbTree:
    """Read the tree below ``root``, where sysfs is.

    ``characteristics`` is wHubCharacteristics and ``power_good`` the seconds from power on to power good, of
    each hub that was asked, by its path; a hub that is missing in them is one of which nothing is known.
    """
    places: dict[Path, TreeDevice] = {}
    with contextlib.suppress(OSError):
        for entry in sorted((root / "bus/usb/devices").iterdir()):
            if ":" in entry.name:
                continue
            with contextlib.suppress(OSError, RuntimeError):
                place = entry.resolve(strict=True)
                device = _device(place, entry.name)
                if device is not None:
                    places[place] = device
    carried = burdens({place: device.path for place, device in places.items()}, root, proc)
    controllers = {place: _controller(place) for place, device in places.items() if _is_root(device)}
    return UsbTree(
        model=_model(root, proc),
        devices=tuple(
            replace(
                device,
                characteristics=characteristics.get(device.path),
                power_good=power_good.get(device.path),
                burdens=carried.get(device.path, device.burdens),
                controller=next(
                    (controllers[each] for each in (place, *place.parents) if each in controllers), None
                ),
            )
            for place, device in places.items()
        ),
    )


def container_id(bos: bytes) -> str:
    """Container ID in hexadecimal, out of a binary device object store; empty if it has none."""
    rest = bos[bos[0] :] if bos else b""
    while len(rest) >= 3 and rest[0] >= 3:
        capability, rest = rest[: rest[0]], rest[rest[0] :]
        if capability[1:3] == bytes((_DEVICE_CAPABILITY, _CONTAINER_ID)) and len(capability) >= 20:
            container = capability[4:20]
            return container.hex() if any(container) else ""
    return ""


def _device(place: Path, path: str) -> TreeDevice | None:
    vendor, product = sysfs.number(place / "idVendor", 16), sysfs.number(place / "idProduct", 16)
    if vendor is None or product is None:
        return None
    name = " ".join(filter(None, (sysfs.text(place / "manufacturer"), sysfs.text(place / "product"))))
    usb_class = sysfs.number(place / "bDeviceClass", 16) or 0
    configuration = sysfs.number(place / "bConfigurationValue")
    return TreeDevice(
        path=path,
        vendor_id=vendor,
        product_id=product,
        product=name or f"{vendor:04x}:{product:04x}",
        usb_class=usb_class,
        bcd_usb=_bcd(sysfs.text(place / "version")),
        speed=_float(sysfs.text(place / "speed")),
        self_powered=bool((sysfs.number(place / "bmAttributes", 16) or 0) & _SELF_POWERED),
        configuration=configuration or 0,
        interfaces=tuple(_interfaces(place)),
        ports=tuple(_ports(place, path, configuration)) if usb_class == HUB_CLASS else (),
        container=container_id(sysfs.octets(place / "bos_descriptors")) if usb_class == HUB_CLASS else "",
    )


def _interfaces(place: Path) -> Iterator[UsbInterface]:
    for each in sorted(place.glob("*:*.*")):
        number = sysfs.number(each / "bInterfaceNumber", 16)
        if number is not None:
            yield UsbInterface(
                number=number,
                usb_class=sysfs.number(each / "bInterfaceClass", 16) or 0,
                driver=sysfs.target(each / "driver"),
            )


def _ports(place: Path, path: str, configuration: int | None) -> Iterator[Port]:
    if configuration is None:
        return
    interface = place / _hub_interface(path, configuration)
    for number in range(1, min(sysfs.number(place / "maxchild") or 0, _MOST_PORTS) + 1):
        port = interface / f"{path}-port{number}"
        hub, _, peer = sysfs.target(port / "peer").rpartition("-port")
        yield Port(
            number=number,
            peer=(hub, int(peer)) if hub and peer.isdecimal() else None,
            connect_type=sysfs.text(port / "connect_type"),
            can_disable=(port / "disable").exists(),
            exposes_power=(port / "power/pm_qos_no_power_off").exists(),
            over_current_count=sysfs.number(port / "over_current_count") or 0,
        )


def _hub_interface(hub: str, configuration: int) -> str:
    # The interface of a root hub is named after its bus: usb1 has 1-0:1.0.
    name = f"{hub.removeprefix('usb')}-0" if hub.startswith("usb") else hub
    return f"{name}:{configuration}.0"


def _is_root(device: TreeDevice) -> bool:
    return device.path.startswith("usb")


def _controller(bus: Path) -> Controller:
    place = bus.parent
    return Controller(
        name=place.name,
        subsystem=sysfs.target(place / "subsystem"),
        driver=sysfs.target(place / "driver"),
    )


def _model(root: Path, proc: Path) -> str:
    told = sysfs.text(root / "firmware/devicetree/base/model")
    if told:
        return told
    found = re.search(r"^Model\s*: *(.+)$", sysfs.text(proc / "cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else ""


def _bcd(version: str) -> int:
    """Turn `` 2.10`` into 0x0210."""
    major, _, minor = version.partition(".")
    try:
        return int(major, 16) << 8 | int(minor, 16)
    except ValueError:
        return 0


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
