"""The daemon's other end, without blocking: questions, and the two streams that feed all browsers."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

from failberry.control import asyncclient
from failberry.control.client import RefusedError, UnreachableError
from failberry.web.news import RING, News

AT_ONCE = 4
"""Questions at one time: the daemon has better things to do."""
RETRY, RETRY_LONGEST = 0.5, 10.0
"""Seconds until a lost stream is tried again: doubled each time, and a little by chance."""


class Link:
    """One daemon, at the path of its socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._places = asyncio.Semaphore(AT_ONCE)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask one question.  Raises as :func:`failberry.control.asyncclient.ask`."""
        async with self._places:
            return await asyncclient.ask(self._path, method, **parameters)

    def stream(self, method: str, **parameters: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Yield answers until an exception, one of those of :meth:`call`; silence is one, too."""
        return asyncclient.stream(self._path, method, **parameters)


async def follow(link: Link, news: News, *, clock: Callable[[], float]) -> None:
    """Keep the news fed for ever, whatever becomes of the daemon."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_for_ever(lambda: _present(link, news, clock), news))
        tasks.create_task(_for_ever(lambda: _past(link, news), news))


async def _present(link: Link, news: News, clock: Callable[[], float]) -> None:
    async for answer in link.stream("Watch"):
        news.take_status(answer["status"], clock())


async def _past(link: Link, news: News) -> None:
    asked = {"after": news.last} if news.history else {"limit": RING}
    async with contextlib.aclosing(link.stream("Events", **asked)) as answers:
        async for answer in answers:
            if news.history and answer["history"] != news.history:
                # Ids have begun anew, and we have asked by an old one.
                news.history = ""
                return
            news.take_events(answer["history"], answer["events"], answer["last"])


async def _for_ever(listen: Callable[[], Any], news: News) -> None:
    chance = random.Random()  # noqa: S311  (not for secrets)
    pause = RETRY
    while True:
        before, why = (news.version, news.last), ""
        try:
            await listen()
        except UnreachableError as lost:
            why = "it does not run" if lost.stopped else str(lost)
        except RefusedError as refused:
            why = f"it refused: {refused.error}"
        pause = RETRY if (news.version, news.last) != before else min(RETRY_LONGEST, 2 * pause)
        if why:
            news.lose(why)
        await asyncio.sleep(pause * chance.uniform(0.7, 1.3))
