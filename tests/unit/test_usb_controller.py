"""Whether a host controller may be taken from its driver for a stick's sake."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from failberry.core.powerplan import ControllerPlan, controller_of
from tests.fakesys import machine
from tests.usbmachines import B_3, B_4, B_5, PC, STICK, ZERO, below


def plan(text: str, where: Path, path: str) -> ControllerPlan:
    return controller_of(machine(dedent(text), where).scan(), path, house_interfaces={"lan0"})


@pytest.mark.parametrize(
    ("base", "hub", "path", "controller"),
    [
        (B_4, "1-1", "1-1.3", "pci 0000:01:00.0 xhci_hcd"),
        (B_4, "1-1", "2-3", "pci 0000:01:00.0 xhci_hcd"),  # absent, on the other bus
        (B_5, "usb2", "2-3", "platform xhci-hcd.0 xhci-hcd"),
        (PC, "usb1", "1-3", "pci 0000:00:14.0 xhci_hcd"),
    ],
)
def test_a_controller_that_carries_nothing_dear(
    base: str, hub: str, path: str, controller: str, tmp_path: Path
) -> None:
    found = plan(below(base, hub, f"3 {STICK}"), tmp_path, path)
    assert found.controller is not None
    told = (found.controller.subsystem, found.controller.name, found.controller.driver)
    assert (" ".join(told), found.refusal) == (controller, "")
    assert path not in [each.usb_path for each in found.casualties]


def test_everything_on_both_buses_is_taken_along(tmp_path: Path) -> None:
    text = below(below(B_4, "1-1", f"3 {STICK}"), "usb2", "1 0781:55b0 SSD disk=sda/1")
    found = plan(f"{text}\nmount sda1 / ext4", tmp_path, "1-1.3")
    assert [each.usb_path for each in found.casualties] == ["1-1", "2-1"]
    assert found.refusal == "SSD at USB 2-1 carries /"
    assert found.words == (
        "take the pci device 0000:01:00.0 from its driver xhci_hcd and give it back, with all of USB bus 1 "
        "and bus 2"
    )


def test_the_other_controller_of_a_pi_5_is_spared(tmp_path: Path) -> None:
    text = below(below(B_5, "usb2", f"1 {STICK}"), "usb4", "2 0bda:8153 Adapter driver=r8152 net=lan0")
    assert plan(text, tmp_path, "2-1").casualties == ()
    assert plan(text, tmp_path / "b", "4-1").refusal == (
        "Adapter at USB 4-2 is the house's network interface lan0"
    )


@pytest.mark.parametrize(
    ("base", "path", "words"),
    [
        (B_3, "1-1.3", "3f980000.usb (dwc_otg) carries all that a board has on USB"),
        (ZERO, "1-1", "3f980000.usb (dwc2) carries all that a board has on USB"),
        (B_4, "3-1", "fe980000.usb (dwc2) carries all that a board has on USB"),
        (B_4, "9-1", "no host controller with a driver carries USB 9-1"),
        (B_4, "", "no host controller with a driver carries USB "),
        (PC.replace(" xhci_hcd", ""), "1-1", "no host controller with a driver carries USB 1-1"),
    ],
)
def test_controllers_that_are_left_alone(base: str, path: str, words: str, tmp_path: Path) -> None:
    assert words in plan(base, tmp_path, path).impossible
