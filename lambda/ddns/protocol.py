"""failberry-ddns/1: what is signed, and the body of an update.  Pure.

A request is signed over seven lines, joined by a line feed, none at the end::

    failberry-ddns-v1
    POST
    <path, as requested>
    <Host header, in small letters>
    <ts, decimal>
    <nonce>
    <SHA-256 of the body, 64 hexadecimal digits in small letters>

and an answer over four::

    failberry-ddns-v1-answer
    <status, decimal>
    <value of X-Failberry-Signature in the request>
    <SHA-256 of the body>

with HMAC-SHA256 (RFC 2104), sent as ``X-Failberry-Signature: v1=<64 hexadecimal digits>``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field

from ddns.address import Address, parse

PROTOCOL = "failberry-ddns/1"
PATH = "/"
SIGNATURE_HEADER = "x-failberry-signature"
WINDOW = 300_000
"""Milliseconds that a request's time stamp may be off the server's clock."""
DYNAMIC = "auto"
"""``ip``: the address that the request comes from."""

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PROBE = re.compile(r"/[!-~]{0,127}")
_SIGNATURE = re.compile(r"v1=[0-9a-f]{64}")
_LATEST = 2**53
_FIELDS = {"v", "key", "host", "ip", "ts", "nonce"}
_OPTIONAL = {"dry_run", "probe", "only_reachable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The body of an update, well-formed; nothing is said yet about who sent it."""

    key: str
    host: str
    address: Address | None
    """``None``: the one that the request comes from."""
    ts: int
    """Milliseconds since 1970, UTC."""
    nonce: str
    dry_run: bool = False
    probe: str | None = field(default=None, repr=False)
    """A path of the house's health server, to be asked for before the answer; it may be secret."""
    only_reachable: bool = False
    """Publish only if the probe was answered."""


def is_key(text: str) -> bool:
    """Whether it can be the name of a key."""
    return _KEY.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether it is a name that can be published: two labels or more, small letters, no dot at the end."""
    return _HOST.fullmatch(text) is not None


def is_signature(text: str) -> bool:
    """Whether it has the form of a signature."""
    return _SIGNATURE.fullmatch(text) is not None


def request_message(*, path: str, host: str, ts: int, nonce: str, body: bytes) -> bytes:
    """What a request's signature is over; ``host`` is its Host header."""
    lines = (
        "failberry-ddns-v1",
        "POST",
        path,
        host.lower(),
        str(ts),
        nonce,
        hashlib.sha256(body).hexdigest(),
    )
    # Paths and headers come as text that need not be encodable; what cannot be sent is not what was signed.
    return "\n".join(lines).encode(errors="backslashreplace")


def answer_message(*, status: int, request_signature: str, body: bytes) -> bytes:
    """What an answer's signature is over: it answers this request and no other."""
    lines = ("failberry-ddns-v1-answer", str(status), request_signature, hashlib.sha256(body).hexdigest())
    return "\n".join(lines).encode()


def sign(secret: bytes, message: bytes) -> str:
    """Value of the signature header."""
    return f"v1={hmac.new(secret, message, hashlib.sha256).hexdigest()}"


def parse_update(body: bytes) -> Update | None:
    """Read the body of an update; None if it is none.  Never raises.

    A field that this version does not know is an error: whoever sent it expects something from it.
    """
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not _FIELDS <= document.keys() <= _FIELDS | _OPTIONAL:
        return None
    match document:
        # bool is an int to Python, and 1.0 is equal to 1; neither is to JSON.
        case {
            "v": int(version),
            "key": str(key),
            "host": str(host),
            "ip": str(ip),
            "ts": int(ts),
            "nonce": str(nonce),
        } if (
            not isinstance(version, bool)
            and version == 1
            and not isinstance(ts, bool)
            and 0 <= ts < _LATEST
            and is_key(key)
            and is_host(host)
            and _NONCE.fullmatch(nonce)
        ):
            address = None if ip == DYNAMIC else parse(ip)
        case _:
            return None
    probe = document.get("probe")
    dry_run, only_reachable = document.get("dry_run", False), document.get("only_reachable", False)
    if (
        (address is None and ip != DYNAMIC)
        or not isinstance(dry_run, bool)
        or not isinstance(only_reachable, bool)
        or not (probe is None or (isinstance(probe, str) and _PROBE.fullmatch(probe)))
        or (only_reachable and probe is None)
    ):
        return None
    return Update(
        key=key,
        host=host,
        address=address,
        ts=ts,
        nonce=nonce,
        dry_run=dry_run,
        probe=probe,
        only_reachable=only_reachable,
    )
