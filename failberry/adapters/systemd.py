"""systemd: socket activation, readiness, watchdog and journal fields.

The only importer of python-systemd.  Its journal module costs 2.4 MB and is imported when the first
structured message is sent, which the health server never does.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from systemd.daemon import listen_fds
from systemd.daemon import notify as sd_notify


def listen_sockets() -> list[socket.socket]:
    """Take over the sockets that systemd listens on for this process, in the unit's order.

    Empty when there are none.  Source: sd_listen_fds(3).
    """
    return [socket.socket(fileno=fd) for fd in listen_fds()]


def notify(state: str) -> None:
    """Tell systemd a new state: ``READY=1``, ``WATCHDOG=1``, ``STATUS=…``, ``STOPPING=1``, ``RELOADING=1``.

    ``RELOADING=1`` gets the MONOTONIC_USEC that ``Type=notify-reload`` demands.  Does nothing outside of
    a service; a service manager that does not listen is not our failure.  Source: sd_notify(3).
    """
    if "RELOADING=1" in state.split("\n"):
        state += f"\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
    try:
        sd_notify(state)
    except OSError as error:
        journal(4, f"systemd was not told {state.partition('=')[0]}: {error.strerror}")


def watchdog_interval() -> float | None:
    """Return the seconds within which ``WATCHDOG=1`` is due, None if nobody waits for it.

    Feed it twice as often.  Source: sd_watchdog_enabled(3).
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        interval = int(os.environ["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        return None
    return interval if interval > 0 else None


async def feed_watchdog() -> None:
    """Feed the watchdog for as long as the loop turns; return at once if nobody waits for it."""
    import asyncio  # late: the health server has no loop

    interval = watchdog_interval()
    while interval is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval / 3)


def journal(priority: int, message: str, **fields: object) -> None:
    """Log a message with a syslog ``priority`` (3 error … 7 debug) and structured journal fields.

    Field names are upper-cased; SYSLOG_IDENTIFIER is ``failberry`` unless given.  Without fields, or where
    standard error is not the journal, it is a line on standard error with a ``<N>`` prefix, as in
    sd-daemon(3).  Never raises.
    """
    if fields and _stderr_is_journal():
        from systemd.journal import sendv  # late: 2.4 MB

        entry = {"SYSLOG_IDENTIFIER": "failberry", "PRIORITY": priority, "MESSAGE": message}
        entry |= {name.upper(): value for name, value in fields.items()}
        try:
            sendv(*(f"{name}={value}".encode(errors="backslashreplace") for name, value in entry.items()))
        except OSError:
            pass  # the line below still reaches whoever listens
        else:
            return
    try:
        sys.stderr.write("".join(f"<{priority}>{line}\n" for line in message.splitlines()))
        sys.stderr.flush()
    except OSError:
        return  # nobody reads standard error: there is no one left to tell


def _stderr_is_journal() -> bool:
    """Compare standard error with ``JOURNAL_STREAM``, as systemd.exec(5) asks programs to."""
    try:
        stderr = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
