"""A question of a browser and its answer, as values.  Pure; :mod:`failberry.web.server` makes HTTP of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "Failberry",
}
"""With each answer."""
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question."""

    method: str
    path: str
    peer: str
    """Address of whoever asks."""
    host: str = ""
    origin: str | None = None
    """What page it comes from; ``None``: the browser did not say."""
    site: str | None = None
    """``Sec-Fetch-Site``: what that page is to us, in the browser's own word."""
    token: str = ""
    """The cookie's."""
    csrf: str = ""
    kind: str = ""
    """``Content-Type``."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    place: str = ""
    """``Last-Event-ID``."""
    known: str = ""
    """``If-None-Match``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, whole."""

    status: int = 200
    body: bytes = b""
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None
    """``Set-Cookie``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """The answer is a stream from this place on."""

    place: str
    token: str


def told(
    value: Any, *, status: int = 200, cookie: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Answer with a document, which nobody keeps."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return Answer(
        status=status, body=body, cookie=cookie, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def refused(status: int, why: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Say what is wrong, and what to do."""
    return told({"problem": why}, status=status, headers=headers)
