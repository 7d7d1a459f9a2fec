"""Ports on real ttys: pseudo terminals of our own, or ttys that are there.

The master of a pseudo terminal hangs up while the host has it closed: that is DTR, which drops at the last
close. A tty that is there tells nothing of the kind; its DTR, carrier and power come over ``bus.Bus``.
"""

import contextlib
import os
import select
import termios
import tty
from dataclasses import dataclass, field
from pathlib import Path

READ_SIZE = 65536
MAX_OUT = 262_144  # a host that reads nothing loses the rest


@dataclass(kw_only=True)
class PtyEnd:
    """A new pseudo terminal each time the modem appears, with a link to it under the port's name."""

    link: Path | None
    path: str = ""

    def open(self) -> int:
        """Return a non-blocking descriptor in raw mode."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        if self.link is not None:
            fresh = self.link.with_name(self.link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.path)
            fresh.rename(self.link)
        return master

    def gone(self) -> None:
        """The device has left the bus."""
        if self.link is not None:
            self.link.unlink(missing_ok=True)


@dataclass(kw_only=True)
class TtyEnd:
    """A tty that is there, like /dev/ttyGS0."""

    path: str

    def open(self) -> int:
        """Return a non-blocking descriptor in raw mode. Raises OSError."""
        fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(fd)
        return fd

    def gone(self) -> None:
        """The device has left the bus; the tty itself stays."""


@dataclass(kw_only=True)
class Wire:
    """One port's tty: opened again when it is lost, and never blocking."""

    number: int
    end: PtyEnd | TtyEnd
    fd: int | None = None
    up: bool = False
    out: bytearray = field(default_factory=bytearray)

    def open(self) -> None:
        """Open the tty if it can be; ``check`` tries again."""
        with contextlib.suppress(OSError, termios.error):
            self.fd = self.end.open()

    def close(self) -> None:
        """Close the tty."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.up = None, False
        self.out.clear()

    def check(self) -> bool:
        """See whether the host is there, and return whether that has changed."""
        if self.fd is None:
            self.open()
        before, self.up = self.up, self.fd is not None and not _hung_up(self.fd)
        return before != self.up

    def lost(self) -> None:
        """The host is gone. The descriptor of a tty that was hung up is dead; a master stays good."""
        self.up = False
        self.out.clear()
        if isinstance(self.end, TtyEnd):
            self.close()

    def read(self) -> bytes | None:
        """Return what is there, b"" for nothing yet, None when the host is gone."""
        if self.fd is None:
            return None
        try:
            return os.read(self.fd, READ_SIZE) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """Queue bytes and send what can be sent."""
        if self.up:
            self.out += data[: MAX_OUT - len(self.out)]
            self.flush()

    def flush(self) -> None:
        """Send what can be sent."""
        if self.fd is None or not self.out:
            return
        with contextlib.suppress(OSError):  # the read side reports a lost link
            del self.out[: os.write(self.fd, self.out)]


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))  # POLLHUP and POLLERR come unasked
