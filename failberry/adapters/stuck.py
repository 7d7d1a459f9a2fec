"""Tells as a notice that messages to people cannot be sent, as the notifier says.

The file is written by a process with fewer rights than ours: it is believed for a few words only.
"""

from __future__ import annotations

import json

from failberry.core.snapshot import Notice
from failberry.printable import printable

_LONGEST = 200
CODE = "notify-stuck"


def notices(written: bytes) -> tuple[Notice, ...]:
    """Put what the file says into words; nothing where it says nothing."""
    try:
        told = json.loads(written)
        what, why = str(told["what"]), str(told["why"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    text = printable(f"{what}: {why}")[:_LONGEST]
    cure = "`failberryctl notify status` tells more, `sudo failberryctl notify test` tries it"
    return (Notice(code=CODE, text=text, cure=cure),)
