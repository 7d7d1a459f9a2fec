"""Writes the heartbeat file that the health server reads (:mod:`failberry.health.heartbeat`)."""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Mapping
from pathlib import Path

from failberry.adapters.systemd import journal
from failberry.health.heartbeat import Line, encode

GROUP = "failberry"
"""May read it; the health server is in it."""


def boot_id() -> str:
    """Return the kernel's name for this boot (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def write(
    path: Path,
    *,
    beat: float,
    boot_id: str,
    lines: Mapping[str, Line],
    standby: bool | None = None,
    standby_reason: str = "",
) -> None:
    """Replace the file whole.  A failure is logged; the health server then says 503 by itself.

    ``standby`` tells the main router whether the mobile line is proven; ``None``: there is no such router.
    """
    draft = path.with_suffix(".new")
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o750, parents=True)
            # Whatever the umask is: the group reads what is in it.
            path.parent.chmod(0o750)
            _give_to_group(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o640)
            file.write(encode(beat, boot_id, lines, standby=standby, standby_reason=standby_reason))
        _give_to_group(draft)
        draft.replace(path)
    except OSError as error:
        journal(3, f"health: the heartbeat cannot be written: {error}; next: health checks answer 503")


def _give_to_group(path: Path) -> None:
    with contextlib.suppress(KeyError, PermissionError):
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
