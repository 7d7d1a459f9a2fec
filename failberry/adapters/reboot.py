"""The last resort: this machine starts anew, in order."""

from __future__ import annotations

import asyncio
import contextlib

from failberry.core.events import RebootAnswered

DEADLINE = 30.0
"""Seconds for systemd to accept the order; what follows takes as long as it takes."""


async def reboot(deed: int, *, program: str = "systemctl") -> RebootAnswered:
    """Ask systemd for an orderly reboot, which ends us too; what prevented it is in the answer.

    Root asks PID 1 by its own socket, and needs no capability for it (systemctl(1)).
    """
    try:
        child = await asyncio.create_subprocess_exec(
            program,
            "--no-ask-password",
            "reboot",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return RebootAnswered(deed=deed, problem=f"{program} cannot be run: {error.strerror}")
    try:
        async with asyncio.timeout(DEADLINE):
            _, complaint = await child.communicate()
    except TimeoutError:
        return RebootAnswered(deed=deed, problem=f"systemd did not answer within {DEADLINE:g} s")
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
    if child.returncode == 0:
        return RebootAnswered(deed=deed)
    words = " ".join(complaint.decode(errors="replace").split())[-300:] or f"status {child.returncode}"
    return RebootAnswered(deed=deed, problem=f"systemd refused to reboot: {words}")
