"""Asks endpoints by HTTP.  Never raises for what the world does."""

from __future__ import annotations

import errno
import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

from ping.endpoints import BODY_LIMIT, Endpoint
from ping.metrics import Result

SECONDS = 25.0
"""For everything: the schedule comes again after 60, the function is ended after 30."""
TRIES = 3
PAUSE = 1.0
"""Seconds between two tries: three refusals within a millisecond are one."""
REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}


def ask_all(endpoints: Sequence[Endpoint], *, seconds: float = SECONDS, pause: float = PAUSE) -> list[Result]:
    """Ask all at once; what is not known after so many seconds is down."""
    until = time.monotonic() + seconds
    pool = ThreadPoolExecutor(max_workers=len(endpoints))
    asked = [pool.submit(ask, endpoint, until=until, pause=pause) for endpoint in endpoints]
    # A second more, for those that end at the last moment.  Only a resolver can hang longer.
    wait(asked, timeout=seconds + 1)
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        each.result() if each.done() else Result(endpoint=endpoint, up=False, error="ETIMEDOUT")
        for endpoint, each in zip(endpoints, asked, strict=True)
    ]


def ask(endpoint: Endpoint, *, until: float, pause: float = PAUSE) -> Result:
    """Ask until something is answered, three times at most, and until then (monotonic seconds)."""
    tries = 0
    while True:
        tries += 1
        result = _try(endpoint, until=until, tries=tries)
        # An answer is an answer, be it the wrong one; asking again would cost bytes and learn nothing.
        if result.up is not False or result.status or tries == TRIES or time.monotonic() + pause >= until:
            return result
        time.sleep(pause)


def _try(endpoint: Endpoint, *, until: float, tries: int) -> Result:
    def failed(error: str) -> Result:
        return Result(endpoint=endpoint, up=False, error=error, tries=tries)

    start = time.monotonic()
    limit = min(start + endpoint.timeout, until)
    try:
        return _follow(endpoint, start=start, limit=limit, tries=tries)
    except ssl.SSLCertVerificationError:
        return failed("ECERT")
    except (socket.gaierror, UnicodeError):
        return failed("ENOTFOUND")
    except TimeoutError:
        return failed("ETIMEDOUT")
    except OSError as failure:
        if failure.errno == errno.EAFNOSUPPORT:
            return Result(endpoint=endpoint, up=None, error="EAFNOSUPPORT", tries=tries)
        if time.monotonic() >= limit:
            return failed("ETIMEDOUT")
        return failed(errno.errorcode.get(failure.errno or 0, "EPROTO"))
    except (http.client.HTTPException, ValueError):
        # Cut off at the limit, or not HTTP at all.
        return failed("ETIMEDOUT" if time.monotonic() >= limit else "EPROTO")


def _follow(endpoint: Endpoint, *, start: float, limit: float, tries: int) -> Result:
    url = endpoint.url
    for hop in range(REDIRECTS + 1):
        with _opened(url, limit=limit) as (connection, target):
            fields = {"Host": url.netloc, "User-Agent": "failberry-ping", "Connection": "close"}
            connection.request("GET", target, headers=fields)
            # It holds the connection open, whoever else closes it.
            with closing(connection.getresponse()) as answer:
                latency = (time.monotonic() - start) * 1000
                if time.monotonic() >= limit:
                    # Cut off in the middle of the head, which looks like its end.
                    raise TimeoutError(errno.ETIMEDOUT, "no whole answer")
                elsewhere = _redirect(url, answer) if endpoint.follows and hop < REDIRECTS else None
                error = "" if elsewhere else _fault(endpoint, answer)
        if elsewhere is None:
            break
        url = elsewhere
    return Result(
        endpoint=endpoint, up=not error, status=answer.status, latency=latency, error=error, tries=tries
    )


def _fault(endpoint: Endpoint, answer: http.client.HTTPResponse) -> str:
    """What is wrong with an answer, in a word."""
    if answer.status not in endpoint.statuses:
        return "status"
    # Nobody pays for a body that nobody wants to see.
    if not endpoint.text or endpoint.text in answer.read(BODY_LIMIT):
        return ""
    return "body"


def _redirect(url: SplitResult, answer: http.client.HTTPResponse) -> SplitResult | None:
    """Where the answer sends us, if that is the same host, on the same port or from http to https."""
    place = answer.headers.get("Location")
    if answer.status not in {301, 302, 303, 307, 308} or not place or not place.isascii():
        return None
    there = urlsplit(urljoin(url.geturl(), place))
    if there.scheme not in _PORTS or there.hostname != url.hostname or "@" in there.netloc:
        return None
    ports = (url.port or _PORTS[url.scheme], there.port or _PORTS[there.scheme])
    same = there.scheme == url.scheme and ports[0] == ports[1]
    safer = (url.scheme, there.scheme, *ports) == ("http", "https", 80, 443)
    return there if same or safer else None


@contextmanager
def _opened(url: SplitResult, *, limit: float) -> Iterator[tuple[http.client.HTTPConnection, str]]:
    """Connect, and cut the connection off at the limit: a peer that trickles is no answer."""
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    ours = _connect(host, port, limit=limit)
    cut = threading.Timer(max(0.0, limit - time.monotonic()), lambda: _cut(ours))
    cut.daemon = True
    try:
        if url.scheme == "https":
            ours = _trust().wrap_socket(ours, server_hostname=host, do_handshake_on_connect=False)
        cut.start()
        if isinstance(ours, ssl.SSLSocket):
            ours.do_handshake()
        connection = http.client.HTTPConnection(host, port)
        connection.sock = ours
        yield connection, (url.path or "/") + (f"?{url.query}" if url.query else "")
    finally:
        cut.cancel()
        ours.close()


def _cut(ours: socket.socket) -> None:
    try:
        # Below TLS, which another thread is in the middle of.
        socket.socket.shutdown(ours, socket.SHUT_RDWR)
    except OSError:
        return


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connect(host: str, port: int, *, limit: float) -> socket.socket:
    """Connect to the first address that lets us, those of IPv4 first.

    Raises what the first of them said; EAFNOSUPPORT only where none could be tried at all.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    problems: list[OSError] = []
    for family, kind, number, _, address in sorted(found, key=lambda each: each[0] != socket.AF_INET):
        left = limit - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, "no time left")
        try:
            ours = socket.socket(family, kind, number)
        except OSError as problem:
            problems.append(problem)
            continue
        try:
            ours.settimeout(left)
            ours.connect(address)
        except OSError as problem:
            ours.close()
            problems.append(problem)
        else:
            return ours
    tried = [each for each in problems if each.errno != errno.EAFNOSUPPORT]
    raise (tried or problems)[0]
