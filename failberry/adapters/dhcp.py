"""One DHCP client for one session on a stick that is a router: started, heard, ended, reaped, adopted.

The client is busybox's udhcpc, a one-shot worker like pppd: it asks, renews and tells its hook, and never
touches address, route or resolv.conf itself.  The address is set here, by netlink.  A lease that is lost ends
the session: what comes then is a new one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

from failberry.adapters import link
from failberry.adapters.netlink import Netlink
from failberry.adapters.ppp_options import BOGUS_DNS
from failberry.adapters.worker import LogFile, SessionFile, Worker
from failberry.config import MOBILE_INTERFACE
from failberry.core.events import SessionEnded, SessionStarted, SessionStopped, SessionUp
from failberry.core.facts import ModemHardware, NetworkFacts, Session
from failberry.errors import AdapterError

TERM_PATIENCE = 5.0
"""Seconds from TERM to KILL; it has nothing to say to the stick, whose lease simply runs out."""
LONGEST_LOG = 65536
"""Bytes of log at which it is emptied: a lease of two minutes is renewed 260,000 times a year."""
_ASK = ("-t", "5", "-T", "3", "-A", "5")
"""Five discoveries 3 s apart, then a rest of 5 s, for ever: who waits for an address has the deadline."""
_WANTED = ("-o", "-O", "subnet", "-O", "router", "-O", "dns")
"""The only options asked for; server and lease time are always told."""


@dataclass(slots=True)
class _Running:
    worker: Worker
    session: Session
    index: int | None = None
    """Of the interface; ``None``: adopted, and not seen yet."""
    up: bool = False
    problem: str = ""
    """Why it was ended from this side, in words."""


class Lease:
    """At most one session at a time; :meth:`attend` must run for it to come up and to end."""

    def __init__(
        self,
        *,
        post: Callable[[SessionUp | SessionEnded], None],
        directory: Path,
        hook: Path,
        netlink: Netlink,
        program: Sequence[str] = ("busybox", "udhcpc"),
    ) -> None:
        self._post = post
        self._directory = directory
        self._hook = hook
        self._netlink = netlink
        self._program = program
        self._file = SessionFile(directory / "lease.json")
        self._log = LogFile(directory / "udhcpc.log")
        self._running: _Running | None = None
        self._told: asyncio.Queue[Mapping[str, str] | None] = asyncio.Queue()
        """What hooks said, in order; ``None``: the client is dead."""
        self._turn = asyncio.Lock()

    # --- life ----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a client lives."""
        return self._running is not None

    def adopt(self) -> Session | None:
        """Take over the client that a predecessor started, if it lives; call once, at start."""
        stored = self._file.read()
        worker = Worker.adopt(stored[0].pid, stored[1]) if stored is not None else None
        if stored is None or worker is None or stored[0].local is None:
            if worker is not None:
                worker.dismiss()
            self._file.forget()
            return None
        self._watch(_Running(worker, stored[0], up=True))
        # What it told while nobody listened is lost: let it renew, and say it again.
        worker.send(signal.SIGUSR1)
        return stored[0]

    async def start(self, deed: int, hardware: ModemHardware) -> SessionStarted:
        """Give the stick's interface our name, and start the client on it."""
        if self._running is not None:
            return SessionStarted(deed=deed, problem="a session is still running")
        name = hardware.network_interface
        if name is None:
            return SessionStarted(deed=deed, problem=f"{hardware.product} has no network interface")
        async with self._turn:
            try:
                index = await self._netlink.ask(lambda kernel: link.take(kernel, name, MOBILE_INTERFACE))
                worker = await asyncio.to_thread(self._spawn)
            except AdapterError as error:
                return SessionStarted(deed=deed, problem=error.evidence)
            except (OSError, subprocess.SubprocessError) as error:
                return SessionStarted(deed=deed, problem=str(error))
            session = Session(pid=worker.pid, tty="", interface=MOBILE_INTERFACE)
            self._file.write(session)
            self._watch(_Running(worker, session, index))
        return SessionStarted(deed=deed)

    def _spawn(self) -> Worker:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self._log.open()
        words = [*self._program, "-f", "-i", MOBILE_INTERFACE, "-s", str(self._hook), *_ASK, *_WANTED]
        try:
            return Worker.spawn(words, log=log, stderr=log)
        finally:
            os.close(log)

    async def stop(self, deed: int) -> SessionStopped:
        """TERM, then KILL after a deadline; on return the client is reaped and its address gone."""
        if self._running is not None:
            await self._running.worker.end(TERM_PATIENCE)
        return SessionStopped(deed=deed)

    def close(self) -> None:
        """Let go of the session, which goes on."""
        if self._running is not None:
            self._running.worker.let_go()

    def _watch(self, running: _Running) -> None:
        self._running = running
        running.worker.watch(lambda _: self._told.put_nowait(None))

    # --- hearing -------------------------------------------------------------------------------

    def heard(self, told: Mapping[str, str]) -> None:
        """Take what a hook said."""
        if "UDHCPC_PID" in told:
            self._told.put_nowait(told)

    def observed(self, facts: NetworkFacts) -> None:
        """Take note of the kernel's network: a client does not notice for hours that its interface went."""
        running = self._running
        if running is None:
            return
        interface = facts.interface(MOBILE_INTERFACE)
        if interface is None or running.index not in (None, interface.index):
            self._give_up(running, "the stick's interface has vanished")
        else:
            running.index = interface.index

    async def attend(self) -> None:
        """Do what the client's words and its end call for; runs until cancelled."""
        while True:
            told = await self._told.get()
            async with self._turn:
                running = self._running
                if running is None:
                    continue
                if told is None:
                    await self._end(running)
                elif told["UDHCPC_PID"] == str(running.worker.pid):
                    await self._hear(running, told)

    async def _hear(self, running: _Running, told: Mapping[str, str]) -> None:
        event = told.get("EVENT")
        if event in ("bound", "renew"):
            try:
                await self._granted(running, told)
            except AdapterError as error:
                self._give_up(running, error.evidence)
        elif event == "deconfig" and running.up:
            self._give_up(running, "the stick has taken the address back")

    async def _granted(self, running: _Running, told: Mapping[str, str]) -> None:
        local, gateway = _address(told.get("IP", "")), _gateway(told)
        if local is None or gateway is None or local == gateway:
            given = f"address {told.get('IP') or 'none'}, gateway {told.get('ROUTER') or 'none'}"
            self._give_up(running, f"the stick's DHCP server gave nothing usable: {given}")
            return
        facts = await self._netlink.observe()
        if clash := next(_clashes(facts, local, gateway), ""):
            self._give_up(running, f"{clash}; give the stick another network, on its own web page")
            return
        await self._netlink.ask(lambda kernel: link.hold(kernel, MOBILE_INTERFACE, local))
        named = list(dict.fromkeys(told.get("DNS", "").split()))
        servers = (_address(each) for each in named if each not in BOGUS_DNS)
        session = replace(
            running.session,
            local=local,
            gateway=gateway,
            dns=tuple(each for each in servers if each is not None),
            bogus_dns=any(each in BOGUS_DNS for each in named),
        )
        self._log.shorten(LONGEST_LOG)
        if running.up and session == running.session:
            return
        running.session, running.up = session, True
        self._file.write(session)
        self._post(SessionUp(session=session))

    def _give_up(self, running: _Running, why: str) -> None:
        """End a client of no more use: without ado, for it has nothing to put in order."""
        running.problem = running.problem or why
        running.worker.send(signal.SIGKILL)

    async def _end(self, running: _Running) -> None:
        there = False
        try:
            there = await self._netlink.ask(lambda kernel: link.rest(kernel, MOBILE_INTERFACE))
        except AdapterError as error:
            running.problem = running.problem or error.evidence
        self._running = None
        self._file.forget()
        evidence = running.problem or self._last_words()
        self._post(SessionEnded(exit_code=None, port_gone=not there, evidence=evidence))
        running.worker.ended.set()

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._log.tail().splitlines() if line.strip()]
        return lines[-1] if lines else ""


def _address(text: str) -> IPv4Address | None:
    """Return it if a machine can have it."""
    try:
        address = IPv4Address(text)
    except ValueError:
        return None
    useless = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_reserved
    return None if useless else address


def _gateway(told: Mapping[str, str]) -> IPv4Address | None:
    """Return the first router; some sticks name none, and are the router themselves."""
    named = (_address(each) for each in (*told.get("ROUTER", "").split(), told.get("SERVER", "")))
    return next((each for each in named if each is not None), None)


def _clashes(facts: NetworkFacts, local: IPv4Address, gateway: IPv4Address) -> Iterator[str]:
    """Yield what cannot work: an address that is this machine's own already, on another interface."""
    for interface in facts.interfaces:
        for address in interface.addresses:
            if interface.name != MOBILE_INTERFACE and address.ip in (local, gateway):
                whose = "gave this machine" if address.ip == local else "has for itself"
                yield f"the stick {whose} the address {address.ip}, which {interface.name} here has already"
