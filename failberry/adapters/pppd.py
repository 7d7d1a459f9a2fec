"""One pppd for one session: started, heard, ended, reaped; and adopted when the daemon restarts.

pppd's log goes to a file on tmpfs rather than a pipe, and its identity to a second file, so that a
session outlives the daemon (a dead reader of a pipe would end it) and a restarted daemon can take it
over without dropping a packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from failberry.adapters import portlock
from failberry.adapters.ppp_options import (
    BOGUS_DNS,
    Places,
    Version,
    invented_peer,
    options,
    parse_version,
    secrets_text,
)
from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.events import SessionEnded, SessionStarted, SessionStopped, SessionUp
from failberry.core.facts import Session
from failberry.errors import AdapterError

TERM_PATIENCE = 15.0
"""Seconds from TERM to KILL: up to three Terminate-Requests, 3 s apart, and one second of DTR low."""
KILL_PATIENCE = 5.0
HOOK_PATIENCE = 5.0
"""Seconds the hook's message may lag behind the address in the log."""
LOG_POLL = 1.0
LOG_TAIL = 4096

_TELLING = (
    "No response to",
    "Serial link appears",
    "LCP terminated by peer",
    "authentication failed",
    "looped back",
    "timeout sending Config-Requests",
    "Couldn't rename interface",
    "Modem hangup",
    "is locked by",
    "Terminating on signal",
)
"""Log lines that name the cause of an end, the most telling ones first."""


@dataclass(slots=True)
class _Running:
    pid: int
    pidfd: int
    tty: str
    process: subprocess.Popen[bytes] | None
    """``None`` for an adopted pppd."""
    session: Session
    ended: asyncio.Event
    up: bool = False
    watcher: asyncio.TimerHandle | None = None
    log_seen_at: float | None = None


class Pppd:
    """At most one session at a time."""

    def __init__(
        self,
        *,
        post: Callable[[SessionUp | SessionEnded], None],
        directory: Path,
        hook: Path,
        program: str = "pppd",
    ) -> None:
        self._post = post
        self._directory = directory
        self._places = Places(hook=hook, secrets=directory / "secrets")
        self._program = program
        self._version: Version | None = None
        self._running: _Running | None = None
        self._socket: socket.socket | None = None

    # --- life ----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Open the socket to which the hook speaks."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / "hook"
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._hook_spoke)

    def adopt(self) -> Session | None:
        """Take over the pppd that a predecessor started, if it lives; call once, at start."""
        try:
            stored = json.loads((self._directory / "session.json").read_text(encoding="utf-8"))
            pid, tty = int(stored["pid"]), str(stored["tty"])
            pidfd = os.pidfd_open(pid)
        except (OSError, ValueError, KeyError, TypeError):
            self._forget()
            return None
        ours = _start_time(pid) == stored.get("start_time")
        if not ours or not (stored.get("local") or stored.get("local6")):
            # Another process under a used number, or a dial that was cut in the middle.
            if ours:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            os.close(pidfd)
            portlock.release(tty, (pid,))
            self._forget()
            return None
        session = _session_from(stored)
        self._watch(_Running(pid, pidfd, tty, None, session, asyncio.Event(), up=True))
        return session

    async def start(self, deed: int, config: Config, tty: str, *, carrier: bool) -> SessionStarted:
        """Start pppd on the port, which is in data mode and held open by the caller."""
        if self._running is not None:
            return SessionStarted(deed=deed, problem="a session is still running")
        try:
            process = await asyncio.to_thread(self._spawn, config, tty, carrier=carrier)
        except (OSError, subprocess.SubprocessError) as error:
            return SessionStarted(deed=deed, problem=str(error))
        with contextlib.suppress(AdapterError):
            # Named after pppd from now on: the lock must outlive this daemon, not its session.
            portlock.acquire(tty, process.pid, previous=os.getpid())
        session = Session(pid=process.pid, tty=tty, interface=MOBILE_INTERFACE)
        running = _Running(process.pid, os.pidfd_open(process.pid), tty, process, session, asyncio.Event())
        self._remember(session)
        self._watch(running)
        running.watcher = asyncio.get_running_loop().call_later(LOG_POLL, self._read_log, running)
        return SessionStarted(deed=deed)

    def _spawn(self, config: Config, tty: str, *, carrier: bool) -> subprocess.Popen[bytes]:
        if not Path(tty).exists():
            # pppd would call this a bad option.
            raise FileNotFoundError(f"{tty} has vanished")
        version = self._detect_version()
        self._write_secrets(config)
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            words = options(config, tty, version=version, carrier=carrier, logfd=log, places=self._places)
            return subprocess.Popen(
                [self._program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(log,),
                start_new_session=True,
            )
        finally:
            os.close(log)

    async def stop(self, deed: int) -> SessionStopped:
        """TERM, then KILL after a deadline; on return pppd is reaped and its lock gone."""
        running = self._running
        if running is not None:
            for signum, patience in ((signal.SIGTERM, TERM_PATIENCE), (signal.SIGKILL, KILL_PATIENCE)):
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(running.pidfd, signum)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await running.ended.wait()
                        break
        return SessionStopped(deed=deed)

    def close(self) -> None:
        """Let go of the session, which goes on, and of the socket."""
        loop = asyncio.get_running_loop()
        if self._running is not None:
            loop.remove_reader(self._running.pidfd)
            if self._running.watcher is not None:
                self._running.watcher.cancel()
        if self._socket is not None:
            loop.remove_reader(self._socket.fileno())
            self._socket.close()

    # --- hearing -------------------------------------------------------------------------------

    def _watch(self, running: _Running) -> None:
        self._running = running
        asyncio.get_running_loop().add_reader(running.pidfd, self._exited, running)

    def _exited(self, running: _Running) -> None:
        asyncio.get_running_loop().remove_reader(running.pidfd)
        os.close(running.pidfd)
        if running.watcher is not None:
            running.watcher.cancel()
        code = running.process.wait() if running.process is not None else None
        self._running = None
        portlock.release(running.tty, (running.pid, os.getpid()))
        self._forget()
        running.ended.set()
        self._post(
            SessionEnded(
                exit_code=code if code is not None and code >= 0 else None,
                port_gone=not Path(running.tty).exists(),
                evidence=self._last_words(),
            )
        )

    def _hook_spoke(self) -> None:
        assert self._socket is not None  # noqa: S101  (the reader exists only while the socket does)
        try:
            message = self._socket.recv(8192)
        except BlockingIOError:
            return
        told = dict(
            line.partition("=")[::2]
            for line in message.decode("utf-8", "replace").splitlines()
            if "=" in line
        )
        running = self._running
        if running is None or told.get("PPPD_PID") != str(running.pid):
            return
        if told.get("EVENT") == "ip-up":
            servers = [told.get("DNS1", ""), told.get("DNS2", "")]
            self._address(running, told.get("IPLOCAL", ""), told.get("IPREMOTE", ""), servers)
        elif told.get("EVENT") == "ipv6-up":
            self._address6(running, told.get("LLLOCAL", ""))

    def _address(self, running: _Running, local: str, remote: str, servers: list[str]) -> None:
        try:
            address, peer = IPv4Address(local), IPv4Address(remote) if remote else None
        except ValueError:
            return
        named = list(dict.fromkeys(each for each in servers if each))
        running.session = replace(
            running.session,
            local=address,
            remote=None if peer is None or invented_peer(peer) else peer,
            dns=tuple(IPv4Address(each) for each in named if each not in BOGUS_DNS and _is_ipv4(each)),
            bogus_dns=any(each in BOGUS_DNS for each in named),
        )
        self._up(running)

    def _address6(self, running: _Running, local: str) -> None:
        with contextlib.suppress(ValueError):
            running.session = replace(running.session, local6=IPv6Address(local))
            self._up(running)

    def _up(self, running: _Running) -> None:
        running.up = True
        self._remember(running.session)
        self._post(SessionUp(session=running.session))

    def _read_log(self, running: _Running) -> None:
        """Fall back to the log where the hook stays silent."""
        if running.up or self._running is not running:
            return
        loop = asyncio.get_running_loop()
        found = dict(_addresses_in(self._log_text()))
        if "local" in found:
            if running.log_seen_at is None:
                running.log_seen_at = loop.time()
            elif loop.time() - running.log_seen_at >= HOOK_PATIENCE:
                servers = [found.get("primary", ""), found.get("secondary", "")]
                self._address(running, found["local"], found.get("remote", ""), servers)
                return
        running.watcher = loop.call_later(LOG_POLL, self._read_log, running)

    # --- files ---------------------------------------------------------------------------------

    @property
    def _log(self) -> Path:
        return self._directory / "pppd.log"

    def _log_text(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - LOG_TAIL))
                return file.read(LOG_TAIL).decode("utf-8", "replace")
        except OSError:
            return ""

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._log_text().splitlines() if line.strip()]
        for words in _TELLING:
            for line in lines:
                if words in line:
                    return line
        return lines[-1] if lines else ""

    def _detect_version(self) -> Version:
        if self._version is None:
            done = subprocess.run(
                [self._program, "--version"], capture_output=True, text=True, timeout=10, check=False
            )
            self._version = parse_version(done.stdout + done.stderr) or (2, 4, 9)
        return self._version

    def _write_secrets(self, config: Config) -> None:
        self._places.secrets.unlink(missing_ok=True)
        if config.cellular.user:
            descriptor = os.open(self._places.secrets, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets_text(config))

    def _remember(self, session: Session) -> None:
        stored = {
            "pid": session.pid,
            "start_time": _start_time(session.pid),
            "tty": session.tty,
            "interface": session.interface,
            "local": _text(session.local),
            "remote": _text(session.remote),
            "local6": _text(session.local6),
            "dns": [str(each) for each in session.dns],
            "bogus_dns": session.bogus_dns,
        }
        draft = self._directory / "session.json.new"
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(stored), encoding="utf-8")
            draft.replace(self._directory / "session.json")

    def _forget(self) -> None:
        for name in ("session.json", "secrets"):
            (self._directory / name).unlink(missing_ok=True)


def _text(address: IPv4Address | IPv6Address | None) -> str | None:
    return None if address is None else str(address)


def _session_from(stored: dict[str, object]) -> Session:
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
        dns=tuple(ip_address(str(each)) for each in servers) if isinstance(servers, list) else (),
        bogus_dns=bool(stored.get("bogus_dns")),
    )


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


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _addresses_in(log: str) -> list[tuple[str, str]]:
    """Read the addresses that pppd logs: ``local  IP address 10.0.0.1``, ``primary   DNS address …``."""
    found = []
    for line in log.splitlines():
        words = line.split()
        if len(words) >= 4 and words[-2] == "address" and words[-3] in ("IP", "DNS"):
            found.append((words[-4], words[-1]))
    return found
