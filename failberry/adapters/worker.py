"""What pppd and the DHCP client have in common: a child with one session, which outlives the daemon.

Its log goes to a file on tmpfs rather than a pipe (a dead reader of a pipe would end it), its identity to a
second file, and what its hook script has to tell comes as datagrams to one socket.  So a restarted daemon
can take it over without dropping a packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from failberry.core.facts import Session

KILL_PATIENCE = 5.0
"""Seconds after KILL: only a process that hangs in the kernel takes longer than no time at all."""
LOG_TAIL = 4096


# --- the process ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Worker:
    """One living child, ours or a predecessor's."""

    pid: int
    pidfd: int
    process: subprocess.Popen[bytes] | None
    """``None`` for an adopted one."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by its owner when all that belongs to the end is done."""

    @classmethod
    def spawn(cls, words: list[str], *, log: int, stderr: int = subprocess.DEVNULL) -> Worker:
        """Start a program in a session of its own; ``log`` is open in it.  Raises OSError."""
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(log,),
            start_new_session=True,
        )
        return cls(process.pid, os.pidfd_open(process.pid), process)

    @classmethod
    def adopt(cls, pid: int, start_time: int | None) -> Worker | None:
        """Take over the process, unless another one lives under its number."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None
        if _start_time(pid) != start_time:
            os.close(pidfd)
            return None
        return cls(pid, pidfd, None)

    def watch(self, gone: Callable[[int | None], None]) -> None:
        """Call ``gone`` once it is dead and reaped, with its exit status if that is known."""
        asyncio.get_running_loop().add_reader(self.pidfd, self._exited, gone)

    def _exited(self, gone: Callable[[int | None], None]) -> None:
        asyncio.get_running_loop().remove_reader(self.pidfd)
        os.close(self.pidfd)
        code = self.process.wait() if self.process is not None else None
        gone(code if code is not None and code >= 0 else None)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal; one that is dead already does not mind."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.pidfd, signum)

    async def end(self, term_patience: float) -> None:
        """TERM, then KILL after so many seconds; returns when its owner has set :attr:`ended`."""
        for signum, patience in ((signal.SIGTERM, term_patience), (signal.SIGKILL, KILL_PATIENCE)):
            self.send(signum)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.ended.wait()
                    return

    def dismiss(self) -> None:
        """TERM one that nobody watches."""
        self.send(signal.SIGTERM)
        os.close(self.pidfd)

    def let_go(self) -> None:
        """Watch no more; it lives on."""
        asyncio.get_running_loop().remove_reader(self.pidfd)


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)): tells a process from a later one of the same number."""
    try:
        return int(
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="ascii", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
    except (OSError, ValueError, IndexError):
        return None


# --- its identity --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionFile:
    """Who carries the session and what was granted, for the next daemon."""

    path: Path

    def write(self, session: Session) -> None:
        """Replace what was there, whole; without it a restart costs one dial, so a full disk is no error."""
        stored = {
            "pid": session.pid,
            "start_time": _start_time(session.pid),
            "tty": session.tty,
            "interface": session.interface,
            "local": _text(session.local),
            "remote": _text(session.remote),
            "local6": _text(session.local6),
            "gateway": _text(session.gateway),
            "dns": [str(each) for each in session.dns],
            "bogus_dns": session.bogus_dns,
        }
        draft = self.path.with_name(f"{self.path.name}.new")
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(stored), encoding="utf-8")
            draft.replace(self.path)

    def read(self) -> tuple[Session, int | None] | None:
        """Return session and start time of its worker; ``None``: there is none, or it is garbled."""
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            return _session(stored), stored.get("start_time")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def forget(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


def _text(address: IPv4Address | IPv6Address | None) -> str | None:
    return None if address is None else str(address)


def _session(stored: dict[str, object]) -> Session:
    def v4(key: str) -> IPv4Address | None:
        return IPv4Address(str(stored[key])) if stored.get(key) else None

    servers = stored.get("dns")
    return Session(
        pid=int(str(stored["pid"])),
        tty=str(stored["tty"]),
        interface=str(stored["interface"]),
        local=v4("local"),
        remote=v4("remote"),
        local6=IPv6Address(str(stored["local6"])) if stored.get("local6") else None,
        gateway=v4("gateway"),
        dns=tuple(ip_address(str(each)) for each in servers) if isinstance(servers, list) else (),
        bogus_dns=bool(stored.get("bogus_dns")),
    )


# --- its words -----------------------------------------------------------------------------------


class HookSocket:
    """Where the hook script of either worker (``etc/session/session-hook``) leaves one datagram a call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._ears: tuple[Callable[[Mapping[str, str]], None], ...] = ()

    def listen(self, *ears: Callable[[Mapping[str, str]], None]) -> None:
        """Tell each of these what the hook says; by the process id in it each knows its own."""
        self._ears = ears
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self._path))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._spoken)

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _spoken(self) -> None:
        assert self._socket is not None  # noqa: S101  (the reader exists only while the socket does)
        try:
            message = self._socket.recv(8192)
        except BlockingIOError:
            return
        lines = message.decode("utf-8", "replace").splitlines()
        told = dict(line.partition("=")[::2] for line in lines if "=" in line)
        for ear in self._ears:
            ear(told)


@dataclass(frozen=True, slots=True)
class LogFile:
    """What the worker writes; only its end is ever read."""

    path: Path

    def open(self) -> int:
        """Return a descriptor of the emptied file."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def tail(self) -> str:
        """Return the end of it; empty if there is none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - LOG_TAIL))
                return file.read(LOG_TAIL).decode("utf-8", "replace")
        except OSError:
            return ""

    def shorten(self, longest: int) -> None:
        """Empty it if it has grown beyond so many bytes; its writer appends, so nothing is torn."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_size > longest:
                os.truncate(self.path, 0)
