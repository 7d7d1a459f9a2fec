"""sysfs as the kernel lays it out, read back."""

from __future__ import annotations

from pathlib import Path

from failberry.adapters.usbbus import locate, scan
from failberry.config import Modem


def plug(
    root: Path, path: str, vendor: str, product: str, ports: dict[int, str], *, interrupt: int = -1
) -> None:
    device = root / path
    device.mkdir(parents=True)
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")
    (device / "manufacturer").write_text("ZTE,Incorporated\n")
    (device / "product").write_text("ZTE WCDMA Technologies MSM\n")
    for number, tty in ports.items():
        interface = root / f"{path}:1.{number}"
        (interface / "ep_81").mkdir(parents=True)
        (interface / "ep_81" / "bmAttributes").write_text("03\n" if number == interrupt else "02\n")
        (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
        (interface / ("tty" if tty.startswith("ttyACM") else "") / tty).mkdir(parents=True)


def test_option_ports_by_interface_number(tmp_path: Path) -> None:
    plug(tmp_path, "1-1.3", "19d2", "0117", {0: "ttyUSB3", 1: "ttyUSB0", 2: "ttyUSB1"}, interrupt=2)
    plug(tmp_path, "1-1.4", "046d", "c31c", {})
    (device,) = [each for each in scan(tmp_path) if each.ports]
    assert (device.path, device.vendor_id, device.product_id) == ("1-1.3", 0x19D2, 0x0117)
    assert device.product == "ZTE,Incorporated ZTE WCDMA Technologies MSM"
    assert [(p.interface, p.tty, p.interrupt_endpoint) for p in device.ports] == [
        (0, "/dev/ttyUSB3", False),
        (1, "/dev/ttyUSB0", False),
        (2, "/dev/ttyUSB1", True),
    ]
    located = locate(5, Modem(), tmp_path)
    assert located.deed == 5
    assert located.hardware is not None
    assert located.hardware.dial_tty == "/dev/ttyUSB1"


def test_acm_ports(tmp_path: Path) -> None:
    plug(tmp_path, "2-1", "1546", "1146", {0: "ttyACM0"})
    (device,) = scan(tmp_path)
    assert device.ports[0].tty == "/dev/ttyACM0"


def test_hubs_are_no_modems_and_a_missing_bus_is_empty(tmp_path: Path) -> None:
    plug(tmp_path, "usb1", "1d6b", "0002", {})
    (tmp_path / "usb1" / "bDeviceClass").write_text("09\n")
    assert scan(tmp_path) == ()
    assert scan(tmp_path / "none") == ()
