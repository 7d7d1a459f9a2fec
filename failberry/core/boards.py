"""How the Raspberry Pi boards switch the power of their USB sockets, as data.

Source: README and code of uhubctl as of June 2026 (``mvp/uhubctl``) and its issues, which the rows name.
What a board's own hubs say of themselves is not believed: nearly all of them claim to switch each port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from failberry.core.power import HubPort
from failberry.core.usbtree import TreeDevice, UsbTree, chain_of

_PUT_A_HUB: Final = "put a hub that switches the power of each port between"
CURE: Final = f"{_PUT_A_HUB}, or name the ports that switch it in power.ports"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHub:
    """A hub soldered to the board, or a root hub of its controller."""

    vendor_id: int
    product_id: int
    place: tuple[int, ...]
    """Ports on the way to it from the root hub; empty for a root hub.  Bus numbers move, this does not."""
    ports: int
    """How many it has."""
    switch: tuple[int, ...] = ()
    """Ports to switch off to take the sockets' power."""
    sockets: tuple[int, ...] = ()
    """Ports that lose their power by that, and so lead to sockets (or nowhere)."""
    ethernet: int | None = None
    """Port that leads to the board's own Ethernet; it keeps its power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One row: boards that are wired alike."""

    name: str
    models: str
    """Regular expression for the start of the model's name as the firmware has it."""
    subsystem: str
    drivers: frozenset[str]
    """Kernel drivers of the controllers that are part of the board (not those on an expansion card)."""
    hubs: tuple[OwnHub, ...] = ()
    """All on one controller; none if the board has but its root hubs."""
    words: str
    """What its sockets do, for people: a verb and what follows."""
    cure: str = CURE
    """What to do where that is not enough."""
    usb2_one_deeper: bool = False
    """A USB 3 hub in a socket is at ``1-1.4`` with its USB 2 half and at ``2-4`` with the other."""

    @property
    def switches(self) -> bool:
        """Whether the power of its sockets can be cut at all."""
        return any(each.switch for each in self.hubs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """A board's own hubs, found in a tree."""

    hubs: tuple[str, ...] = ()
    switch: tuple[HubPort, ...] = ()
    """All to be switched off together; in the order of the table."""
    sockets: tuple[HubPort, ...] = ()
    """All that lose their power by that."""
    ethernet: tuple[HubPort, ...] = ()
    """What never must lose it."""


_DWC: Final = frozenset({"dwc2", "dwc_otg"})
_XHCI_PLATFORM: Final = frozenset({"xhci-hcd"})

BOARDS: Final = (
    Board(
        name="Raspberry Pi Zero",
        models=r"Raspberry Pi Zero\b",  # also W, 2 W: #38, #394, #467
        subsystem="platform",
        drivers=_DWC,
        words="has one USB port without a switch",
        cure=_PUT_A_HUB,
    ),
    Board(
        name="Raspberry Pi A, A+ or 3A+",
        models=r"Raspberry Pi (3 )?Model A\b",
        subsystem="platform",
        drivers=_DWC,
        words="has one USB port without a switch",
        cure=_PUT_A_HUB,
    ),
    Board(
        name="Raspberry Pi B",
        # "Model B Rev 2"; what mainline calls "Model B+" is "Model B Plus" to the firmware.
        models=r"Raspberry Pi Model B(?!\+| Plus)\b",
        subsystem="platform",
        drivers=_DWC,
        hubs=(OwnHub(vendor_id=0x0424, product_id=0x9512, place=(1,), ports=3, ethernet=1),),
        # One report of a switch that works (#144), against uhubctl's author and the circuit (#85, #35).
        words="does not switch the power of its USB sockets",
        cure=_PUT_A_HUB,
    ),
    Board(
        name="Raspberry Pi B+, 2B or 3B",
        models=r"Raspberry Pi (Model B(\+| Plus)|[23] Model B(?!\+| Plus))",
        subsystem="platform",
        drivers=_DWC,
        hubs=(
            OwnHub(
                vendor_id=0x0424, product_id=0x9514, place=(1,), ports=5, switch=(2,), sockets=(2, 3, 4, 5),
                ethernet=1,
            ),
        ),
        words="switches all four sockets together, by port 2 of their hub; Ethernet keeps its power",
    ),
    Board(
        name="Raspberry Pi 3B+",
        models=r"Raspberry Pi 3 Model B(\+| Plus)",
        subsystem="platform",
        drivers=_DWC,
        # Reports of 2020 say that the sockets of the second hub switch one by one (#210, #215); the README
        # does not any more.
        hubs=(
            OwnHub(vendor_id=0x0424, product_id=0x2514, place=(1,), ports=4, switch=(2,), sockets=(2, 3, 4)),
            OwnHub(vendor_id=0x0424, product_id=0x2514, place=(1, 1), ports=3, sockets=(2, 3), ethernet=1),
        ),
        words="switches all four sockets together, by port 2 of its first hub; Ethernet keeps its power",
    ),
    Board(
        name="Raspberry Pi 4B or 400",
        # uhubctl knows the 4B only; the 400 has the same controller, and its keyboard hangs on it, too.
        models=r"Raspberry Pi (4 Model B|400)\b",
        subsystem="pci",
        drivers=frozenset({"xhci_hcd"}),
        hubs=(
            OwnHub(
                vendor_id=0x2109, product_id=0x3431, place=(1,), ports=4, switch=(1, 2, 3, 4),
                sockets=(1, 2, 3, 4),
            ),
            OwnHub(
                vendor_id=0x1D6B, product_id=0x0003, place=(), ports=4, switch=(1, 2, 3, 4),
                sockets=(1, 2, 3, 4),
            ),
        ),
        words="switches all its sockets together, if all ports of both hubs are off and its VL805 has "
        "firmware 000137ad or newer; Ethernet is not on USB",
        usb2_one_deeper=True,
    ),
    Board(
        name="Raspberry Pi 5 or 500",
        models=r"Raspberry Pi (5|500)\b",
        subsystem="platform",
        drivers=_XHCI_PLATFORM,
        hubs=(
            OwnHub(vendor_id=0x1D6B, product_id=0x0002, place=(), ports=2, switch=(1, 2), sockets=(1, 2)),
            OwnHub(vendor_id=0x1D6B, product_id=0x0003, place=(), ports=1, switch=(1,), sockets=(1,)),
        ),
        words="switches all its sockets together, if all ports of its four root hubs are off; Ethernet is "
        "not on USB",
    ),
    Board(
        name="Raspberry Pi Compute Module",
        models=r"Raspberry Pi Compute Module\b",  # 1, 3, 3+, 4, 4S, 5
        subsystem="platform",
        drivers=_DWC | _XHCI_PLATFORM,
        words="has its USB power wired by the carrier board",
    ),
)  # fmt: skip


def board_of(model: str) -> Board | None:
    """The row for a model; None for a computer that is not in the table."""
    return next((each for each in BOARDS if re.match(each.models, model)), None)


def is_own(board: Board | None, hub: TreeDevice) -> bool:
    """Whether a hub belongs to the board, so that its word is not asked.

    Any root hub on the board's own controllers does, and so does every hub of the table.  DWC root hubs
    belong to the board whichever it is: they claim to switch their port, and none is known to.
    """
    if not chain_of(hub.path) and hub.controller is not None and hub.controller.driver in _DWC:
        return True
    if board is None or not _carried(board, hub):
        return False
    return not chain_of(hub.path) or any(_fits(own, hub) for own in board.hubs)


def wiring(board: Board | None, tree: UsbTree) -> Wiring:
    """Find the board's own hubs by their ids and places, on whatever buses they are today.

    A controller on which one of them is missing has none: the sockets would keep their power.
    """
    if board is None:
        return Wiring()
    carried = [each for each in tree.devices if _carried(board, each)]
    found: list[tuple[OwnHub, TreeDevice]] = []
    for controller in dict.fromkeys(each.controller for each in carried):
        there = [each for each in carried if each.controller == controller]
        pairs = [(own, each) for own in board.hubs for each in there if _fits(own, each)]
        if len({(*own.place, own.product_id) for own, _ in pairs}) == len(board.hubs):
            found += pairs
    return Wiring(
        hubs=tuple(hub.path for _, hub in found),
        switch=tuple(_port(hub, number) for own, hub in found for number in own.switch),
        sockets=tuple(_port(hub, number) for own, hub in found for number in own.sockets),
        ethernet=tuple(_port(hub, own.ethernet) for own, hub in found if own.ethernet is not None),
    )


def _carried(board: Board, device: TreeDevice) -> bool:
    controller = device.controller
    return (
        controller is not None
        and controller.subsystem == board.subsystem
        and controller.driver in board.drivers
    )


def _fits(own: OwnHub, device: TreeDevice) -> bool:
    return (
        (device.vendor_id, device.product_id) == (own.vendor_id, own.product_id)
        and chain_of(device.path) == own.place
        and len(device.ports) == own.ports
    )


def _port(hub: TreeDevice, number: int) -> HubPort:
    return HubPort(hub=hub.path, port=number, superspeed=hub.superspeed)
