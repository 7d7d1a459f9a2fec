"""Screens without a terminal, at a time of day that is always the same."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from failberry.control.document import encode
from failberry.core.snapshot import Snapshot
from failberry.ctl.modem import Modem
from failberry.ctl.screen import screen, verdict, view
from failberry.ctl.style import Style

CLOCK = 1_800_000_000.0
"""15 January 2027, 08:00 in Greenwich."""


def painted(status: Snapshot, style: Style | None = None) -> tuple[int, str]:
    """The exit code and the screen, by way of JSON as in real life."""
    document = view(json.loads(json.dumps(encode(status))))
    with greenwich():
        lines = screen(document, style=style or Style(), clock=CLOCK)
    return verdict(document), "\n".join([*lines, ""])


@contextmanager
def greenwich() -> Iterator[None]:
    """Local time is UTC in here."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def painted_modem(status: Snapshot) -> str:
    """``failberryctl modem status``."""
    with greenwich():
        return "\n".join([*Modem.text(json.loads(json.dumps(encode(status))), Style(), CLOCK), ""])
