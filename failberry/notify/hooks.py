"""Programs of the owner's that are run for each message, like NetworkManager's dispatcher scripts.

They run as the user of this process, without rights and in its sandbox: what is told comes partly from
outside, and a hook that needs root can ask for it by a way of its own that says for what (sudo, a socket).  A
hook is run if it is a plain file of root's that nobody else can write, in a folder of which that is true.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
from pathlib import Path

from failberry.notify import render
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.printable import printable

FOLDER = "/run/failberry-notify-hooks"
"""/etc/failberry/hooks.d, as the unit shows it to us: the folder above holds secrets, and is closed."""
DEADLINE = 30.0
"""Seconds for one hook; then it is ended, with all that it started."""
GRACE = 2.0
MOST = 16
"""Hooks."""
OUTPUT = 400
"""Bytes of what it says that are kept."""
TRY_AGAIN = 75
"""Exit status by which a hook asks to be run again later (EX_TEMPFAIL, sysexits.h)."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_NOT_THESE = (".dpkg-old", ".dpkg-new", ".dpkg-dist", ".bak", "~")


def found(folder: str, *, owner: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hooks in the order of their names; and what is odd about what is not run."""
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
        odd = _unsafe(Path(folder).stat(), owner)
    except FileNotFoundError:
        return (), ()
    except OSError as failure:
        return (), (f"{folder}: {failure.strerror}",)
    if odd:
        return (), (f"{folder}: {odd}: no hook is run",)
    good, oddities = [], []
    for each in entries:
        if each.name.endswith(_NOT_THESE) or each.name.startswith("."):
            continue
        why = "" if re.fullmatch(_NAME, each.name) else "its name is not made of letters, digits, - _ and ."
        seen = each.stat(follow_symlinks=False)
        if not why and not stat.S_ISREG(seen.st_mode):
            why = "it is no plain file"
        why = why or _unsafe(seen, owner)
        if not why and not seen.st_mode & stat.S_IXOTH:
            why = "it is not executable for all (`sudo chmod 755`)"
        if why:
            oddities.append(f"hook {each.name}: {why}; it is not run")
        else:
            good.append(each.name)
    if len(good) > MOST:
        oddities.append(f"only the first {MOST} hooks are run")
    return tuple(good[:MOST]), tuple(oddities)


def _unsafe(seen: os.stat_result, owner: int) -> str:
    if seen.st_uid != owner:
        return "it does not belong to root (`sudo chown root:root`)"
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others than root can write it (`sudo chmod go-w`)"
    return ""


async def run(folder: str, name: str, delivery: Delivery, host: str, *, owner: int = 0) -> Outcome:
    """Run one hook for one message; its standard input is the message as JSON."""
    good, _ = await asyncio.to_thread(found, folder, owner=owner)
    if name not in good:
        return Outcome(result=Result.LOST, words=f"hook {name}: it is gone, or not safe to run any more")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
    try:
        process = await asyncio.create_subprocess_exec(
            str(Path(folder, name)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment | render.environment(delivery, host),
            start_new_session=True,
            cwd="/",
        )
    except OSError as failure:
        return Outcome(result=Result.LOST, words=f"hook {name}: {failure.strerror}")
    document = json.dumps(render.document(delivery, host)).encode()
    try:
        async with asyncio.timeout(DEADLINE):
            said = await _converse(process, document)
            code = await process.wait()
    except TimeoutError:
        words = f"hook {name}: ended after {DEADLINE:.0f} s"
        return Outcome(result=Result.LOST, words=words)
    finally:
        await _end(process)
    words = f"hook {name}: exit status {code}" + (f": {said}" if said else "")
    if code == TRY_AGAIN:
        return Outcome(result=Result.FAILED, words=words)
    return Outcome(result=Result.SENT if code == 0 else Result.LOST, words=words)


async def _converse(process: asyncio.subprocess.Process, document: bytes) -> str:
    assert process.stdin is not None  # noqa: S101  (for mypy: it was asked for)
    assert process.stdout is not None  # noqa: S101  (as above)
    with contextlib.suppress(ConnectionError):
        process.stdin.write(document)
        await process.stdin.drain()
    process.stdin.close()
    kept = b""
    while piece := await process.stdout.read(4096):
        kept = (kept + piece)[:OUTPUT]
    return printable(" ".join(kept.decode(errors="replace").split()))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of it is left, not even what it left behind."""
    for number, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        if process.returncode is not None:
            continue
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
