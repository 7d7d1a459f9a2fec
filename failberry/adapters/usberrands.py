"""Orders to USB hubs and devices, each carried out by a short-lived child with a deadline.

The kernel's answer to "off" comes when the drivers have let go, which may be never (a file that is open on
the device), and then no signal ends the writer: so it is a child, which is killed when it is late and left
behind when even that does not help.

One at a time gets its turn: the lock file is handed down to each child, so an order that a killed daemon left
behind holds it until it is over, and cannot undo what the next daemon does.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
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

            async def order(errand: str, words: dict[str, Any]) -> Answer:
                return await self._run(errand, words, lock)

            yield order
        finally:
            os.close(lock)

    async def ask(self, errand: str) -> Answer:
        """Ask what changes nothing: needs no turn.  Raises AdapterError."""
        return await self._run(errand, {})

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

    async def _run(self, errand: str, words: dict[str, Any], *locks: int) -> Answer:
        request = {"errand": errand, "deadline": self._deadline, **words}
        try:
            # By its path and isolated, so that it imports nothing but pyusb.
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(self._script),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=locks,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            raise AdapterError(AdapterReason.DENIED, f"{sys.executable}: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._deadline):
                said, complaint = await child.communicate(json.dumps(request).encode())
        except TimeoutError:
            evidence = f"the kernel did not obey within {self._deadline:g} s: a driver does not let go"
            raise AdapterError(AdapterReason.TIMEOUT, evidence) from None
        finally:
            if child.returncode is None:
                await _end(child)
        return _understood(child.returncode, said, complaint)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill it; a child that hangs in the kernel outlives even this, and is left behind."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BURIAL):
            await child.wait()


def _understood(status: int | None, said: bytes, complaint: bytes) -> Answer:
    if status != 0:
        words = " ".join(complaint.decode(errors="replace").split())[-300:] or "no word"
        raise AdapterError(AdapterReason.REFUSED, f"the order to the hub failed (status {status}): {words}")
    answer: Answer = json.loads(said)
    if "problem" in answer:
        raise AdapterError(AdapterReason.REFUSED, answer["problem"])
    return answer
