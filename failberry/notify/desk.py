"""What the notifier answers on its own socket: how things are, and a test.  Varlink, as the daemon's.

Root and our own user may have a test sent, for it costs; the group may look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from failberry.control.document import encode
from failberry.control.varlink import (
    Call,
    CallError,
    Message,
    invalid_parameter,
    method_not_found,
    permission_denied,
    reply,
)
from failberry.notify import INTERFACE
from failberry.notify.service import Notifier

STATUS, TEST = f"{INTERFACE}.GetStatus", f"{INTERFACE}.Test"


class Desk:
    """Answers calls, as :class:`failberry.control.service.Service` does."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._testing = asyncio.Lock()

    def changes(self, call: Call) -> bool:
        """Whether this call is one that does something."""
        return call.method == TEST

    async def replies(self, call: Call, *, trusted: bool) -> AsyncGenerator[Message, None]:
        """Yield the one reply."""
        try:
            yield reply(await self._answer(call, trusted=trusted))
        except CallError as error:
            yield error.reply()

    async def _answer(self, call: Call, *, trusted: bool) -> Message:
        takes = {STATUS: set[str](), TEST: {"channel"}}.get(call.method)
        if takes is None:
            raise method_not_found(call.method)
        if unknown := sorted(call.parameters.keys() - takes):
            raise invalid_parameter(unknown[0])
        if call.method == STATUS:
            return {"notify": encode(self._notifier.status())}
        if not trusted:
            raise permission_denied()
        match call.parameters.get("channel"):
            case None | str() as channel:
                pass
            case _:
                raise invalid_parameter("channel")
        async with self._testing:
            try:
                views = await self._notifier.test(channel)
            except KeyError:
                raise invalid_parameter("channel") from None
        return {"tests": [encode(each) for each in views]}
