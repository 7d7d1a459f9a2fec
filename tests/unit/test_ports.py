"""Which modem, which of its ports, and why."""

from __future__ import annotations

import pytest

from failberry.config import CellularType, Modem
from failberry.core.facts import ModemHardware, Sighting, Stray
from failberry.core.ports import NotFound, UsbDevice, UsbNetwork, UsbPort, choose

MF180 = UsbDevice(
    path="1-1.3",
    vendor_id=0x19D2,
    product_id=0x0117,
    product="ZTE MF180",
    ports=tuple(UsbPort(interface=n, tty=f"/dev/ttyUSB{n + 4}", interrupt_endpoint=n == 1) for n in range(3)),
)
UNKNOWN = UsbDevice(
    path="1-1.4",
    vendor_id=0xFFF0,
    product_id=1,
    product="Nobody's stick",
    ports=(
        UsbPort(interface=0, tty="/dev/ttyUSB0", interrupt_endpoint=False),
        UsbPort(interface=3, tty="/dev/ttyUSB1", interrupt_endpoint=True),
    ),
)
KEYBOARD = UsbDevice(path="1-1.5", vendor_id=0x046D, product_id=1, product="Keyboard")


def chosen(*devices: UsbDevice, wanted: Modem | None = None) -> ModemHardware:
    found = choose(devices, wanted or Modem())
    assert isinstance(found, ModemHardware), found
    return found


def problem(*devices: UsbDevice, wanted: Modem | None = None) -> str:
    found = choose(devices, wanted or Modem())
    assert isinstance(found, NotFound), found
    return found.problem


def test_a_known_modem_by_the_table_whatever_its_ttys_are_called() -> None:
    found = chosen(KEYBOARD, MF180)
    assert (found.dial_tty, found.status_tty) == ("/dev/ttyUSB6", "/dev/ttyUSB5")
    assert found.chosen_by == "table of known modems"


def test_the_configuration_wins() -> None:
    found = chosen(MF180, wanted=Modem(dial_interface=0, status_interface=2))
    assert (found.dial_interface, found.status_interface, found.chosen_by) == (0, 2, "configuration")


def test_an_unknown_modem_by_its_interrupt_endpoint() -> None:
    found = chosen(UNKNOWN)
    assert (found.dial_tty, found.status_tty, found.chosen_by) == (
        "/dev/ttyUSB1",
        "/dev/ttyUSB0",
        "interrupt endpoint",
    )


def test_what_udev_says_comes_before_the_endpoint() -> None:
    hinted = UsbDevice(
        path="1-2",
        vendor_id=0xFFF0,
        product_id=2,
        product="Hinted",
        ports=(
            UsbPort(interface=0, tty="/dev/ttyUSB0", interrupt_endpoint=True),
            UsbPort(interface=1, tty="/dev/ttyUSB1", interrupt_endpoint=False, hint="dial"),
        ),
    )
    assert chosen(hinted).dial_interface == 1


def test_a_known_modem_is_preferred_to_some_serial_adapter() -> None:
    assert chosen(UNKNOWN, MF180).usb_path == "1-1.3"


def test_two_modems_need_a_word_from_the_owner() -> None:
    twin = UsbDevice(path="1-2", vendor_id=0x19D2, product_id=0x0117, product="ZTE MF180", ports=MF180.ports)
    assert "modem.usb_path" in problem(MF180, twin)
    assert chosen(MF180, twin, wanted=Modem(usb_path="1-2")).usb_path == "1-2"


def test_a_path_without_modem_says_where_one_is() -> None:
    told = problem(MF180, wanted=Modem(usb_path="1-9"))
    assert "1-9" in told
    assert "1-1.3 (ZTE MF180)" in told


def test_a_stick_in_cdrom_mode_is_named_as_such() -> None:
    cdrom = UsbDevice(path="1-1.3", vendor_id=0x19D2, product_id=0x2000, product="ZTE CD-ROM")
    assert "CD-ROM" in problem(cdrom, wanted=Modem(usb_path="1-1.3"))


def test_nothing_plugged_in() -> None:
    assert "plug it in" in problem(KEYBOARD)


def test_a_configured_interface_that_does_not_exist() -> None:
    told = problem(MF180, wanted=Modem(dial_interface=7))
    assert "it has 0, 1, 2" in told
    assert "modem.dial_interface" in told


# --- sticks that are routers ---------------------------------------------------------------------


def ether(
    driver: str = "cdc_ether", *, path: str = "1-1.2", vendor: int = 0x12D1, name: str = "usb0"
) -> UsbDevice:
    network = UsbNetwork(interface=0, name=name, driver=driver)
    return UsbDevice(path=path, vendor_id=vendor, product_id=0x14DB, product="HiLink", networks=(network,))


def with_ports(device: UsbDevice, vendor: int) -> UsbDevice:
    return UsbDevice(
        path=device.path,
        vendor_id=vendor,
        product_id=0x1566,
        product="Both",
        ports=UNKNOWN.ports,
        networks=device.networks,
    )


AUTO, PPP, ETHER = CellularType.AUTO, CellularType.PPP, CellularType.ETHER


@pytest.mark.parametrize("driver", ["cdc_ether", "rndis_host", "cdc_ncm", "huawei_cdc_ncm"])
@pytest.mark.parametrize("kind", [AUTO, ETHER])
def test_a_router_by_its_driver_has_an_interface_and_no_ports(driver: str, kind: CellularType) -> None:
    found = choose((KEYBOARD, ether(driver)), Modem(), kind=kind)
    assert isinstance(found, ModemHardware)
    assert (found.network_interface, found.dial_tty, found.status_tty) == ("usb0", "", None)
    assert found.chosen_by == f"network driver {driver}"


@pytest.mark.parametrize(
    "device",
    [
        *(ether(driver) for driver in ("r8152", "smsc95xx", "lan78xx", "ax88179_178a", "asix", "qmi_wwan")),
        ether("cdc_mbim"),
        ether("cdc_ncm", vendor=0x0BDA),
        ether("cdc_ether", name="lan0"),
    ],
    ids=lambda device: f"{device.networks[0].driver} {device.vendor_id:04x} {device.networks[0].name}",
)
@pytest.mark.parametrize("path", ["", "1-1.2"])
def test_an_ethernet_adapter_is_never_taken_for_a_stick(device: UsbDevice, path: str) -> None:
    found = choose((device,), Modem(usb_path=path), taken=("eth0", "lan0"))
    assert isinstance(found, NotFound)
    assert found.problem
    assert found.sighting is (Sighting.ROUTER if path else Sighting.NOTHING)


@pytest.mark.parametrize(
    ("devices", "kind", "interface"),
    [
        ((ether(), MF180), AUTO, None),
        ((ether(), MF180), ETHER, "usb0"),
        ((ether(), MF180), PPP, None),
        ((ether(), UNKNOWN), AUTO, "usb0"),
        ((ether(), UNKNOWN), PPP, None),
        ((with_ports(ether(), 0x12D1),), AUTO, None),
        ((with_ports(ether(), 0x12D1),), ETHER, "usb0"),
        ((with_ports(ether(), 0xFFF0),), AUTO, "usb0"),
        ((with_ports(ether("huawei_cdc_ncm"), 0x12D1),), AUTO, None),
        ((with_ports(ether("huawei_cdc_ncm"), 0xFFF0),), AUTO, None),
    ],
)
def test_a_known_modem_first_then_a_router_then_any_serial_port(
    devices: tuple[UsbDevice, ...], kind: CellularType, interface: str | None
) -> None:
    found = choose(devices, Modem(), kind=kind)
    assert isinstance(found, ModemHardware)
    assert found.network_interface == interface
    assert bool(found.dial_tty) == (interface is None)


def test_of_several_interfaces_the_first_and_of_several_routers_none_without_a_word() -> None:
    many = UsbDevice(
        path="1-1",
        vendor_id=1,
        product_id=1,
        product="Many",
        networks=tuple(UsbNetwork(interface=n, name=f"usb{n}", driver="cdc_ncm") for n in (4, 2)),
    )
    assert chosen(many).network_interface == "usb2"
    assert "modem.usb_path" in problem(ether(path="1-1.2"), ether(path="1-1.4"))
    assert (
        chosen(ether(path="1-1.2"), ether(path="1-1.4"), wanted=Modem(usb_path="1-1.4")).usb_path == "1-1.4"
    )


@pytest.mark.parametrize("path", ["", "1-1.2"])
@pytest.mark.parametrize(
    ("device", "kind", "words"),
    [(ether(), PPP, "router of its own"), (with_ports(ether("none"), 0x12D1), ETHER, "modem to be dialled")],
)
def test_a_stick_of_the_other_kind_is_named_with_the_cure(
    device: UsbDevice, kind: CellularType, words: str, path: str
) -> None:
    found = choose((device,), Modem(usb_path=path), kind=kind)
    assert isinstance(found, NotFound)
    assert words in found.problem
    assert "cellular.type" in found.problem
    assert device.path in found.problem
    # It works, so nobody must reset it.
    assert found.sighting in (Sighting.ROUTER, Sighting.MODEM)
    assert found.stray is None


# --- what else is in its place -------------------------------------------------------------------

CD_ROM = UsbDevice(path="1-1.3", vendor_id=0x19D2, product_id=0x2000, product="ZTE CD", storage_only=True)
DISK = UsbDevice(path="1-1.4", vendor_id=0x0951, product_id=0x1666, product="Disk", storage_only=True)
STARTING = UsbDevice(path="1-1.3", vendor_id=0x19D2, product_id=0x0117, product="ZTE MF180")


@pytest.mark.parametrize("path", ["", "1-1.3"])
@pytest.mark.parametrize(
    ("device", "cd_roms", "sighting"),
    [
        (CD_ROM, {(0x19D2, 0x2000)}, Sighting.CD_ROM),
        (CD_ROM, {(0x19D2, 0x2001)}, Sighting.BARE),
        (STARTING, {(0x19D2, 0x0117)}, Sighting.BARE),
    ],
)
def test_what_is_in_the_modems_place_is_told(
    device: UsbDevice, cd_roms: set[tuple[int, int]], sighting: Sighting, path: str
) -> None:
    found = choose((DISK, KEYBOARD, device), Modem(usb_path=path), cd_roms=cd_roms)
    assert isinstance(found, NotFound)
    assert found.sighting is sighting
    assert found.stray == Stray(
        usb_path="1-1.3", vendor_id=0x19D2, product_id=device.product_id, product=device.product
    )


def test_a_stick_that_works_comes_before_one_that_is_a_cd_rom() -> None:
    assert chosen(CD_ROM, ether()).network_interface == "usb0"


def test_a_makers_telephone_is_no_modem_that_has_failed() -> None:
    telephone = UsbDevice(path="1-1.3", vendor_id=0x12D1, product_id=0x107E, product="Telephone")
    found = choose((telephone,), Modem())
    assert isinstance(found, NotFound)
    assert (found.sighting, found.stray) == (Sighting.NOTHING, None)


def test_a_disk_is_nothing_and_in_the_configured_place_it_is_named() -> None:
    nothing = choose((DISK, KEYBOARD), Modem())
    assert isinstance(nothing, NotFound)
    assert (nothing.sighting, nothing.stray) == (Sighting.NOTHING, None)
    named = choose((DISK,), Modem(usb_path="1-1.4"))
    assert isinstance(named, NotFound)
    assert named.sighting is Sighting.BARE
    assert "Disk" in named.problem
