"""What of the configuration this process gets: its own part, and nothing else of a file that holds a PIN.

Root reads the file before the process starts (``failberry-notify settings``), and writes that part where only
the user of this process can read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from failberry.config import Config
from failberry.notifying import Least, Notify, Receiver, Via

FILE = Path("/run/failberry-notify/settings.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The part."""

    notify: Notify = field(default_factory=Notify)
    receivers: tuple[Receiver, ...] = ()


def settings_of(config: Config) -> Settings:
    """Take it out."""
    return Settings(notify=config.notify, receivers=config.receiver)


def written(settings: Settings) -> str:
    """As JSON; holds secrets."""
    return json.dumps(asdict(settings))


def read(path: Path) -> Settings:
    """Read it back.  Raises OSError, ValueError."""
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Settings(
            notify=_notify(document["notify"]), receivers=tuple(map(_receiver, document["receivers"]))
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error!r}") from None


def store(settings: Settings, path: Path, owner: tuple[int, int]) -> None:
    """Write it for that user and group alone, whole or not at all.  Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchown(file.fileno(), *owner)
            file.write(written(settings))
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _notify(stored: Mapping[str, Any]) -> Notify:
    fields = dict(stored)
    fields["topics"] = tuple(fields["topics"])
    fields["quiet_through"] = Least(fields["quiet_through"])
    return Notify(**fields)


def _receiver(stored: Mapping[str, Any]) -> Receiver:
    fields = dict(stored)
    return Receiver(**fields | {"via": Via(fields["via"]), "severity": Least(fields["severity"])})
