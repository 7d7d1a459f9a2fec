"""Tells that an update of the SD card came to nothing, until one comes to something.

What :mod:`failberry.system.update` and the trial of a slot leave; on the card only, elsewhere it is missing.
"""

from __future__ import annotations

from failberry.core.snapshot import Notice
from failberry.printable import printable
from failberry.system import ledger

CODE = "update-failed"
_WORDS = {
    "failed": "could not be made",
    "gave-up": "was tried and taken back",
    "rolled-back": "was tried and taken back",
}
"""Outcomes that a person should know of; all others are work done, or work that waits for its hour."""
_LONGEST = 300


def notices(written: bytes) -> tuple[Notice, ...]:
    """Put what the file says into words; nothing where it says nothing, or nothing bad."""
    last = ledger.parse(written.decode(errors="replace")).last
    if last.outcome not in _WORDS:
        return ()
    when = f" ({last.at[:16].replace('T', ' ')})" if last.at else ""
    reason = printable(last.reason, instead=" ")[:_LONGEST]
    cure = "nothing has changed in what runs; `failberryctl system status` tells more"
    return (Notice(code=CODE, text=f"an update {_WORDS[last.outcome]}{when}: {reason}", cure=cure),)
