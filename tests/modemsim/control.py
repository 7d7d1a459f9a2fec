"""The control socket: one JSON object per line in, one out, with "ok" and, where that is false, "error"."""

import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import radio

if TYPE_CHECKING:
    from .loop import Loop

MAX_REQUEST = 65_536
SEND_DEADLINE = 2.0
Operation = Callable[..., dict[str, Any]]


class ControlServer:
    """A listening unix socket and its clients."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.fspath(path))
        self._listener.listen(8)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}

    def fds(self) -> list[int]:
        """What to watch for reading."""
        return [self._listener.fileno(), *self._clients]

    def serve(self, loop: "Loop", fd: int, _events: int) -> None:
        """Accept a client, or answer what one has sent."""
        if fd == self._listener.fileno():
            client, _ = self._listener.accept()
            client.settimeout(SEND_DEADLINE)
            self._clients[client.fileno()] = (client, bytearray())
            return
        client, buffer = self._clients[fd]
        try:
            data = client.recv(MAX_REQUEST)
            buffer += data
            while data and b"\n" in buffer:
                line, _, rest = bytes(buffer).partition(b"\n")
                buffer[:] = rest
                client.sendall(json.dumps(answer(loop, line)).encode() + b"\n")
        except OSError:
            data = b""
        if not data or len(buffer) > MAX_REQUEST:
            del self._clients[fd]
            client.close()

    def close(self) -> None:
        """Close everything and remove the socket."""
        for client, _ in self._clients.values():
            client.close()
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def answer(loop: "Loop", line: bytes) -> dict[str, Any]:
    """Do what one request asks."""
    try:
        request = json.loads(line)
        operation: Operation = OPERATIONS.get(request.pop("op", ""), _unknown)
        return {"ok": True, **operation(loop, **request)}
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return {"ok": False, "error": str(error)}


def _get(loop: "Loop") -> dict[str, Any]:
    modem, now = loop.modem, time.monotonic()
    return {
        "now": now,
        "state": {
            "profile": modem.profile.name,
            "powered": modem.powered,
            "shows": modem.shows,
            "sim_status": radio.sim_status(modem, now),
            "registration": radio.registration(modem, now),
            "contexts": modem.contexts,
            "sessions": {port: session.process.pid for port, session in loop.sessions.items()},
            "ports": [
                {
                    "number": port.number,
                    "role": port.role,
                    "path": wire.end.path,
                    "host": wire.up,
                    "mode": port.mode,
                    "cid": port.cid,
                    "echo": port.echo,
                    "ppp": port.ppp[-256:].hex(),
                }
                for port, wire in zip(modem.ports, loop.wires, strict=True)
            ],
            "sim": dataclasses.asdict(modem.sim),
            "network": dataclasses.asdict(modem.network),
            "faults": dataclasses.asdict(modem.faults),
        },
        "counters": dict(modem.counters),
        "texts": list(modem.texts),
        "log": [dataclasses.asdict(entry) for entry in modem.log],
        "history": [dataclasses.asdict(entry) for entry in modem.history],
    }


def _unknown(loop: "Loop", **_fields: object) -> dict[str, Any]:
    raise ValueError(f"a request is an object with an op: {', '.join(sorted(OPERATIONS))}")


def _set(loop: "Loop", **fields: object) -> dict[str, Any]:
    loop.perform(loop.modem.change(fields, time.monotonic()))
    return {}


def _power_cycle(loop: "Loop", *, off_for: float = 2.0) -> dict[str, Any]:
    loop.perform(loop.modem.power_cycle(time.monotonic(), off_for=float(off_for)))
    return {}


def _power_off(loop: "Loop") -> dict[str, Any]:
    return _power_cycle(loop, off_for=float("inf"))


def _power_on(loop: "Loop") -> dict[str, Any]:
    loop.perform(loop.modem.power_on(time.monotonic()))
    return {}


def _hang_up(loop: "Loop", *, graceful: bool = False) -> dict[str, Any]:
    loop.perform(loop.modem.hang_up(time.monotonic(), graceful=bool(graceful)))
    return {}


def _usb_reset(loop: "Loop") -> dict[str, Any]:
    loop.perform(loop.modem.usb_reset(time.monotonic()))
    return {}


def _switch_mode(loop: "Loop") -> dict[str, Any]:
    loop.perform(loop.modem.switch_mode(time.monotonic()))
    return {}


def _urc(loop: "Loop", *, text: str) -> dict[str, Any]:
    loop.perform(loop.modem.urc(str(text), time.monotonic()))
    return {}


def _stick(loop: "Loop", *, port: int) -> dict[str, Any]:
    loop.perform(loop.modem.stick(int(port), time.monotonic()))
    return {}


def _dtr(loop: "Loop", *, port: int, up: bool) -> dict[str, Any]:
    loop.perform(loop.modem.dtr(int(port), up=bool(up), now=time.monotonic()))
    return {}


def _clear(loop: "Loop") -> dict[str, Any]:
    loop.modem.log.clear()
    loop.modem.history.clear()
    loop.modem.counters.update({name: -value for name, value in loop.modem.counters.items()})
    return {}


OPERATIONS: dict[str, Operation] = {
    "get": _get,
    "set": _set,
    "power_cycle": _power_cycle,
    "power_off": _power_off,
    "power_on": _power_on,
    "usb_reset": _usb_reset,
    "switch_mode": _switch_mode,
    "hang_up": _hang_up,
    "urc": _urc,
    "stick": _stick,
    "dtr": _dtr,
    "clear": _clear,
}
