"""The pppd worker with a stand-in program: started, heard, ended, reaped, adopted.

What real pppd does is the lab's business; here it is the adapter's bookkeeping.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from failberry.adapters import portlock
from failberry.adapters.pppd import Pppd
from failberry.adapters.worker import HookSocket
from failberry.core.events import SessionEnded, SessionUp
from tests.simulation.world import BASE

STAND_IN = """#!/bin/sh
if [ "$1" = --version ]; then echo "pppd version 2.5.2"; exit 0; fi
{action}
"""
STAY = "trap 'exit 5' TERM; while :; do sleep 0.02; done"
DEAF = "trap '' TERM; while :; do sleep 0.02; done"


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tty = path / "ttyUSB2"
        self.tty.write_text("")
        self.events: list[SessionUp | SessionEnded] = []
        self.arrived = asyncio.Event()
        self.ear = HookSocket(path / "session" / "hook")

    def post(self, event: SessionUp | SessionEnded) -> None:
        self.events.append(event)
        self.arrived.set()

    def pppd(self, action: str) -> Pppd:
        program = self.path / "pppd"
        program.write_text(STAND_IN.format(action=action))
        program.chmod(0o755)
        worker = Pppd(
            post=self.post, directory=self.path / "session", hook=self.path / "hook", program=str(program)
        )
        self.ear.listen(worker.heard)
        return worker

    def close(self, worker: Pppd) -> None:
        worker.close()
        self.ear.close()

    async def event(self) -> SessionUp | SessionEnded:
        async with asyncio.timeout(10):
            while not self.events:
                self.arrived.clear()
                await self.arrived.wait()
        return self.events.pop(0)

    def hook(self, **told: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            message = "\n".join(f"{key}={value}" for key, value in told.items())
            sender.sendto(message.encode(), str(self.path / "session" / "hook"))

    async def listens(self) -> None:
        """Wait until the stand-in has set its trap: a shell that is still starting dies of any signal."""
        async with asyncio.timeout(10):
            while not self.traps():  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.01)

    def traps(self) -> bool:
        status = Path(f"/proc/{self.pid()}/status").read_text(encoding="ascii")
        (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def pid(self) -> str:
        owner = portlock.holder(str(self.tty))
        assert owner is not None
        return str(owner)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("failberry.adapters.pppd.TOTALS_PATIENCE", 0.05)
    locks = tmp_path / "lock"
    for function in (portlock.acquire, portlock.release):
        defaults = function.__defaults__ or ()
        monkeypatch.setattr(function, "__defaults__", tuple(locks for _ in defaults))
    monkeypatch.setattr(portlock.holder, "__defaults__", (locks,))
    return Bench(tmp_path)


@contextmanager
def quick(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("failberry.adapters.pppd.TERM_PATIENCE", 0.2)
    yield


def test_an_address_makes_a_session_and_term_ends_it(bench: Bench) -> None:
    async def life() -> None:
        worker = bench.pppd(STAY)
        started = await worker.start(1, BASE, str(bench.tty), carrier=True)
        assert started.problem is None
        bench.hook(EVENT="ip-up", PPPD_PID="1", IPLOCAL="10.0.0.9")  # not ours: another pppd's hook
        bench.hook(
            EVENT="ip-up",
            PPPD_PID=bench.pid(),
            IPLOCAL="100.64.7.2",
            IPREMOTE="10.64.64.64",
            DNS1="10.11.12.13",
            DNS2="192.0.2.53",
        )
        up = await bench.event()
        assert isinstance(up, SessionUp)
        assert up.session.local == IPv4Address("100.64.7.2")
        assert up.session.remote is None
        assert up.session.dns == (IPv4Address("192.0.2.53"),)
        assert up.session.bogus_dns
        await bench.listens()
        await worker.stop(2)
        ended = await bench.event()
        assert ended == SessionEnded(exit_code=5, port_gone=False, evidence="")
        bench.close(worker)

    asyncio.run(life())
    assert list((bench.path / "lock").iterdir()) == []
    assert not (bench.path / "session" / "session.json").exists()


@pytest.mark.parametrize("late", [False, True])
def test_the_end_says_what_the_session_carried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    """The hook's message may be read before the end is seen, or after it."""
    monkeypatch.setattr("failberry.adapters.pppd.TOTALS_PATIENCE", 5.0)

    async def life() -> None:
        worker = bench.pppd(STAY)
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        pid = bench.pid()
        bench.hook(EVENT="ip-up", PPPD_PID=pid, IPLOCAL="100.64.7.2")
        await bench.event()
        stopping = asyncio.create_task(worker.stop(2))
        if late:
            await _death(int(pid))
        down = {"EVENT": "down", "RECEIVED": "9876543210", "SENT": "77"}
        bench.hook(**down, PPPD_PID="1")  # not ours
        bench.hook(**{**down, "RECEIVED": "many"}, PPPD_PID=pid)
        bench.hook(**down, PPPD_PID=pid)
        await stopping
        ended = await bench.event()
        assert isinstance(ended, SessionEnded)
        assert (ended.received, ended.sent) == (9876543210, 77)
        bench.close(worker)

    asyncio.run(life())


async def _death(pid: int) -> None:
    dead, descriptor = asyncio.Event(), os.pidfd_open(pid)
    asyncio.get_running_loop().add_reader(descriptor, dead.set)
    await dead.wait()
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)


def test_a_deaf_pppd_is_killed_after_the_deadline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def life() -> None:
        worker = bench.pppd(DEAF)
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        with quick(monkeypatch):
            await worker.stop(2)
        ended = await bench.event()
        assert isinstance(ended, SessionEnded)
        assert ended.exit_code is None
        bench.close(worker)

    asyncio.run(life())


@pytest.mark.parametrize(("vanish", "gone"), [(True, True), (False, False)])
def test_an_end_says_whether_the_port_is_gone(bench: Bench, *, vanish: bool, gone: bool) -> None:
    async def life() -> None:
        remove = f"rm {bench.tty}; " if vanish else ""
        worker = bench.pppd(f"{remove}echo 'Modem hangup' >> {bench.path}/session/pppd.log; exit 2")
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        ended = await bench.event()
        assert ended == SessionEnded(exit_code=2, port_gone=gone, evidence="Modem hangup")
        bench.close(worker)

    asyncio.run(life())


def test_the_log_stands_in_for_a_hook_that_never_speaks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failberry.adapters.pppd.HOOK_PATIENCE", 0.0)
    monkeypatch.setattr("failberry.adapters.pppd.LOG_POLL", 0.02)
    words = (
        "local  IP address 100.64.7.2\\nremote IP address 100.64.7.1\\n"
        "primary   DNS address 192.0.2.53\\nsecondary DNS address 192.0.2.54"
    )

    async def life() -> None:
        worker = bench.pppd(f"printf '{words}\\n' >> {bench.path}/session/pppd.log; {STAY}")
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        up = await bench.event()
        assert isinstance(up, SessionUp)
        assert up.session.remote == IPv4Address("100.64.7.1")
        assert [str(each) for each in up.session.dns] == ["192.0.2.53", "192.0.2.54"]
        await worker.stop(2)
        bench.close(worker)

    asyncio.run(life())


def test_a_session_outlives_the_daemon_and_is_adopted(bench: Bench) -> None:
    async def first() -> int:
        worker = bench.pppd(STAY)
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        bench.hook(EVENT="ip-up", PPPD_PID=bench.pid(), IPLOCAL="100.64.7.2", IPREMOTE="100.64.7.1")
        await bench.event()
        bench.close(worker)
        return int(bench.pid())

    async def second(pid: int) -> None:
        worker = bench.pppd(STAY)
        session = worker.adopt()
        assert session is not None
        assert (session.pid, str(session.local)) == (pid, "100.64.7.2")
        await worker.stop(3)
        ended = await bench.event()
        assert isinstance(ended, SessionEnded)
        bench.close(worker)

    pid = asyncio.run(first())
    os.kill(pid, 0)
    asyncio.run(second(pid))
    assert list((bench.path / "lock").iterdir()) == []


def test_a_dial_cut_in_the_middle_is_not_adopted_but_ended(bench: Bench) -> None:
    async def first() -> int:
        worker = bench.pppd(STAY)
        await worker.start(1, BASE, str(bench.tty), carrier=True)
        bench.close(worker)
        return int(bench.pid())

    async def second() -> None:
        worker = bench.pppd(STAY)
        assert worker.adopt() is None
        bench.close(worker)

    pid = asyncio.run(first())
    asyncio.run(second())
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (5, -signal.SIGTERM)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"pid": 1, "tty": "/dev/ttyUSB2", "local": "x"}', "\x00"]
)
def test_a_garbled_session_file_is_no_session(bench: Bench, content: str) -> None:
    async def life() -> None:
        worker = bench.pppd(STAY)
        (bench.path / "session" / "session.json").write_text(content)
        assert worker.adopt() is None
        assert not (bench.path / "session" / "session.json").exists()
        bench.close(worker)

    asyncio.run(life())


def test_a_port_that_has_vanished_is_told_before_pppd_is_started(bench: Bench) -> None:
    async def life() -> None:
        worker = bench.pppd(STAY)
        bench.tty.unlink()
        started = await worker.start(1, BASE, str(bench.tty), carrier=True)
        assert "vanished" in (started.problem or "")
        bench.close(worker)

    asyncio.run(life())


def test_a_missing_pppd_is_told(bench: Bench) -> None:
    async def life() -> None:
        bench.close(bench.pppd(STAY))
        worker = Pppd(
            post=bench.post,
            directory=bench.path / "session",
            hook=bench.path / "hook",
            program="/nonexistent/pppd",
        )
        started = await worker.start(1, BASE, str(bench.tty), carrier=True)
        assert "/nonexistent/pppd" in (started.problem or "")

    asyncio.run(life())
