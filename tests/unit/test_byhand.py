"""The owner's hands on modem and bus: refused with a reason, or done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from failberry import byhand
from failberry.adapters import portlock
from failberry.adapters.serialport import ModemPorts
from failberry.adapters.store import Store
from failberry.config import Config, Mode, Wired
from failberry.config import Modem as ModemSettings
from failberry.control.answers import RefusedError
from failberry.control.usbview import usb_view
from failberry.core.actions import Report
from failberry.core.appliance import Appliance
from failberry.core.events import StepRequested
from failberry.core.facts import PortRole
from failberry.core.modem import Modem
from failberry.core.modem_state import ModemState
from failberry.core.steps import Rung
from failberry.core.usbtree import Burdens, NetInterface, Port, TreeDevice, UsbTree
from failberry.usbdeeds import UsbDeeds
from tests.modemsim.model import Sim
from tests.modemsim.modem import SimModem
from tests.unit.adapters.test_serialport import Stick, hardware

CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
PLACED = replace(CONFIG, modem=ModemSettings(usb_path="9-9.9"))


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (portlock.holder, portlock.acquire, portlock.release):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))


def at_the_modem(
    scene: Callable[[Modem, ModemPorts, list[Report]], Awaitable[None]], simulated: SimModem | None = None
) -> None:
    async def stage() -> None:
        stick = Stick(simulated or SimModem(), 2)
        ports, reports = ModemPorts(lambda _: None), list[Report]()
        modem = Appliance(CONFIG, seed=1).modem
        modem.known.hardware = hardware(stick.path)
        assert (await ports.open(1, modem.known.hardware, dial=True)).problem is None
        stick.start()
        async with asyncio.timeout(10):
            await scene(modem, ports, reports)
        await ports.close()

    asyncio.run(stage())


def test_a_command_its_answer_and_its_line_in_the_journal() -> None:
    async def scene(modem: Modem, ports: ModemPorts, reports: list[Report]) -> None:
        answer = await byhand.send_command(modem, ports, "AT+CSQ", report=reports.append)
        assert (answer.port, answer.lines, answer.result) == (PortRole.DIAL, ("+CSQ: 18,99",), "OK")
        assert answer.ok
        assert [each.what for each in reports] == ["sent AT+CSQ on the dial port"]
        assert reports[0].next == "answered OK"

    at_the_modem(scene)


def test_what_an_error_means_is_told() -> None:
    async def scene(modem: Modem, ports: ModemPorts, reports: list[Report]) -> None:
        await byhand.send_command(modem, ports, "AT+CMEE=1", report=reports.append)
        answer = await byhand.send_command(modem, ports, "AT+CPIN?", report=reports.append)
        assert not answer.ok
        assert answer.result == "+CME ERROR: 10"
        assert answer.meaning.startswith("SIM not inserted. The modem sees no SIM")

    at_the_modem(scene, SimModem(sim=Sim(sim_present=False)))


def test_a_refusal_reaches_no_port() -> None:
    async def scene(modem: Modem, ports: ModemPorts, reports: list[Report]) -> None:
        modem.state = ModemState.CONNECTED
        with pytest.raises(RefusedError, match="only AT port"):
            await byhand.send_command(modem, ports, "AT+CSQ", report=reports.append)
        with pytest.raises(RefusedError, match="never passed on"):
            await byhand.send_command(modem, ports, "AT+CPIN=1234", report=reports.append)
        modem.state = ModemState.UNKNOWN
        await ports.close()
        with pytest.raises(RefusedError, match="No port of the modem is open"):
            await byhand.send_command(modem, ports, "AT+CSQ", report=reports.append)
        assert reports == []

    at_the_modem(scene)


def test_the_cd_rom_is_told_of_first_and_taken_away_only_when_confirmed() -> None:
    async def scene(modem: Modem, ports: ModemPorts, reports: list[Report]) -> None:
        told = await byhand.disable_cdrom(modem, ports, confirmed=False, report=reports.append)
        assert (told.command, told.back, told.answer) == ("AT+ZCDRUN=8", "AT+ZCDRUN=9", None)
        assert reports == []
        done = await byhand.disable_cdrom(modem, ports, confirmed=True, report=reports.append)
        assert done.answer is not None
        assert [each.what for each in reports] == ["sent AT+ZCDRUN=8 on the dial port"]
        assert modem.known.hardware is not None
        modem.known.hardware = replace(modem.known.hardware, vendor_id=0x2C7C)
        with pytest.raises(RefusedError, match="No command"):
            await byhand.disable_cdrom(modem, ports, confirmed=True, report=reports.append)
        modem.known.hardware = None
        with pytest.raises(RefusedError, match="no modem to speak to"):
            await byhand.disable_cdrom(modem, ports, confirmed=False, report=reports.append)

    at_the_modem(scene)


def test_steps_that_would_come_to_nothing_are_refused_with_the_reason(tmp_path: Path) -> None:
    async def scene() -> None:
        bus = byhand.Bus(UsbDeeds(Store(tmp_path / "state"), tmp_path / "lock").power)
        nowhere, placed = (Appliance(each, seed=1).modem for each in (CONFIG, PLACED))
        wanted = StepRequested(rung=Rung.MODEM_REBOOT, force=False)
        assert await byhand.allow_step(nowhere, bus, CONFIG, Rung.MODEM_REBOOT, force=False) == wanted
        for rung in (Rung.USB_RESET, Rung.POWER_CYCLE):
            with pytest.raises(RefusedError, match=r"modem\.usb_path"):
                await byhand.allow_step(nowhere, bus, CONFIG, rung, force=True)
        with pytest.raises(RefusedError, match="cannot be cut"):
            await byhand.allow_step(placed, bus, PLACED, Rung.POWER_CYCLE, force=True)
        wanted = StepRequested(rung=Rung.USB_RESET, force=False)
        assert await byhand.allow_step(placed, bus, PLACED, Rung.USB_RESET, force=False) == wanted
        placed.healing = True
        with pytest.raises(RefusedError, match="Another step is under way"):
            await byhand.allow_step(placed, bus, PLACED, Rung.USB_RESET, force=False)

    asyncio.run(scene())


def test_the_bus_is_looked_at_once_for_all_who_ask_within_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        bus = byhand.Bus(UsbDeeds(Store(tmp_path / "state"), tmp_path / "lock").power)
        seen = [tree for tree, _ in await asyncio.gather(*(bus.look() for _ in range(20)))]
        assert all(each is seen[0] for each in seen)
        monkeypatch.setattr(byhand, "FRESH", 0.0)
        bus = byhand.Bus(UsbDeeds(Store(tmp_path / "state"), tmp_path / "lock").power)
        assert (await bus.look())[0] is not (await bus.look())[0]

    asyncio.run(scene())


TREE = UsbTree(
    model="a board",
    devices=(
        TreeDevice(path="1-1.10", vendor_id=0x19D2, product_id=0x0117, product="MF180"),
        TreeDevice(
            path="1-1.2",
            vendor_id=0x0781,
            product_id=0x5583,
            product="Fit",
            burdens=Burdens(mounts=("/srv",), swap=("/dev/sda2",)),
        ),
        TreeDevice(
            path="1-1",
            vendor_id=0x0424,
            product_id=0x9514,
            product="hub",
            ports=tuple(Port(number=each) for each in (1, 2, 10)),
            characteristics=1,
        ),
        TreeDevice(
            path="1-1.1",
            vendor_id=0x0424,
            product_id=0xEC00,
            product="Ethernet",
            burdens=Burdens(interfaces=(NetInterface(name="eth0", ethernet=True),)),
        ),
        TreeDevice(path="usb1", vendor_id=0x1D6B, product_id=2, product="root", ports=(Port(number=1),)),
    ),
)


def test_the_bus_is_told_in_the_order_of_its_ports_with_what_is_lost() -> None:
    power = byhand.preview(TREE, CONFIG, "1-1.10")
    told = usb_view(TREE, ttys={"1-1.10": ("/dev/ttyUSB0",)}, modem="1-1.10", power=power, problem="")
    assert [each.path for each in told.devices] == ["usb1", "1-1", "1-1.1", "1-1.2", "1-1.10"]
    root, hub, ethernet, disk, modem = told.devices
    assert (root.switching, hub.switching, disk.switching) == ("unknown", "per-port", "")
    assert (hub.cut, hub.ports, hub.ids) == ((10,), 3, "0424:9514")
    assert ethernet.interfaces == ("eth0",)
    assert disk.mounts == ("/srv", "swap /dev/sda2")
    assert (modem.modem, modem.ttys) == (True, ("/dev/ttyUSB0",))
    ganged = replace(TREE, devices=tuple(replace(each, characteristics=0) for each in TREE.devices))
    power = byhand.preview(ganged, CONFIG, "1-1.10")
    told = usb_view(ganged, ttys={}, modem="1-1.10", power=power, problem="")
    assert "eth0" in told.devices[2].harm
    assert "/srv" in told.devices[3].harm
    assert "/srv" in power.refusal
