"""Which stick on the USB bus is ours, and by what it is spoken to.

A modem is dialled over two of its serial ports, known by USB path and interface number.  Never by
``ttyUSBn``: those numbers move at every re-plug.  The order of belief: the owner's configuration, the
table of known modems, what udev learnt from ModemManager's rules, the interface with an interrupt
endpoint (it carries modem signals), the lowest number.

A stick that is a router of its own (HiLink, RNDIS, NCM) has a network interface instead.  It is known by
its driver, because USB Ethernet adapters have drivers of their own; the few that share one of a stick's are
known by the maker of their chip.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from failberry.at.quirks import quirk_for
from failberry.config import CellularType, Modem
from failberry.core.facts import ModemHardware, Sighting, Stray

STICK_DRIVERS = frozenset({"cdc_ether", "rndis_host", "cdc_ncm"})
"""Behind these is a DHCP server at once.  cdc_mbim and qmi_wwan have none before somebody has spoken MBIM
or QMI, and plain Ethernet chips (smsc95xx, lan78xx, r8152, ax88179_178a…) are no sticks at all."""
DIALLED_DRIVER = "huawei_cdc_ncm"
"""Has one too where the firmware is a router; beside AT ports it waits for ``AT^NDISDUP``."""
ETHERNET_CHIPS = frozenset({0x0BDA, 0x0B95, 0x0424})
"""Vendors Realtek, ASIX and SMSC: adapters of theirs that an older kernel runs by cdc_ether or cdc_ncm."""


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
class UsbNetwork:
    """One network interface of a USB device."""

    interface: int
    """bInterfaceNumber"""
    name: str
    """As the kernel has it now."""
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One USB device with what may make a stick of it."""

    path: str
    vendor_id: int
    product_id: int
    product: str
    ports: tuple[UsbPort, ...] = ()
    networks: tuple[UsbNetwork, ...] = ()
    storage_only: bool = False
    """Whether all its interfaces are mass storage (class 08)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Why there is no stick, and what to do."""

    problem: str
    sighting: Sighting = Sighting.NOTHING
    """``MODEM`` and ``ROUTER``: there is one, but a person has to change the configuration first."""
    stray: Stray | None = None
    """The device in its place that is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is looked for."""

    modem: Modem
    kind: CellularType
    taken: Container[str]
    cd_roms: Container[tuple[int, int]]

    def ports(self, device: UsbDevice) -> bool:
        """Whether the device may be a modem."""
        return self.kind is not CellularType.ETHER and bool(device.ports)

    def network(self, device: UsbDevice) -> UsbNetwork | None:
        """The interface of a device that may be a router."""
        if self.kind is CellularType.PPP or device.vendor_id in ETHERNET_CHIPS:
            return None
        if any(each.name in self.taken for each in device.networks):
            return None
        drivers = STICK_DRIVERS if device.ports else STICK_DRIVERS | {DIALLED_DRIVER}
        fitting = [each for each in device.networks if each.driver in drivers]
        return min(fitting, key=lambda each: each.interface, default=None)


def choose(
    devices: tuple[UsbDevice, ...],
    modem: Modem,
    *,
    kind: CellularType = CellularType.AUTO,
    taken: Container[str] = (),
    cd_roms: Container[tuple[int, int]] = (),
) -> ModemHardware | NotFound:
    """Choose the stick, and its ports or its interface.

    ``taken``: interfaces that are the wired line or the LAN.  ``cd_roms``: vendor and product ids by which
    sticks are known that show themselves as a CD-ROM first.
    """
    wish = _Wish(modem=modem, kind=kind, taken=taken, cd_roms=cd_roms)
    device = _device(devices, wish)
    if isinstance(device, NotFound):
        return device
    network = wish.network(device)
    if network is not None and not (wish.ports(device) and _known(device)):
        return ModemHardware(
            usb_path=device.path,
            vendor_id=device.vendor_id,
            product_id=device.product_id,
            product=device.product,
            dial_tty="",
            status_tty=None,
            dial_interface=-1,
            status_interface=None,
            network_interface=network.name,
            chosen_by=f"network driver {network.driver}",
        )
    return _ports_of(device, modem)


def _ports_of(device: UsbDevice, wanted: Modem) -> ModemHardware | NotFound:
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
            "correct modem.dial_interface",
            sighting=Sighting.MODEM,
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


def _known(device: UsbDevice) -> bool:
    return quirk_for(device.vendor_id, device.product_id).name != "generic"


def _in_table(device: UsbDevice) -> bool:
    return quirk_for(device.vendor_id, device.product_id).ports_of(device.product_id)[0] is not None


def _stray(device: UsbDevice) -> Stray:
    return Stray(
        usb_path=device.path,
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        product=device.product,
    )


# --- which device --------------------------------------------------------------------------------


def _device(devices: tuple[UsbDevice, ...], wish: _Wish) -> UsbDevice | NotFound:
    if wish.modem.usb_path:
        return _device_at(wish.modem.usb_path, devices, wish)
    # Serial ports of an unknown maker come last: they may be a radio clock's, or an Arduino's.
    ranks: tuple[Callable[[UsbDevice], bool], ...] = (
        lambda each: wish.ports(each) and _known(each),
        lambda each: wish.network(each) is not None,
        wish.ports,
    )
    found = next(filter(None, (tuple(filter(rank, devices)) for rank in ranks)), ())
    if len(found) > 1:
        paths = ", ".join(f"{each.path} ({each.product})" for each in found)
        several = f"several modems: {paths}; name one as modem.usb_path"
        return NotFound(problem=several, sighting=Sighting.MODEM)
    return found[0] if found else _no_stick(devices, wish)


def _device_at(path: str, devices: tuple[UsbDevice, ...], wish: _Wish) -> UsbDevice | NotFound:
    for each in devices:
        if each.path == path:
            return each if _fits(each, wish) else _unfit(each, wish)
    elsewhere = ", ".join(f"{each.path} ({each.product})" for each in devices if _fits(each, wish)) or "none"
    return NotFound(
        problem=f"no device at USB {path}; modems elsewhere: {elsewhere}. "
        "Plug it in there, or correct modem.usb_path"
    )


def _fits(device: UsbDevice, wish: _Wish) -> bool:
    return wish.ports(device) or wish.network(device) is not None


def _no_stick(devices: tuple[UsbDevice, ...], wish: _Wish) -> NotFound:
    """Nothing fits: say what comes nearest to it, a stick that is still a CD-ROM first."""
    near: tuple[Callable[[UsbDevice], bool], ...] = (
        lambda each: _is_cd_rom(each, wish),
        lambda each: _of_other_kind(each, wish) != "",
        # The makers of modems make telephones and Bluetooth adapters, too: only what is certainly a modem.
        lambda each: _known(each) and not each.networks and (each.storage_only or _in_table(each)),
    )
    for like in near:
        for each in filter(like, devices):
            return _unfit(each, wish)
    return NotFound(problem="no USB modem found; plug it in, or look at its power supply")


def _is_cd_rom(device: UsbDevice, wish: _Wish) -> bool:
    return device.storage_only and (device.vendor_id, device.product_id) in wish.cd_roms


def _of_other_kind(device: UsbDevice, wish: _Wish) -> str:
    """Return what it is, if ``cellular.type`` alone forbids it; else nothing."""
    any_kind = _Wish(modem=wish.modem, kind=CellularType.AUTO, taken=wish.taken, cd_roms=wish.cd_roms)
    if not _fits(device, any_kind) or _fits(device, wish):
        return ""
    return "is a router of its own" if wish.kind is CellularType.PPP else "is a modem to be dialled"


def _unfit(device: UsbDevice, wish: _Wish) -> NotFound:
    """Say why the device in the stick's place is none."""
    what = f"the device at USB {device.path} ({device.product})"
    # What works and is not wanted must not be reset until it is: only a person can put that right.
    sighting = Sighting.ROUTER if device.networks else Sighting.MODEM if device.ports else Sighting.BARE
    if _is_cd_rom(device, wish):
        sighting = Sighting.CD_ROM
        problem = f"{what} still shows itself as the CD-ROM with its drivers for Windows"
    elif other := _of_other_kind(device, wish):
        problem = f'{what} {other}, but cellular.type is "{wish.kind}"; "auto" would take it'
    elif taken := [each.name for each in device.networks if each.name in wish.taken]:
        problem = f"{what} is the interface {taken[0]}, which the configuration names as wired line or LAN; "
        problem += "correct modem.usb_path"
    elif device.networks:
        names = ", ".join(f"{each.name} (driver {each.driver})" for each in device.networks)
        problem = f"{what} has only {names}, which is no stick with a DHCP server; correct modem.usb_path"
    else:
        problem = f"{what} has no serial ports and no network interface; it may still be in CD-ROM mode, be "
        problem += "starting, or want a driver that this kernel lacks (look at `lsusb -t`)"
    found = sighting in (Sighting.ROUTER, Sighting.MODEM)
    return NotFound(problem=problem, sighting=sighting, stray=None if found else _stray(device))
