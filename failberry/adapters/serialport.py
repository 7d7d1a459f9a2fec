"""The modem's AT ports: opened by the name found a moment ago, always drained, exclusive.

The only importer of pyserial.  Opening and closing a dead port can block for half a minute in the
kernel, so both happen in threads with a deadline; reading and writing never block.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable

import serial

from failberry.adapters import portlock
from failberry.at.codec import Codec, FinalResult, InfoLine, Prompt, ResultKind, Urc
from failberry.at.commands import Command
from failberry.core.events import CommandAnswered, PortLost, PortsOpened, UrcReceived
from failberry.core.facts import ModemHardware, PortRole
from failberry.errors import AdapterError, AdapterReason

OPEN_TIMEOUT = 10.0
CLOSE_TIMEOUT = 35.0
"""closing_wait is 30 s by default (setserial(8))."""
CARRIER_TIMEOUT, CARRIER_CHECKS = 1.0, 50
"""Seconds that DCD may lag behind CONNECT (it comes by another endpoint), and how often to look."""
TURN = 15.0
"""Seconds that a guest waits for its turn on a port where the core talks."""
_CHUNK = 4096
_CTRL_Z, _ESCAPE = b"\x1a", b"\x1b"


class AtPort:
    """One open AT port; one command at a time.

    The core's commands have the right of way: a new one supersedes one that is pending, for the core sends
    it only when it has given up the other (``ATH`` after a dial that hangs).  A guest's command, the owner's,
    waits until the port is silent; then the core waits for it, at most that command's own deadline.
    """

    def __init__(
        self, role: PortRole, device: serial.Serial, post: Callable[[PortLost | UrcReceived], None]
    ) -> None:
        self.role = role
        self._device = device
        self._tty = str(device.port)
        self._post = post
        self._codec = Codec()
        self._answer: asyncio.Future[CommandAnswered] | None = None
        self._lines: list[str] = []
        self._dialling = False
        self._reading = False
        self._gone = False
        self._connected = False
        """Whether a dial has put the port into data mode."""
        self._guest = False
        """Whether the pending command is a guest's."""
        self._body = ""
        """What the pending command still has to send when the modem asks for it."""
        self._silent = asyncio.Event()
        """Nobody waits for an answer."""
        self._silent.set()
        self.listen()

    def listen(self) -> None:
        """Drain the port from now on."""
        if not self._reading:
            asyncio.get_running_loop().add_reader(self._device.fileno(), self._readable)
            self._reading = True

    def deafen(self) -> None:
        """Read nothing more: what comes now belongs to pppd."""
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._device.fileno())
            self._reading = False

    async def ask(self, deed: int, command: Command[object]) -> CommandAnswered:
        """Send the command and wait for its final result, at most ``command.timeout`` seconds."""
        await self._guest_gone()
        return await self._ask(deed, command)

    async def ask_between(self, command: Command[None]) -> CommandAnswered:
        """Send a guest's command once nobody else talks; gives up after :data:`TURN` seconds."""
        try:
            async with asyncio.timeout(TURN):
                while not self._silent.is_set():
                    await self._silent.wait()
        except TimeoutError:
            return CommandAnswered(deed=0, problem=f"{self._tty} is busy; try again")
        if self._connected:
            return CommandAnswered(deed=0, problem=f"{self._tty} carries a session")
        self._guest = True
        try:
            return await self._ask(0, command)
        finally:
            self._guest = False

    async def _guest_gone(self) -> None:
        # A guest's command has a deadline, so this has one; a second guest may have been quicker than we.
        while self._guest:
            await self._silent.wait()

    async def _ask(self, deed: int, command: Command[object] | Command[None]) -> CommandAnswered:
        if self._gone:
            return CommandAnswered(deed=deed, problem=f"{self._tty} was lost")
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(CommandAnswered(deed=0, problem="another command took its place"))
        self._lines = []
        self._body = command.body
        self._dialling = command.text.upper().startswith("ATD")
        if self._connected:
            self._codec.reset()
            self._connected = False
        self.listen()
        mine = self._answer = asyncio.get_running_loop().create_future()
        self._silent.clear()
        try:
            self._write(self._codec.send(command.text, prefixes=command.prefixes))
            async with asyncio.timeout(command.timeout):
                answer = await mine
        except TimeoutError:
            self._codec.abandon()
            if self._body:
                self._cancel_body()
            return CommandAnswered(deed=deed, lines=tuple(self._lines))
        except AdapterError as error:
            self._codec.abandon()
            return CommandAnswered(deed=deed, problem=str(error))
        finally:
            if self._answer is mine:  # and not of one that took its place
                self._answer = None
                self._dialling = False
                self._silent.set()
        return CommandAnswered(deed=deed, lines=answer.lines, result=answer.result, problem=answer.problem)

    def _cancel_body(self) -> None:
        """The modem may be about to ask: what is sent next must not become a message (TS 27.005, 3.5.1)."""
        self._body = ""
        with contextlib.suppress(AdapterError):
            self._write(_ESCAPE)

    async def pulse_dtr(self, deed: int, seconds: float) -> CommandAnswered:
        """Lower DTR, wait, raise it."""
        await self._guest_gone()
        try:
            self._device.dtr = False
            await asyncio.sleep(seconds)
            self._device.dtr = True
        except (OSError, serial.SerialException, termios.error) as error:
            return CommandAnswered(deed=deed, problem=str(error))
        return CommandAnswered(deed=deed)

    async def send_bytes(self, deed: int, payload: bytes, silence: float) -> CommandAnswered:
        """Send raw bytes with silence around them."""
        await self._guest_gone()
        if self._gone:
            return CommandAnswered(deed=deed, problem=f"{self._tty} was lost")
        await asyncio.sleep(silence)
        try:
            self._write(payload)
        except AdapterError as error:
            return CommandAnswered(deed=deed, problem=str(error))
        await asyncio.sleep(silence)
        return CommandAnswered(deed=deed)

    async def carrier_rises(self) -> bool:
        """Whether the modem raises DCD after CONNECT; false where the port cannot tell."""
        for _ in range(CARRIER_CHECKS):
            try:
                if self._device.cd:
                    return True
            except (OSError, serial.SerialException, termios.error):
                return False
            await asyncio.sleep(CARRIER_TIMEOUT / CARRIER_CHECKS)
        return False

    async def close(self) -> None:
        """Close; whoever waits for an answer gets none."""
        self.deafen()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(CommandAnswered(deed=0, problem="the port was closed"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.to_thread(self._close_quietly)
        portlock.release(self._tty, (os.getpid(),))

    def _close_quietly(self) -> None:
        with contextlib.suppress(OSError, serial.SerialException, termios.error):
            self._device.close()

    def _write(self, payload: bytes) -> None:
        try:
            written = os.write(self._device.fileno(), payload)
        except BlockingIOError as error:
            raise AdapterError(AdapterReason.TIMEOUT, f"{self._tty} takes no more bytes") from error
        except (OSError, serial.SerialException) as error:
            raise AdapterError(AdapterReason.GONE, f"{self._tty}: {error}") from error
        if written != len(payload):
            raise AdapterError(AdapterReason.TIMEOUT, f"{self._tty} took only part of a command")

    def _readable(self) -> None:
        # Byte by byte while dialling: what follows CONNECT must stay in the kernel for pppd.
        size = 1 if self._dialling else _CHUNK
        first = True
        while self._reading:
            try:
                received = os.read(self._device.fileno(), size)
            except BlockingIOError:
                return
            except OSError as error:
                self._lost(error.strerror or str(error))
                return
            if not received:
                # With VMIN 0 an empty read means "no more"; readable and yet empty means hung up.
                if first:
                    self._lost("hung up")
                return
            self._decode(received)
            if size == _CHUNK:
                return
            first = False

    def _decode(self, received: bytes) -> None:
        for item in self._codec.receive(received):
            match item:
                case InfoLine():
                    self._lines.append(item.text)
                case Urc():
                    self._post(UrcReceived(port=self.role, text=item.text))
                case FinalResult():
                    if self._dialling and item.kind is ResultKind.CONNECT:
                        self.deafen()
                        self._connected = True
                    if self._answer is not None and not self._answer.done():
                        self._answer.set_result(
                            CommandAnswered(deed=0, lines=tuple(self._lines), result=item)
                        )
                case Prompt() if self._body:
                    body, self._body = self._body, ""
                    with contextlib.suppress(AdapterError):  # then no answer comes, and the deadline tells
                        self._write(body.encode("ascii") + _CTRL_Z)
                case Prompt():
                    pass

    def _lost(self, problem: str) -> None:
        self.deafen()
        self._gone = True
        # At once: while a dead port is held open its number is taken, and the stick comes back under another.
        asyncio.get_running_loop().run_in_executor(None, self._close_quietly)
        portlock.release(self._tty, (os.getpid(),))
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(CommandAnswered(deed=0, problem=problem))
        self._post(PortLost(port=self.role, problem=f"{self._tty}: {problem}"))


class ModemPorts:
    """The open ports of the one modem."""

    def __init__(self, post: Callable[[PortLost | UrcReceived], None]) -> None:
        self._post = post
        self._ports: dict[PortRole, AtPort] = {}

    async def open(self, deed: int, hardware: ModemHardware, *, dial: bool) -> PortsOpened:
        """Open the ports of this modem, closing what was open."""
        await self.close()
        wanted = {PortRole.STATUS: hardware.status_tty, PortRole.DIAL: hardware.dial_tty if dial else None}
        for role, tty in wanted.items():
            if tty is None:
                continue
            try:
                device = await self._open(tty)
            except AdapterError as error:
                await self.close()
                return PortsOpened(deed=deed, problem=error.evidence)
            self._ports[role] = AtPort(role, device, self._post)
        return PortsOpened(deed=deed)

    def port(self, role: PortRole) -> AtPort | None:
        """Return the open port of that role."""
        return self._ports.get(role)

    async def release_dial(self) -> None:
        """Close our end of the dial port, which pppd now holds; its lock stays, in pppd's name."""
        port = self._ports.pop(PortRole.DIAL, None)
        if port is not None:
            await port.close()

    async def close(self) -> None:
        """Close both ports."""
        ports, self._ports = list(self._ports.values()), {}
        for port in ports:
            await port.close()

    async def _open(self, tty: str) -> serial.Serial:
        portlock.acquire(tty, os.getpid())
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                return await asyncio.to_thread(_open_serial, tty)
        except TimeoutError as error:
            raise AdapterError(
                AdapterReason.TIMEOUT, f"{tty} did not open in {OPEN_TIMEOUT:.0f} s"
            ) from error
        except (OSError, serial.SerialException, termios.error) as error:
            portlock.release(tty, (os.getpid(),))
            raise AdapterError(AdapterReason.GONE, f"{tty}: {error}") from error


def _open_serial(tty: str) -> serial.Serial:
    def attempt() -> serial.Serial:
        # exclusive is an flock: it keeps other pyserial programs away; the UUCP lock does the rest.
        return serial.Serial(tty, baudrate=115200, timeout=0, write_timeout=0, exclusive=True)

    try:
        device = attempt()
    except serial.SerialException as error:
        if error.errno != errno.EIO:
            raise
        # A carrier that dropped while nobody had the port open is told to the next one who opens it.
        device = attempt()
    device.reset_input_buffer()  # what a session before left there is no answer to us
    return device
