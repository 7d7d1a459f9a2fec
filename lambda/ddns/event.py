"""What a function URL hands to its function: payload format 2.0, read with distrust.  Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ddns.address import Address, source

BODY_LIMIT = 2048
"""Bytes of a body."""
PATH_LIMIT = 256
QUERY_LIMIT = 1024
_ENCODED_LIMIT = (BODY_LIMIT + 2) // 3 * 4


class Unread(Enum):
    """Why an event is no call."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    """Their names in small letters: other invokers than the function URL do not always see to that."""
    body: bytes = field(repr=False)
    """As it was sent: it is what is signed."""
    source: Address
    """The peer of the TCP connection as the platform saw it; no header can change it."""


def read(event: object) -> Call | Unread:
    """Read an event; never raises, whatever it is."""
    if not isinstance(event, dict):
        return Unread.MALFORMED
    match event:
        case {
            "rawPath": str(path),
            "headers": dict(fields),
            "requestContext": {"http": {"method": str(method), "sourceIp": str(peer)}},
        }:
            query, body = event.get("rawQueryString", ""), event.get("body")
            encoded = event.get("isBase64Encoded", False)
        case _:
            return Unread.MALFORMED
    if not isinstance(query, str) or not isinstance(body, str | None) or not isinstance(encoded, bool):
        return Unread.MALFORMED
    if len(path) > PATH_LIMIT or len(query) > QUERY_LIMIT:
        return Unread.TOO_LARGE
    address = source(peer)
    headers = _headers(fields)
    if address is None or headers is None:
        return Unread.MALFORMED
    raw = _body(body or "", encoded=encoded)
    if isinstance(raw, Unread):
        return raw
    return Call(method=method, path=path, query=query, headers=headers, body=raw, source=address)


def _headers(fields: Mapping[object, object]) -> dict[str, str] | None:
    headers = {}
    for name, value in fields.items():
        if not isinstance(name, str) or not isinstance(value, str):
            return None
        headers[name.lower()] = value
    return headers


def _body(text: str, *, encoded: bool) -> bytes | Unread:
    if len(text) > (_ENCODED_LIMIT if encoded else BODY_LIMIT):
        return Unread.TOO_LARGE
    try:
        raw = base64.b64decode(text, validate=True) if encoded else text.encode()
    except (binascii.Error, ValueError):
        return Unread.MALFORMED
    return raw if len(raw) <= BODY_LIMIT else Unread.TOO_LARGE
