"""The site: who may ask what, and what is answered.  Values in, values out; the clock is lent.

Everything is refused unless a line below allows it.  Whoever reads needs a session, unless the owner opened
reading; whoever changes something needs a session, its token, and our own page.
"""

from __future__ import annotations

import asyncio
import json
from _operator import _compare_digest as compare_digest  # hmac's, which costs 4 MB
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from failberry import __version__
from failberry.control.buttons import LONGEST_FORCED
from failberry.control.client import RefusedError, UnreachableError
from failberry.ctl.kinds import LINES
from failberry.dashboard import Web
from failberry.web import exposition, names, password, series, stories
from failberry.web.assets import Assets
from failberry.web.exchange import Answer, Asked, Streaming, refused, told
from failberry.web.lan import Lan
from failberry.web.link import Link
from failberry.web.metrics import Heard
from failberry.web.news import News, piece
from failberry.web.sessions import ABSOLUTE, Session, Sessions, Throttle

COOKIE = "failberry-session"
REMEMBERED = 20.0
"""Seconds for which the answer to one question for charts serves all who ask the same."""
CATCH_UP = 1000
"""Events of the daemon's history at one time."""
HEADS = 3
"""Stories of one page whose beginning is asked for, where it lies before that."""
TIMELINE = [
    *("started", "stopped", "verdict", "failover", "failback", "modem", "recovery", "request", "usage"),
    *("names", "notice", "other"),
]
"""Kinds in the timeline: not what was done without anybody's notice."""
NONE_SET = "no password is set yet: run `sudo failberryctl web password` on the Pi"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the site is told of the house it is in."""

    web: Web
    hostname: str
    password: str
    """The line of the file; empty: none is set."""


class Site:
    """Answers questions; holds the sessions."""

    def __init__(
        self, house: House, *, link: Link, news: News, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self.house = house
        self.lan = Lan()
        self.streams = 0
        self._link, self._news = link, news
        self._clock, self._wall = clock, wall
        self._assets = Assets()
        self._sessions = Sessions()
        self._throttle = Throttle()
        self._logging_in = asyncio.Lock()
        self._digging = asyncio.Lock()
        self._kept: dict[str, tuple[float, Answer]] = {}
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._timeline: tuple[tuple[str, int], Answer] | None = None

    # --- who may -------------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Answer | Streaming:
        """Answer one question; never raises for what a browser sends."""
        web = self.house.web
        if not names.is_ours(asked.host, hostname=self.house.hostname, names=web.names, lan=self.lan):
            return refused(
                421, "this host name is not one of the Pi's: use its address, or add the name to web.names"
            )
        try:
            if asked.method in ("GET", "HEAD"):
                return await self._read(asked)
            if asked.method == "POST":
                return await self._change(asked)
        except UnreachableError as lost:
            return refused(503, f"the daemon does not answer: {'it does not run' if lost.stopped else lost}")
        except RefusedError as error:
            return refused(409, error.reason)
        return refused(405, "only GET and POST are answered", headers={"Allow": "GET, POST"})

    def may_look(self, token: str, *, touch: bool = False) -> bool:
        """Whether whoever holds this token may read."""
        return self.house.web.open_reading or self._session(token, touch=touch) is not None

    def _session(self, token: str, *, touch: bool = True) -> Session | None:
        return self._sessions.find(token, self._clock(), touch=touch)

    async def _read(self, asked: Asked) -> Answer | Streaming:
        if (asset := self._assets.find(asked)) is not None:
            return asset
        if asked.path == "/api/session":
            return self._who(asked.token)
        if asked.path == "/metrics":
            if not self.house.web.open_metrics and self._session(asked.token) is None:
                return refused(401, "log in, or set web.open_metrics")
            return self._metrics()
        reads: dict[str, Callable[[Asked], Awaitable[Answer]]] = {
            "/api/status": self._status,
            "/api/stories": self._stories,
            "/api/samples": self._samples,
            "/api/power-plan": self._power_plan,
        }
        read = reads.get(asked.path)
        if read is None and asked.path != "/api/stream":
            return refused(404, "there is nothing of that name")
        if not self.may_look(asked.token, touch=True):
            return refused(401, "log in first")
        if read is None:
            return Streaming(place=asked.place or asked.query.get("after", ""), token=asked.token)
        return await read(asked)

    async def _change(self, asked: Asked) -> Answer:
        if asked.origin not in (f"http://{asked.host}", f"https://{asked.host}") or asked.site not in (
            *(None, "same-origin"),
        ):
            return refused(403, "this comes from another page than ours")
        if asked.kind.partition(";")[0].strip().lower() != "application/json":
            return refused(415, "send JSON")
        try:
            wish = json.loads(asked.body or b"{}")
        except (ValueError, RecursionError):
            wish = None
        if not isinstance(wish, dict):
            return refused(400, "that is no JSON object")
        if asked.path == "/api/login":
            return await self._log_in(asked, wish)
        session = self._session(asked.token)
        if session is None:
            return refused(401, "log in first")
        if not compare_digest(session.csrf.encode(), asked.csrf.encode(errors="replace")):
            return refused(403, "the page is too old: load it again")
        if asked.path == "/api/logout":
            self._sessions.end(asked.token)
            return told({}, cookie=_cookie("", 0))
        return await self._press(asked.path, wish)

    async def _log_in(self, asked: Asked, wish: dict[str, Any]) -> Answer:
        if not self.house.password:
            return refused(409, NONE_SET)
        given = wish.get("password")
        if not isinstance(given, str) or len(given) > password.LONGEST:
            return refused(400, "that is no password")
        if wait := self._throttle.wait(asked.peer, self._clock()):
            return refused(
                429, f"too many attempts: wait {wait:.0f} s", headers={"Retry-After": f"{wait:.0f}"}
            )
        # One at a time: each takes 16 MB, and a core.
        async with self._logging_in:
            try:
                right = await asyncio.to_thread(password.matches, given, self.house.password)
            except password.UnreadableError:
                return refused(
                    409, "the password's file cannot be read: run `sudo failberryctl web password`"
                )
        if not right:
            return refused(403, "that is not the password")
        self._throttle.forgive(asked.peer)
        token, session = self._sessions.begin(self._clock())
        return told({"csrf": session.csrf}, cookie=_cookie(token, ABSOLUTE))

    # --- reading -------------------------------------------------------------------------------

    def _who(self, token: str) -> Answer:
        session = self._session(token)
        return told(
            {
                "reading": self.may_look(token),
                "csrf": None if session is None else session.csrf,
                "password": bool(self.house.password),
                "house": self.house.hostname,
                "version": __version__,
            }
        )

    async def _status(self, _: Asked) -> Answer:
        news = self._news
        return told(
            {
                "version": news.version,
                "lost": news.lost,
                "age": round(self._clock() - news.status_at, 1) if news.status is not None else None,
                "status": news.status,
                "now": self._wall(),
            }
        )

    async def _stories(self, asked: Asked) -> Answer:
        if text := asked.query.get("older", ""):
            older = stories.Older.read(text)
            if older is None:
                return refused(400, "older is what an answer called older")
            async with self._digging:
                return await self._page(older)
        place = (self._news.history, self._news.last)
        if self._timeline is None or self._timeline[0] != place:
            self._timeline = (place, await self._page(None))
        return self._timeline[1]

    async def _page(self, place: stories.Older | None) -> Answer:
        """One page of the timeline; ``None``: the newest."""
        before = {} if place is None else {"before": place.before}
        found = await self._link.call("Events", limit=CATCH_UP, kinds=TIMELINE, **before)
        if place is None:
            place = stories.Older(before=found["last"] + 1, below=found["last"] + 1)
        heads: list[dict[str, Any]] = []
        for number in stories.cut(found["events"], CATCH_UP)[:HEADS]:
            began = await self._link.call(
                "Events",
                after=number - 1,
                before=found["events"][0]["id"],
                limit=stories.HEAD,
                kinds=TIMELINE,
            )
            heads += [each for each in began["events"] if each["correlation"] == number]
        told_now, older = stories.turned(found["events"], place, CATCH_UP, heads)
        return told(
            {
                "place": f"{found['history']}-{found['last']}",
                "stories": told_now,
                "older": None if older is None else str(older),
            }
        )

    async def _samples(self, asked: Asked) -> Answer:
        span = asked.query.get("span", "")
        if span not in series.SPANS:
            return refused(400, f"span is one of {', '.join(series.SPANS)}")
        kept = self._kept.get(span)
        if kept is not None and self._clock() - kept[0] < REMEMBERED:
            return kept[1]
        # All who ask at the same time wait for the same answer.
        task = self._asking.get(span)
        if task is None:
            task = self._asking[span] = asyncio.ensure_future(self._chart(span))
            task.add_done_callback(lambda _: self._asking.pop(span, None))
        return await asyncio.shield(task)

    async def _chart(self, span: str) -> Answer:
        chosen = series.SPANS[span]
        until = self._wall()
        document: dict[str, Any] = {"span": span, "since": until - chosen.seconds, "until": until}
        for line in LINES:
            found = await self._link.call(
                "Samples", line=line, since=until - chosen.seconds, step=chosen.step
            )
            document[line] = series.columns(found)
        answer = told(document)
        self._kept[span] = (self._clock(), answer)
        return answer

    async def _power_plan(self, _: Asked) -> Answer:
        return told(await self._link.call("GetPowerPlan"))

    def _metrics(self) -> Answer:
        news = self._news
        heard = Heard(status=news.status, lost=bool(news.lost), seen=news.seen, streams=self.streams)
        return Answer(
            body=exposition.text(heard), kind=exposition.CONTENT_TYPE, headers={"Cache-Control": "no-store"}
        )

    async def remember(self, place: int) -> tuple[bytes, int]:
        """Ask the daemon for what a browser has missed for longer than we remember."""
        found = await self._link.call("Events", after=place, limit=CATCH_UP)
        pieces = b"".join(piece(found["history"], each) for each in found["events"])
        return pieces, max(found["last"], place)

    # --- pressing ------------------------------------------------------------------------------

    async def _press(self, path: str, wish: dict[str, Any]) -> Answer:
        match path:
            case "/api/force":
                seconds = wish.get("seconds")
                if wish.get("line") not in LINES or isinstance(seconds, bool):
                    return refused(400, "say which line")
                if not isinstance(seconds, int | float) or not 60 <= seconds <= LONGEST_FORCED:
                    return refused(400, "a line is forced for a time: from a minute to a day")
                await self._link.call("ForceLine", line=wish["line"], seconds=seconds)
            case "/api/auto":
                await self._link.call("ForceLine", line=None)
            case "/api/redial":
                await self._link.call("Redial")
            case "/api/power-cycle":
                await self._link.call("TakeStep", rung="power_cycle")
            case _:
                return refused(404, "there is no such button")
        return told({})


def _cookie(token: str, seconds: float) -> str:
    # Not Secure: the house's network has no certificate for us (docs/adr, on the dashboard).
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds:.0f}; HttpOnly; SameSite=Strict"
