"""The process that writes the history is killed, 200 times, on a real disk."""

import subprocess
import sys
from pathlib import Path

import pytest

import failberry

ROOT = Path(failberry.__file__).parents[1]
TIMES = 200


@pytest.mark.timeout(260)
def test_it_opens_clean_and_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    """After each kill the file is whole, and at most the batch under way is missing."""
    program = [sys.executable, "-m", "tests.unit.adapters.history_victim", str(tmp_path), str(TIMES)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TIMES} killed" in done.stdout
