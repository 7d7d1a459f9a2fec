"""Other programs, run with a deadline and a bound."""

from __future__ import annotations

import os
import subprocess

DEADLINE = 10.0
"""Seconds."""
LARGEST = 16 << 20
"""Characters."""


def output(*words: str, seconds: float = DEADLINE) -> str | None:
    """What it prints; ``None``: it is not there, failed, or took too long."""
    done = run(*words, seconds=seconds)
    return done.stdout if done is not None and done.returncode == 0 else None


def run(*words: str, seconds: float = DEADLINE) -> subprocess.CompletedProcess[str] | None:
    """Run it, and return what became of it; ``None``: it is not there, or took too long."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat"}
    try:
        return subprocess.run(
            words, capture_output=True, text=True, errors="replace", check=False, timeout=seconds,
            stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
