"""``failberry-health [--heartbeat PATH] [--listen ADDRESS:PORT]``: answer health checks until told to stop.

Without ``--listen`` the listening sockets come from systemd.  Exits 2 on a bad command line or when
there is nothing to listen on.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence

from failberry.adapters import systemd
from failberry.health.server import HeartbeatFile, Server

USAGE = "usage: failberry-health [--heartbeat PATH] [--listen ADDRESS:PORT]"
HEARTBEAT = "/run/failberry/health/heartbeat"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
STATUS_EVERY = 60.0
LOG_EVERY = 3600.0
_INFO, _ERROR = 6, 3


class UsageError(Exception):
    """The command line or the environment does not say what to serve."""


def main(arguments: Sequence[str]) -> None:
    """Serve until killed, or exit with 2 and a message that says what is missing."""
    # Stopping has nothing to save: systemd keeps the listening socket and its queue for the next start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        options = _options(arguments)
        with open(BOOT_ID, encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 1 MB
            heartbeat = HeartbeatFile(options.get("--heartbeat", HEARTBEAT), boot_id=file.read().strip())
        server = Server(_listeners(options.get("--listen")), heartbeat)
    except (UsageError, OSError) as error:
        systemd.journal(_ERROR, f"failberry-health: {error}")
        sys.exit(2)
    _serve(server)


def _options(arguments: Sequence[str]) -> dict[str, str]:
    # By hand: argparse costs half a megabyte for ever.
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if len(arguments) % 2 or not options.keys() <= {"--heartbeat", "--listen"}:
        raise UsageError(USAGE)
    return options


def _listeners(address: str | None) -> list[socket.socket]:
    if address is None:
        listeners = systemd.listen_sockets()
        if not listeners:
            raise UsageError(
                f"systemd passed no socket: start failberry-health.socket, or use --listen\n{USAGE}"
            )
        return listeners
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 65536):
        raise UsageError(
            f"--listen {address}: give an address and a port, such as 127.0.0.1:9000 or [::]:9000"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server(
        (host.strip("[]"), int(port)), family=family, backlog=1024, dualstack_ipv6=family is socket.AF_INET6
    )
    systemd.journal(_INFO, f"failberry-health: listening on {host}:{listener.getsockname()[1]}")
    return [listener]


def _serve(server: Server) -> None:
    watchdog = systemd.watchdog_interval()
    pause = watchdog / 2 if watchdog else STATUS_EVERY
    systemd.notify("READY=1")
    next_notice = next_log = server.turn(0) + pause
    logged = ""
    while True:
        now = server.turn(pause)
        if now < next_notice:
            continue
        next_notice = now + pause
        counts = ", ".join(f"{outcome} {count}" for outcome, count in sorted(server.counts.items()))
        systemd.notify(f"WATCHDOG=1\nSTATUS=Connections by outcome: {counts or 'none yet'}")
        if now >= next_log and counts != logged:
            systemd.journal(_INFO, f"connections by outcome since the start: {counts}")
            next_log, logged = now + LOG_EVERY, counts


if __name__ == "__main__":
    main(sys.argv[1:])
