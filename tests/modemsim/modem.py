"""The modem itself: pure, time is an argument, every input returns what the modem puts out.

Inputs may come in any order with a clock that never goes back; ``tick`` is due at ``next_deadline``.
What a scenario changes (``change``) holds from that moment.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from itertools import count

from . import calls, power, radio, texts
from .commands import execute
from .facts import facts
from .model import (
    Faults,
    Happening,
    Network,
    Output,
    PppBytes,
    Reach,
    Received,
    Shows,
    Sim,
    Write,
    replace_fields,
)
from .port import Mode, Port
from .profiles import PROFILES, Profile, Role
from .reply import Reply
from .syntax import MAX_LINE, RESULT_CODES, body_of, frame, parse

GUARD = 1.0  # seconds of silence around "+++", the usual value of S12
HDLC_BREAK = b"\x7e\x00\x78\xf0\x7e"  # a frame that is no PPP: firmwares leave data mode on it
MAX_INBOX = 4096
MAX_LOG = 20_000
MAX_PPP = 4096


class SimModem:
    """One USB modem with its SIM and its network. It is off until ``power_on``.

    ``profile`` is a name of ``PROFILES`` or a Profile; ``seed`` makes the garbage repeatable.
    """

    def __init__(
        self,
        profile: Profile | str = "zte_mf180",
        *,
        sim: Sim | None = None,
        network: Network | None = None,
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.sim = sim or Sim()
        self.network = network or Network()
        self.faults = faults or Faults()
        self.contexts = {cid: (kind, apn) for cid, kind, apn in self.profile.contexts}
        self.log: deque[Received] = deque(maxlen=MAX_LOG)
        self.texts: deque[dict[str, object]] = deque(maxlen=100)  # that were sent
        self.history: deque[Happening] = deque(maxlen=MAX_LOG)
        self.counters: Counter[str] = Counter(
            pin_attempts=0, puk_attempts=0, dials=0, connects=0, boots=0, context_writes=0, ppp_bytes=0
        )
        self._random = random.Random(seed)  # noqa: S311  garbage, not a secret
        self._order = count()
        self._out: list[Output] = []
        self.powered = False
        self.shows = Shows.NOTHING
        self.forget()

    def forget(self) -> None:
        """The firmware stops, or starts: all that is not kept without power is as delivered."""
        self.ports = [Port(number=number, role=role) for number, role in enumerate(self.profile.roles)]
        self.pin_entered = False
        self.functionality = 1
        self.attached = True
        self.operator_mode = self.operator_format = 0
        self.last_cause = "No cause information available"
        self.flooding = True
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self.booted_at = self.found_at = 0.0
        self.last_stat = (0, 0)

    @property
    def reach(self) -> Reach:
        """How far the packets of a session get."""
        if self.faults.no_data:
            return Reach.NOWHERE
        return Reach.CARRIER if self.faults.capped else Reach.EVERYWHERE

    @property
    def runs(self) -> bool:
        """Whether the firmware runs as a modem."""
        return self.shows is Shows.MODEM

    # --- inputs

    def receive(self, port: int, data: bytes, now: float) -> list[Output]:
        """Bytes from the host."""
        self._advance(now)
        target = self.ports[port]
        if self.runs and target.role is not Role.MUTE and not self._is_silent(target):
            self._take(target, data, now)
        return self._drain(now)

    def tick(self, now: float) -> list[Output]:
        """Time has passed."""
        self._advance(now)
        return self._drain(now)

    def next_deadline(self, now: float) -> float | None:
        """When ``tick`` is due, or None when nothing is pending."""
        return max(now, self._timers[0][0]) if self._timers else None

    def ppp_output(self, port: int, data: bytes, now: float) -> list[Output]:
        """Bytes from the PPP peer."""
        self._advance(now)
        if self.ports[port].mode is Mode.DATA:
            self._write(self.ports[port], data)
        return self._drain(now)

    def ppp_ended(self, port: int, now: float) -> list[Output]:
        """The PPP peer is gone, of its own accord or after a graceful StopPpp."""
        self._advance(now)
        target = self.ports[port]
        if target.cid is not None:
            self.note(now, f"port {port}: PPP ended")
            target.cid = None
            if self.faults.stuck_in_data_mode and target.mode is Mode.DATA:
                target.mode = Mode.STUCK
            else:
                self.command_mode(target, "NO CARRIER")
        return self._drain(now)

    def dtr(self, port: int, *, up: bool, now: float) -> list[Output]:
        """The host moved DTR: a drop does what &D said (V.250 6.2.8)."""
        self._advance(now)
        target = self.ports[port]
        if not up and self.runs and target.dtr_action and "dtr" in self.faults.data_mode_exits:
            if target.dtr_action == 1 and target.mode is Mode.DATA and not calls.held(self, target):
                self.command_mode(target, "OK")
            else:
                calls.drop(self, target, now)
                if target.role is Role.MODEM:
                    power.heal(self, "hang_up", now)
        return self._drain(now)

    def power_off(self, now: float) -> list[Output]:
        """Power is gone. Tries left and contexts stay, all else is forgotten."""
        self._advance(now)
        power.cut(self, now)
        return self._drain(now)

    def power_on(self, now: float) -> list[Output]:
        """The firmware boots: the SIM is locked again, echo is on again. Appear follows when it is there."""
        self._advance(now)
        power.start(self, now)
        return self._drain(now)

    def power_cycle(self, now: float, *, off_for: float) -> list[Output]:
        """Lose power, and have it again by itself after ``off_for`` seconds."""
        self._advance(now)
        power.cut(self, now)
        self.at(now + off_for, partial(power.start, self))
        return self._drain(now)

    def usb_reset(self, now: float) -> list[Output]:
        """The host resets the device: sessions end, its ports come anew, the firmware runs on."""
        self._advance(now)
        power.usb_reset(self, now)
        return self._drain(now)

    def switch_mode(self, now: float) -> list[Output]:
        """The host sent what turns the CD-ROM into the modem; no other state minds."""
        self._advance(now)
        power.switch_mode(self, now)
        return self._drain(now)

    def hang_up(self, now: float, *, graceful: bool = False) -> list[Output]:
        """The network ends every session; when graceful, PPP is told first."""
        self._advance(now)
        for port in self.ports:
            calls.network_ends(self, port, now, graceful=graceful)
        return self._drain(now)

    def urc(self, text: str, now: float) -> list[Output]:
        """Say an unsolicited line on every AT port in command mode."""
        self._advance(now)
        self.announce(text)
        return self._drain(now)

    def stick(self, port: int, now: float) -> list[Output]:
        """Put a port into data mode with no session, as a killed host leaves it."""
        self._advance(now)
        calls.drop(self, self.ports[port], now, text="")
        self.ports[port].mode = Mode.STUCK
        return self._drain(now)

    def change(self, fields: dict[str, object], now: float) -> list[Output]:
        """Change fields of Sim, Network or Faults; ValueError, and nothing changed, where one is wrong."""
        sim, rest = replace_fields(self.sim, fields)
        network, rest = replace_fields(self.network, rest)
        faults, rest = replace_fields(self.faults, rest)
        if rest:
            raise ValueError(f"no such field: {', '.join(sorted(rest))}")
        self._advance(now)
        self.note(now, f"set {' '.join(f'{name}={value}' for name, value in fields.items())}")
        self.sim, self.network, self.faults = sim, network, faults
        radio.wake_when_lost(self)
        radio.watch(self, now)
        return self._drain(now)

    # --- what survives a power cut

    def nonvolatile(self) -> dict[str, object]:
        """What a power cut, or a restart of the simulator, does not change."""
        sim = self.sim
        return {
            "sim": {"pin": sim.pin, "pin_tries": sim.pin_tries, "puk_tries": sim.puk_tries},
            "contexts": [[cid, kind, apn] for cid, (kind, apn) in sorted(self.contexts.items())],
            "counters": {name: value for name, value in self.counters.items() if name != "ppp_bytes"},
        }

    def restore(self, stored: dict[str, object]) -> None:
        """Take back what ``nonvolatile`` gave."""
        match stored:
            case {"sim": dict(sim), "contexts": list(contexts), "counters": dict(counters)}:
                self.sim, _ = replace_fields(self.sim, sim)
                self.contexts = {cid: (kind, apn) for cid, kind, apn in contexts}
                self.counters.update(counters)
            case _:
                raise ValueError(f"not a modem's state: {stored!r}")

    def facts(self, now: float) -> dict[str, object]:
        """The names that a profile's texts may use."""
        return facts(self, now)

    # --- bytes in

    def _take(self, port: Port, data: bytes, now: float) -> None:
        while data:
            if port.mode in (Mode.DATA, Mode.STUCK):
                self._take_data(port, data, now)
                return
            if port.mode is Mode.DIALING:
                # A character while dialling aborts the call (V.250 5.6.1); a line feed after the CR is none.
                data = data.lstrip(b"\r\n")
                if data:
                    self.command_mode(port, "NO CARRIER")
                    self.note(now, f"port {port.number}: dialling aborted by the host")
                return
            if port.busy:
                port.inbox += data[: MAX_INBOX - len(port.inbox)]
                return
            if port.wanted is not None:
                data = texts.take(self, port, data, now)
                continue
            head, end, data = data.partition(b"\r")
            if port.echo:
                self._write(port, head + end)
            port.line += head[: MAX_LINE - len(port.line)]
            if end:
                text = port.line.replace(b"\n", b"").replace(b"\0", b"").decode("latin-1").strip()
                port.line.clear()
                if text:
                    self._line(port, text, now)

    def _line(self, port: Port, text: str, now: float) -> None:
        self.log.append(Received(at=now, port=port.number, line=text))
        body = body_of(text)
        if body is None:
            return
        try:
            commands = parse(body)
        except ValueError:
            commands, last = [], Reply(final="ERROR")
        else:
            last = Reply()
        lines: list[str] = []
        delay = self.faults.slow
        for command in commands:
            last = execute(self, port, command, now)
            lines += last.lines
            delay += last.delay
            if last.text(cmee=1) != "OK" or last.then or command.name == "Z":
                break  # V.250 5.8: the rest is not run after an error; 6.1.1: nor, reliably, after Z
        if port.mode is Mode.DIALING:
            delay = 0.0  # dialling takes its own time

        def finish(when: float) -> None:
            port.busy = False
            self.answer(port, last, lines=lines)
            if last.then:
                last.then(when)
            elif port.inbox:
                waiting, port.inbox = bytes(port.inbox), bytearray()
                self._take(port, waiting, when)

        if delay:
            port.busy = True
            self.at(now + delay, finish)
        else:
            finish(now)

    def _take_data(self, port: Port, data: bytes, now: float) -> None:
        exits = self.faults.data_mode_exits
        quiet = now - port.last_rx >= GUARD
        port.last_rx = now
        seen = bytes(port.ppp[-len(HDLC_BREAK) + 1 :]) + data
        port.ppp += data
        del port.ppp[:-MAX_PPP]
        self.counters["ppp_bytes"] += len(data)
        held = calls.held(self, port)
        if "hdlc" in exits and not held and HDLC_BREAK in seen:
            calls.drop(self, port, now)
            return
        if port.mode is Mode.DATA:
            self.put(PppBytes(port=port.number, data=data))
        pluses = port.pluses + len(data)
        port.pluses = pluses if not data.strip(b"+") and pluses <= 3 and (quiet or port.pluses) else 0
        if port.pluses == 3 and "plus" in exits and not held:

            def escape(when: float) -> None:
                if port.pluses == 3 and port.mode in (Mode.DATA, Mode.STUCK):
                    self.note(when, f"port {port.number}: escaped to command mode")
                    self.command_mode(port, "OK")

            self.at(now + GUARD, escape)

    # --- bytes out

    def _is_silent(self, port: Port) -> bool:
        return self.faults.silent or port.number in self.faults.silent_ports

    def write(self, port: Port, data: bytes) -> None:
        """Bytes out of a port, if it speaks."""
        self._write(port, data)

    def _write(self, port: Port, data: bytes) -> None:
        if data and self.runs and port.role is not Role.MUTE and not self._is_silent(port):
            self.put(Write(port=port.number, data=data))

    def answer(self, port: Port, reply: Reply, *, lines: list[str] | None = None, after: bytes = b"") -> None:
        faults = self.faults
        final = reply.text(cmee=2 if faults.cme_text else port.cmee)
        if not lines and not final:
            return
        drop = faults.drop_crlf
        chunk = self._random.randbytes(faults.garbage) + bytes(faults.leading_nuls)
        if faults.garbage_only:
            self._write(port, chunk)
            return
        if faults.urc_between:
            chunk += frame(faults.urc_between)
        chunk += b"".join(frame(text, drop=drop) for text in lines or ())
        if final and not port.quiet:
            code = RESULT_CODES.get("CONNECT" if final.startswith("CONNECT") else final)
            chunk += frame(final, drop=drop) if port.verbose or code is None else b"%d\r" % code
        if faults.urc_glued and final == "OK":
            chunk += frame(faults.urc_glued, drop="crlf")
        self._write(port, chunk + after)

    def command_mode(self, port: Port, text: str) -> None:
        """Leave data mode or dialling, with a final result where ``text`` is one."""
        port.mode = Mode.COMMAND
        port.generation += 1
        port.pluses = 0
        port.line.clear()
        if text:
            self.answer(port, Reply(final=text))

    def say(self, port: Port, text: str) -> None:
        """One unsolicited line."""
        if port.mode is Mode.COMMAND:
            self._write(port, frame(text))

    def announce(self, text: str) -> None:
        """One unsolicited line on every AT port in command mode."""
        for port in self.ports:
            self.say(port, text)

    # --- time

    def put(self, output: Output) -> None:
        """Hand one output to the caller of the current input."""
        self._out.append(output)

    def note(self, now: float, text: str) -> None:
        """Keep what happened, for timelines."""
        self.history.append(Happening(at=now, text=text))

    def at(self, when: float, act: Callable[[float], None]) -> None:
        """Do something later; a power cut forgets it."""
        heapq.heappush(self._timers, (when, next(self._order), act))

    def _advance(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            due, _, act = heapq.heappop(self._timers)
            act(due)
            radio.watch(self, due)
        radio.watch(self, now)

    def _drain(self, now: float) -> list[Output]:
        self._advance(now)
        out, self._out = self._out, []
        return out
