"""The USB bus as its readers get it: the tree, what each device carries, where the modem's power is cut."""

from __future__ import annotations

from collections.abc import Mapping

from failberry.control.answers import PowerPreview, UsbDeviceView, UsbView
from failberry.core.usbtree import TreeDevice, UsbTree, bus_of, chain_of


def usb_view(
    tree: UsbTree,
    *,
    ttys: Mapping[str, tuple[str, ...]],
    modem: str | None,
    power: PowerPreview | None,
    problem: str,
) -> UsbView:
    """Compose it; ``ttys`` are the serial ports of each device, by its path."""
    devices = sorted(tree.devices, key=lambda each: (bus_of(each.path), chain_of(each.path)))
    return UsbView(
        model=tree.model,
        devices=tuple(
            _device(each, ttys=ttys.get(each.path, ()), modem=each.path == modem, power=power)
            for each in devices
        ),
        problem=problem,
        power=power,
    )


def _device(
    device: TreeDevice, *, ttys: tuple[str, ...], modem: bool, power: PowerPreview | None
) -> UsbDeviceView:
    burdens = device.burdens
    plan = power.plan if power is not None else None
    casualties = {each.usb_path: each.harm for each in plan.casualties} if plan is not None else {}
    return UsbDeviceView(
        path=device.path,
        ids=f"{device.vendor_id:04x}:{device.product_id:04x}",
        product=device.product,
        speed=device.speed,
        self_powered=device.self_powered,
        ports=len(device.ports),
        switching=str(device.switching) if device.ports else "",
        ttys=ttys,
        interfaces=tuple(each.name for each in burdens.interfaces),
        mounts=(*burdens.mounts, *burdens.discs, *(f"swap {each}" for each in burdens.swap)),
        modem=modem,
        cut=tuple(each.port for each in plan.ports if each.hub == device.path) if plan is not None else (),
        harm=casualties.get(device.path, ""),
    )
