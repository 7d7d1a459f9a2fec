"""HTTP/1.x as far as a health check needs it: request bytes in, answer bytes out.  Pure.

Written against RFC 9110 (semantics) and RFC 9112 (syntax).  Each connection carries one request and
one answer.  An answer is under 150 bytes and holds no byte of the request.
"""

from __future__ import annotations

import re

# hmac.compare_digest is this function; importing hmac costs 4 MB, because it loads hashlib and OpenSSL.
from _operator import _compare_digest as compare_digest
from enum import Enum

from failberry.health.heartbeat import Health

STANDBY_PATH = b"/standby"
"""Whether the mobile line is proven: for the main router (netwatch, gateway monitoring)."""
HEAD_LIMIT = 2048
"""Bytes of a request up to and including the empty line."""
ANSWER_LIMIT = 150

# Possessive quantifiers: no input makes them backtrack, so the cost is linear in at most HEAD_LIMIT bytes.
_END = re.compile(rb"\r?\n\r?\n")  # RFC 9112 2.2: a lone LF may be taken as a line terminator
_HEAD = re.compile(
    rb"(?P<method>[!#$%&'*+\-.^_`|~0-9A-Za-z]++) (?P<target>[!-~]++) HTTP/(?P<version>[0-9]\.[0-9])"
    rb"(?P<fields>(?:\r?\n[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+)*+)"
)
# RFC 9112 3.2: origin-form, or absolute-form, which every server must accept.
_TARGET = re.compile(rb"(?:(?i:https?)://[^/?#]++|(?=/))(?P<path>[^?#]*+)(?:\?[^#]*+)?+")


class Status(Enum):
    """Every status line that is ever sent."""

    OK = b"200 OK"
    BAD_REQUEST = b"400 Bad Request"
    NOT_FOUND = b"404 Not Found"
    METHOD_NOT_ALLOWED = b"405 Method Not Allowed"
    HEAD_TOO_LARGE = b"431 Request Header Fields Too Large"
    UNAVAILABLE = b"503 Service Unavailable"
    VERSION_NOT_SUPPORTED = b"505 HTTP Version Not Supported"


class Request:
    """A well-formed GET or HEAD."""

    __slots__ = ("head_only", "more_follows", "path")

    def __init__(self, *, path: bytes, head_only: bool, more_follows: bool) -> None:
        self.path = path
        self.head_only = head_only
        self.more_follows = more_follows
        """The peer sent, or announced, bytes beyond the request: closing at once could lose the answer."""


def parse(received: bytes, *, ended: bool = False) -> Request | Status | None:
    """Judge all bytes received so far; ``ended`` says that no more will come.

    None means that the request is still incomplete, a Status is the refusal.  The verdict depends on
    the bytes only, not on how they were split.  Never raises.
    """
    start = len(received) - len(received.lstrip(b"\r\n"))  # RFC 9112 2.2: ignore empty lines before it
    end = _END.search(received, start, HEAD_LIMIT)
    if end is None:
        if len(received) >= HEAD_LIMIT:
            return Status.HEAD_TOO_LARGE
        return Status.BAD_REQUEST if ended and received else None
    head = _HEAD.fullmatch(received, start, end.start())
    if head is None:
        return Status.BAD_REQUEST
    if not head["version"].startswith(b"1."):
        return Status.VERSION_NOT_SUPPORTED
    if head["method"] not in (b"GET", b"HEAD"):
        return Status.METHOD_NOT_ALLOWED
    target = _TARGET.fullmatch(head["target"])
    fields = head["fields"].lower()
    hosts = fields.count(b"\nhost:")
    if target is None or hosts > 1 or (hosts == 0 and head["version"] != b"1.0"):
        return Status.BAD_REQUEST  # RFC 9112 3.2: one Host field, which only HTTP/1.0 may leave out
    return Request(
        path=target["path"] or b"/",
        head_only=head["method"] == b"HEAD",
        more_follows=len(received) > end.end()
        or len(received) >= HEAD_LIMIT
        or b"\ncontent-length:" in fields
        or b"\ntransfer-encoding:" in fields,
    )


def respond(
    request: Request | Status,
    *,
    health: Health,
    line: str | None,
    secret: str | None,
    standby: bool | None = None,
    standby_reason: str = "",
) -> bytes:
    """Render the answer to a parsed request.

    ``line`` is the uplink that the request came in on, None if unknown, and ``secret`` that line's path.
    Health is judged before the path: while it is bad, no path is told from another.

    ``standby`` is whether the mobile line is proven, None if there is no router that would ask; it is told
    on every line but the mobile one, where the answer is of use to strangers only.
    """
    if isinstance(request, Status):
        return _render(request)
    if health is not Health.OK:
        return _render(Status.UNAVAILABLE, f"{health}\n", head_only=request.head_only)
    if request.path == b"/" or (secret is not None and compare_digest(request.path, secret.encode())):
        return _render(Status.OK, f"{health} {line or 'unknown'}\n", head_only=request.head_only)
    if request.path == STANDBY_PATH and standby is not None and line != "cellular":
        if standby:
            return _render(Status.OK, "ready\n", head_only=request.head_only)
        return _render(Status.UNAVAILABLE, f"{standby_reason}\n", head_only=request.head_only)
    return _render(Status.NOT_FOUND)


def _render(status: Status, body: str = "", *, head_only: bool = False) -> bytes:
    # Neither Date nor Server nor Content-Type: none is required here, and the line is metered.
    allow = b"Allow: GET, HEAD\r\n" if status is Status.METHOD_NOT_ALLOWED else b""
    return b"HTTP/1.1 %b\r\n%bConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
        status.value,
        allow,
        len(body),
        b"" if head_only else body.encode(),
    )
