"""Asks the house's health server from outside, to learn whether anybody can reach it there."""

from __future__ import annotations

import errno
import re
import socket
import time

from ddns.address import Address
from ddns.ports import Reached

PORT = 9000
DEADLINE = 4.5
"""Seconds for everything: long enough for the third SYN, which Linux sends after three seconds."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_ENOUGH = 64
"""Bytes of an answer that hold its status."""


def probe(address: Address, path: str, *, port: int = PORT, deadline: float = DEADLINE) -> Reached:
    """Whether ``GET path`` is answered with 200 there.  Never raises; follows no redirect, reads no body.

    Lambda has no way out over IPv6 unless it is in a subnet that has one; then this cannot be tried.
    """
    until = time.monotonic() + deadline
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    host = str(address) if address.version == 4 else f"[{address}]"
    question = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        with socket.socket(family, socket.SOCK_STREAM) as ours:
            ours.settimeout(deadline)
            ours.connect((str(address), port))
            ours.sendall(question)
            answer = b""
            while len(answer) < _ENOUGH and not _STATUS.match(answer):
                left = until - time.monotonic()
                if left <= 0:
                    return Reached("no answer in time")
                ours.settimeout(left)
                received = ours.recv(_ENOUGH)
                if not received:
                    break
                answer += received
    except TimeoutError:
        return Reached("no answer in time")
    except OSError as failure:
        if failure.errno == errno.EAFNOSUPPORT:
            return Reached("no IPv6 here to try it with", reachable=None)
        return Reached(errno.errorcode.get(failure.errno or 0, "broken"))
    found = _STATUS.match(answer)
    if found is None:
        return Reached("not an HTTP answer")
    status = int(found[1])
    return Reached(f"HTTP {status}", reachable=status == 200)
