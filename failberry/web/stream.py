"""One browser's stream: what it has not been told yet, from the place that it names.

Server-sent events (HTML Living Standard, 9.2).  ``past``: something happened; its id is the place.
``present``: the status changed.  ``anew``: ids have begun anew, fetch everything.  ``beat``: nothing, so that
silence means trouble.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable

from failberry.web.news import News

BEAT = 15.0
"""Seconds after which a silent stream says that it lives."""
_PLACE = re.compile(r"([0-9a-z]{1,32})-(\d{1,16})")

Remember = Callable[[int], Awaitable[tuple[bytes, int]]]
"""Asks the daemon for what comes after an id: the pieces, and up to which id they reach."""


async def told(
    news: News, place: str, *, remember: Remember, allowed: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """Yield pieces for ever, or until it is not ``allowed`` any more.

    Nothing is left out, and nothing is told twice, whatever the place is; a stranger's begins now.
    """
    yield b"retry: 3000\n\n"
    match = _PLACE.fullmatch(place)
    history, at = (match[1], int(match[2])) if match else ("", 0)
    if not history:
        history, at = news.history, news.last
    version = -1
    while allowed():
        bell = news.bell
        parts = []
        if version != news.version:
            version = news.version
            parts.append(b'event: present\ndata: {"version":%d}\n\n' % version)
        if history != news.history and news.history:
            history, at = news.history, news.last
            parts.append(b"id: %b-%d\nevent: anew\ndata: {}\n\n" % (history.encode(), at))
        elif history:
            found = news.after(at)
            if found is None:
                found = await remember(at)
            text, at = found
            parts.append(text)
        said = b"".join(parts)
        if said:
            yield said
            continue
        try:
            async with asyncio.timeout(BEAT):
                await bell.wait()
        except TimeoutError:
            yield b"event: beat\ndata: {}\n\n"
