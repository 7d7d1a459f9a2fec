"""A USB modem outside of the machine: QEMU's serial adapter on a hub with power switches, and behind it the
simulated modem with a PPP peer. What the hub does to the port's power is read from the hub (its ``pcap``).
"""

from __future__ import annotations

import dataclasses
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from tests.image.machine import Machine
from tests.image.ppp_peer import ACKNOWLEDGED, PppPeer
from tests.modemsim import Output, PppBytes, SimModem, StartPpp, StopPpp, Write
from tests.modemsim.profiles import PROFILES, Role

PORT = 2
"""Of the hub; its first one is left free."""
USB_PATH = f"1-1.{PORT}"
# To the hub, class, other: CLEAR_FEATURE or SET_FEATURE of PORT_POWER (USB 2.0, 11.24.2).
POWER_OFF = bytes((0x23, 1, 8, 0, PORT, 0))
POWER_ON = bytes((0x23, 3, 8, 0, PORT, 0))
TURN = 0.05
HEALTH_PORT = 9000
AT_ONCE = 2
"""Ports asked in one turn: what the adapter cannot take in time is lost."""


@dataclass(slots=True, kw_only=True)
class Stick:
    """The modem, running in a thread of its own while it is plugged in."""

    machine: Machine
    modem: SimModem = field(
        default_factory=lambda: SimModem(dataclasses.replace(PROFILES["zte_mf180"], roles=(Role.MODEM,)))
    )
    peer: PppPeer | None = None
    sessions: int = 0
    power_cuts: int = 0
    _stopping: bool = False
    _thread: threading.Thread | None = None
    _line: socket.socket | None = None
    _trace: int = 0
    _ports: list[int] = field(default_factory=list)

    @staticmethod
    def arguments(folder: Path) -> tuple[str, ...]:
        """What QEMU must be told before it starts; in place of ``machine.HUB``."""
        return ("-chardev", f"socket,id=modem,path={folder}/modem,server=on,wait=off")

    @property
    def trace(self) -> Path:
        return self.machine.folder / "hub.pcap"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        if self._thread is not None:
            self._thread.join(10)
        if self._line is not None:
            self._line.close()

    def plug(self) -> None:
        """Into the hub, with power."""
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(self.machine.folder / "modem"))
        self._line.settimeout(0)
        self.modem.power_on(time.monotonic())
        self.machine.monitor(
            f"device_add usb-serial,chardev=modem,bus=usb.0,port=1.{PORT},always-plugged=on,id=stick"
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def knock(self, ports: Sequence[int], *, deadline: float) -> set[int]:
        """Ask ports of the machine for a connection, from the Internet; those that said yes.

        The last to be asked is the first one again, until it is known that all were heard: by the health
        server, which says yes to everybody.
        """
        assert self.peer is not None, "there is no session"
        self._ports = [*ports, *ports, HEALTH_PORT]  # what is lost once is heard the second time
        give_up = time.monotonic() + deadline
        while self._ports or HEALTH_PORT not in self.peer.doors:
            assert time.monotonic() < give_up, f"{len(self._ports)} ports were not asked in {deadline:.0f} s"
            if not self._ports:
                self._ports = [HEALTH_PORT]
            time.sleep(10 * TURN)
        return {port for port, flags in self.peer.doors.items() if flags & ACKNOWLEDGED == ACKNOWLEDGED}

    def _run(self) -> None:
        assert self._line is not None
        on = True
        while not self._stopping:
            readable, _, _ = select.select([self._line], [], [], TURN)
            now = time.monotonic()
            wanted = self._power(on=on)
            if wanted != on:
                on = wanted
                self.power_cuts += not on
                self.peer = None
                self._perform(self.modem.power_on(now) if on else self.modem.power_off(now))
            if readable:
                heard = self._line.recv(1 << 16)
                if not heard:
                    return
                if on:
                    self._perform(self.modem.receive(0, heard, now))
            self._perform(self.modem.tick(now))
            if self._ports and self.peer is not None:
                asked, self._ports = self._ports[:AT_ONCE], self._ports[AT_ONCE:]
                self._say_ppp(self.peer.knock(asked))

    def _power(self, *, on: bool) -> bool:
        """What the hub was last told about this port; the serial line itself sees nothing of it."""
        with self.trace.open("rb") as file:
            file.seek(self._trace)
            new = file.read()
        self._trace += max(0, len(new) - len(POWER_ON))
        off_at, on_at = new.rfind(POWER_OFF), new.rfind(POWER_ON)
        return on if off_at == on_at else on_at > off_at

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Write(data=data):
                    self._say(data)
                case StartPpp(address=address, peer=own, dns=dns):
                    self.sessions += 1
                    self.peer = PppPeer(
                        address=IPv4Address(address), own=IPv4Address(own), dns=tuple(map(IPv4Address, dns))
                    )
                    self._say_ppp(self.peer.start())
                case PppBytes(data=data) if self.peer is not None:
                    self._say_ppp(self.peer.feed(data))
                    if self.peer.ended:
                        self.peer = None
                        self._perform(self.modem.ppp_ended(0, time.monotonic()))
                case StopPpp(graceful=graceful):
                    self.peer = None
                    if graceful:
                        self._perform(self.modem.ppp_ended(0, time.monotonic()))
                case _:
                    pass

    def _say_ppp(self, octets: bytes) -> None:
        self._perform(self.modem.ppp_output(0, octets, time.monotonic()))

    def _say(self, octets: bytes) -> None:
        assert self._line is not None
        give_up = time.monotonic() + 5
        while octets and time.monotonic() < give_up:
            if select.select([], [self._line], [], 0.2)[1]:
                octets = octets[self._line.send(octets) :]
