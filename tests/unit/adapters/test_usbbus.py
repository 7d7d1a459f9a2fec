"""sysfs as the kernel lays it out, read back."""

from __future__ import annotations

from pathlib import Path

from failberry.adapters.usbbus import locate, scan
from failberry.config import Cellular, CellularType, Config, Mode, Wired
from failberry.core.facts import Sighting

CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))


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
    located = locate(5, CONFIG, tmp_path)
    assert located.deed == 5
    assert located.hardware is not None
    assert located.hardware.dial_tty == "/dev/ttyUSB1"
    assert located.sighting is Sighting.MODEM


def test_acm_ports(tmp_path: Path) -> None:
    plug(tmp_path, "2-1", "1546", "1146", {0: "ttyACM0"})
    (device,) = scan(tmp_path)
    assert device.ports[0].tty == "/dev/ttyACM0"


def test_hubs_are_no_modems_and_a_missing_bus_is_empty(tmp_path: Path) -> None:
    plug(tmp_path, "usb1", "1d6b", "0002", {})
    (tmp_path / "usb1" / "bDeviceClass").write_text("09\n")
    assert scan(tmp_path) == ()
    assert scan(tmp_path / "none") == ()


def bind(root: Path, path: str, number: int, kind: str, driver: str = "", network: str = "") -> None:
    interface = root / f"{path}:1.{number}"
    (interface / "net" / network if network else interface).mkdir(parents=True)
    (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
    (interface / "bInterfaceClass").write_text(f"{kind}\n")
    if driver:
        (interface / "driver").symlink_to(f"../../../../bus/usb/drivers/{driver}")


def test_a_router_by_its_network_interface(tmp_path: Path) -> None:
    plug(tmp_path, "1-1.3", "12d1", "14db", {})
    bind(tmp_path, "1-1.3", 0, "02", "cdc_ether", "enx0c5b8f279a64")
    bind(tmp_path, "1-1.3", 1, "0a", "cdc_ether")
    (device,) = scan(tmp_path)
    assert [(each.interface, each.name, each.driver) for each in device.networks] == [
        (0, "enx0c5b8f279a64", "cdc_ether")
    ]
    assert not device.storage_only
    located = locate(5, CONFIG, tmp_path)
    assert located.sighting is Sighting.ROUTER
    assert located.hardware is not None
    assert located.hardware.network_interface == "enx0c5b8f279a64"


def test_the_wired_line_and_the_wrong_kind_are_no_stick(tmp_path: Path) -> None:
    plug(tmp_path, "1-1.3", "12d1", "14db", {})
    bind(tmp_path, "1-1.3", 0, "02", "cdc_ether", "eth0")
    located = locate(5, CONFIG, tmp_path)
    assert located.hardware is None
    other = Config(
        mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth1"), cellular=Cellular(type=CellularType.PPP)
    )
    assert "cellular.type" in locate(5, other, tmp_path).problem


def test_a_cd_rom_is_told_with_its_ids(tmp_path: Path) -> None:
    plug(tmp_path, "1-1.3", "12d1", "1f01", {})
    bind(tmp_path, "1-1.3", 0, "08", "usb-storage")
    (device,) = scan(tmp_path)
    assert device.storage_only
    located = locate(5, CONFIG, tmp_path, cd_roms={(0x12D1, 0x1F01)})
    assert located.sighting is Sighting.CD_ROM
    assert located.stray is not None
    assert (located.stray.usb_path, located.stray.product_id) == ("1-1.3", 0x1F01)
