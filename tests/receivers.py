"""Real receivers of messages: a mail server, web servers that speak ntfy's protocol and check signatures."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from failberry.notify.web import signature


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a certificate for these hosts (``DNS:…``, ``IP:…``) that is its own authority; and its key."""
    crt, key = folder / "house.pem", folder / "house.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=house", "-addext", f"subjectAltName={','.join(names)}",
         "-out", str(crt), "-keyout", str(key)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return crt, key


def server_context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    """Serve with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


# --- the web ---------------------------------------------------------------------------------------


@dataclass
class Web:
    """What came in; ``status`` is answered."""

    key: str = ""
    """Of webhooks; what is not signed with it is refused."""
    token: str = ""
    """Of ntfy."""
    status: int = 200
    silent: bool = False
    """Take it, and hang up without an answer."""
    came: list[dict[str, Any]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Names of the deliveries."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of their bodies."""
    refused: list[str] = field(default_factory=list)
    port: int = 0

    def take(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        """Judge one request."""
        headers = handler.headers
        if "webhook-id" in headers:
            name, stamp = headers["webhook-id"], headers["webhook-timestamp"]
            fresh = abs(time.time() - int(stamp)) < 60
            if not fresh or headers["webhook-signature"] != signature(self.key, name, stamp, body):
                self.refused.append(name)
                return 401
            document = json.loads(body)
            assert document["id"] == name
        else:
            if self.token and headers.get("Authorization") != f"Bearer {self.token}":
                self.refused.append(str(headers.get("Authorization")))
                return 403
            # What a server of ntfy demands of a message in JSON (docs.ntfy.sh/publish/#publish-as-json).
            document = json.loads(body)
            assert handler.path == "/"
            assert re.fullmatch(r"[-_A-Za-z0-9]{1,64}", document["topic"])
            assert document["priority"] in range(1, 6)
            name = document["sequence_id"]
            assert re.fullmatch(r"[-_A-Za-z0-9]{1,64}", name)
        if self.status == 200:
            self.came.append(document)
            self.names.append(name)
            self.sizes.append(len(body))
        return self.status


@contextlib.contextmanager
def web(
    state: Web, host: str = "127.0.0.1", port: int = 0, *, tls: tuple[Path, Path] | None = None
) -> Iterator[Web]:
    """Serve it on a thread."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = state.take(self, body)
            if state.silent:
                self.close_connection = True
                return
            answer = b'{"error": "no such thing"}' if code >= 400 else b"{}"
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = server_context(tls).wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _free(host: str) -> int:
    """A port that nobody has; its server looks for itself by number."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


# --- mail ------------------------------------------------------------------------------------------


@dataclass
class Post:
    """A mail server; ``answer`` is what it says to a message."""

    password: str = ""
    answer: str = "250 taken"
    came: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)

    async def handle_DATA(self, _: object, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            assert envelope.content is not None
            content = envelope.content if isinstance(envelope.content, bytes) else envelope.content.encode()
            made = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(made, EmailMessage)
            self.came.append(made)
            self.recipients += envelope.rcpt_tos
            self.secured.append(session.ssl is not None)
        return self.answer

    def judge(self, *given: object) -> AuthResult:
        """Whether the password is right."""
        login = given[-1]
        good = isinstance(login, LoginPassword) and login.password == self.password.encode()
        return AuthResult(success=good, handled=False)


@contextlib.contextmanager
def post(
    state: Post, host: str = "127.0.0.1", port: int = 0, *, tls: tuple[Path, Path] | None = None
) -> Iterator[int]:
    """Serve it on a thread, with STARTTLS where there is a certificate; gives its port."""
    controller = Controller(
        state,
        hostname=host,
        port=port or _free(host),
        tls_context=None if tls is None else server_context(tls),
        require_starttls=tls is not None,
        authenticator=state.judge if state.password else None,
        auth_required=bool(state.password),
        ready_timeout=10,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
