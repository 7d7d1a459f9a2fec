"""The two halves of a USB 3 hub: the current at a socket is off only if the port is off in both.

To the bus they are two hubs, one on a USB 2 bus and one on a USB 3 bus (USB 3.2 section 10.1).
"""

from __future__ import annotations

from failberry.core.boards import Board, Wiring
from failberry.core.power import HubPort
from failberry.core.usbtree import TreeDevice, UsbTree, chain_of


def other_half(tree: UsbTree, board: Board | None, own: Wiring, port: HubPort) -> HubPort | None:
    """The same socket's port on the hub's other half; None if it has none, or none that is sure.

    Halves are known by their Container ID, else by the kernel's ``peer`` link, else by their place on
    a board where the kernel cannot know.
    """
    hub = tree.device(port.hub)
    if hub is None:
        return None
    others = [
        each
        for each in tree.devices
        if each.ports and each.superspeed != hub.superspeed and each.path not in own.hubs
        if not (hub.container and each.container and hub.container != each.container)
    ]
    half = (
        _by_container(hub, others, board)
        or _by_peer(hub, port.port, others, board)
        or _by_place(hub, others, board)
    )
    if half is None:
        return None
    hub_name, number = half
    return tree.port(hub_name, number or port.port)


def _by_container(hub: TreeDevice, others: list[TreeDevice], board: Board | None) -> tuple[str, int] | None:
    same = [each for each in others if hub.container and each.container == hub.container]
    # Some makers burn the same id into all their hubs; then the place must decide.
    placed = [each for each in same if _same_place(hub, each, board)]
    best = placed or same
    return (best[0].path, 0) if len(best) == 1 else None


def _by_peer(
    hub: TreeDevice, number: int, others: list[TreeDevice], board: Board | None
) -> tuple[str, int] | None:
    if board is not None and board.usb2_one_deeper and chain_of(hub.path):
        return None  # the kernel takes hubs at the same depth for halves of each other
    peer = next((each.peer for each in hub.ports if each.number == number), None)
    return peer if peer is not None and any(each.path == peer[0] for each in others) else None


def _by_place(hub: TreeDevice, others: list[TreeDevice], board: Board | None) -> tuple[str, int] | None:
    if board is None or not board.usb2_one_deeper:
        return None
    for each in others:
        alike = (hub.vendor_id, len(hub.ports), hub.controller) == (
            each.vendor_id,
            len(each.ports),
            each.controller,
        )
        if alike and _same_place(hub, each, board):
            return each.path, 0
    return None


def _same_place(one: TreeDevice, other: TreeDevice, board: Board | None) -> bool:
    usb2, usb3 = (other, one) if one.superspeed else (one, other)
    if board is not None and board.usb2_one_deeper and one.controller == other.controller:
        return chain_of(usb2.path)[1:] == chain_of(usb3.path)
    return chain_of(usb2.path) == chain_of(usb3.path)
