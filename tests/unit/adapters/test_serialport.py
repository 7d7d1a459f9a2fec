"""AT ports on a pty: the real pyserial, the real codec, the modem simulator at the other end."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from failberry.adapters import portlock, serialport
from failberry.adapters.serialport import AtPort, ModemPorts
from failberry.at import commands
from failberry.at.codec import ResultKind
from failberry.core.events import PortLost, UrcReceived
from failberry.core.facts import ModemHardware, PortRole
from tests.modemsim import model
from tests.modemsim.model import Faults
from tests.modemsim.modem import SimModem


class Stick:
    """The modem's side of one pty."""

    def __init__(self, modem: SimModem, port: int) -> None:
        self.modem = modem
        self.port = port
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(slave)
        self.slave = slave
        self.now = 0.0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.put(self.modem.power_on(self.now))
        loop.add_reader(self.master, self.read)

    def read(self) -> None:
        data = os.read(self.master, 4096)
        self.put(self.modem.receive(self.port, data, asyncio.get_running_loop().time()))

    def put(self, outputs: list[model.Output]) -> None:
        for each in outputs:
            if isinstance(each, model.Write) and each.port == self.port:
                os.write(self.master, each.data)

    def hang_up(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (portlock.holder, portlock.acquire, portlock.release):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))


def hardware(path: str) -> ModemHardware:
    return ModemHardware(
        usb_path="1-1",
        vendor_id=0x19D2,
        product_id=0x0117,
        product="MF180",
        dial_tty=path,
        status_tty=None,
        dial_interface=2,
        status_interface=None,
        chosen_by="test",
    )


def play(
    scene: Callable[[Stick, AtPort, list[object]], Awaitable[None]], modem: SimModem | None = None
) -> None:
    async def stage() -> None:
        stick = Stick(modem or SimModem(), 2)
        heard: list[object] = []
        ports = ModemPorts(heard.append)
        opened = await ports.open(1, hardware(stick.path), dial=True)
        assert opened.problem is None
        port = ports.port(PortRole.DIAL)
        assert port is not None
        stick.start()
        async with asyncio.timeout(10):
            await scene(stick, port, heard)
        await ports.close()

    asyncio.run(stage())


def test_a_command_and_its_answer() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        answer = await port.ask(5, commands.ATTENTION)
        assert (answer.deed, answer.result and answer.result.kind) == (5, ResultKind.OK)
        answer = await port.ask(6, commands.QUERY_SIGNAL)
        assert answer.lines == ("+CSQ: 18,99",)

    play(scene)


def test_what_follows_connect_is_left_for_pppd() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        answer = await port.ask(1, commands.dial("*99#"))
        assert answer.result is not None
        assert answer.result.kind is ResultKind.CONNECT
        await asyncio.sleep(0.02)
        # The LCP frame that came in the same write is still in the kernel.
        left = os.read(port._device.fileno(), 4096)
        assert left.lstrip(b"\n").startswith(b"\x7e")
        # A session that came to nothing leaves the port in data mode: hang up, and speak AT again.
        stick.put(stick.modem.dtr(2, up=False, now=asyncio.get_running_loop().time()))
        assert (await port.ask(2, commands.ATTENTION)).result is not None

    play(scene, SimModem(faults=Faults(ppp_glued=True)))


def test_a_silent_modem_is_no_answer_in_time() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        answer = await port.ask(1, commands.Command(text="AT", timeout=0.05, parse=lambda lines: None))
        assert answer.result is None
        assert answer.problem is None

    play(scene, SimModem(faults=Faults(silent=True)))


def test_urcs_are_always_drained() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        for _ in range(100):
            os.write(stick.master, b"\r\n+CREG: 1\r\n" * 30)
            await asyncio.sleep(0.001)
        wanted = [UrcReceived(port=PortRole.DIAL, text="+CREG: 1")] * 3000
        for _ in range(500):
            if [each for each in heard if each in wanted[:1]] == wanted:
                break
            await asyncio.sleep(0.01)
        assert [each for each in heard if each in wanted[:1]] == wanted

    play(scene)


def test_a_port_that_goes_away_is_told_once_and_ends_the_command() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        waiting = asyncio.ensure_future(port.ask(1, commands.ATTENTION))
        await asyncio.sleep(0)
        stick.hang_up()
        answer = await waiting
        assert answer.result is None or answer.result.ok
        await asyncio.sleep(0.05)
        assert next(each for each in heard if isinstance(each, PortLost)).port is PortRole.DIAL
        assert len([each for each in heard if isinstance(each, PortLost)]) == 1
        assert (await port.ask(2, commands.ATTENTION)).result is None

    play(scene, SimModem(faults=Faults(silent=True)))


def test_a_port_in_use_by_another_dialler_is_refused(tmp_path: Path) -> None:
    async def stage() -> None:
        stick = Stick(SimModem(), 2)
        (tmp_path / f"LCK..{Path(stick.path).name}").write_text("         1\n")
        ports = ModemPorts(lambda _: None)
        opened = await ports.open(1, hardware(stick.path), dial=True)
        assert "locked by" in (opened.problem or "")

    asyncio.run(stage())


def test_a_missing_port_is_told() -> None:
    async def stage() -> None:
        ports = ModemPorts(lambda _: None)
        opened = await ports.open(1, hardware("/dev/ttyUSB99"), dial=True)
        assert "/dev/ttyUSB99" in (opened.problem or "")

    asyncio.run(stage())


class Prompter:
    """Takes the modem's place: notes what it is told, and answers when the test says so."""

    def __init__(self, stick: Stick) -> None:
        self.master = stick.master
        self.told = bytearray()
        self.news = asyncio.Event()
        asyncio.get_running_loop().remove_reader(self.master)
        asyncio.get_running_loop().add_reader(self.master, self.read)

    def read(self) -> None:
        self.told += os.read(self.master, 4096)
        self.news.set()

    async def hears(self, command: bytes) -> None:
        while not self.told.endswith(command + b"\r"):
            self.news.clear()
            await self.news.wait()

    def says(self, *lines: str) -> None:
        os.write(self.master, "".join(f"\r\n{each}\r\n" for each in lines).encode())


def _command(text: str, timeout: float = 5.0) -> commands.Command[None]:
    return commands.Command(text=text, timeout=timeout, parse=lambda lines: None)


def test_a_guest_waits_until_nobody_talks_and_then_the_core_waits_for_the_guest() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        modem = Prompter(stick)
        core = asyncio.create_task(port.ask(1, _command("AT+A")))
        await modem.hears(b"AT+A")
        guest = asyncio.create_task(port.ask_between(_command("AT+G")))
        other = asyncio.create_task(port.ask_between(_command("AT+H")))
        modem.says("+A: 1", "OK")
        assert (await core).lines == ("+A: 1",)
        await modem.hears(b"AT+G")
        later = [
            asyncio.create_task(port.ask(2, _command("AT+B"))),
            asyncio.create_task(port.send_bytes(3, b"\xff", 0.0)),
        ]
        modem.says("+G: 2", "OK")
        assert (await guest).lines == ("+G: 2",)
        # Whichever of the others was first: none of them spoke while the guest did.
        for _ in range(2):
            while not modem.told.rstrip(b"\xff").endswith((b"AT+H\r", b"AT+B\r")):
                modem.news.clear()
                await modem.news.wait()
            modem.told.clear()
            modem.says("OK")
        answers = [await other, *[await each for each in later]]
        assert [each.problem for each in answers] == [None, None, None]

    play(scene)


def test_a_guest_that_finds_no_turn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialport, "TURN", 0.02)

    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        modem = Prompter(stick)
        core = asyncio.create_task(port.ask(1, _command("AT+A")))
        await modem.hears(b"AT+A")
        answer = await port.ask_between(_command("AT+G"))
        assert answer.problem is not None
        assert "is busy" in answer.problem
        modem.says("OK")
        assert (await core).result is not None
        assert bytes(modem.told) == b"AT+A\r"

    play(scene)


def test_a_guest_never_speaks_into_a_session() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        dialled = await port.ask(1, commands.dial("*99#"))
        assert dialled.result is not None
        answer = await port.ask_between(commands.ATTENTION)
        assert answer.problem is not None
        assert "carries a session" in answer.problem

    play(scene)


def test_a_command_that_took_the_place_of_another_keeps_it() -> None:
    async def scene(stick: Stick, port: AtPort, heard: list[object]) -> None:
        modem = Prompter(stick)
        first = asyncio.create_task(port.ask(1, _command("AT+FIRST", timeout=0.05)))
        await modem.hears(b"AT+FIRST")
        second = asyncio.create_task(port.ask(2, _command("AT+SECOND")))
        superseded = await first
        assert (superseded.deed, superseded.result) == (1, None)
        assert superseded.problem is not None
        await modem.hears(b"AT+SECOND")
        await asyncio.sleep(0.06)  # the deadline of the first goes by
        modem.says("+SECOND: 2", "OK")
        answer = await second
        assert (answer.deed, answer.lines) == (2, ("+SECOND: 2",))

    play(scene)
