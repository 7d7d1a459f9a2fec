"""A LAN client that opens a new TCP connection every so often, and tells which came about, when.

    caller.py SERVER PORT [--every S] [--patience S] [--source ADDRESS]... [--resolver ADDRESS]

Each attempt has its own patience and waits for no other.  It is established when the handshake is done; then
the server's first line is awaited, which names the asker as the far end sees him, and so the line taken.
With a resolver, a name is asked of it before each attempt, within the same patience.
One line for each attempt, in seconds of CLOCK_MONOTONIC:

    SOURCE BEGUN ESTABLISHED|- PEER|-

Ends with its standard input.
"""

import argparse
import itertools
import json
import os
import select
import socket
import struct
import sys
import time

_QUERY = struct.pack("!HHHHHH", 0, 0x0100, 1, 0, 0, 0) + b"\7example\3com\0\0\1\0\1"


class Attempt:
    def __init__(self, options: argparse.Namespace, source: str) -> None:
        self.options, self.source = options, source
        self.begun = time.monotonic()
        self.established: float | None = None
        self.said = b""
        self.resolving = bool(options.resolver)
        if self.resolving:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self.socket.bind((source, 0))
            self.socket.connect((options.resolver, 53))
            self.socket.send(_QUERY)
        else:
            self.socket = self.call()
        self.events = select.EPOLLIN if self.resolving else select.EPOLLOUT

    def call(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.bind((self.source, 0))
        # No FIN_WAIT for hours: the end is a reset, and nothing is left of it.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.connect_ex((self.options.server, self.options.port))
        return made

    def go_on(self) -> bool:
        """Take the next step; whether that was the last."""
        try:
            if self.resolving:
                self.socket.recv(512)
                self.socket.close()
                self.resolving, self.socket, self.events = False, self.call(), select.EPOLLOUT
                return False
            if self.established is None:
                if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return True
                self.established, self.events = time.monotonic(), select.EPOLLIN
                return False
            heard = self.socket.recv(256)
        except OSError:
            return True
        self.said += heard
        return not heard or self.said.endswith(b"\n")

    def tell(self) -> None:
        self.socket.close()
        said = self.said.decode().strip()
        peer = json.loads(said)["peer"] if said.startswith("{") else said
        established = "-" if self.established is None else f"{self.established:.6f}"
        print(self.source, f"{self.begun:.6f}", established, peer or "-", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("port", type=int)
    parser.add_argument("--every", type=float, default=0.05)
    parser.add_argument("--patience", type=float, default=1.0)
    parser.add_argument("--source", action="append")
    parser.add_argument("--resolver", default="")
    options = parser.parse_args()
    sources = itertools.cycle(options.source or ["0.0.0.0"])
    gap = options.every / len(options.source or [""])
    poller = select.epoll()
    poller.register(0, select.EPOLLIN | select.EPOLLHUP)
    underway: dict[int, Attempt] = {}
    following = time.monotonic()
    while True:
        now = time.monotonic()
        for number, attempt in list(underway.items()):
            if now - attempt.begun < options.patience:
                break  # they are in the order of their beginning, but for those that have resolved a name
            del underway[number]
            attempt.tell()
        if now >= following:
            following = max(following + gap, now)
            try:
                attempt = Attempt(options, next(sources))
            except OSError:
                continue  # no route at all: the next may have one
            underway[attempt.socket.fileno()] = attempt
            poller.register(attempt.socket, attempt.events)
        for number, _ in poller.poll(max(0.0, following - time.monotonic())):
            if number == 0 and not os.read(0, 64):
                sys.exit()
            if (attempt := underway.pop(number, None)) is None:
                continue
            if attempt.go_on():
                attempt.tell()
                continue
            underway[attempt.socket.fileno()] = attempt
            # Another socket may have got the old one's number: then it is new to the poller.
            try:
                poller.modify(attempt.socket, attempt.events)
            except FileNotFoundError:
                poller.register(attempt.socket, attempt.events)


if __name__ == "__main__":
    main()
