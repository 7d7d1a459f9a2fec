"""Which modem, which of its ports, and why."""

from __future__ import annotations

from failberry.config import Modem
from failberry.core.facts import ModemHardware
from failberry.core.ports import NotFound, UsbDevice, UsbPort, choose

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
