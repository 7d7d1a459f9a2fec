#!/usr/bin/python3
"""A server that says who is asking: what a far end sees of a translated connection.

TCP 80: any HTTP request is answered by ``{"peer": "…", "port": …, "server": "…"}``, but for the two pages by
which a fresh configuration knows the Internet.
TCP 7 and UDP 7: the same object as a line, then everything comes back; UDP puts it before each answer.
IPv4 and IPv6, on every address of each network namespace that is named, or of ours: ``echo.py internet``.
"""

import contextlib
import json
import os
import socket
import socketserver
import struct
import sys
import threading
from pathlib import Path

IDLE = 600.0
REQUEST = 8192
PKTINFO = struct.Struct("16si")
"""in6_pktinfo (RFC 3542): the address that was asked, and the interface."""
OK, JSON, TEXT = "200 OK", "application/json", "text/plain"


def _who(peer: tuple[str, int], server: str) -> bytes:
    plain, here = (address.removeprefix("::ffff:") for address in (peer[0], server))
    return json.dumps({"peer": plain, "port": peer[1], "server": here}).encode() + b"\n"


class Http(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(10.0)
        path = self.request.recv(REQUEST).split(b" ", 2)[1:2]
        if path == [b"/generate_204"]:
            status, kind, body = "204 No Content", TEXT, b""
        elif path == [b"/success.txt"]:
            status, kind, body = OK, TEXT, b"success\n"
        else:
            status, kind, body = OK, JSON, _who(self.client_address, self.request.getsockname()[0])
        head = f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request.sendall(head.encode() + body)


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(IDLE)
        # A caller who is cut off, or who hangs up by a reset, is no news.
        with contextlib.suppress(OSError):
            self.request.sendall(_who(self.client_address, self.request.getsockname()[0]))
            while data := self.request.recv(REQUEST):
                self.request.sendall(data)


class Tcp(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Udp:
    """Answers from the address that was asked: the kernel's choice may be another one of this host's."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self.socket.bind(("::", 7))

    def serve_forever(self) -> None:
        while True:
            data, ancillary, _, peer = self.socket.recvmsg(REQUEST, socket.CMSG_SPACE(PKTINFO.size))
            # No interface: the way back is the routes' business.
            ours = [
                (level, kind, PKTINFO.pack(PKTINFO.unpack(told)[0], 0)) for level, kind, told in ancillary
            ]
            with contextlib.suppress(OSError):
                self.socket.sendmsg([_who(peer[:2], "") + data], ours, 0, peer)


def main() -> None:
    servers: list[Tcp | Udp] = []
    for name in sys.argv[1:] or [""]:
        if name:
            with Path(f"/run/netns/{name}").open() as namespace:
                os.setns(namespace.fileno(), os.CLONE_NEWNET)  # type: ignore[attr-defined] # Python 3.12, in the guest
        servers += [Tcp(("::", 80), Http), Tcp(("::", 7), Echo), Udp()]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
