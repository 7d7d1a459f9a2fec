"""Tells of a version of this package that was refused, as long as none has come since that is kept.

``etc/upgrade/upgrade-watch`` notes it in a file of lines ``name=value``: ``version``, ``previous``, ``at``
(UTC), ``reason`` and ``outcome``.  The file is root's, and bounded here all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from failberry import __version__
from failberry.core.events import NoticesChanged
from failberry.core.snapshot import Notice

REFUSED = Path("/var/lib/failberry-upgrade/refused")
LOOK = 30.0
"""Seconds between two looks: the note changes while a version is put back, when this daemon has started."""
_LIMIT = 4096
_FORGET = "`sudo /usr/lib/failberry/upgrade-watch forget` lets apt try it again"


def notices(written: str, *, running: str = __version__) -> tuple[Notice, ...]:
    """Put what the file says into words; nothing where it says nothing."""
    fields = dict(line.split("=", 1) for line in written.splitlines() if "=" in line)
    version, reason = fields.get("version", ""), fields.get("reason", "")
    if not version or not reason:
        return ()
    outcome = f"{fields.get('previous', 'the previous version')} {fields.get('outcome', '')}".strip()
    when = fields.get("at", "").replace("T", " ").removesuffix("Z")
    text = f"version {version} was refused{f' ({when} UTC)' if when else ''}: {reason}; {outcome}"
    cure = f"a newer version is taken as soon as there is one; {_FORGET}"
    if version == running:
        cure = "install a version that worked: `sudo dpkg --install /var/lib/failberry-upgrade/previous.deb`"
    return (Notice(code="version_refused", text=text, cure=cure),)


async def watch(post: Callable[[NoticesChanged], None], path: Path = REFUSED) -> None:
    """Tell it now, and whenever it changes; runs until cancelled."""
    told: tuple[Notice, ...] = ()
    while True:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                found = notices(file.read(_LIMIT))
        except OSError:
            found = ()
        if found != told:
            told = found
            post(NoticesChanged(source="upgrade", notices=found))
        await asyncio.sleep(LOOK)
