"""Which ports to cut for a device, and who else pays for it.

The order of belief, from the device's port upwards to the bus: the owner's configuration, the table of
boards, the hub's own description.  A hub that does not switch has its supply cut at the port that feeds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from failberry.core.boards import CURE, Board, Wiring, is_own, wiring
from failberry.core.power import Casualty, HubPort, PlanBasis, PowerPlan, objections
from failberry.core.usbhalves import other_half
from failberry.core.usbtree import (
    Controller,
    NetInterface,
    Switching,
    TreeDevice,
    UsbTree,
    bus_of,
    chain_of,
    is_ethernet_chip,
    is_path,
    is_stick,
    way_up,
)

_HALF = 0x0210
"""bcdUSB from which a hub is half of a USB 3 hub (USB 3.2 section 10.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    switch: tuple[HubPort, ...]
    dark: tuple[HubPort, ...]
    """At least those; more where one switch feeds several ports."""
    basis: PlanBasis
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerPlan:
    """Taking a host controller from its driver and giving it back, and what that takes along."""

    target: str
    """USB path of the device that shall come back by it; it need not be there."""
    controller: Controller | None
    words: str
    casualties: tuple[Casualty, ...] = ()
    """Everything on all its buses but the target."""
    impossible: str = ""
    """Why it cannot be done at all; then there may be no controller."""

    @property
    def refusal(self) -> str:
        """Why it must not be done; empty: it may."""
        return self.impossible or objections(self.casualties)


def plan_power(
    tree: UsbTree,
    *,
    board: Board | None,
    target: str,
    configured_ports: tuple[str, ...],
    house_interfaces: Collection[str],
) -> PowerPlan:
    """Plan how to take the power of the device at ``target``, which may have left the bus.

    ``configured_ports`` is the setting power.ports; ``house_interfaces`` are the names of the LAN's and
    the wired line's interfaces.
    """
    own = wiring(board, tree)
    cut = _by_configuration(tree, own, target, configured_ports) if configured_ports else None
    if cut is None:
        cut = _by_climbing(tree, board, own, target)
    if isinstance(cut, str):
        return PowerPlan(target=target, ports=(), basis=PlanBasis.NONE, words=cut, impossible=cut)
    dark = {each.path: each for port in (*cut.dark, *cut.switch) for each in tree.below(port)}
    return PowerPlan(
        target=target,
        # USB 2 halves first: a device that loses only its USB 3 half comes back on the other at once.
        ports=tuple(
            sorted(set(cut.switch), key=lambda each: (each.superspeed, *_place(each.hub), each.port))
        ),
        basis=cut.basis,
        words=cut.words,
        casualties=_casualties(dark.values(), target, house_interfaces),
    )


def controller_of(
    tree: UsbTree, path: str, *, house_interfaces: Collection[str] = frozenset()
) -> ControllerPlan:
    """Plan to re-bind the host controller that carries the device at ``path``, absent or not."""
    bus = tree.device(f"usb{bus_of(path)}") if is_path(path) else None
    controller = bus.controller if bus is not None else None
    if controller is None or not controller.driver:
        problem = f"no host controller with a driver carries USB {path}"
        return ControllerPlan(target=path, controller=None, words=problem, impossible=problem)
    buses = {bus_of(each.path) for each in tree.devices if each.controller == controller}
    on_it = [each for each in tree.devices if chain_of(each.path) and bus_of(each.path) in buses]
    impossible = ""
    if controller.driver in {"dwc2", "dwc_otg"}:
        impossible = (
            f"the controller {controller.name} ({controller.driver}) carries all that a board has on USB, "
            "its Ethernet too, and is not reset while the system runs"
        )
    return ControllerPlan(
        target=path,
        controller=controller,
        words=f"take the {controller.subsystem} device {controller.name} from its driver {controller.driver} "
        f"and give it back, with all of USB {_list(f'bus {number}' for number in sorted(buses))}",
        casualties=_casualties(on_it, path, house_interfaces),
        impossible=impossible,
    )


def _by_configuration(tree: UsbTree, own: Wiring, target: str, configured: tuple[str, ...]) -> _Cut | str:
    ports: list[HubPort] = []
    for each in configured:
        hub, _, digits = each.partition(":")
        found = tree.device(hub)
        if found is None or not found.ports:
            hubs = _list(device.path for device in tree.devices if device.ports) or "none"
            return f"power.ports names {each}, but there is no hub {hub}; hubs are: {hubs}"
        port = tree.port(hub, int(digits)) if digits.isdecimal() else None
        if port is None:
            there = f"hub {hub} ({found.product}) has ports 1 to {len(found.ports)}"
            return f"power.ports names {each}, but {there}"
        ports.append(port)
    # The owner knows which ports; that one switch of the board feeds several sockets remains true.
    dark = own.sockets if own.switch and set(own.switch) <= set(ports) else ()
    words = f"{_names(ports)}, as set in power.ports"
    if is_path(target) and not any((port.hub, port.port) in set(way_up(target)) for port in (*ports, *dark)):
        words += f"; USB {target} is below none of them, so the setting may be out of date"
    return _Cut(switch=tuple(ports), dark=dark, basis=PlanBasis.CONFIGURATION, words=words)


def _by_climbing(tree: UsbTree, board: Board | None, own: Wiring, target: str) -> _Cut | str:
    if not is_path(target):
        return f"{target!r} is not the path of a USB device; set modem.usb_path, for example to 1-1.3"
    why_not: list[str] = []
    fed: list[TreeDevice] = []
    for path, number in way_up(target):
        hub = tree.device(path)
        if hub is None:
            why_not.append(f"hub {path} is not there")
            continue
        if is_own(board, hub):
            cut = _by_board(board, own, hub, number)
        else:
            cut = _by_hub(tree, board, own, hub, number)
        if isinstance(cut, _Cut):
            doubts = _list(f"{each.path} ({each.product})" for each in fed if each.self_powered)
            if not doubts:
                return cut
            return replace(cut, words=f"{cut.words}; hub {doubts} has a supply of its own and may feed on")
        why_not.append(cut)
        fed.append(hub)
        if is_own(board, hub):
            break
    cure = CURE if board is None else board.cure
    return f"nothing switches the power at USB {target}: {'; '.join(why_not)}; {cure}"


def _by_board(board: Board | None, own: Wiring, hub: TreeDevice, number: int) -> _Cut | str:
    port = HubPort(hub=hub.path, port=number, superspeed=hub.superspeed)
    if board is not None and port in own.sockets and own.switch:
        return _Cut(
            switch=own.switch,
            dark=own.sockets,
            basis=PlanBasis.BOARD,
            words=f"{_names(own.switch)}: a {board.name} {board.words}",
        )
    if port in own.ethernet:
        return f"port {number} of hub {hub.path} feeds the board's own Ethernet and stays on"
    if board is not None and not board.switches:
        return f"a {board.name} {board.words}"
    if board is not None and not own.hubs:
        return f"the hubs that switch the sockets of a {board.name} are not all there"
    return f"port {number} of hub {hub.path} ({hub.product}) has no switch"


def _by_hub(tree: UsbTree, board: Board | None, own: Wiring, hub: TreeDevice, number: int) -> _Cut | str:
    name = f"hub {hub.path} ({hub.product})"
    if all(each.number != number for each in hub.ports):
        return f"{name} has no port {number}"
    match hub.switching:
        case Switching.PER_PORT:
            numbers, claim = [number], "switches each port by itself"
        case Switching.GANGED:
            numbers, claim = [each.number for each in hub.ports], "switches all its ports together"
        case Switching.NONE:
            return f"{name} says that it does not switch power"
        case Switching.UNKNOWN:
            return f"{name} did not tell whether it switches power"
    halves = [HubPort(hub=hub.path, port=each, superspeed=hub.superspeed) for each in numbers]
    twins = [other_half(tree, board, own, each) for each in halves]
    ports = (*halves, *(each for each in twins if each is not None))
    words = f"{_names(ports)}: {name} says that it {claim}"
    if None in twins and hub.bcd_usb >= _HALF and any(each.superspeed for each in _on_controller(tree, hub)):
        words += "; if it is half of a USB 3 hub, its other half was not found and may feed on"
    return _Cut(switch=ports, dark=ports, basis=PlanBasis.HUB, words=words)


def _on_controller(tree: UsbTree, hub: TreeDevice) -> list[TreeDevice]:
    return [each for each in tree.devices if each.controller == hub.controller]


def _casualties(devices: Iterable[TreeDevice], target: str, house: Collection[str]) -> tuple[Casualty, ...]:
    found = []
    for each in sorted(devices, key=lambda device: _place(device.path)):
        harm = _harm(each, house, target=each.path == target)
        if harm or each.path != target:
            found.append(Casualty(usb_path=each.path, product=each.product, harm=harm))
    return tuple(found)


def _place(path: str) -> tuple[int, tuple[int, ...]]:
    return bus_of(path), chain_of(path)


def _harm(device: TreeDevice, house: Collection[str], *, target: bool) -> str:
    """What the house would miss; of the target itself, which may be another device now, what no modem has."""
    burdens = device.burdens
    mounts = burdens.mounts if target else (*burdens.mounts, *burdens.discs)
    reasons = []
    if mounts:
        more = [f"{len(mounts) - 3} more"] if len(mounts) > 3 else []
        reasons.append(f"carries {_list([*mounts[:3], *more])}")
    if burdens.swap:
        reasons.append(f"carries the swap space {_list(burdens.swap)}")
    ours = [words for each in burdens.interfaces if (words := _house_interface(each, house))]
    ethernet = [each.name for each in burdens.interfaces if each.ethernet]
    if ours:
        reasons += ours
    elif is_ethernet_chip(device) or (ethernet and not target and not is_stick(device)):
        reasons.append(f"is an Ethernet chip ({_list(ethernet)})" if ethernet else "is an Ethernet chip")
    return " and ".join(reasons)


def _house_interface(interface: NetInterface, house: Collection[str]) -> str:
    if interface.name in house:
        return f"is the house's network interface {interface.name}"
    above = [each for each in interface.above if each in house]
    return f"is {interface.name}, part of the house's network interface {_list(above)}" if above else ""


def _names(ports: Iterable[HubPort]) -> str:
    hubs: dict[str, list[int]] = {}
    for port in ports:
        hubs.setdefault(port.hub, []).append(port.port)
    return _list(
        f"port{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} of hub {hub}"
        for hub, numbers in hubs.items()
    )


def _list(words: Iterable[str]) -> str:
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last
