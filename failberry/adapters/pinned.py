"""Sockets whose packets leave by one interface and no other.

*Device.*  A socket is bound to the interface (SO_BINDTODEVICE, socket(7)), so neither the main table's
default route nor a route for the target that somebody wrote takes a question elsewhere, and only what comes
in on that interface is read.  *Mark.*  It carries the line's mark (SO_MARK), which our routing rules know.
*Source.*  The kernel takes it from that interface's addresses; where there is none it would lend another's,
so that is looked at, each time.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from failberry.config import MOBILE_INTERFACE
from failberry.core.facts import Address
from failberry.core.intent import CELLULAR_MARK, WIRED_MARK

_AF = {4: socket.AF_INET, 6: socket.AF_INET6}
_DISCARD = 9
"""A port for a socket that is connected only to learn its source; nothing is sent."""
_SIOCGIFADDR = 0x8915
_IFNAMSIZ = 16
_IF_INET6 = Path("/proc/thread-self/net/if_inet6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, as far as a socket must know it."""

    interface: str

    @property
    def mark(self) -> int:
        """What the routing rules know its probes by (:mod:`failberry.core.intent`)."""
        return CELLULAR_MARK if self.interface == MOBILE_INTERFACE else WIRED_MARK

    def open(self, version: int, kind: socket.SocketKind, protocol: int) -> socket.socket:
        """Open a non-blocking socket, pinned to device and mark.

        Raises OSError: there is no such interface.
        """
        ours = socket.socket(_AF[version], kind | socket.SOCK_NONBLOCK, protocol)
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        except OSError:
            ours.close()
            raise
        return ours

    def connect(self, peer: Address, port: int, kind: socket.SocketKind, protocol: int) -> socket.socket:
        """Open a datagram or raw socket that reaches this peer over this line alone, and hears only him.

        Raises OSError: there is no such interface, it is down, or it has no address or route to offer.
        """
        ours = self.open(peer.version, kind, protocol)
        try:
            ours.connect(self.place(peer, port))
            self._see_that_it_owns(ours.getsockname()[0], peer.version)
        except OSError:
            ours.close()
            raise
        return ours

    def source(self, peer: Address) -> Address:
        """The line's own address that the kernel would ask this peer from.

        Raises OSError, as :meth:`connect`.
        """
        with self.connect(peer, _DISCARD, socket.SOCK_DGRAM, socket.IPPROTO_UDP) as dry:
            return ip_address(dry.getsockname()[0].partition("%")[0])

    def place(self, peer: Address, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """Where a socket of this line finds the peer; a link-local one only with its interface's number."""
        if peer.version == 4:
            return str(peer), port
        scope = socket.if_nametoindex(self.interface) if peer.is_link_local else 0
        return str(peer), port, 0, scope

    def has_ipv4(self) -> bool:
        """Whether the interface has an IPv4 address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            try:
                # struct ifreq (netdevice(7)): the name, then room for the answer.
                request = struct.pack("16s24x", self.interface.encode()[: _IFNAMSIZ - 1])
                fcntl.ioctl(any_socket, _SIOCGIFADDR, request)
            except OSError:
                return False
        return True

    def unsent(self, *failures: OSError) -> str:
        """Why nothing could be sent, in words."""
        if not self._exists():
            return f"there is no interface {self.interface}"
        reasons = dict.fromkeys(failure.strerror or str(failure) for failure in failures)
        return (
            f"nothing could be sent over {self.interface}: {', '.join(reasons) or 'there was nobody to ask'}"
        )

    def _see_that_it_owns(self, source: str, version: int) -> None:
        """Raise OSError if the kernel found no address on this interface, and lent another's."""
        if version == 4:
            # It prefers the interface's own as long as there is one, whichever suits the route.
            owns = self.has_ipv4()
        else:
            wanted = socket.inet_pton(socket.AF_INET6, source.partition("%")[0]).hex()
            lines = (line.split() for line in _IF_INET6.read_text(encoding="ascii").splitlines())
            owns = any(line[0] == wanted and line[-1] == self.interface for line in lines)
        if not owns:
            raise OSError(errno.EADDRNOTAVAIL, f"{self.interface} has no IPv{version} address")

    def _exists(self) -> bool:
        return any(name == self.interface for _, name in socket.if_nameindex())
