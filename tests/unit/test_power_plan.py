"""Which ports are cut for a stick behind hubs, on both halves of them, and by configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from failberry.core.power import PlanBasis
from failberry.core.usbtree import child_of
from tests.usbmachines import (
    A_PLUS,
    B_1,
    B_3,
    B_3_PLUS,
    B_4,
    B_5,
    CM_4,
    HUB_2,
    PC,
    STICK,
    ZERO,
    below,
    cut,
    others,
    plan,
    usb3_hub,
)


@pytest.mark.parametrize(
    ("base", "hub", "port"),
    [
        (ZERO, "usb1", 1), (A_PLUS, "usb1", 1), (B_1, "1-1", 2), (B_3, "1-1", 3), (B_3_PLUS, "1-1", 2),
        (B_3_PLUS, "1-1.1", 3), (B_4, "1-1", 1), (B_4, "usb3", 1), (B_5, "usb4", 2), (CM_4, "usb1", 1),
        (PC, "usb1", 5),
    ],
)  # fmt: skip
def test_a_hub_that_switches_each_port_spares_its_neighbours(
    base: str, hub: str, port: int, tmp_path: Path
) -> None:
    text = below(base, hub, f"{port} {HUB_2}", f"  2 {STICK}", "  3 0781:5591 SSD disk=sda/1")
    text += "\nmount sda1 / ext4"
    external = child_of(hub, port)
    found = plan(text, tmp_path, child_of(external, 2))
    assert cut(found) == f"{external}:2"
    assert (found.basis, found.casualties, found.refusal) == (PlanBasis.HUB, (), "")


@pytest.mark.parametrize(
    ("text", "target", "ports"),
    [
        (usb3_hub(PC, "usb1", "usb2", 3, says="port", more="peer=2-3"), "1-3.2", "1-3:2 2-3:2"),
        (usb3_hub(PC, "usb1", "usb2", 3, says="port", both="box=abc"), "1-3.2", "1-3:2 2-3:2"),
        # The kernel's link is wrong, and the ids say so.
        (usb3_hub(PC, "usb1", "usb2", 3, says="port", both="box=abc", more="peer=2-4"), "1-3.2",
         "1-3:2 2-3:2"),
        # The stick may hang on the other half.
        (usb3_hub(PC, "usb1", "usb2", 3, says="port", both="box=abc"), "2-3.3", "1-3:3 2-3:3"),
        (
            usb3_hub(PC, "usb1", "usb2", 3, says="gang", both="box=abc"),
            "1-3.2",
            "1-3:1 1-3:2 1-3:3 1-3:4 2-3:1 2-3:2 2-3:3 2-3:4",
        ),
        (usb3_hub(B_4, "1-1", "usb2", 2, says="port", both="box=abc"), "1-1.2.2", "1-1.2:2 2-2:2"),
        # Before Linux 6.10 no ids are in sysfs; on a Pi 4 places must do, for the kernel's links are wrong.
        (usb3_hub(B_4, "1-1", "usb2", 2, says="port"), "1-1.2.2", "1-1.2:2 2-2:2"),
        (usb3_hub(B_4, "1-1", "usb2", 1, says="port").replace("0817 ", "0817 peer=1-1 "), "2-1.3",
         "1-1.1:3 2-1:3"),
        (usb3_hub(B_5, "usb2", "usb3", 1, says="port", more="peer=3-1"), "2-1.2", "2-1:2 3-1:2"),
        # Two hubs with the same id burnt in: the places tell.
        (
            usb3_hub(usb3_hub(PC, "usb1", "usb2", 3, says="port", both="box=abc"), "usb1", "usb2", 4,
                     says="port", both="box=abc").replace("disk=sda/1", ""),
            "1-4.2",
            "1-4:2 2-4:2",
        ),
    ],
)  # fmt: skip
def test_both_halves_of_a_usb_3_hub(text: str, target: str, ports: str, tmp_path: Path) -> None:
    found = plan(text, tmp_path, target)
    assert (cut(found), found.basis) == (ports, PlanBasis.HUB)
    assert "not found" not in found.words


@pytest.mark.parametrize(
    ("text", "target", "ports"),
    [
        # The kernel's link leads to another hub, as the ids tell.
        (
            usb3_hub(PC, "usb1", "usb2", 3, says="port", more="box=abc peer=2-3").replace(
                "usb3 self", "usb3 self box=def"
            ),
            "1-3.2",
            "1-3:2",
        ),
        # A maker burns in the id that the board's own hub has, too.
        (
            below(B_4, "usb2", "2 2109:0817 usb3 ports=4 says=port box=5cf3", "  3 0bda:8153 5G"),
            "2-2.3",
            "2-2:3",
        ),
        # Hubs behind hubs on a Pi 4: the kernel takes those at the same depth for halves.
        (
            below(
                below(
                    B_4,
                    "1-1",
                    "1 2109:2817 bcd=2.10 ports=4 says=port peer=2-1.1",
                    f"  2 {STICK}",
                    "  1 2109:2817 bcd=2.10 ports=4 says=port",
                ),
                "usb2",
                "1 2109:0817 usb3 ports=4 says=port",
                "  1 2109:0817 usb3 ports=4 says=port",
            ),
            "1-1.1.2",
            "1-1.1:2 2-1:2",
        ),
    ],
)
def test_a_hub_that_only_looks_like_the_other_half(
    text: str, target: str, ports: str, tmp_path: Path
) -> None:
    assert cut(plan(text, tmp_path, target)) == ports


def test_a_hub_with_the_ids_of_the_boards_own_one(tmp_path: Path) -> None:
    text = below(B_3_PLUS, "1-1", "2 0424:2514 ports=4 says=port", f"  3 {STICK}")
    assert cut(plan(text, tmp_path, "1-1.2.3")) == "1-1.2:3"


def test_port_1_is_not_port_10(tmp_path: Path) -> None:
    text = below(
        PC, "usb1", "5 0bda:5411 ports=12 says=port", f"  1 {STICK}", "  10 0781:5591 SSD disk=sda/1"
    )
    found = plan(f"{text}\nmount sda1 / ext4", tmp_path, "1-5.1")
    assert (cut(found), found.casualties) == ("1-5:1", ())


def test_a_half_whose_other_half_is_not_sure_says_so(tmp_path: Path) -> None:
    found = plan(usb3_hub(PC, "usb1", "usb2", 3, says="port"), tmp_path, "1-3.2")
    assert cut(found) == "1-3:2"
    assert "its other half was not found and may feed on" in found.words


def test_a_ganged_hub_takes_all_its_sockets_along(tmp_path: Path) -> None:
    gang = HUB_2.replace("says=port", "says=gang")
    text = below(B_5, "usb2", f"2 {gang}", f"  2 {STICK}", "  4 0781:5591 SSD disk=sda/1")
    found = plan(f"{text}\nmount sda1 /srv ext4", tmp_path, "2-2.2")
    assert cut(found) == "2-2:1 2-2:2 2-2:3 2-2:4"
    assert "switches all its ports together" in found.words
    assert found.refusal == "SSD at USB 2-2.4 carries /srv"


def test_a_ganged_hub_with_one_port_is_as_good_as_any(tmp_path: Path) -> None:
    text = below(PC, "usb1", "5 05e3:0608 ports=1 says=gang", f"  1 {STICK}")
    found = plan(text, tmp_path, "1-5.1")
    assert (cut(found), "switches each port by itself" in found.words) == ("1-5:1", True)


@pytest.mark.parametrize("says", ["says=none", ""])
def test_a_hub_that_does_not_switch_is_cut_itself(says: str, tmp_path: Path) -> None:
    plain = f"1a40:0101 USB_2.0_Hub ports=4 {says}"
    text = below(PC, "usb1", f"5 {HUB_2}", f"  1 {plain}", f"    3 {plain}", f"      2 {STICK}",
                 "    4 046d:c31c Keyboard")  # fmt: skip
    found = plan(text, tmp_path, "1-5.1.3.2")
    assert (cut(found), others(found), found.refusal) == ("1-5:1", ["1-5.1", "1-5.1.3", "1-5.1.4"], "")
    assert "own" not in found.words


def test_a_hub_with_its_own_supply_may_feed_on(tmp_path: Path) -> None:
    text = below(B_3, "1-1", "4 1a40:0101 Plain_Hub self ports=4 says=none", f"  1 {STICK}")
    found = plan(text, tmp_path, "1-1.4.1")
    assert (cut(found), found.basis, others(found)) == ("1-1:2", PlanBasis.BOARD, ["1-1.4"])
    assert found.words.endswith("hub 1-1.4 (Plain Hub) has a supply of its own and may feed on")


def test_a_hub_that_left_the_bus_with_the_stick_is_cut_above(tmp_path: Path) -> None:
    found = plan(below(PC, "usb1", f"5 {HUB_2}"), tmp_path, "1-5.1.4")
    assert (cut(found), found.casualties) == ("1-5:1", ())


def test_every_hub_on_the_way_is_named_where_none_switches(tmp_path: Path) -> None:
    text = PC.replace("says=port", "says=none")
    found = plan(below(text, "usb1", "5 1a40:0101 Plain_Hub ports=4", f"  1 {STICK}"), tmp_path, "1-5.1")
    assert found.impossible == (
        "nothing switches the power at USB 1-5.1: hub 1-5 (Plain Hub) did not tell whether it switches "
        "power; hub usb1 (xHCI Host Controller) says that it does not switch power; put a hub that switches "
        "the power of each port between, or name the ports that switch it in power.ports"
    )


@pytest.mark.parametrize(
    ("hub", "ports"),
    [
        ("says=port", "usb1:1"),
        ("says=gang", "usb1:1"),
        ("pm", "usb1:1"),
        ("says=none", ""),
        ("port=unknown", ""),
    ],
)
def test_a_computer_that_is_in_no_table_with_a_root_hub_of_one_port(
    hub: str, ports: str, tmp_path: Path
) -> None:
    text = f"platform dummy_hcd.0 dummy_hcd\nusb1 1d6b:0002 ports=1 {hub}\n  1 {STICK}"
    found = plan(text, tmp_path, "1-1")
    assert (cut(found), bool(found.refusal)) == (ports, not ports)


def test_root_ports_of_a_pc_have_halves_too(tmp_path: Path) -> None:
    found = plan(below(PC, "usb1", f"2 {STICK}", "3 046d:c31c Keyboard"), tmp_path, "1-2")
    assert (cut(found), found.casualties) == ("usb1:2 usb2:2", ())
    assert [each.superspeed for each in found.ports] == [False, True]


class TestConfiguredPorts:
    """The setting power.ports wins, and is not believed blindly."""

    def test_they_win_over_the_table(self, tmp_path: Path) -> None:
        text = below(B_3_PLUS, "1-1.1", f"3 {STICK}", "2 046d:c31c Keyboard")
        found = plan(text, tmp_path, "1-1.1.3", ports="1-1.1:3")
        assert (cut(found), found.basis, found.casualties) == ("1-1.1:3", PlanBasis.CONFIGURATION, ())

    def test_where_the_table_has_no_cure(self, tmp_path: Path) -> None:
        found = plan(below(CM_4, "usb1", f"1 {STICK}"), tmp_path, "1-1", ports="usb1:1")
        assert (cut(found), found.refusal) == ("usb1:1", "")

    def test_a_switch_that_feeds_four_sockets_darkens_four(self, tmp_path: Path) -> None:
        text = below(B_3, "1-1", f"2 {STICK}", "4 0781:5591 SSD disk=sda/1") + "\nmount sda1 / ext4"
        found = plan(text, tmp_path, "1-1.2", ports="1-1:2")
        assert (cut(found), found.refusal) == ("1-1:2", "SSD at USB 1-1.4 carries /")
        assert "out of date" not in plan(text, tmp_path / "b", "1-1.3", ports="1-1:2").words

    def test_usb_2_first_in_whatever_order_they_are_written(self, tmp_path: Path) -> None:
        text = usb3_hub(PC, "usb1", "usb2", 3, says="none")
        found = plan(text, tmp_path, "1-3.2", ports="2-3:2 1-3:2 2-3:2")
        assert cut(found) == "1-3:2 2-3:2"

    def test_they_must_not_take_ethernet_along(self, tmp_path: Path) -> None:
        found = plan(below(B_3, "1-1", f"2 {STICK}"), tmp_path, "1-1.2", ports="usb1:1")
        assert found.refusal == (
            "device 0424:9514 at USB 1-1 is an Ethernet chip; "
            "device 0424:ec00 at USB 1-1.1 is the house's network interface eth0"
        )

    @pytest.mark.parametrize(
        ("ports", "words"),
        [
            ("1-1:2 1-1:9", "power.ports names 1-1:9, but hub 1-1 (device 0424:9514) has ports 1 to 5"),
            ("1-3:1", "power.ports names 1-3:1, but there is no hub 1-3; hubs are: 1-1 and usb1"),
            ("1-1.1:1", "power.ports names 1-1.1:1, but there is no hub 1-1.1; hubs are"),
        ],
    )
    def test_ports_that_do_not_exist(self, ports: str, words: str, tmp_path: Path) -> None:
        found = plan(B_3, tmp_path, "1-1.2", ports=ports)
        assert words in found.impossible
        assert found.ports == ()

    def test_a_stick_that_was_plugged_in_elsewhere(self, tmp_path: Path) -> None:
        found = plan(below(PC, "usb1", f"2 {STICK}"), tmp_path, "1-2", ports="usb1:5")
        assert found.words == (
            "port 5 of hub usb1, as set in power.ports; USB 1-2 is below none of them, so the setting may be "
            "out of date"
        )
