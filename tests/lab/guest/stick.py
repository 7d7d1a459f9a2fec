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
on|off`` (configured by the host), ``dtr N 0|1``, ``rts N 0|1``. Understood, and answered by ``ok`` or
``error …``: ``plug``, ``unplug``, ``crash`` (gone from the bus until its power is cycled), ``dcd N 0|1``.
"""

import argparse
import contextlib
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
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

SOCKET = "/run/stick.sock"
FUNCTIONS = Path("/run/stick")
GADGET = Path("/sys/kernel/config/usb_gadget/stick")
CONTROLLER = "dummy_udc.0"
PORT_OFF = Path("/sys/bus/usb/devices/1-0:1.0/usb1-port1/disable")
COMMAND_DEADLINE = 10.0

# linux/usb/functionfs.h
DESCRIPTORS_V2, STRINGS, FULL_SPEED, HIGH_SPEED = 3, 2, 1, 2
UNBIND, ENABLE, DISABLE, SETUP = 1, 2, 3, 4
# USB CDC PSTN subclass 1.2, 6.3.12 and 6.5.4; the option driver speaks these two to every vendor's modem.
SET_CONTROL_LINE_STATE, SERIAL_STATE = 0x22, 0x20
# Always a short packet, which ends a transfer; one of 512 bytes would need an empty one behind it.
LARGEST_TO_HOST = 511
PACKET = 512


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
        """USB 2.0 tables 9-12 and 9-13."""
        into_host, out_of_host, *notify = self.endpoints
        text = struct.pack("<9B", 9, 4, self.number, 0, len(self.endpoints), 0xFF, 0xFF, 0xFF, 0)
        text += struct.pack("<4BHB", 7, 5, 0x80 | into_host, 2, bulk_size, 0)
        text += struct.pack("<4BHB", 7, 5, out_of_host, 2, bulk_size, 0)
        for number in notify:
            text += struct.pack("<4BHB", 7, 5, 0x80 | number, 3, 16, 9)
        return text

    def start(self) -> None:
        into_host, out_of_host, *notify = (os.open(FUNCTIONS / f"ep{n}", os.O_RDWR) for n in self.endpoints)
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
                with _absence_ignored():
                    os.write(endpoint, data)

    def _from_host(self, endpoint: int) -> None:
        while True:
            data = b""
            with _absence_ignored():
                data = os.read(endpoint, PACKET)
            while data:
                data = data[os.write(self.master, data) :]

    def _notify(self, endpoint: int) -> None:
        while True:
            self._dcd_changed.wait()
            self._dcd_changed.clear()
            state = 3 if self._dcd else 0  # DCD and DSR
            with _absence_ignored():
                os.write(endpoint, struct.pack("<BBHHHH", 0xA1, SERIAL_STATE, 0, self.number, 2, state))


@contextlib.contextmanager
def _absence_ignored() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ESHUTDOWN, errno.ENODEV, errno.ECONNRESET, errno.EINTR):
            raise
        time.sleep(0.01)


class Stick:
    """The device: its place on the bus, its power, and who listens to its wires."""

    def __init__(self, *, interfaces: int, modem: int) -> None:
        self.interfaces: list[Interface] = []
        endpoint = 1
        for number in range(interfaces):
            self.interfaces.append(Interface(number, endpoint, interrupt=number == modem))
            endpoint = self.interfaces[-1].endpoints.stop
        self.state = {"power": "off", "usb": "off"}
        self.state.update(
            {f"{wire} {number}": "0" for number in range(interfaces) for wire in ("dtr", "rts")}
        )
        self.crashed = False
        self.listeners: dict[socket.socket, bytes] = {}
        self.selector = selectors.DefaultSelector()

    # --- the device

    def build(self, *, vendor: int, product: int) -> None:
        """Describe the device to the kernel; it is not on the bus yet."""
        for module in ("dummy_hcd is_super_speed=0", "libcomposite", "usb_f_fs", "option"):
            subprocess.run(["modprobe", *module.split()], check=True, timeout=30)
        for name, text in {
            "idVendor": f"{vendor:#06x}",
            "idProduct": f"{product:#06x}",
            "bcdDevice": "0x0000",
            "strings/0x409/manufacturer": "ZTE,Incorporated",
            "strings/0x409/product": "ZTE WCDMA Technologies MSM",
            "strings/0x409/serialnumber": "P680A1ZTED010000",
            "configs/c.1/MaxPower": "500",
        }.items():
            path = GADGET / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        function = GADGET / "functions/ffs.stick"
        function.mkdir(parents=True)
        (GADGET / "configs/c.1/ffs.stick").symlink_to(function)
        FUNCTIONS.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "functionfs", "stick", str(FUNCTIONS)], check=True, timeout=10)
        self.control = os.open(FUNCTIONS / "ep0", os.O_RDWR)
        speeds = [b"".join(i.descriptors(bulk_size=size) for i in self.interfaces) for size in (64, PACKET)]
        count = sum(1 + len(i.endpoints) for i in self.interfaces)
        body = struct.pack("<2I", count, count) + b"".join(speeds)
        os.write(
            self.control, struct.pack("<3I", DESCRIPTORS_V2, 12 + len(body), FULL_SPEED | HIGH_SPEED) + body
        )
        os.write(self.control, struct.pack("<4I", STRINGS, 16, 0, 0))
        for interface in self.interfaces:
            interface.start()
            link = Path(f"/dev/ttyGS{interface.number}")
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(interface.slave))

    def plug(self) -> None:
        if not self._bound():
            (GADGET / "UDC").write_text(CONTROLLER)

    def unplug(self) -> None:
        self.crashed = False
        self._leave_bus()
        self._power("off")

    def crash(self) -> None:
        """The firmware dies: the device leaves the bus, and only a power cycle brings it back."""
        self._leave_bus()
        self.crashed = True

    def _leave_bus(self) -> None:
        if self._bound():
            (GADGET / "UDC").write_text("\n")
        self._set("usb", "off")

    def _bound(self) -> bool:
        return bool((GADGET / "UDC").read_text().strip())

    def _power(self, now: str) -> None:
        self._set("power", now)
        if now == "off":
            for interface in self.interfaces:
                interface.enabled = False
                interface.forget()
                self._set(f"dtr {interface.number}", "0")
                self._set(f"rts {interface.number}", "0")

    def look_at_power(self) -> None:
        """A device that lost the bus cannot know why: look whether its port was switched off."""
        if PORT_OFF.read_text().strip() == "1":
            if self.state["power"] == "on":
                self._power("off")
        elif self.crashed and self.state["power"] == "off":
            self.crashed = False
            self.plug()

    # --- what the host asks for

    def events(self) -> None:
        text = os.read(self.control, 12 * 4)
        for start in range(0, len(text), 12):
            request, value, index, length, kind = struct.unpack_from("<HHHHB", text, start)
            if kind == ENABLE:
                self._power("on")
                for interface in self.interfaces:
                    interface.enabled = True
                self._set("usb", "on")
            elif kind in (DISABLE, UNBIND):
                self._set("usb", "off")
            elif kind == SETUP:
                self._setup(request, value, index, length)

    def _setup(self, request: int, value: int, index: int, length: int) -> None:
        towards_host = request & 0x80
        if request >> 8 == SET_CONTROL_LINE_STATE and not towards_host:
            os.read(self.control, 0)
            self._set(f"dtr {index}", str(value & 1))
            self._set(f"rts {index}", str(value >> 1 & 1))
            return
        # Moving the data the wrong way is how FunctionFS is told to stall; it always answers so.
        try:
            if towards_host:
                os.read(self.control, length)
            else:
                os.write(self.control, b"")
        except OSError as error:
            if error.errno != errno.EL2HLT:
                raise

    # --- who listens

    def _set(self, name: str, value: str) -> None:
        if self.state.get(name) != value:
            self.state[name] = value
            for listener in list(self.listeners):
                self._say(listener, f"{name} {value}")

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
            self._say(listener, self._obey(line.decode(errors="replace").split()))

    def _obey(self, words: list[str]) -> str:
        match words:
            case []:
                pass
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
            self.selector.register(self.control, selectors.EVENT_READ)
            while True:
                absent = self.state["usb"] == "off" and (self.crashed or self._bound())
                for key, _ in self.selector.select(0.2 if absent else None):
                    if key.fileobj is door:
                        self.welcome(door)
                    elif key.fd == self.control:
                        self.events()
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
    parser.add_argument("words", nargs="+", help="serve, plug, unplug, crash, dcd N 0|1, status")
    parser.add_argument("--vendor", type=lambda text: int(text, 16), default=0x19D2)
    parser.add_argument("--product", type=lambda text: int(text, 16), default=0x0117)
    parser.add_argument("--interfaces", type=int, default=4)
    parser.add_argument("--modem", type=int, default=2, help="the interface with the interrupt endpoint")
    options = parser.parse_args()
    if options.words != ["serve"]:
        return command(options.words)
    stick = Stick(interfaces=options.interfaces, modem=options.modem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the kernel unbinds a device whose program is gone
    stick.build(vendor=options.vendor, product=options.product)
    return stick.serve()


if __name__ == "__main__":
    sys.exit(main())
