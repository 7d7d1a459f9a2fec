"""What to ask, from the event.  Pure.

Either the original's event, an array of URLs, or::

    {"endpoints": [{"name": "wireless", "url": "http://wireless.example.com:9000/…",
                    "timeout": 5, "expect_status": 200, "expect_body": "ok"}],
     "metrics_compat": false}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

ENDPOINTS_LIMIT = 32
"""Endpoints of one run: each has a thread of its own, so that none waits for another that is dead."""
URL_LIMIT = 512
TIMEOUT = 5.0
"""Seconds of one try, unless the event says otherwise: long enough for the third SYN."""
LONGEST_TIMEOUT = 15.0
BODY_LIMIT = 5_120
"""Bytes of a body in which a text is looked for, as Route 53's own checks do."""
TEXT_LIMIT = 255
NAME_LIMIT = 255
SUCCESS = frozenset(range(200, 300))

_FIELDS = {"name", "url", "timeout", "expect_status", "expect_body"}


class EventError(ValueError):
    """The event does not say what to ask.  The words say where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One thing to ask."""

    name: str
    """The metrics' dimension: short, and without what is secret in the URL."""
    url: SplitResult = field(repr=False)
    label: str
    """Its key in the answer: as the event names it."""
    timeout: float = TIMEOUT
    """Seconds of one try."""
    statuses: frozenset[int] = SUCCESS
    """What counts as up."""
    text: bytes = b""
    """Must be in the body; empty: the body does not matter."""

    @property
    def follows(self) -> bool:
        """Whether a redirect is followed: unless it is what is expected."""
        return not any(300 <= status < 400 for status in self.statuses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Everything that one event asks for."""

    endpoints: Sequence[Endpoint]
    compat: bool = False
    """Write the original's metrics, too."""


def read(event: object) -> Round:
    """Read the event.  Raises EventError."""
    if isinstance(event, list):
        return Round(endpoints=_named(event))
    if isinstance(event, dict):
        wanted = event.get("endpoints")
        if isinstance(wanted, list):
            compat = event.get("metrics_compat", False)
            if not isinstance(compat, bool) or not event.keys() <= {"endpoints", "metrics_compat"}:
                raise EventError("besides endpoints there is metrics_compat, true or false, and nothing else")
            endpoints = [_endpoint(number, each) for number, each in enumerate(wanted)]
            if len({each.name for each in endpoints}) != len(endpoints):
                raise EventError("two endpoints have the same name")
            return Round(endpoints=_bounded(endpoints), compat=compat)
    raise EventError('the event is neither an array of URLs nor {"endpoints": […]}')


def _named(urls: Sequence[object]) -> Sequence[Endpoint]:
    """Endpoints of plain URLs: named by their host, and numbered where that is not enough."""
    seen: Counter[str] = Counter()
    endpoints = []
    for place, text in enumerate(urls):
        url = _url(f"URL {place}", text)
        host = url.netloc
        seen[host] += 1
        name = host if seen[host] == 1 else f"{host} {seen[host]}"
        endpoints.append(Endpoint(name=name, url=url, label=str(text)))
    return _bounded(endpoints)


def _bounded(endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
    if not 0 < len(endpoints) <= ENDPOINTS_LIMIT:
        raise EventError(f"{len(endpoints)} endpoints: give 1 to {ENDPOINTS_LIMIT}")
    return endpoints


def _endpoint(number: int, wanted: object) -> Endpoint:
    place = f"endpoint {number}"
    if not isinstance(wanted, dict) or not {"name", "url"} <= wanted.keys() <= _FIELDS:
        raise EventError(f"{place}: needs name and url, may have timeout, expect_status and expect_body")
    name = wanted["name"]
    # CloudWatch's own rules for the value of a dimension.
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT or not name.isascii() or name[0] == ":":
        raise EventError(f"{place}: name is 1 to {NAME_LIMIT} of ASCII, the first of them no colon")
    if not name.isprintable() or not name.strip():
        raise EventError(f"{place}: name is printable")
    timeout = wanted.get("timeout", TIMEOUT)
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 < timeout <= LONGEST_TIMEOUT
    ):
        raise EventError(f"{place}: timeout is more than 0 and at most {LONGEST_TIMEOUT:g} seconds")
    return Endpoint(
        name=name,
        url=_url(place, wanted["url"]),
        label=name,
        timeout=float(timeout),
        text=_text(place, wanted),
        statuses=_statuses(place, wanted),
    )


def _url(place: str, text: object) -> SplitResult:
    # Its words are not repeated: a path may be secret.
    problem = EventError(
        f"{place}: not a URL of http or https, with a host, without user, ASCII, {URL_LIMIT} at most"
    )
    if (
        not isinstance(text, str)
        or len(text) > URL_LIMIT
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise problem
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise problem from None
    if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc or port == 0:
        raise problem
    return url


def _statuses(place: str, wanted: Mapping[str, object]) -> frozenset[int]:
    if "expect_status" not in wanted:
        return SUCCESS
    value = wanted["expect_status"]
    codes = value if isinstance(value, list) else [value]
    if not codes or not all(type(code) is int and 200 <= code <= 599 for code in codes):
        raise EventError(f"{place}: expect_status is a code from 200 to 599, or a list of them")
    return frozenset(codes)


def _text(place: str, wanted: Mapping[str, object]) -> bytes:
    text = wanted.get("expect_body", "")
    if not isinstance(text, str) or len(text) > TEXT_LIMIT:
        raise EventError(f"{place}: expect_body is a text of {TEXT_LIMIT} characters at most")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EventError(f"{place}: expect_body cannot be encoded") from None
