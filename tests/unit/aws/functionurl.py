"""A function URL without AWS: an HTTP server that hands payload format 2.0 to a real handler.

As the service does it: names of headers in small letters, values of equal names joined by a comma, bodies
that are not text in base64, and 502 for a handler that raises.  What it adds: ``source`` stands in for the
peer's address, because addresses of this machine are not those of the Internet.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Handler = Callable[[dict[str, object], object], dict[str, object]]

_TEXT = ("text/", "application/json", "application/javascript", "application/xml")
_BODY_LIMIT = 6_000_000
_PATIENCE = 10.0


def event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    source: str = "127.0.0.1",
) -> dict[str, object]:
    """Payload format 2.0 of a function URL."""
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    built: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": fields,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "emulated",
            "domainName": fields.get("host", ""),
            "domainPrefix": "emulated",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": fields.get("user-agent", ""),
            },
            "requestId": "00000000-0000-0000-0000-000000000000",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": time.time_ns() // 1_000_000,
        },
        "isBase64Encoded": False,
    }
    if body:
        text = fields.get("content-type", "").startswith(_TEXT)
        built["isBase64Encoded"] = not text
        built["body"] = body.decode() if text else base64.b64encode(body).decode()
    return built


class FunctionUrl:
    """Serves a handler until the ``with`` ends.  ``source`` may be changed between requests."""

    def __init__(
        self,
        handler: Handler,
        *,
        source: str | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.source = source
        emulator = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _PATIENCE

            def answer(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                if size > _BODY_LIMIT:
                    self.reply(413, {}, b"")
                    return
                path, _, query = self.path.partition("?")
                told = event(
                    self.command,
                    path,
                    query=query,
                    headers=_joined(self.headers),
                    body=self.rfile.read(size),
                    source=emulator.source or self.client_address[0],
                )
                try:
                    answer = handler(told, None)
                except Exception as failure:  # noqa: BLE001 - whatever a handler raises is a 502 of the service
                    emulator.failures.append(failure)
                    self.reply(502, {}, b'{"Message":"Internal Server Error"}')
                    return
                self.reply(*_rendered(answer))

            def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        class Listener(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = True

        self.failures: list[Exception] = []
        """What the handler raised."""
        self._server = Listener((address, port), Request)
        if tls is not None:
            # Each connection shakes hands in its own thread, when it reads.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        host = f"[{address}]" if ":" in address else address
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE)


def _joined(fields: Message) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in fields.items():
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _rendered(answer: dict[str, object]) -> tuple[int, dict[str, str], bytes]:
    """As the service reads an answer: without a statusCode, the whole of it is the body."""
    if "statusCode" not in answer:
        return 200, {"content-type": "application/json"}, json.dumps(answer).encode()
    status, headers, body = answer["statusCode"], answer.get("headers", {}), answer.get("body", "")
    assert isinstance(status, int)
    assert isinstance(headers, dict)
    assert isinstance(body, str)
    raw = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return status, {str(name): str(value) for name, value in headers.items()}, raw
