"""The last resort: this machine starts anew, in order."""

from __future__ import annotations

from failberry.adapters import programs
from failberry.core.events import RebootAnswered

DEADLINE = 30.0
"""Seconds for systemd to accept the order; what follows takes as long as it takes."""


async def reboot(deed: int, *, program: str = "systemctl") -> RebootAnswered:
    """Ask systemd for an orderly reboot, which ends us too; what prevented it is in the answer.

    Root asks PID 1 by its own socket, and needs no capability for it (systemctl(1)).
    """
    try:
        status, said = await programs.run(program, "--no-ask-password", "reboot", deadline=DEADLINE)
    except TimeoutError:
        return RebootAnswered(deed=deed, problem=f"systemd did not answer within {DEADLINE:g} s")
    except OSError as error:
        return RebootAnswered(deed=deed, problem=f"{program} cannot be run: {error.strerror}")
    if status == 0:
        return RebootAnswered(deed=deed)
    words = programs.last_words(said) or f"status {status}"
    return RebootAnswered(deed=deed, problem=f"systemd refused to reboot: {words}")
