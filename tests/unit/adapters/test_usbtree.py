"""The whole USB tree out of sysfs."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from failberry.adapters import usbtree
from failberry.adapters.usbtree import container_id
from failberry.core.usbtree import (
    Burdens,
    Controller,
    NetInterface,
    Port,
    Switching,
    TreeDevice,
    UsbInterface,
)
from tests.fakesys import Machine, machine

TEXT = """
    model Raspberry Pi 4 Model B Rev 1.4
    pci 0000:01:00.0 xhci_hcd
    usb1 1d6b:0002 ports=2 says=port port=unknown peer=usb2
      1 2109:2817 USB2.0_Hub bcd=2.10 self ports=4 says=gang pm box=abc port=hotplug
        4 19d2:0117 ZTE_MF180 driver=option,usb-storage net=usb0 disk=sr0
    mount sr0 /media/my\\040stick iso9660
"""


@pytest.fixture
def pi(tmp_path: Path) -> Machine:
    return machine(dedent(TEXT), tmp_path)


def device(made: Machine, path: str) -> TreeDevice:
    found = made.scan().device(path)
    assert found is not None
    return found


def test_a_device(pi: Machine) -> None:
    assert device(pi, "1-1.4") == TreeDevice(
        path="1-1.4",
        vendor_id=0x19D2,
        product_id=0x0117,
        product="ZTE MF180",
        interfaces=(
            UsbInterface(number=0, usb_class=0xFF, driver="option"),
            UsbInterface(number=1, usb_class=0xFF, driver="usb-storage"),
        ),
        controller=Controller(name="0000:01:00.0", subsystem="pci", driver="xhci_hcd"),
        burdens=Burdens(discs=("/media/my stick",), interfaces=(NetInterface(name="usb0", ethernet=True),)),
    )


def test_a_hub(pi: Machine) -> None:
    hub = device(pi, "1-1")
    assert (hub.bcd_usb, hub.self_powered, hub.characteristics, hub.switching) == (
        0x0210, True, 0x0008, Switching.GANGED,
    )  # fmt: skip
    assert hub.container == "abc".rjust(32, "0")
    assert hub.ports[3] == Port(
        number=4, connect_type="hotplug", can_disable=True, exposes_power=True, over_current_count=3
    )
    assert not hub.superspeed
    assert hub.compound is False


def test_a_root_hub_and_the_other_half_of_its_ports(pi: Machine) -> None:
    root = device(pi, "usb1")
    assert [(each.number, each.peer) for each in root.ports] == [(1, ("usb2", 1)), (2, ("usb2", 2))]
    assert root.compound is False
    assert root.power_good is None


def test_what_the_caller_does_not_know_is_unknown(pi: Machine) -> None:
    tree = usbtree.scan(pi.sys, pi.proc, power_good={"1-1": 0.1})
    hub = tree.device("1-1")
    assert hub is not None
    assert (hub.switching, hub.compound, hub.power_good) == (Switching.UNKNOWN, None, 0.1)


def test_the_model_without_a_device_tree(pi: Machine) -> None:
    assert pi.scan().model == "Raspberry Pi 4 Model B Rev 1.4"
    (pi.sys / "firmware/devicetree/base/model").unlink()
    assert pi.scan().model == ""
    pi.write(pi.proc / "cpuinfo", "Serial\t\t: 00000000\nModel\t\t: Raspberry Pi 3 Model B Rev 1.2\n")
    assert pi.scan().model == "Raspberry Pi 3 Model B Rev 1.2"


def test_a_hub_in_another_configuration(pi: Machine) -> None:
    hub = pi.device("1-1")
    (hub / "1-1:1.0").rename(hub / "1-1:2.0")
    (hub / "bConfigurationValue").write_text("2\n")
    assert device(pi, "1-1").ports[3].can_disable
    (hub / "bConfigurationValue").write_text("\n")
    assert device(pi, "1-1").ports == ()


@pytest.mark.parametrize("name", ["idVendor", "idProduct"])
def test_a_device_that_is_going_is_left_out(pi: Machine, name: str) -> None:
    (pi.device("1-1.4") / name).unlink()
    tree = pi.scan()
    assert [each.path for each in tree.devices] == ["1-1", "usb1"]


def test_mounts_are_those_of_the_first_process(pi: Machine) -> None:
    number = pi.numbers["sr0"]
    pi.write(pi.proc / "1/mountinfo", f"25 1 {number} / / ro,noatime - iso9660 /dev/sr0 ro\n")
    assert device(pi, "1-1.4").burdens.discs == ("/",)


def test_links_to_what_is_gone(pi: Machine) -> None:
    shutil.rmtree(pi.device("1-1.4"))
    (pi.sys / "class/net/gone").symlink_to("../../devices/gone")
    (pi.sys / "class/block/loop").symlink_to("loop")
    (pi.sys / "bus/usb/devices/9-9").symlink_to("9-9")
    assert [each.path for each in pi.scan().devices] == ["1-1", "usb1"]


def test_attributes_that_say_nothing(pi: Machine) -> None:
    stick = pi.device("1-1.4")
    for name in ("bDeviceClass", "version", "speed", "bmAttributes", "bConfigurationValue", "product"):
        (stick / name).write_bytes(b"\xff\n")
    found = device(pi, "1-1.4")
    assert (found.bcd_usb, found.speed, found.self_powered, found.configuration) == (0, 0.0, False, 0)


def test_no_usb_at_all(tmp_path: Path) -> None:
    tree = usbtree.scan(tmp_path / "sys", tmp_path / "proc")
    assert (tree.model, tree.devices) == ("", ())


BOX = bytes(range(16))
CONTAINER = bytes((20, 0x10, 0x04, 0)) + BOX


@pytest.mark.parametrize(
    ("bos", "container"),
    [
        (bytes((5, 15, 25, 0, 1)) + CONTAINER, BOX.hex()),
        (bytes((5, 15, 35, 0, 2)) + bytes((10, 0x10, 3, 0, 14, 0, 1, 8, 0, 0)) + CONTAINER, BOX.hex()),
        (bytes((5, 15, 25, 0, 1, 20, 0x10, 0x04, 0)) + bytes(16), ""),  # burnt in by nobody
        (bytes((5, 15, 25, 0, 1)) + CONTAINER[:-1], ""),
        (bytes((5, 15, 8, 0, 1, 0, 0x10, 0x04)), ""),  # of no length: never ends if it is believed
        (b"", ""),
        (b"\x05", ""),
        (b"\0" * 64, ""),
    ],
)
def test_the_container_id(bos: bytes, container: str) -> None:
    assert container_id(bos) == container
