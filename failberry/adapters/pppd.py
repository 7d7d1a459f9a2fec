"""One pppd for one session: started, heard, ended, reaped; and adopted when the daemon restarts.

How it outlives the daemon is told in :mod:`failberry.adapters.worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
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
from failberry.adapters.worker import LogFile, SessionFile, Worker
from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.events import SessionEnded, SessionStarted, SessionStopped, SessionUp
from failberry.core.facts import Session
from failberry.errors import AdapterError

TERM_PATIENCE = 15.0
"""Seconds from TERM to KILL: up to three Terminate-Requests, 3 s apart, and one second of DTR low."""
HOOK_PATIENCE = 5.0
"""Seconds the hook's message may lag behind the address in the log."""
LOG_POLL = 1.0
TOTALS_PATIENCE = 1.0
"""Seconds that the hook may lag behind the end of a session with what it has carried."""

_NUMBER = re.compile(r"[0-9]{1,18}")
"""Of bytes; more than a line carries in its life, and less than 63 bits."""
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
    worker: Worker
    session: Session
    up: bool = False
    watcher: asyncio.TimerHandle | None = None
    log_seen_at: float | None = None
    totals: tuple[int, int] | None = None
    """Bytes received and sent in all, as its hook told on the way down."""
    finish: Callable[[], None] | None = None
    """What is left to do once it is dead; set while its totals are waited for."""


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
        self._file = SessionFile(directory / "session.json")
        self._log = LogFile(directory / "pppd.log")
        self._version: Version | None = None
        self._running: _Running | None = None

    # --- life ----------------------------------------------------------------------------------

    def adopt(self) -> Session | None:
        """Take over the pppd that a predecessor started, if it lives; call once, at start."""
        if (stored := self._file.read()) is None:
            self._forget()
            return None
        session, start_time = stored
        worker = Worker.adopt(session.pid, start_time)
        if worker is None or (session.local is None and session.local6 is None):
            # Another process under a used number, or a dial that was cut in the middle.
            if worker is not None:
                worker.dismiss()
            portlock.release(session.tty, (session.pid,))
            self._forget()
            return None
        self._watch(_Running(worker, session, up=True))
        return session

    async def start(self, deed: int, config: Config, tty: str, *, carrier: bool) -> SessionStarted:
        """Start pppd on the port, which is in data mode and held open by the caller."""
        if self._running is not None:
            return SessionStarted(deed=deed, problem="a session is still running")
        try:
            worker = await asyncio.to_thread(self._spawn, config, tty, carrier=carrier)
        except (OSError, subprocess.SubprocessError) as error:
            return SessionStarted(deed=deed, problem=str(error))
        with contextlib.suppress(AdapterError):
            # Named after pppd from now on: the lock must outlive this daemon, not its session.
            portlock.acquire(tty, worker.pid, previous=os.getpid())
        session = Session(pid=worker.pid, tty=tty, interface=MOBILE_INTERFACE)
        running = _Running(worker, session)
        self._file.write(session)
        self._watch(running)
        running.watcher = asyncio.get_running_loop().call_later(LOG_POLL, self._read_log, running)
        return SessionStarted(deed=deed)

    def _spawn(self, config: Config, tty: str, *, carrier: bool) -> Worker:
        if not Path(tty).exists():
            # pppd would call this a bad option.
            raise FileNotFoundError(f"{tty} has vanished")
        version = self._detect_version()
        self._write_secrets(config)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self._log.open()
        try:
            words = options(config, tty, version=version, carrier=carrier, logfd=log, places=self._places)
            return Worker.spawn([self._program, *words], log=log)
        finally:
            os.close(log)

    async def stop(self, deed: int) -> SessionStopped:
        """TERM, then KILL after a deadline; on return pppd is reaped and its lock gone."""
        if self._running is not None:
            await self._running.worker.end(TERM_PATIENCE)
        return SessionStopped(deed=deed)

    def close(self) -> None:
        """Let go of the session, which goes on."""
        if self._running is not None:
            self._running.worker.let_go()
            if self._running.watcher is not None:
                self._running.watcher.cancel()

    # --- hearing -------------------------------------------------------------------------------

    def _watch(self, running: _Running) -> None:
        self._running = running
        running.worker.watch(lambda code: self._exited(running, code))

    def _exited(self, running: _Running, code: int | None) -> None:
        if running.watcher is not None:
            running.watcher.cancel()
        # pppd waits for its scripts before it ends, but what they say may be read after that.
        port_gone = not Path(running.session.tty).exists()
        running.finish = partial(self._finish, running, code, port_gone=port_gone)
        if running.totals is None and running.up:
            loop = asyncio.get_running_loop()
            running.watcher = loop.call_later(TOTALS_PATIENCE, running.finish)
        else:
            running.finish()

    def _finish(self, running: _Running, code: int | None, *, port_gone: bool) -> None:
        if running.watcher is not None:
            running.watcher.cancel()
        self._running = None
        tty = running.session.tty
        portlock.release(tty, (running.worker.pid, os.getpid()))
        self._forget()
        running.worker.ended.set()
        received, sent = running.totals or (None, None)
        self._post(
            SessionEnded(
                exit_code=code,
                port_gone=port_gone,
                evidence=self._last_words(),
                received=received,
                sent=sent,
            )
        )

    def heard(self, told: Mapping[str, str]) -> None:
        """Take what a hook said, if it was our pppd's."""
        running = self._running
        if running is None or told.get("PPPD_PID") != str(running.worker.pid):
            return
        if told.get("EVENT") == "ip-up":
            servers = [told.get("DNS1", ""), told.get("DNS2", "")]
            self._address(running, told.get("IPLOCAL", ""), told.get("IPREMOTE", ""), servers)
        elif told.get("EVENT") == "ipv6-up":
            self._address6(running, told.get("LLLOCAL", ""))
        elif told.get("EVENT") == "down":
            received, sent = told.get("RECEIVED", ""), told.get("SENT", "")
            if _NUMBER.fullmatch(received) and _NUMBER.fullmatch(sent):
                running.totals = int(received), int(sent)
                if running.finish is not None:
                    running.finish()

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
        self._file.write(running.session)
        self._post(SessionUp(session=running.session))

    def _read_log(self, running: _Running) -> None:
        """Fall back to the log where the hook stays silent."""
        if running.up or self._running is not running:
            return
        loop = asyncio.get_running_loop()
        found = dict(_addresses_in(self._log.tail()))
        if "local" in found:
            if running.log_seen_at is None:
                running.log_seen_at = loop.time()
            elif loop.time() - running.log_seen_at >= HOOK_PATIENCE:
                servers = [found.get("primary", ""), found.get("secondary", "")]
                self._address(running, found["local"], found.get("remote", ""), servers)
                return
        running.watcher = loop.call_later(LOG_POLL, self._read_log, running)

    # --- files ---------------------------------------------------------------------------------

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._log.tail().splitlines() if line.strip()]
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

    def _forget(self) -> None:
        self._file.forget()
        self._places.secrets.unlink(missing_ok=True)


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
