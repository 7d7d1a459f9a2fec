"""UUCP locks: one dialler at a time, and none that outlives its owner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from failberry.adapters import portlock
from failberry.errors import AdapterError

TTY = "/dev/ttyUSB2"


@pytest.fixture
def dead() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def lock(directory: Path) -> Path:
    return directory / "LCK..ttyUSB2"


def test_taken_and_given_back(tmp_path: Path) -> None:
    portlock.acquire(TTY, os.getpid(), tmp_path)
    assert lock(tmp_path).read_text() == f"{os.getpid():>10}\n"
    portlock.release(TTY, (os.getpid(),), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_living_dialler_is_named(tmp_path: Path) -> None:
    lock(tmp_path).write_text("         1\n")
    with pytest.raises(AdapterError, match=r"locked by .* \(process 1\)"):
        portlock.acquire(TTY, os.getpid(), tmp_path)
    portlock.release(TTY, (os.getpid(),), tmp_path)
    assert lock(tmp_path).exists()


@pytest.mark.parametrize("content", ["", "garbage", None])
def test_stale_locks_are_replaced(tmp_path: Path, content: str | None, dead: int) -> None:
    lock(tmp_path).write_text(f"{dead:>10}\n" if content is None else content)
    portlock.acquire(TTY, os.getpid(), tmp_path)
    assert portlock.holder(TTY, tmp_path) == os.getpid()


def test_the_lock_passes_to_pppd(tmp_path: Path) -> None:
    portlock.acquire(TTY, os.getpid(), tmp_path)
    portlock.acquire(TTY, 1, tmp_path, previous=os.getpid())
    assert portlock.holder(TTY, tmp_path) == 1
