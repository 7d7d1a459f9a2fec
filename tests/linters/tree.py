"""The files of the project, and programs that judge them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 300.0


def tracked(*patterns: str) -> list[Path]:
    """What git has or would add, relative to the root; ``patterns`` as in gitglossary(7), pathspec."""
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others"]
    told = subprocess.run(
        [*listing, "--exclude-standard", "--deduplicate", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    return sorted(path for path in map(Path, filter(None, told.split("\0"))) if (ROOT / path).is_file())


def judge(command: Sequence[str | Path], *, cure: str) -> str:
    """Run a linter from the root; the test fails with its words and the cure unless it is content."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE,
        env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"{done.stdout}{done.stderr}\n{' '.join(words)[:200]}\ncure: {cure}", pytrace=False)
    return done.stdout + done.stderr


def accuse(faults: Sequence[str], *, cure: str) -> None:
    """Fail with the list, if it is not empty."""
    if faults:
        pytest.fail("\n".join([*faults, f"cure: {cure}"]), pytrace=False)
