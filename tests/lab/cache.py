"""Where built things are kept between runs: outside the tree, under a lock, never half finished."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path


class LabError(Exception):
    """The lab itself failed (not the product in it): says what, and what to look at."""


def root() -> Path:
    """``$FAILBERRY_CACHE``, else ``$XDG_CACHE_HOME/failberry``, else ``~/.cache/failberry``."""
    if own := os.environ.get("FAILBERRY_CACHE"):
        folder = Path(own)
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "failberry"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextlib.contextmanager
def locked(name: str, *, deadline: float) -> Iterator[None]:
    """Hold the lock ``name`` of the cache, waiting at most ``deadline`` seconds for its holder.

    Raises LabError when the wait is over. The kernel drops the lock when its holder dies.
    """
    path = root() / f"{name}.lock"
    give_up = time.monotonic() + deadline
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise LabError(f"{path} has been held by another run for {deadline:.0f} s") from None
                time.sleep(0.2)
        yield


def prune(folder: Path, *, keep: int) -> None:
    """Delete all but the ``keep`` most recently used entries of ``folder`` (use = modification time)."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in entries[keep:]:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
