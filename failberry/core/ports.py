"""Which of a modem's ports dials and which tells the signal: by USB path and interface number.

Never by ``ttyUSBn``: those numbers move at every re-plug.  The order of belief: the owner's
configuration, the table of known modems, what udev learnt from ModemManager's rules, the interface
with an interrupt endpoint (it carries modem signals), the lowest number.
"""

from __future__ import annotations

from dataclasses import dataclass

from failberry.at.quirks import quirk_for
from failberry.config import Modem
from failberry.core.facts import ModemHardware


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbPort:
    """One serial port of a USB device."""

    interface: int
    """bInterfaceNumber"""
    tty: str
    interrupt_endpoint: bool
    hint: str = ""
    """``dial`` or ``status`` if udev says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One USB device with its serial ports; a modem has at least one."""

    path: str
    vendor_id: int
    product_id: int
    product: str
    ports: tuple[UsbPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Why there is no modem, and what to do."""

    problem: str


def choose(devices: tuple[UsbDevice, ...], wanted: Modem) -> ModemHardware | NotFound:
    """Choose the modem and its two ports."""
    device = _device(devices, wanted)
    if isinstance(device, NotFound):
        return device
    numbers = {port.interface: port for port in device.ports}
    quirk = quirk_for(device.vendor_id, device.product_id)
    table_dial, table_status = quirk.ports_of(device.product_id)

    dial, chosen_by = wanted.dial_interface, "configuration"
    if dial < 0:
        candidates = (
            (table_dial, "table of known modems"),
            (_hinted(device, "dial"), "udev"),
            (
                min((p.interface for p in device.ports if p.interrupt_endpoint), default=None),
                "interrupt endpoint",
            ),
            (min(numbers), "lowest number"),
        )
        dial, chosen_by = next((n, by) for n, by in candidates if n is not None and n in numbers)
    if dial not in numbers:
        present = ", ".join(str(n) for n in sorted(numbers))
        return NotFound(
            problem=f"modem at USB {device.path} has no serial port on interface {dial} (it has {present}); "
            "correct modem.dial_interface"
        )
    status: int | None = wanted.status_interface
    if wanted.status_interface < 0:
        others = sorted(n for n in numbers if n != dial)
        known = table_status if table_status is not None else _hinted(device, "status")
        # A port that is in no table may be the diagnostic one; the lowest other number is asked politely.
        status = known if known in others else (others[0] if others and table_dial is None else None)
    return ModemHardware(
        usb_path=device.path,
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        product=device.product,
        dial_tty=numbers[dial].tty,
        status_tty=numbers[status].tty if status is not None and status in numbers else None,
        dial_interface=dial,
        status_interface=status if status in numbers else None,
        chosen_by=chosen_by,
    )


def _hinted(device: UsbDevice, hint: str) -> int | None:
    return min((port.interface for port in device.ports if port.hint == hint), default=None)


def _device(devices: tuple[UsbDevice, ...], wanted: Modem) -> UsbDevice | NotFound:
    with_ports = tuple(each for each in devices if each.ports)
    if wanted.usb_path:
        for each in devices:
            if each.path == wanted.usb_path:
                if each.ports:
                    return each
                return NotFound(
                    problem=f"the device at USB {each.path} ({each.product}) has no serial ports; "
                    "it may still be in CD-ROM mode, or be a stick without PPP"
                )
        elsewhere = ", ".join(f"{each.path} ({each.product})" for each in with_ports) or "none"
        return NotFound(
            problem=f"no device at USB {wanted.usb_path}; modems elsewhere: {elsewhere}. "
            "Plug it in there, or correct modem.usb_path"
        )
    known = tuple(each for each in with_ports if quirk_for(each.vendor_id, each.product_id).name != "generic")
    found = known or with_ports
    if not found:
        return NotFound(problem="no USB modem found; plug it in, or look at its power supply")
    if len(found) > 1:
        paths = ", ".join(f"{each.path} ({each.product})" for each in found)
        return NotFound(problem=f"several modems: {paths}; name one as modem.usb_path")
    return found[0]
