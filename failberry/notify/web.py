"""ntfy and webhooks: one small POST.

ntfy: JSON to the server's root (https://docs.ntfy.sh/publish/#publish-as-json).  Webhooks: signed as Standard
Webhooks says (https://www.standardwebhooks.com/): HMAC-SHA256 over ``id.timestamp.body``, so that a receiver
can tell who sent it, and that it is neither old nor a repetition.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from failberry import __version__
from failberry.core.actions import Severity
from failberry.notify import render
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notifying import Receiver

PATIENCE = 20.0
"""Seconds for each step of a conversation."""
ANSWER = 2048
"""Bytes of an answer that are read, for its words."""
NTFY_TITLE, NTFY_MESSAGE = 1000, 3500
"""Bytes.  ntfy refuses a title above 1 kB, makes an attachment of a message from 4,096 on, which many servers
refuse (docs.ntfy.sh/publish/#limitations), and reads 8,192 of JSON, in which quotes count twice."""
_PRIORITIES = {Severity.ERROR: 5, Severity.WARNING: 4, Severity.NOTICE: 3, Severity.INFO: 2}
_KEY_PREFIX = "whsec_"
_HOPELESS = {400, 401, 403, 404, 405, 410, 413, 415, 422}


def to_ntfy(receiver: Receiver, delivery: Delivery, host: str) -> Outcome:
    """Publish it."""
    root, _, topic = receiver.to.rstrip("/").rpartition("/")
    body = {
        "topic": topic,
        "title": render.cut(f"{host}: {render.title(delivery)}", NTFY_TITLE),
        "message": render.within(delivery, NTFY_MESSAGE),
        "priority": _PRIORITIES[render.severity(delivery)],
        "tags": render.tags(delivery),
        # The same for the same delivery: a server from 2.16 on shows a repetition in the first one's place.
        "sequence_id": delivery.id,
    }
    headers = {}
    if receiver.user:
        pair = base64.b64encode(f"{receiver.user}:{receiver.secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    elif receiver.secret:
        headers["Authorization"] = f"Bearer {receiver.secret}"
    return _post(f"{root}/", receiver.ca, json.dumps(body, ensure_ascii=False).encode(), headers)


def to_webhook(receiver: Receiver, delivery: Delivery, host: str) -> Outcome:
    """Send it, signed."""
    body = json.dumps(render.document(delivery, host), separators=(",", ":")).encode()
    stamp = str(int(time.time()))
    headers = {
        "webhook-id": delivery.id,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(receiver.secret, delivery.id, stamp, body),
    }
    return _post(receiver.to, receiver.ca, body, headers)


def signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    """Of a webhook; a secret of another form than ``whsec_`` and base64 is taken as it is."""
    key = secret.encode()
    if secret.startswith(_KEY_PREFIX):
        with contextlib.suppress(binascii.Error, ValueError):
            key = base64.b64decode(secret.removeprefix(_KEY_PREFIX), validate=True)
    signed = hmac.digest(key, f"{name}.{stamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def context_of(ca: str) -> ssl.SSLContext:
    """Trust in the system's certificates, or in those of one file.  Raises OSError, ssl.SSLError."""
    return ssl.create_default_context(cafile=ca or None)


def _post(address: str, ca: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    url = urlsplit(address)
    host = url.hostname or ""
    connection: http.client.HTTPConnection
    sent = False
    try:
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(host, url.port, timeout=PATIENCE, context=context_of(ca))
        else:
            connection = http.client.HTTPConnection(host, url.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.connect()
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            common = {"Content-Type": "application/json", "User-Agent": f"failberry/{__version__}"}
            sent = True
            connection.request("POST", path, body, common | dict(headers))
            answer = connection.getresponse()
            return _judged(host, answer.status, answer.reason, answer.read(ANSWER))
    except ssl.SSLCertVerificationError as failure:
        words = f"{host} does not prove who it is: {failure.verify_message}; is the clock right?"
        return Outcome(result=Result.REFUSED, words=words)
    except (OSError, http.client.HTTPException, ValueError) as failure:
        words = f"{host}: {said(failure)}"
        return Outcome(result=Result.UNKNOWN if sent else Result.FAILED, words=words)


def _judged(host: str, status: int, reason: str, body: bytes) -> Outcome:
    if 200 <= status < 300:
        return Outcome(result=Result.SENT, words=f"{host} took it ({status})")
    words = f"{host} answered {status} {reason}{_words(body)}"
    if 300 <= status < 400:
        return Outcome(result=Result.REFUSED, words=f"{words}; correct the address: none is followed")
    return Outcome(result=Result.REFUSED if status in _HOPELESS else Result.FAILED, words=words)


def _words(body: bytes) -> str:
    """What the server says beside the number, if it is something that can be shown."""
    told: Any = body.decode(errors="replace").strip()
    with contextlib.suppress(ValueError):
        document = json.loads(told)
        told = document.get("error", "") if isinstance(document, dict) else ""
    text = " ".join(str(told).split())
    return f": {text[:120]}" if text and text.isprintable() and "<" not in text else ""


def said(failure: BaseException) -> str:
    """A failure of the network in words."""
    if isinstance(failure, TimeoutError):
        return f"no answer within {PATIENCE:.0f} s"
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror
    return str(failure) or type(failure).__name__
