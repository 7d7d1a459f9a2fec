"""``failberry-notify``: tell people and programs what happens, until told to stop.

``failberry-notify settings`` (root's, before the process starts) takes our part out of the configuration and
puts it where only our user can read it.  It exits with 1 where nobody is to be told: nothing is started then.
A configuration that cannot be used leaves the one before in force, if there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import pwd
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from failberry.adapters import systemd
from failberry.control import SOCKET as DAEMON
from failberry.notify import SOCKET, STUCK, USER, hooks, sns
from failberry.notify.settings import FILE, Settings, read

if TYPE_CHECKING:
    from failberry.notify.service import Notifier

FOLDER = Path("/var/lib/failberry-notify")
HOOKS = "/etc/failberry/hooks.d"
_ERROR, _WARNING, _INFO = 3, 4, 6
NOBODY = 1
_LOOK = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Every path; tests use others."""

    state: Path = FOLDER
    control: Path = Path(SOCKET)
    daemon: str = DAEMON
    sns: str = sns.SOCKET
    hooks: str = hooks.FOLDER
    stuck: Path = Path(STUCK)


async def run(settings: Settings, places: Places, *, hook_owner: int = 0) -> None:
    """Run until SIGTERM, or until the configuration was read again."""
    from failberry.control.server import ControlServer, listen  # late: `settings` has no use for these
    from failberry.notify.book import Book
    from failberry.notify.channels import channels
    from failberry.notify.desk import Desk
    from failberry.notify.senders import Senders
    from failberry.notify.service import Notifier

    programs, oddities = hooks.found(places.hooks, owner=hook_owner)
    for each in oddities:
        systemd.journal(_WARNING, each)
    senders = Senders(
        settings.receivers, daemon=places.daemon, sns_socket=places.sns, hook_folder=places.hooks
    )
    notifier = Notifier(
        channels(settings.notify, settings.receivers, programs),
        senders.send,
        Book(places.state),
        daemon=places.daemon,
        problems=oddities,
    )
    listener = listen(str(places.control))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(notifier.run(), name="notifier"),
            tasks.create_task(ControlServer(Desk(notifier)).serve(listener), name="control"),
            tasks.create_task(_tell(notifier, places.stuck), name="stuck"),
            tasks.create_task(systemd.feed_watchdog(), name="watchdog"),
        ]
        systemd.notify("READY=1")
        ends = [asyncio.ensure_future(each.wait()) for each in (stop, notifier.reloaded)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        systemd.notify("STOPPING=1")
        for task in [*running, *ends]:
            task.cancel()


async def _tell(notifier: Notifier, path: Path) -> None:
    """Keep the file from which the daemon learns that messages are stuck."""
    told: tuple[str, str] | None = ("", "")
    while True:
        found = notifier.stuck()
        if found != told:
            told = found
            await asyncio.to_thread(_write, path, found)
        await asyncio.sleep(_LOOK)


def _write(path: Path, found: tuple[str, str] | None) -> None:
    try:
        if found is None:
            path.unlink(missing_ok=True)
            return
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(json.dumps({"what": found[0], "why": found[1]}), encoding="utf-8")
        fresh.replace(path)
    except OSError as failure:
        systemd.journal(_WARNING, f"{path}: {failure.strerror}")


def take_settings(config: Path, target: Path, programs: str, user: str) -> int:
    """Write our part of the configuration for that user; :data:`NOBODY`: nobody is to be told."""
    from failberry.configfile import load  # late: the process itself never sees the whole file
    from failberry.errors import ConfigError
    from failberry.notify.settings import settings_of, store

    try:
        settings = settings_of(load(config))
    except ConfigError as error:
        systemd.journal(_ERROR, f"{error.problems[0]}; next: what was in force stays in force")
        return 0 if target.exists() else NOBODY
    if not settings.receivers and not hooks.found(programs)[0]:
        target.unlink(missing_ok=True)
        systemd.journal(_INFO, "nobody is to be told: there is no [[receiver]], and no hook")
        return NOBODY
    try:
        owner = pwd.getpwnam(user)
        target.parent.mkdir(mode=0o755, exist_ok=True)
        store(settings, target, (owner.pw_uid, owner.pw_gid))
    except KeyError:
        systemd.journal(_ERROR, f"there is no user {user}; `sudo systemd-sysusers` makes it")
        return NOBODY
    except OSError as failure:
        systemd.journal(_ERROR, f"{target}: {failure.strerror}")
        return NOBODY
    return 0


def main() -> int:
    """Run; exit status 0 after a stop, or when the configuration was read again."""
    parser = argparse.ArgumentParser(prog="failberry-notify", description="systemd runs it.")
    parser.add_argument("do", nargs="?", choices=("run", "settings"), default="run")
    parser.add_argument("--config", type=Path, default=Path("/etc/failberry/failberry.toml"))
    parser.add_argument("--settings", type=Path, default=FILE)
    parser.add_argument("--state", type=Path, default=FOLDER)
    parser.add_argument("--control", type=Path, default=Path(SOCKET))
    parser.add_argument("--daemon", default=DAEMON)
    parser.add_argument("--sns", default=sns.SOCKET)
    parser.add_argument("--hooks", default=None)
    parser.add_argument("--stuck", type=Path, default=Path(STUCK))
    parser.add_argument("--user", default=USER)
    given = parser.parse_args()
    if given.do == "settings":
        return take_settings(given.config, given.settings, given.hooks or HOOKS, given.user)
    logging.basicConfig(level=logging.INFO, format="<6>%(message)s")
    try:
        settings = read(given.settings)
    except (OSError, ValueError) as error:
        systemd.journal(_ERROR, f"settings: {error}; `failberry-notify settings`, run by root, writes them")
        return NOBODY
    places = Places(
        state=given.state,
        control=given.control,
        daemon=given.daemon,
        sns=given.sns,
        hooks=given.hooks or hooks.FOLDER,
        stuck=given.stuck,
    )
    os.umask(0o077)
    asyncio.run(run(settings, places))
    return 0


if __name__ == "__main__":
    sys.exit(main())
