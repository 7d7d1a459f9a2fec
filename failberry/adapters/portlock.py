"""UUCP lock files, so that two diallers never share a port.

``/run/lock/LCK..ttyUSB2`` holds the owner's process id in ten ASCII columns and a newline (Filesystem
Hierarchy Standard 3.0, section 5.9).  pppd treats an empty lock file as fatal, so a lock is written
beside its name and linked into place, whole.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from failberry.errors import AdapterError, AdapterReason

LOCK_DIRECTORY = Path("/run/lock")


def _path(tty: str, directory: Path) -> Path:
    return directory / f"LCK..{Path(tty).name}"


def holder(tty: str, directory: Path = LOCK_DIRECTORY) -> int | None:
    """Return the living process that has locked the port; stale and broken locks count for nothing."""
    try:
        pid = int(_path(tty, directory).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if Path(f"/proc/{pid}").exists() else None


def acquire(tty: str, pid: int, directory: Path = LOCK_DIRECTORY, *, previous: int | None = None) -> None:
    """Lock the port for ``pid``, replacing stale locks and one that ``previous`` held.

    Raises :class:`AdapterError` (busy) if another living process has it.
    """
    owner = holder(tty, directory)
    if owner is not None and owner not in (pid, previous):
        name = _name(owner)
        raise AdapterError(
            AdapterReason.BUSY,
            f"{tty} is locked by {name} (process {owner}); stop it, two diallers cannot share a port",
        )
    path = _path(tty, directory)
    draft = path.with_name(f"LTMP..{pid}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        draft.write_text(f"{pid:>10}\n", encoding="ascii")
        draft.replace(path)
    except OSError as error:
        raise AdapterError(AdapterReason.DENIED, f"cannot write {path}: {error.strerror}") from error


def release(tty: str, pids: tuple[int, ...], directory: Path = LOCK_DIRECTORY) -> None:
    """Remove the lock if it belongs to one of these processes or to none that lives."""
    owner = holder(tty, directory)
    if owner is None or owner in pids:
        with contextlib.suppress(OSError):
            _path(tty, directory).unlink()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "an unknown program"
