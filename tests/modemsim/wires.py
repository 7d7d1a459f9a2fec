"""Ports on real ttys: pseudo terminals, or the modem's side of a USB gadget (/dev/ttyGSn).

What each kind tells about the host:

* A pseudo terminal's master hangs up while the host has it closed. That is DTR: who closes a port drops it.
* The gadget drivers gser and acm give user space no modem lines (TIOCMGET fails: drivers/usb/gadget/function/
  u_serial.c has no tiocmget), so DTR is not seen there. But their tty hangs up when the USB link ends, and has
  no room to write until there is one again: that is power.
"""

import contextlib
import os
import select
import termios
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

READ_SIZE = 65536
MAX_OUT = 262_144  # a host that reads nothing loses the rest


class End(Protocol):
    """One kind of tty."""

    # Whether a lost link means that the power is gone, or else that DTR dropped.
    powered_by_host: bool

    def open(self) -> int:
        """Return a new non-blocking descriptor in raw mode. Raises OSError."""

    def is_up(self, fd: int) -> bool:
        """Whether the host is there."""

    def gone(self) -> None:
        """The device has left the bus."""


@dataclass(kw_only=True)
class PtyEnd:
    """A new pseudo terminal each time the modem appears, with a link to it under the port's name."""

    link: Path | None
    path: str = ""
    powered_by_host: bool = False

    def open(self) -> int:
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

    def is_up(self, fd: int) -> bool:
        return not _poll(fd) & select.POLLHUP

    def gone(self) -> None:
        if self.link is not None:
            self.link.unlink(missing_ok=True)


@dataclass(kw_only=True)
class TtyEnd:
    """A tty that is there, like /dev/ttyGS0."""

    path: str
    powered_by_host: bool = True

    def open(self) -> int:
        fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(fd)
        return fd

    def is_up(self, fd: int) -> bool:
        events = _poll(fd)
        return bool(events & select.POLLOUT) and not events & (select.POLLHUP | select.POLLERR)

    def gone(self) -> None:
        """The tty itself stays."""


def _poll(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    return next((events for _, events in poll.poll(0)), 0)


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
        before, self.up = self.up, self.fd is not None and self.end.is_up(self.fd)
        return before != self.up

    def lost(self) -> None:
        """The host is gone. A tty that was hung up must be opened anew (its descriptor is dead)."""
        self.up = False
        self.out.clear()
        if self.end.powered_by_host:
            self.close()
            self.open()

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
