"""``failberryctl web password``: set the password of the dashboard.

It is read from the terminal, twice, or from standard input; never from the command line, which every user of
the machine can read (proc(5), cmdline).
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from failberry.ctl import ATTENTION, OK
from failberry.web import password

UNIT = "failberry-web.service"
_RESTART_TIME = 120.0
"""Longer than systemd waits for a unit (DefaultTimeoutStartSec=, 90 s): so it is systemd that gives up."""
_BOOTED = Path("/run/systemd/system")
"""Is there only where systemd runs the machine (sd_booted(3))."""


def run(arguments: SimpleNamespace) -> int:
    """Read, write, restart; return the exit code."""
    try:
        word = _ask()
    except (EOFError, UnicodeDecodeError):
        print("No password was given; nothing was changed.", file=sys.stderr)
        return ATTENTION
    if problem := password.fault(word):
        print(f"Not taken: {problem}. Nothing was changed.", file=sys.stderr)
        return ATTENTION
    place = Path(arguments.file)
    try:
        _write(place, password.hashed(word) + "\n")
    except OSError as error:
        cure = " (put sudo in front)" if isinstance(error, PermissionError) else ""
        print(f"{place} cannot be written: {error.strerror}{cure}", file=sys.stderr)
        return ATTENTION
    print(f"The password of the page is set, in {place}. Whoever was logged in has to log in again.")
    return OK if arguments.no_restart else _restart()


def _ask() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("New password of the page: ")
    if password.fault(first) or first == getpass.getpass("Once more: "):
        return first
    print("The two are not the same.", file=sys.stderr)
    raise EOFError


def _write(place: Path, text: str) -> None:
    """Whole or not at all, and never for others to read."""
    new = place.with_name(f"{place.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(handle, 0o600)
        file.write(text)
        file.flush()
        os.fsync(handle)
    new.replace(place)


def _restart() -> int:
    """The page reads the file at its start only, and all sessions end with it."""
    if not _BOOTED.exists():
        return OK
    try:
        done = subprocess.run(
            ["systemctl", "restart", UNIT], capture_output=True, text=True, timeout=_RESTART_TIME, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{UNIT} could not be restarted: {error}", file=sys.stderr)
        return ATTENTION
    if done.returncode != 0:
        print(f"{UNIT} could not be restarted: {done.stderr.strip()}", file=sys.stderr)
        return ATTENTION
    return OK
