"""Programs of others that take a moment: started, waited for with a deadline, and not left behind."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

_BURIAL = 1.0
"""Seconds for one that was killed to be gone; what hangs in the kernel outlives even this."""
_TAIL = 300


async def run(
    *words: str, deadline: float, complaints: bool = True, pass_fds: tuple[int, ...] = ()
) -> tuple[int, bytes]:
    """Run one; return its exit status and what it said, ``complaints`` (standard error) among it.

    Raises TimeoutError when the deadline has passed, and it was killed; another OSError: it cannot be run.
    """
    child = await asyncio.create_subprocess_exec(
        *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT if complaints else DEVNULL, pass_fds=pass_fds
    )
    try:
        async with asyncio.timeout(deadline):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            await _end(child)
    status = child.returncode
    assert status is not None  # noqa: S101  (for mypy: it has ended)
    return status, said


def last_words(said: bytes) -> str:
    """The end of it, on one line."""
    return " ".join(said.decode(errors="replace").split())[-_TAIL:]


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BURIAL):
            await child.wait()
