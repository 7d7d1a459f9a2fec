"""failberry-ddns/1 (lambda/README.md) as the house speaks it: what is signed, what is answered.  Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from ipaddress import ip_address

from failberry.core.facts import Address
from failberry.printable import printable

PATH = "/"
SIGNATURE_HEADER = "x-failberry-signature"
WINDOW = 300_000
"""Milliseconds that a time stamp may be off the function's clock."""
SECRET = 32
"""Bytes of a secret."""
LONGEST_PROBE = 128
"""Characters of a path that the function asks back for."""
_LATEST = 2**53
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One wish: this address at this name."""

    key: str
    host: str
    address: Address
    """Named, not left to be guessed: so it cannot become another on the way."""
    ts: int
    """Milliseconds since 1970, later than in any request before."""
    nonce: str
    probe: str = field(default="", repr=False)
    dry_run: bool = False
    """Change nothing; the time stamp is used up all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request as it is sent."""

    body: bytes = field(repr=False)
    signature: str
    """Value of the signature's header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer, as far as it could be read; what is missing is ``None`` or empty."""

    word: str
    """``changed``, ``unchanged``…, or the error's name."""
    server_time: int | None = None
    newest: int | None = None
    retry_after: float | None = None
    reachable: bool | None = None
    probe: str = ""
    reason: str = ""


def signed(update: Update, *, secret: bytes, authority: str) -> Signed:
    """Sign a request; ``authority`` is the URL's host, with its port if it names one."""
    document: dict[str, object] = {
        "v": 1,
        "key": update.key,
        "host": update.host,
        "ip": str(update.address),
        "ts": update.ts,
        "nonce": update.nonce,
    }
    if update.dry_run:
        document["dry_run"] = True
    if update.probe:
        document["probe"] = update.probe
    body = json.dumps(document, separators=(",", ":")).encode()
    message = request_message(authority=authority, ts=update.ts, nonce=update.nonce, body=body)
    return Signed(body=body, signature=sign(secret, message))


def request_text(*, authority: str, agent: str, signed: Signed | None = None) -> bytes:
    """An HTTP request as it is sent: a signed update, or else the question to the reflector."""
    method, body = ("GET", b"") if signed is None else ("POST", signed.body)
    lines = [f"{method} {PATH} HTTP/1.1", f"Host: {authority}", f"User-Agent: {agent}"]
    if signed is not None:
        lines += [
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Failberry-Signature: {signed.signature}",
        ]
    return "\r\n".join([*lines, "", ""]).encode("ascii", "replace") + body


def request_message(*, authority: str, ts: int, nonce: str, body: bytes) -> bytes:
    """What a request's signature is over."""
    digest = hashlib.sha256(body).hexdigest()
    lines = ("failberry-ddns-v1", "POST", PATH, authority.lower(), str(ts), nonce, digest)
    return "\n".join(lines).encode()


def answer_message(*, status: int, request: str, body: bytes) -> bytes:
    """What an answer's signature is over; ``request`` is the signature of what it answers."""
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join(("failberry-ddns-v1-answer", str(status), request, digest)).encode()


def sign(secret: bytes, message: bytes) -> str:
    """Value of the signature's header."""
    return f"v1={hmac.new(secret, message, hashlib.sha256).hexdigest()}"


def genuine(secret: bytes, request: Signed, *, status: int, body: bytes, signature: str) -> bool:
    """Whether an answer is our function's, and to this request."""
    wanted = sign(secret, answer_message(status=status, request=request.signature, body=body))
    return hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))


def parse_secret(text: str) -> bytes | None:
    """Read the secret as its file holds it, in hexadecimal digits; ``None``: it is none."""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        return None
    return secret if len(secret) == SECRET else None


def parse_reflection(body: bytes) -> tuple[Address, int] | None:
    """Read what the reflector says: the address that it sees, and its clock in milliseconds."""
    match _document(body):
        case {"ip": str(text), "time": int(clock)} if not isinstance(clock, bool) and 0 <= clock < _LATEST:
            try:
                address = ip_address(text)
            except ValueError:
                return None
            return address, clock
        case _:
            return None


def parse_told(body: bytes) -> Told | None:
    """Read the answer to an update; None: it is none."""
    document = _document(body)
    word = document.get("status", document.get("error", document.get("Message")))
    if not isinstance(word, str):
        return None
    wait = document.get("retry_after")
    reachable = document.get("reachable")
    return Told(
        word=_text(word),
        server_time=_instant(document.get("server_time")),
        newest=_instant(document.get("newest")),
        retry_after=float(wait) if isinstance(wait, int | float) and 0 <= wait <= 3600 else None,
        reachable=reachable if isinstance(reachable, bool) else None,
        probe=_text(document.get("probe")),
        reason=_text(document.get("reason")),
    )


def _document(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _instant(value: object) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST
    return value if good and isinstance(value, int) else None


def _text(value: object) -> str:
    return printable(value[:_SHOWN]) if isinstance(value, str) else ""
