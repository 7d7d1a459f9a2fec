"""One step of a build: a program with a deadline, its seconds, and its last words when it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TAIL = 30
STEP_DEADLINE = 300.0
GRACE = 10.0
"""Seconds from the request to end to the kill."""


class BuildError(Exception):
    """The build cannot go on: says what is wrong, and what to do."""


def require(*tools: str) -> None:
    """Raise BuildError unless all of these programs are on this machine."""
    if missing := [tool for tool in tools if not shutil.which(tool)]:
        raise BuildError(f"not installed: {', '.join(missing)}; `make setup` installs what is missing")


def environment() -> dict[str, str]:
    """What every step runs with: nobody is asked, and nothing depends on who builds."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NONINTERACTIVE_SEEN": "true",
        "SYSTEMD_OFFLINE": "1",
        **{name: os.environ[name] for name in ("SOURCE_DATE_EPOCH", "TMPDIR") if name in os.environ},
        **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
    }


def run(
    what: str,
    command: Sequence[str | Path],
    *,
    deadline: float = STEP_DEADLINE,
    extra: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    label: str = "image",
) -> str:
    """Run one step and return what it said. BuildError with its last lines if it fails or takes too long.

    It gets :func:`environment` and what ``extra`` adds; ``label`` says on the screen whose step it is.
    """
    words = [str(word) for word in command]
    started = time.monotonic()
    lines: list[str] = []
    with (
        open(stdin or os.devnull, "rb") as source,  # noqa: PTH123 - a Path or the null device
        subprocess.Popen(
            words, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env={**environment(), **(extra or {})}, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        # Closed standard output means "finished", so one thread reads and the deadline is kept here.
        reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                seconds = time.monotonic() - started
                if seconds > deadline:
                    raise BuildError(f"{what}: not finished after {deadline:.0f} s\n{_tail(lines)}")
                _progress(f"{label}: {what}", seconds, lines[-1] if lines else "", end="\r")
                reader.join(0.2)
        finally:
            _end(process)
        reader.join(5)
    verdict = "failed" if process.returncode else "done"
    _progress(f"{label}: {what}", time.monotonic() - started, verdict, end="\n")
    if process.returncode:
        raise BuildError(f"{what}: {words[0]} ended with {process.returncode}\n{_tail(lines)}")
    return "\n".join(lines)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()  # one that mounts things may still put them away
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()


def _collect(stream: Iterator[str], lines: list[str]) -> None:
    lines.extend(line.rstrip() for line in stream)


def _tail(lines: list[str]) -> str:
    return "\n".join(f"  | {line}" for line in lines[-TAIL:])


def _progress(what: str, seconds: float, detail: str, *, end: str) -> None:
    terminal = sys.stderr.isatty()
    if end == "\r" and not terminal:
        return
    clear, shown = ("\x1b[2K", detail[:60]) if terminal else ("", detail)
    print(f"{clear}{what} {seconds:6.1f} s  {shown}", end=end, file=sys.stderr, flush=True)
