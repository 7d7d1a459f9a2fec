"""Varlink's framing: JSON objects, each ended by one NUL byte (https://varlink.org/Method-Call).

Pure.  ``failberryctl`` starts with this module, so it imports nothing but :mod:`json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would cost failberryctl a tenth of its start
    from typing import Any, NoReturn

MAXIMUM_MESSAGE = 1 << 20
"""Bytes that a client may send in one message."""


class MessageError(ValueError):
    """The peer does not speak Varlink, or says too much: this connection is of no more use."""


class MessageReader:
    """Bytes in, messages out, however they were cut; holds at most ``maximum`` bytes between two feeds."""

    def __init__(self, *, maximum: int = MAXIMUM_MESSAGE) -> None:
        self._maximum = maximum
        self._pending = bytearray()
        self._searched = 0
        """No NUL before this place: however slowly a message drips in, each byte is looked at once."""

    def feed(self, received: bytes) -> Iterator[dict[str, Any]]:
        """Yield each message that is now whole.

        Raises :class:`MessageError` after the good messages that came before the fault.
        """
        self._pending += received
        while 0 <= (end := self._pending.find(0, self._searched)) <= self._maximum:
            message = bytes(self._pending[:end])
            del self._pending[: end + 1]
            self._searched = 0
            yield decode(message)
        self._searched = len(self._pending)
        if len(self._pending) > self._maximum:
            self._pending.clear()
            raise MessageError(f"a message is longer than {self._maximum} bytes")


def decode(message: bytes) -> dict[str, Any]:
    """Read one message without its NUL."""
    try:
        value = json.loads(message.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise MessageError(f"not JSON: {fault}") from None
    if not isinstance(value, dict):
        raise MessageError("not a JSON object")
    return value


def encode(message: dict[str, Any]) -> bytes:
    """Write one message with its NUL."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\0"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")  # RFC 8259 section 6: no NaN, no infinities
