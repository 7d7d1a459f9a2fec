#!/usr/bin/python3
"""The USB half of a modem stick: a device on a real bus on one side, plain terminals on the other.

``stick.py serve`` offers, by FunctionFS on ``dummy_hcd``, a device with serial interfaces like a ZTE
stick's: class ff/ff/ff, two bulk endpoints each and, on the modem interface, an interrupt endpoint. The
kernel's own ``option`` driver takes it by its own table. What the firmware sees is a terminal per
interface, ``/dev/ttyGS0`` and so on (pseudo-terminals; whatever speaks AT opens them), and a socket for the
wires a terminal has not got.

Why not the kernel's ready-made serial gadget (``usb_f_serial``, "gser"), which needs no program at all: it
stalls SET_CONTROL_LINE_STATE, so that setting DTR fails with EPIPE on the host (pyserial cannot even open
the port); it has no interrupt endpoint, so that carrier detect never rises and a lost carrier is never
seen; and it does not tell the modem's side that power was cut. ``usb_f_acm`` has the lines, but on an
interface of its own where ``option`` does not look for them. Measured on Linux 6.12 with this one: a host's
port opens although carrier detect is down (``option`` does not wait for it), and when carrier detect drops
a port without CLOCAL is hung up within 6 ms, which pppd's ``modem`` option reports as "Modem hangup".

The socket (``/run/stick.sock``) speaks lines. Told at once and on each change: ``power on|off``, ``usb
on|off`` (configured by the host), ``dtr N 0|1``, ``rts N 0|1``; told when it happens: ``reset`` (the host has
configured the device anew), ``switch`` (the host told the CD-ROM to turn into the modem). Understood, and
answered by ``ok`` or ``error …``: ``plug`` and ``unplug``, what a hand does; ``crash``, gone from the bus
until its power is cycled; ``dcd N 0|1``; ``show nothing|modem|cd_rom``, what the stick is on the bus. With
power the stick shows the modem by itself, unless a listener has said ``firmware``: then that one says it.
"""

import argparse
import errno
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import tty
from pathlib import Path
from typing import NoReturn

from cdrom import CdRom, absence_ignored
from gadget import DISABLE, ENABLE, PACKETS, SETUP, UNBIND, Gadget, interface

SOCKET = "/run/stick.sock"
WORDS = ("ZTE,Incorporated", "ZTE WCDMA Technologies MSM")
PORT_OFF = Path("/sys/bus/usb/devices/1-0:1.0/usb1-port1/disable")
POWER_CHECK = 0.1  # seconds between looks at a port that may be off
COMMAND_DEADLINE = 10.0

VENDOR_SPECIFIC = (0xFF, 0xFF, 0xFF)
# USB CDC PSTN subclass 1.2, 6.3.12 and 6.5.4; the option driver speaks these two to every vendor's modem.
SET_CONTROL_LINE_STATE, SERIAL_STATE = 0x22, 0x20
# Always a short packet, which ends a transfer; one of 512 bytes would need an empty one behind it.
LARGEST_TO_HOST = 511


class Interface:
    """One serial interface: a pseudo-terminal, and two or three threads that carry its bytes."""

    def __init__(self, number: int, first_endpoint: int, *, interrupt: bool) -> None:
        self.number = number
        self.enabled = False
        self.endpoints = range(first_endpoint, first_endpoint + (3 if interrupt else 2))
        self.interrupt = interrupt
        # The slave is kept open: a master whose last slave closes reads nothing but errors.
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self._dcd_changed = threading.Event()
        self._dcd = False

    def descriptors(self, *, bulk_size: int) -> bytes:
        into_host, out_of_host, *notify = self.endpoints
        endpoints = [(0x80 | into_host, 2, bulk_size, 0), (out_of_host, 2, bulk_size, 0)]
        endpoints += [(0x80 | number, 3, 16, 9) for number in notify]
        return interface(self.number, VENDOR_SPECIFIC, endpoints)

    def start(self, gadget: Gadget) -> None:
        into_host, out_of_host, *notify = (gadget.open(number) for number in self.endpoints)
        carriers = [(self._to_host, into_host), (self._from_host, out_of_host)]
        carriers += [(self._notify, endpoint) for endpoint in notify]
        for carry, endpoint in carriers:
            threading.Thread(target=carry, args=(endpoint,), daemon=True).start()

    def set_dcd(self, *, up: bool) -> None:
        self._dcd = up
        self._dcd_changed.set()

    def forget(self) -> None:
        """Power is gone: nothing that was on its way arrives."""
        termios.tcflush(self.slave, termios.TCIFLUSH)
        self._dcd = False

    # An endpoint blocks while the device is not on the bus, and fails when it leaves: no busy loop.

    def _to_host(self, endpoint: int) -> None:
        while True:
            data = os.read(self.master, LARGEST_TO_HOST)
            if self.enabled:
                with absence_ignored():
                    os.write(endpoint, data)

    def _from_host(self, endpoint: int) -> None:
        while True:
            data = b""
            with absence_ignored():
                data = os.read(endpoint, PACKETS["high"])
            while data:
                data = data[os.write(self.master, data) :]

    def _notify(self, endpoint: int) -> None:
        while True:
            self._dcd_changed.wait()
            self._dcd_changed.clear()
            state = 3 if self._dcd else 0  # DCD and DSR
            with absence_ignored():
                os.write(endpoint, struct.pack("<BBHHHH", 0xA1, SERIAL_STATE, 0, self.number, 2, state))


class Stick:
    """The device: its place on the bus, its power, and who listens to its wires."""

    def __init__(self, *, ids: tuple[int, int], interfaces: int, modem: int) -> None:
        for module in ("dummy_hcd is_super_speed=0", "libcomposite", "usb_f_fs", "option"):
            subprocess.run(["modprobe", *module.split()], check=True, timeout=30)
        self.interfaces: list[Interface] = []
        endpoint = 1
        for number in range(interfaces):
            self.interfaces.append(Interface(number, endpoint, interrupt=number == modem))
            endpoint = self.interfaces[-1].endpoints.stop
        self.state = {"power": "off", "usb": "off"}
        self.state.update(
            {f"{wire} {number}": "0" for number in range(interfaces) for wire in ("dtr", "rts")}
        )
        self.plugged = self.crashed = self.configured = False
        self.listeners: dict[socket.socket, bytes] = {}
        self.firmware: socket.socket | None = None
        self.selector = selectors.DefaultSelector()
        self.turn_read, self.turn_write = os.pipe()
        self.modem = Gadget("stick", ids=ids, words=WORDS)
        self._describe()
        self.cdrom = CdRom(lambda: os.write(self.turn_write, b"x"))
        self.gadgets = {"modem": self.modem, "cd_rom": self.cdrom.gadget}
        self.shown: Gadget | None = None

    def _describe(self) -> None:
        full, high = (
            b"".join(each.descriptors(bulk_size=size) for each in self.interfaces)
            for size in PACKETS.values()
        )
        self.modem.describe(
            full=full, high=high, count=sum(1 + len(each.endpoints) for each in self.interfaces)
        )
        for each in self.interfaces:
            each.start(self.modem)
            link = Path(f"/dev/ttyGS{each.number}")
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(each.slave))

    # --- what happens to the device

    def plug(self) -> None:
        self.plugged = True
        self.look_at_power()

    def unplug(self) -> None:
        self.plugged = False
        self.look_at_power()

    def crash(self) -> None:
        """The firmware dies: the device leaves the bus, and only a power cycle brings it back."""
        self._show(None)
        self.crashed = True

    def show(self, what: str) -> None:
        if self.state["power"] == "on" and not self.crashed:
            self._show(self.gadgets.get(what))

    def _show(self, gadget: Gadget | None) -> None:
        if gadget is self.shown:
            return
        if self.shown is not None:
            self.shown.unbind()
            self._away()
        self.shown, self.configured = gadget, False
        if gadget is not None:
            gadget.bind()

    def _away(self) -> None:
        """The host has lost the device, or never had it."""
        self._set("usb", "off")
        for each in self.interfaces:
            each.enabled = False
            self._set(f"dtr {each.number}", "0")
            self._set(f"rts {each.number}", "0")

    def look_at_power(self) -> None:
        """A device that lost the bus cannot know why: look whether its port was switched off."""
        try:
            on = self.plugged and PORT_OFF.read_text().strip() == "0"
        except OSError:  # its host controller is gone
            on = False
        if on == (self.state["power"] == "on"):
            return
        self._set("power", "on" if on else "off")
        self.crashed = False
        if not on:
            self._show(None)
            for each in self.interfaces:
                each.forget()
        elif self.firmware is None:
            self.show("modem")

    def turned(self) -> None:
        """The host told the CD-ROM to turn into the modem."""
        os.read(self.turn_read, 64)
        self._tell("switch")
        if self.firmware is None:
            self.show("modem")

    # --- what the host asks for

    def events(self, gadget: Gadget) -> None:
        for kind, *request in gadget.events():
            if kind == ENABLE and gadget is self.shown:
                if self.configured:
                    self._tell("reset")
                self.configured = True
                for each in self.interfaces:
                    each.enabled = gadget is self.modem
                self._set("usb", "on")
            elif kind in (DISABLE, UNBIND) and gadget is self.shown:
                self._away()
            elif kind == SETUP:
                self._setup(gadget, *request)

    def _setup(self, gadget: Gadget, request: int, value: int, index: int, length: int) -> None:
        towards_host = request & 0x80
        try:
            if gadget is self.cdrom.gadget and self.cdrom.setup(request, length):
                return
            if request >> 8 == SET_CONTROL_LINE_STATE and not towards_host and gadget is self.modem:
                os.read(gadget.control, 0)
                self._set(f"dtr {index}", str(value & 1))
                self._set(f"rts {index}", str(value >> 1 & 1))
            # Moving the data the wrong way is how FunctionFS is told to stall; it always answers so.
            elif towards_host:
                os.read(gadget.control, length)
            else:
                os.write(gadget.control, b"")
        except OSError as error:
            if error.errno not in (errno.EL2HLT, errno.EIDRM):  # stalled; the host has thought again
                raise

    # --- who listens

    def _set(self, name: str, value: str) -> None:
        if self.state.get(name) != value:
            self.state[name] = value
            self._tell(f"{name} {value}")

    def _tell(self, line: str) -> None:
        for listener in list(self.listeners):
            self._say(listener, line)

    def _say(self, listener: socket.socket, line: str) -> None:
        try:
            listener.sendall(line.encode() + b"\n")
        except OSError:  # gone, or not reading what it asked for
            self._drop(listener)

    def _drop(self, listener: socket.socket) -> None:
        if listener in self.listeners:
            del self.listeners[listener]
            self.selector.unregister(listener)
            listener.close()
            if listener is self.firmware:
                self.firmware = None

    def welcome(self, door: socket.socket) -> None:
        listener, _ = door.accept()
        listener.settimeout(0)
        self.listeners[listener] = b""
        self.selector.register(listener, selectors.EVENT_READ)
        for name, value in self.state.items():
            self._say(listener, f"{name} {value}")

    def hear(self, listener: socket.socket) -> None:
        try:
            text = listener.recv(4096)
        except OSError:
            text = b""
        if not text:
            self._drop(listener)
            return
        *lines, rest = (self.listeners[listener] + text).split(b"\n")
        self.listeners[listener] = rest[-4096:]
        for line in lines:
            self._say(listener, self._obey(line.decode(errors="replace").split(), listener))

    def _obey(self, words: list[str], listener: socket.socket) -> str:
        match words:
            case []:
                pass
            case ["firmware"]:
                self.firmware = listener
            case ["show", ("nothing" | "modem" | "cd_rom") as what]:
                self.show(what)
            case ["plug"]:
                self.plug()
            case ["unplug"]:
                self.unplug()
            case ["crash"]:
                self.crash()
            case ["dcd", number, ("0" | "1") as up] if number.isdecimal() and int(number) < len(
                self.interfaces
            ):
                self.interfaces[int(number)].set_dcd(up=up == "1")
            case _:
                return f"error not understood: {' '.join(words)}"
        return "ok"

    def serve(self) -> NoReturn:
        Path(SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(SOCKET)
            door.listen()
            self.selector.register(door, selectors.EVENT_READ)
            self.selector.register(self.turn_read, selectors.EVENT_READ)
            for gadget in self.gadgets.values():
                self.selector.register(gadget.control, selectors.EVENT_READ, gadget)
            while True:
                absent = self.state["usb"] == "off" and self.plugged
                for key, _ in self.selector.select(POWER_CHECK if absent else None):
                    if key.fileobj is door:
                        self.welcome(door)
                    elif key.fd == self.turn_read:
                        self.turned()
                    elif isinstance(key.data, Gadget):
                        self.events(key.data)
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self.listeners:
                        self.hear(key.fileobj)
                if absent:
                    self.look_at_power()


def command(words: list[str]) -> int:
    """Have a running stick do something, or print the state of its wires."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(COMMAND_DEADLINE)
        line.connect(SOCKET)
        if words != ["status"]:
            line.sendall(" ".join(words).encode() + b"\n")
        else:
            line.shutdown(socket.SHUT_WR)
        answers = line.makefile()
        for answer in answers:
            if words == ["status"]:
                print(answer, end="")
            elif answer.startswith(("ok", "error")):
                print(answer, end="")
                return int(answer.startswith("error"))
    return int(words != ["status"])


def main() -> int:
    parser = argparse.ArgumentParser(description="the USB half of a simulated modem stick")
    parser.add_argument("words", nargs="+", help="serve, status, or a line for the socket")
    parser.add_argument("--vendor", type=lambda text: int(text, 16), default=0x19D2)
    parser.add_argument("--product", type=lambda text: int(text, 16), default=0x0117)
    parser.add_argument("--interfaces", type=int, default=4)
    parser.add_argument("--modem", type=int, default=2, help="the interface with the interrupt endpoint")
    options = parser.parse_args()
    if options.words != ["serve"]:
        return command(options.words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the kernel unbinds a device whose program is gone
    ids = (options.vendor, options.product)
    return Stick(ids=ids, interfaces=options.interfaces, modem=options.modem).serve()


if __name__ == "__main__":
    sys.exit(main())
