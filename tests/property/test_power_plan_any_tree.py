"""Whatever the tree: a plan that would harm the house refuses itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.core.boards import BOARDS, Board
from failberry.core.power import PowerPlan
from failberry.core.powerplan import controller_of, plan_power
from failberry.core.usbtree import Burdens, Controller, NetInterface, Port, TreeDevice, UsbInterface, UsbTree

HOUSE = ("eth0", "br0")
NAMES = ("eth0", "eth1", "wlan0")
MODELS = (None, *BOARDS)
IDS = ((0x1D6B, 2), (0x1D6B, 3), (0x0424, 0x9514), (0x0424, 0x2514), (0x2109, 0x3431), (0x05E3, 0x0608))
"""Hubs, those of the boards among them, in any place."""
STICK_OR_CHIP = ((0x19D2, 1), (0x0424, 0xEC00))
CONTROLLERS = (
    Controller(name="0", subsystem="platform", driver="dwc_otg"),
    Controller(name="1", subsystem="pci", driver="xhci_hcd"),
    Controller(name="2", subsystem="platform", driver="xhci-hcd"),
    Controller(name="3", subsystem="platform", driver="dummy_hcd"),
)

burdens = st.one_of(
    st.just(Burdens()),
    st.builds(
        Burdens,
        mounts=st.lists(st.sampled_from(["/", "/boot", "/srv"]), max_size=2, unique=True).map(tuple),
        swap=st.sampled_from([(), ("sda2",)]),
        interfaces=st.lists(
            st.builds(
                NetInterface,
                name=st.sampled_from(NAMES),
                ethernet=st.booleans(),
                above=st.sampled_from([(), ("br0",)]),
            ),
            max_size=1,
        ).map(tuple),
    ),
)


@st.composite
def hubs_and_devices(draw: st.DrawFn, path: str, depth: int, controller: Controller) -> list[TreeDevice]:
    hub = depth == 0 or (depth < 4 and draw(st.booleans()))
    count = draw(st.integers(1, 5)) if hub else 0
    vendor, product = draw(st.sampled_from(IDS if hub else STICK_OR_CHIP))
    drivers = [] if hub else [draw(st.sampled_from(["option", ""]))]
    device = TreeDevice(
        path=path,
        vendor_id=vendor,
        product_id=product,
        product="device",
        bcd_usb=draw(st.sampled_from([0x0200, 0x0210, 0x0300])),
        ports=tuple(
            Port(
                number=number,
                exposes_power=draw(st.booleans()),
                peer=draw(st.sampled_from([None, ("usb1", number), ("usb2", number), ("2-1", number)])),
            )
            for number in range(1, count + 1)
        ),
        characteristics=draw(st.sampled_from([None, 8, 9, 10])),
        container=draw(st.sampled_from(["", "a"])),
        interfaces=tuple(UsbInterface(number=0, usb_class=255, driver=each) for each in drivers),
        controller=controller,
        burdens=Burdens() if hub else draw(burdens),
    )
    found = [device]
    for number in range(1, count + 1):
        if draw(st.booleans()):
            stem = f"{path.removeprefix('usb')}-" if depth == 0 else f"{path}."
            found += draw(hubs_and_devices(f"{stem}{number}", depth + 1, controller))
    return found


@st.composite
def trees(draw: st.DrawFn) -> UsbTree:
    controllers = draw(st.lists(st.sampled_from(CONTROLLERS), min_size=1, max_size=3))
    found = [
        device
        for bus, each in enumerate(controllers, 1)
        for device in draw(hubs_and_devices(f"usb{bus}", 0, each))
    ]
    return UsbTree(devices=tuple(found))


@dataclass(frozen=True)
class Case:
    tree: UsbTree
    board: Board | None
    target: str
    configured: tuple[str, ...]

    def plan(self) -> PowerPlan:
        return plan_power(
            self.tree,
            board=self.board,
            target=self.target,
            configured_ports=self.configured,
            house_interfaces=HOUSE,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tree = draw(trees())
    there = [each.path for each in tree.devices if "-" in each.path]
    target = draw(st.sampled_from([*there, "1-1", "1-1.3", "2-1.4.2", "9-1"]))
    ports = [f"{hub.path}:{port.number}" for hub in tree.devices for port in hub.ports]
    configured = draw(st.lists(st.sampled_from([*ports, "8-1:1"]), max_size=3).map(tuple))
    return Case(tree=tree, board=draw(st.sampled_from(MODELS)), target=target, configured=configured)


def above(path: str) -> Iterator[str]:
    """Each port on the way to a device, by another way than the plan's: cut at the last dot or dash."""
    bus, _, rest = path.partition("-")
    digits = rest.split(".")
    for depth in range(len(digits)):
        yield f"{bus}-{'.'.join(digits[:depth])}:{digits[depth]}" if depth else f"usb{bus}:{digits[0]}"


def dear(device: TreeDevice) -> bool:
    names = {name for each in device.burdens.interfaces for name in (each.name, *each.above)}
    chip = (device.vendor_id, device.product_id) in {(0x0424, 0xEC00), (0x0424, 0x9514)}
    return bool(device.burdens.mounts or device.burdens.swap or names & set(HOUSE) or chip)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_what_the_house_needs_is_never_cut_without_a_refusal(case: Case) -> None:
    found = case.plan()
    cut = set(map(str, found.ports))
    for device in case.tree.devices:
        if "-" in device.path and cut & set(above(device.path)):
            named = [each for each in found.casualties if each.usb_path == device.path]
            assert named or device.path == case.target
            if dear(device):
                assert named
                assert named[0].harm
                assert device.path in found.refusal


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_plan_cuts_ports_that_are_there_or_says_why_not(case: Case) -> None:
    found = case.plan()
    there = {f"{hub.path}:{port.number}" for hub in case.tree.devices for port in hub.ports}
    assert set(map(str, found.ports)) <= there
    assert len(set(found.ports)) == len(found.ports)
    assert bool(found.ports) != bool(found.impossible)
    assert found.words
    assert [each.superspeed for each in found.ports] == sorted(each.superspeed for each in found.ports)
    if found.ports and not case.configured:
        # At least one of them is on the way to the target, or feeds the same sockets of the board.
        assert found.basis == "board" or set(map(str, found.ports)) & set(above(case.target))


@settings(max_examples=50, deadline=None)
@given(cases())
def test_a_controller_is_not_re_bound_under_what_the_house_needs(case: Case) -> None:
    found = controller_of(case.tree, case.target, house_interfaces=HOUSE)
    for device in case.tree.devices:
        if found.controller is not None and device.controller == found.controller and dear(device):
            assert found.refusal or "-" not in device.path
