"""Somebody on the Internet who uses the house's name: resolves it and asks for a page, again and again.

    visitor.py NAME PORT

With the system's own resolver, as it is set up where this runs.  One line for each visit, in seconds of
CLOCK_MONOTONIC; ends with its standard input:

    BEGUN ADDRESS|- PAGE|-
"""

import contextlib
import select
import socket
import sys
import time

EVERY, PATIENCE = 0.1, 1.0


def visit(name: str, port: int) -> tuple[str, str]:
    address = page = "-"
    with contextlib.suppress(OSError):
        address = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        with socket.create_connection((address, port), timeout=PATIENCE) as ours:
            ours.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            said = b""
            while more := ours.recv(4096):
                said += more
            page = said.partition(b"\r\n\r\n")[2].decode().strip() or "-"
    return address, page


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    while True:
        begun = time.monotonic()
        address, page = visit(name, port)
        print(f"{begun:.3f}", address, page, flush=True)
        left = max(0.0, begun + EVERY - time.monotonic())
        if select.select([sys.stdin], [], [], left)[0]:
            return


if __name__ == "__main__":
    main()
