"""Orders to USB hubs and devices, each with a deadline, carried out by a child that lives for one turn.

The kernel's answer to "off" comes when the drivers have let go, which may be never (a file that is open on
the device), and then no signal ends the writer: so it is a child, which is killed when it is late and left
behind when even that does not help.  All orders of one turn go to the same child, because starting one takes
a second or more on a small board; the order after one that was late goes to a new one.

One at a time gets its turn: the lock file is handed down to the child, so an order that a killed daemon left
behind holds it until it is over, and cannot undo what the next daemon does.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from failberry.errors import AdapterError, AdapterReason

LOCK = Path("/run/failberry/usb.lock")
DEADLINE = 15.0
"""Seconds for one order: a second to start on a small board, two of insistence, and the drivers."""
TURN = 30.0
"""Seconds to wait for one's turn: the longest order, twice."""
_POLL = 0.1
_BURIAL = 1.0
"""Seconds that a killed child may take to end."""
_LONGEST_LINE = 1 << 20
"""Bytes of an answer: a hub may claim 255 ports, and a bus has room for 127 hubs."""
_ERRAND = Path(__file__).with_name("usbpower_errand.py")

Answer = dict[str, Any]
Order = Callable[[str, dict[str, Any]], Coroutine[None, None, Answer]]
"""Gives the order of this name and returns the answer.  Raises AdapterError."""


class Errands:
    """The children that do it."""

    def __init__(
        self, lock: Path = LOCK, *, script: Path = _ERRAND, deadline: float = DEADLINE, turn: float = TURN
    ) -> None:
        self._path = lock
        self._script = script
        self._deadline = deadline
        self._patience = turn

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Order]:
        """Wait for our turn, and have it.  Raises AdapterError (busy) when it does not come."""
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AdapterError(AdapterReason.DENIED, f"{self._path}: {error.strerror}") from error
        try:
            await self._acquire(lock)
            async with self._child(lock) as order:
                yield order
        finally:
            os.close(lock)

    async def ask(self, errand: str) -> Answer:
        """Ask what changes nothing: needs no turn.  Raises AdapterError."""
        async with self._child() as order:
            return await order(errand, {})

    async def _acquire(self, lock: int) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if loop.time() >= end:
                    evidence = f"an earlier order to a USB hub has not ended for {self._patience:g} s"
                    raise AdapterError(AdapterReason.BUSY, evidence) from None
                await asyncio.sleep(_POLL)
            else:
                return

    @contextlib.asynccontextmanager
    async def _child(self, *locks: int) -> AsyncIterator[Order]:
        child = _Child(self._script, self._deadline, locks)
        try:
            yield child.order
        finally:
            await child.end()


class _Child:
    """Carries out one order after the other; starts with the first, and anew after one that failed it."""

    def __init__(self, script: Path, deadline: float, locks: tuple[int, ...]) -> None:
        self._script = script
        self._deadline = deadline
        self._locks = locks
        self._process: asyncio.subprocess.Process | None = None

    async def order(self, errand: str, words: dict[str, Any]) -> Answer:
        """Have it done.  Raises AdapterError."""
        request = json.dumps({"errand": errand, "deadline": self._deadline, **words})
        process = self._process = self._process or await self._start()
        line = b""
        try:
            async with asyncio.timeout(self._deadline):
                line = await _exchange(process, request.encode() + b"\n")
        except TimeoutError:
            evidence = f"the kernel did not obey within {self._deadline:g} s: a driver does not let go"
            raise AdapterError(AdapterReason.TIMEOUT, evidence) from None
        finally:
            if not line:
                # What it may still say would be taken for the answer to the next order.
                await self.end()
        answer: Answer = json.loads(line)
        if "problem" in answer:
            raise AdapterError(AdapterReason.REFUSED, answer["problem"])
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        try:
            # By its path and isolated, so that it imports nothing but pyusb.
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(self._script),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=self._locks,
                limit=_LONGEST_LINE,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            raise AdapterError(AdapterReason.DENIED, f"{sys.executable}: {error.strerror}") from error

    async def end(self) -> None:
        """Kill it; a child that hangs in the kernel outlives even this, and is left behind."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BURIAL):
                await process.wait()


async def _exchange(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    """Give an order; return the line that answers it.  Raises AdapterError where the child ends instead."""
    assert process.stdin is not None  # noqa: S101  (all three are pipes)
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(request)
        await process.stdin.drain()
    line = await process.stdout.readline()
    if line.endswith(b"\n"):
        return line
    complaint = await process.stderr.read()
    status = await process.wait()
    if status == -signal.SIGALRM:
        raise TimeoutError  # its own clock was faster than ours
    words = " ".join(complaint.decode(errors="replace").split())[-300:] or "no word"
    raise AdapterError(AdapterReason.REFUSED, f"the order to the hub failed (status {status}): {words}")
