"""Which ports are cut for a stick in a socket of each board, and who goes dark with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from failberry.core.boards import BOARDS, board_of
from failberry.core.power import PlanBasis
from failberry.core.powerplan import plan_power
from failberry.core.usbtree import child_of
from tests.fakesys import machine
from tests.usbmachines import (
    A_PLUS,
    ALL_OF_4,
    ALL_OF_5,
    B_1,
    B_3,
    B_3_PLUS,
    B_4,
    B_5,
    CM_4,
    STICK,
    ZERO,
    below,
    cut,
    others,
    plan,
)

OTHERWISE = """
    platform xhci-hcd.2 xhci-hcd
    usb6 1d6b:0002 ports=4
    usb7 1d6b:0003 usb3 ports=4
"""


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Raspberry Pi Model B Rev 1", "Raspberry Pi B"),
        ("Raspberry Pi Model B Rev 2", "Raspberry Pi B"),
        ("Raspberry Pi Model B Plus Rev 1.2", "Raspberry Pi B+, 2B or 3B"),
        ("Raspberry Pi Model B+", "Raspberry Pi B+, 2B or 3B"),
        ("Raspberry Pi 2 Model B Rev 1.1", "Raspberry Pi B+, 2B or 3B"),
        ("Raspberry Pi 3 Model B Rev 1.2", "Raspberry Pi B+, 2B or 3B"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "Raspberry Pi 3B+"),
        ("Raspberry Pi 3 Model B+", "Raspberry Pi 3B+"),
        ("Raspberry Pi 4 Model B Rev 1.5", "Raspberry Pi 4B or 400"),
        ("Raspberry Pi 400 Rev 1.0", "Raspberry Pi 4B or 400"),
        ("Raspberry Pi 5 Model B Rev 1.1", "Raspberry Pi 5 or 500"),
        ("Raspberry Pi 500 Rev 1.0", "Raspberry Pi 5 or 500"),
        ("Raspberry Pi Zero Rev 1.3", "Raspberry Pi Zero"),
        ("Raspberry Pi Zero W Rev 1.1", "Raspberry Pi Zero"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "Raspberry Pi Zero"),
        ("Raspberry Pi Model A Plus Rev 1.1", "Raspberry Pi A, A+ or 3A+"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "Raspberry Pi A, A+ or 3A+"),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", "Raspberry Pi Compute Module"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "Raspberry Pi Compute Module"),
        ("Raspberry Pi Compute Module 5 Lite Rev 1.0", "Raspberry Pi Compute Module"),
        ("Pine64 Quartz64 Model B", ""),
        ("", ""),
    ],
)
def test_each_model_has_its_row_and_one_only(model: str, name: str) -> None:
    found = board_of(model)
    assert (found.name if found else "") == name
    assert sum(re.match(each.models, model) is not None for each in BOARDS) == (1 if name else 0)


@pytest.mark.parametrize(
    ("base", "hub", "port", "ports"),
    [
        (B_3, "1-1", 2, "1-1:2"),
        (B_3, "1-1", 4, "1-1:2"),
        (B_3.replace("3 Model B", "2 Model B"), "1-1", 5, "1-1:2"),
        (B_3.replace("3 Model B", "Model B Plus"), "1-1", 5, "1-1:2"),
        (B_3.replace("dwc_otg", "dwc2").replace("usb1", "usb3"), "3-1", 3, "3-1:2"),
        (B_3_PLUS, "1-1", 3, "1-1:2"),
        (B_3_PLUS, "1-1.1", 2, "1-1:2"),
        (B_4, "1-1", 4, ALL_OF_4),
        (B_4, "usb2", 1, ALL_OF_4),
        (B_4.replace("4 Model B", "400"), "1-1", 3, ALL_OF_4),
        (B_5, "usb2", 2, ALL_OF_5),
        (B_5, "usb5", 1, ALL_OF_5),
        # A controller that is wired otherwise than the table says is none of the board's.
        (B_5.rstrip() + OTHERWISE, "usb2", 1, ALL_OF_5),
    ],
)
def test_the_sockets_of_a_board_by_its_table(
    base: str, hub: str, port: int, ports: str, tmp_path: Path
) -> None:
    text = below(base, hub, f"{port} {STICK}")
    found = plan(text, tmp_path, child_of(hub, port))
    assert cut(found) == ports
    assert (found.basis, found.refusal, found.casualties) == (PlanBasis.BOARD, "", ())


@pytest.mark.parametrize(
    ("base", "target", "words"),
    [
        (ZERO, "1-1", "a Raspberry Pi Zero has one USB port without a switch; put a hub that switches"),
        (A_PLUS, "1-1", "has one USB port without a switch; put a hub that switches"),
        (B_1, "1-1.2", "a Raspberry Pi B does not switch the power of its USB sockets; put a hub"),
        (
            CM_4,
            "1-1",
            "wired by the carrier board; put a hub that switches the power of each port between, or name",
        ),
        (CM_4, "1-1", "in power.ports"),
        (B_4, "3-1", "port 1 of hub usb3 (xHCI Host Controller) has no switch"),
        (B_5, "1-1", "port 1 of hub usb1 (xHCI Host Controller) has no switch"),
        (B_3, "1-1.1", "feeds the board's own Ethernet and stays on"),
        (B_3_PLUS, "1-1.1.1", "feeds the board's own Ethernet and stays on"),
        (
            B_3.partition("      1 0424:9514")[0],
            "1-1.2",
            "hub 1-1 is not there; the hubs that switch the sockets",
        ),
        (
            B_4.partition("      1 2109:3431")[0],
            "1-1.2",
            "hub 1-1 is not there; the hubs that switch the sockets",
        ),
        (
            B_4.partition("      1 2109:3431")[0],
            "2-1",
            "the hubs that switch the sockets of a Raspberry Pi 4B",
        ),
        (B_5.replace("5 Model B", "Compute Module 5"), "2-1", "wired by the carrier board"),
        (B_3, "7-1.2", "hub usb7 is not there"),
        (B_3, "", "set modem.usb_path"),
        (B_3, "1-1.3:1.0", "set modem.usb_path"),
        (B_3, "usb1", "set modem.usb_path"),
    ],
)
def test_where_nothing_switches(base: str, target: str, words: str, tmp_path: Path) -> None:
    found = plan(base, tmp_path, target)
    assert words in found.refusal
    assert (found.ports, found.basis, found.casualties) == ((), PlanBasis.NONE, ())


def test_what_else_does_not_switch_is_not_recited(tmp_path: Path) -> None:
    assert plan(B_3, tmp_path, "1-1.1").words == (
        "nothing switches the power at USB 1-1.1: port 1 of hub 1-1 feeds the board's own Ethernet and stays "
        "on; put a hub that switches the power of each port between, or name the ports that switch it in "
        "power.ports"
    )


def test_a_stick_that_left_the_bus_is_known_by_its_place(tmp_path: Path) -> None:
    found = plan(below(B_3, "1-1", "5 046d:c31c Keyboard driver=usbhid"), tmp_path, "1-1.3")
    assert (cut(found), found.refusal) == ("1-1:2", "")
    assert [(each.usb_path, each.product, each.harm) for each in found.casualties] == [
        ("1-1.5", "Keyboard", "")
    ]


def test_ethernet_of_a_pi_3_survives_and_an_adapter_in_a_socket_does_not(tmp_path: Path) -> None:
    text = below(B_3, "1-1", f"3 {STICK}", "4 0bda:8153 Realtek_Adapter driver=r8152 net=eth1")
    found = plan(text, tmp_path, "1-1.3", house=("eth0", "eth1"))
    assert (cut(found), others(found)) == ("1-1:2", ["1-1.4"])
    assert found.refusal == "Realtek Adapter at USB 1-1.4 is the house's network interface eth1"


def test_a_bridge_of_the_house_counts_as_what_it_is_made_of(tmp_path: Path) -> None:
    text = below(B_4, "1-1", f"3 {STICK}", "4 0bda:8153 Adapter driver=r8152 net=eth1")
    text += "\nabove eth1.7 of eth1\nabove br0 of eth1.7"
    found = plan(text, tmp_path, "1-1.3", house=("br0",))
    assert found.refusal == "Adapter at USB 1-1.4 is eth1, part of the house's network interface br0"


@pytest.mark.parametrize(
    ("device", "refusal"),
    [
        ("0bda:8153 Adapter driver=r8152 net=eth1", "Adapter at USB 1-1.4 is an Ethernet chip (eth1)"),
        ("0424:7800 Adapter", "Adapter at USB 1-1.4 is an Ethernet chip"),
        ("0424:9e00 Adapter driver=smsc95xx", "Adapter at USB 1-1.4 is an Ethernet chip"),
        ("12d1:14db Huawei_E3372 driver=cdc_ether net=eth1", ""),
        ("04e8:6863 Telephone driver=rndis_host net=usb0", ""),
        ("2c7c:0125 EC25 driver=qmi_wwan net=wwan0/wwan", ""),
        ("0bda:8176 Dongle driver=rtl8192cu net=wlan1/wlan", ""),
        ("046d:c31c Keyboard driver=usbhid", ""),
        ("0781:5591 SanDisk disk=sda/1", ""),
    ],
)
def test_what_may_go_dark_with_a_stick(device: str, refusal: str, tmp_path: Path) -> None:
    found = plan(below(B_4, "1-1", f"3 {STICK}", f"4 {device}"), tmp_path, "1-1.3")
    assert (cut(found), others(found), found.refusal) == (ALL_OF_4, ["1-1.4"], refusal)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        (["mount sda1 /boot/firmware vfat", "mount sda2 / ext4"], "carries / and /boot/firmware"),
        (["mount sda1 /boot vfat"], "carries /boot"),
        (["swap sda2"], "carries the swap space sda2"),
        (["made dm-0 vg-root of sda2", "mount dm-0 / ext4"], "carries /"),
        (
            ["made dm-0 crypt of sda2", "made dm-1 vg-swap of dm-0", "swap mapper/vg-swap"],
            "carries the swap space dm-1",
        ),
        (["made md0 - of sda1 sda2", "mount md0 /srv/a\\040b ext4"], "carries /srv/a b"),
        (["made md0/1 - of sda2", "mount md0p1 /srv ext4"], "carries /srv"),
        (["mount sda2 / btrfs"], "carries /"),
        (["mount sda1:sda2 /pool bcachefs"], "carries /pool"),
        (["hidden sda2 ext4"], "carries the file system sda2"),
        (["mount sda2 / ext4", "hidden sda2 ext4"], "carries /"),
        (
            [
                "mount sda1 /a ext4",
                "mount sda2 /b ext4",
                "mount sda2 /c ext4",
                "mount sda2 /d ext4",
                "mount sda2 / ext4",
            ],
            "carries /, /a, /b and 2 more",
        ),
        (["mount sda1 /a vfat", "swap sda2"], "carries /a and carries the swap space sda2"),
    ],
)
def test_a_pi_4_with_its_disk_on_usb(facts: list[str], refusal: str, tmp_path: Path) -> None:
    text = below(below(B_4, "1-1", f"3 {STICK}"), "usb2", "2 0781:55b0 SanDisk_SSD driver=uas disk=sda/2")
    found = plan("\n".join([text, *facts]), tmp_path, "1-1.3")
    assert (cut(found), others(found)) == (ALL_OF_4, ["2-2"])
    assert found.refusal == f"SanDisk SSD at USB 2-2 {refusal}"


def test_a_second_disk_of_a_btrfs_pool(tmp_path: Path) -> None:
    text = below(B_4, "1-1", f"3 {STICK}", "4 0781:5591 Second disk=sdb/1")
    text = below(text, "usb2", "2 0781:55b0 First disk=sda/1")
    found = plan(f"{text}\npool sda1 sdb1\nmount sda1 /pool btrfs", tmp_path, "1-1.3")
    assert found.refusal == "Second at USB 1-1.4 carries /pool; First at USB 2-2 carries /pool"


def test_everything_may_be_mounted_where_nobody_can_tell(tmp_path: Path) -> None:
    text = below(B_4, "1-1", f"3 {STICK}", "4 0781:5591 Disk disk=sda/1")
    made = machine(text, tmp_path)
    (made.proc / "self/mountinfo").unlink()
    tree = made.scan()
    found = plan_power(
        tree, board=board_of(tree.model), target="1-1.3", configured_ports=(), house_interfaces=()
    )
    assert found.refusal == "Disk at USB 1-1.4 carries perhaps a mounted file system"


@pytest.mark.parametrize(
    ("device", "facts", "refusal"),
    [
        # What the stick itself is and has is no reason to leave it dead ...
        ("12d1:14db HiLink driver=cdc_ether net=eth1", [], ""),
        ("fff0:0001 Nobody driver=cdc_ether net=eth1", [], ""),
        ("19d2:0117 ZTE driver=option,usb-storage disk=sr0", ["mount sr0 /media/cd iso9660"], ""),
        # ... but another device may have taken its place.
        ("0781:5591 SSD disk=sda/1", ["mount sda1 / ext4"], "SSD at USB 1-1.3 carries /"),
        ("0424:7800 Adapter driver=lan78xx", [], "Adapter at USB 1-1.3 is an Ethernet chip"),
        ("0bda:8153 LAN driver=r8152 net=lan0", [], "LAN at USB 1-1.3 is the house's network interface lan0"),
    ],
)
def test_what_the_target_itself_carries(device: str, facts: list[str], refusal: str, tmp_path: Path) -> None:
    text = "\n".join([below(B_4, "1-1", f"3 {device}"), *facts])
    assert plan(text, tmp_path, "1-1.3", house=("eth0", "lan0")).refusal == refusal


def test_the_cd_rom_of_another_stick_is_respected(tmp_path: Path) -> None:
    text = below(B_4, "1-1", f"3 {STICK}", "4 0e8d:1956 DVD disk=sr0")
    assert plan(f"{text}\nmount sr0 /run/live/medium iso9660", tmp_path, "1-1.3").refusal == (
        "DVD at USB 1-1.4 carries /run/live/medium"
    )
