"""Joins the pure modem to its ttys, its pppd and its control socket: one thread, one poll."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, assert_never

from . import carrier
from .bus import Bus
from .carrier import PppSession
from .control import ControlServer
from .model import Appear, Output, PppBytes, Reach, Shows, StartPpp, StopPpp, Vanish, Write
from .modem import SimModem
from .port import Mode
from .wires import PtyEnd, Wire

WIRE_CHECK = 0.05  # seconds between looks at a port that nobody holds open
READY_CHECK = 0.01  # seconds between looks at a pppd that is still starting
FULL = 65_536  # bytes queued on one side at which the other side is no longer read
STOP_DEADLINE = 3.0  # seconds for each pppd to end when the simulator does


@dataclass(kw_only=True)
class Loop:
    """Everything of the simulator that touches the machine. ``ppp`` is the pppd to run, or "" for none."""

    modem: SimModem
    wires: list[Wire]
    ppp: str = ""
    netns: str = ""
    log: IO[bytes] | int = 2
    control: ControlServer | None = None
    bus: Bus | None = None
    state_file: Path | None = None
    sessions: dict[int, PppSession] = field(default_factory=dict)
    dying: list[PppSession] = field(default_factory=list)
    vanished: bool = False
    stopping: bool = False
    _stored: dict[str, object] = field(default_factory=dict)
    _plane: tuple[object, ...] = ()

    # --- life

    def run(self, *, started: Callable[[], None]) -> None:
        """Run until SIGTERM or SIGINT; ``started`` is called once the ports are there."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        for wire in self.wires:
            wire.open()
        if self.bus is None:
            self.perform(self.modem.power_on(time.monotonic()))
        started()
        try:
            while not self.stopping:
                self._turn(wake_read)
        finally:
            self._shut_down()
            signal.set_wakeup_fd(-1)
            os.close(wake_read)
            os.close(wake_write)

    def _signalled(self, *_: object) -> None:
        self.stopping = True

    def _shut_down(self) -> None:
        deadline = time.monotonic() + STOP_DEADLINE
        everyone = [*self.sessions.values(), *self.dying]
        for session in everyone:
            session.stop(graceful=True, now=time.monotonic())
        for session in everyone:
            if not session.ended(timeout=deadline - time.monotonic()):
                session.stop(graceful=False, now=time.monotonic())
            session.close()
        for wire in self.wires:
            wire.end.gone()
            wire.close()
        if self.control is not None:
            self.control.close()
        if self.bus is not None:
            self.bus.close()
        self._save()

    def _save(self) -> None:
        if self.state_file is None:
            return
        state = self.modem.nonvolatile()
        if state != self._stored:
            fresh = self.state_file.with_name(self.state_file.name + ".new")
            fresh.write_text(json.dumps(state))
            fresh.rename(self.state_file)
            self._stored = state

    # --- one turn

    def _turn(self, wake_fd: int) -> None:
        poll = select.poll()
        handlers: dict[int, Callable[[int], None]] = {}

        def watch(fd: int, handler: Callable[[int], None], *, read: bool = True, write: bool = False) -> None:
            poll.register(fd, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
            handlers[fd] = handler

        watch(wake_fd, lambda _: None)
        for wire in self.wires:
            if wire.fd is not None and wire.up:
                session = self.sessions.get(wire.number)
                room = session is None or len(session.waiting) < FULL
                watch(wire.fd, partial(self._wire_event, wire), read=room, write=bool(wire.out))
        for session in (*self.sessions.values(), *self.dying):
            watch(session.pidfd, partial(self._session_ended, session))
        for port, session in self.sessions.items():
            room = len(self.wires[port].out) < FULL
            write = session.ready and bool(session.waiting)
            watch(session.master, partial(self._session_event, session), read=room, write=write)
        if self.control is not None:
            for fd in self.control.fds():
                watch(fd, partial(self.control.serve, self, fd))
        if self.bus is not None:
            watch(self.bus.fileno(), self._bus_event)
        for fd, events in poll.poll(self._timeout() * 1000):
            handlers[fd](events)
        self._periodic(time.monotonic())

    def _timeout(self) -> float:
        now = time.monotonic()
        due = self.modem.next_deadline(now)
        timeout = 5.0 if due is None else min(due - now, 5.0)
        if not all(wire.up for wire in self.wires):
            timeout = min(timeout, WIRE_CHECK)
        if not all(session.ready for session in self.sessions.values()):
            timeout = min(timeout, READY_CHECK)
        for session in self.sessions.values():
            if session.kill_at is not None:
                timeout = min(timeout, session.kill_at - now)
        return max(timeout, 0.0) + 0.0005  # poll rounds down to milliseconds

    def _periodic(self, now: float) -> None:
        for wire in self.wires:
            if not wire.up and not self._is_away(wire) and wire.check() and isinstance(wire.end, PtyEnd):
                self.perform(self.modem.dtr(wire.number, up=True, now=now))
        for session in self.sessions.values():
            if not session.ready:
                session.check_ready()
            if session.kill_at is not None and now >= session.kill_at:
                session.stop(graceful=False, now=now)
                session.kill_at = None
        self.perform(self.modem.tick(now))
        self._save()

    # --- what the host and pppd do

    def _wire_event(self, wire: Wire, events: int) -> None:
        if events & select.POLLOUT:
            wire.flush()
        if not events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        data = wire.read()
        if data is None:
            wire.lost()
            if isinstance(wire.end, PtyEnd):
                self.perform(self.modem.dtr(wire.number, up=False, now=time.monotonic()))
        elif data:
            self.perform(self.modem.receive(wire.number, data, time.monotonic()))

    def _bus_event(self, _: int) -> None:
        assert self.bus is not None
        lines = self.bus.hear()
        if lines is None:
            raise ConnectionError("the program that plays the USB half is gone")
        now = time.monotonic()
        for words in lines:
            match words:
                case ["power", "on"]:
                    self.perform(self.modem.power_on(now))
                case ["power", "off"]:
                    self.perform(self.modem.power_off(now))
                case ["reset"]:
                    self._reset(now)
                case ["switch"]:
                    self.perform(self.modem.switch_mode(now))
                case ["dtr", port, level] if int(port) < len(self.wires):
                    self.perform(self.modem.dtr(int(port), up=level == "1", now=now))

    def _reset(self, now: float) -> None:
        outputs = self.modem.usb_reset(now)
        if not self.modem.faults.enumerates_after:  # the device is back already
            outputs = [each for each in outputs if not isinstance(each, Vanish | Appear)]
        self.perform(outputs)

    def _session_event(self, session: PppSession, events: int) -> None:
        if self.sessions.get(session.port) is not session:
            return  # its end came in the same turn
        if events & select.POLLOUT:
            session.flush()
        if events & select.POLLIN and (data := session.read()):
            self.perform(self.modem.ppp_output(session.port, data, time.monotonic()))

    def _session_ended(self, session: PppSession, _: int) -> None:
        if session in self.dying:
            self.dying.remove(session)
            session.close()
            return
        now = time.monotonic()
        while data := session.read():  # its last words
            self.perform(self.modem.ppp_output(session.port, data, now))
        del self.sessions[session.port]
        code = session.close()
        self.modem.note(now, f"port {session.port}: carrier's pppd exit {code}")
        self.perform(self.modem.ppp_ended(session.port, now))

    # --- what the modem does

    def perform(self, outputs: Iterable[Output]) -> None:
        """Do what the modem put out, in its order."""
        for output in outputs:
            self._perform_one(output)
        if self.bus is not None:
            for port in self.modem.ports:
                self.bus.set_dcd(port.number, up=port.cid is not None or port.mode is Mode.STUCK)
        network, reach = self.modem.network, self.modem.reach
        plane = () if reach is Reach.EVERYWHERE else (reach, network.address, network.dns)
        if self.netns and plane != self._plane:
            self._plane = plane
            if problem := carrier.limit(self.netns, reach, network.address, network.dns):
                self.modem.note(time.monotonic(), f"carrier: {problem}")

    def _perform_one(self, output: Output) -> None:
        match output:
            case Write(port=port, data=data):
                self.wires[port].write(data)
            case PppBytes(port=port, data=data):
                if port in self.sessions:
                    self.sessions[port].feed(data)
            case StartPpp():
                self._start_ppp(output)
            case StopPpp(port=port, graceful=graceful):
                self._stop_ppp(port, graceful=graceful)
            case Vanish():
                self._vanish()
            case Appear(shows=shows):
                self._appear(shows)
            case _:
                assert_never(output)

    def _start_ppp(self, start: StartPpp) -> None:
        if not self.ppp:
            return
        try:
            session = PppSession.start(start, netns=self.netns, pppd=self.ppp, log=self.log)
        except OSError as error:
            self.modem.note(time.monotonic(), f"port {start.port}: no pppd: {error}")
            self.perform(self.modem.ppp_ended(start.port, time.monotonic()))
        else:
            self.sessions[start.port] = session

    def _stop_ppp(self, port: int, *, graceful: bool) -> None:
        now = time.monotonic()
        session = self.sessions.get(port)
        if session is not None:
            session.stop(graceful=graceful, now=now)
            if not graceful:
                self.dying.append(self.sessions.pop(port))
        elif graceful:
            self.perform(self.modem.ppp_ended(port, now))

    def _vanish(self) -> None:
        self.vanished = True
        if self.bus is not None:
            self.bus.show(Shows.NOTHING)
        for wire in self.wires:
            if self._is_away(wire):
                wire.close()
                wire.end.gone()

    def _is_away(self, wire: Wire) -> bool:
        return self.vanished and isinstance(wire.end, PtyEnd)

    def _appear(self, shows: Shows) -> None:
        self.vanished = shows is not Shows.MODEM
        if self.bus is not None:
            self.bus.show(shows)
