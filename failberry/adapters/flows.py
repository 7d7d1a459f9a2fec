"""The connections that a line carries, found by their mark: the kernel forgets them, or tells their packets.

Straight to the kernel by ctnetlink (linux/netfilter/nfnetlink_conntrack.h), because neither of the ready ways
does both, measured with 10,000 connections on a PC:

* The program ``conntrack`` (1.4.7) drops by mark in 0.13 s, but cannot say "not answered yet": it knows no
  ``-u UNREPLIED``, and with ``-u UNSET`` asks the kernel for no bit at all, which is refused.
* pyroute2 decodes every attribute of every connection: 2.4 s, and several times that on a small board.

Here the kernel chooses by mark and status, and what it gave to name a connection is sent back to it as it
came: 0.4 s for all 10,000; the few dozen of a usual house take a millisecond.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from failberry.core.actions import DropFlows, Flows, WeighFlows
from failberry.core.events import FlowsDropped, FlowsWeighed
from failberry.core.intent import CELLULAR_MARK, MARK_MASK, WIRED_MARK
from failberry.core.snapshot import UplinkName

DEADLINE = 5.0
"""Seconds for one deed; what is not dropped by then is left for the next sweep."""

_MARKS = {UplinkName.WIRED: WIRED_MARK, UplinkName.CELLULAR: CELLULAR_MARK}
_ACCOUNTING = Path("/proc/sys/net/netfilter/nf_conntrack_acct")

# linux/netlink.h, linux/netfilter/nfnetlink.h
_NETLINK_NETFILTER = 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_IS_NESTED, _TYPE = 0x8000, 0x3FFF
"""A flag in an attribute's type, and the type without its flags."""
# IPCTNL_MSG_CT_GET and _DELETE, of NFNL_SUBSYS_CTNETLINK
_GET, _DELETE = 0x101, 0x102
# linux/netfilter/nfnetlink_conntrack.h, linux/netfilter/nf_conntrack_common.h
_ORIGINAL, _REPLY, _STATUS, _MARK, _COUNTERS_REPLY, _ID, _ZONE, _MARK_MASK, _STATUS_MASK = (
    1, 2, 3, 8, 10, 12, 18, 21, 26,
)  # fmt: skip
_TUPLE_IP, _SOURCE4, _SOURCE6, _PACKETS = 1, 1, 3, 1
_SEEN_REPLY = 0x2

_HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_FAMILY = struct.Struct("=BBH")
"""nfgenmsg: address family, version, resource."""
_ERROR = struct.Struct("=i8xI4x")
"""nlmsgerr: negative errno or 0, and of the header of what was asked its sequence."""
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct(">I")
_BUFFER = 1 << 16
_BATCH = 64
"""Deletions in one datagram: if all were refused, the answers would still fit into the socket's buffer."""
_LAST = 1
"""Sequence of the one that is acknowledged in any case."""

Connection = tuple[int, dict[int, bytes]]
"""Address family of the kernel, and the attributes by type, each as it came."""


async def drop_flows(action: DropFlows) -> FlowsDropped:
    """Have the kernel forget them; never raises.  The Pi's own probes carry no mark and stay."""
    try:
        count = await asyncio.to_thread(_drop, _MARKS[action.line], action.flows)
    except OSError as failure:
        problem = f"the connections of the {action.line} line cannot be dropped: {_words(failure)}"
        return FlowsDropped(deed=action.deed, count=0, problem=problem)
    return FlowsDropped(deed=action.deed, count=count)


async def weigh_flows(action: WeighFlows) -> FlowsWeighed:
    """Count the packets that public addresses sent back; never raises.

    ``None`` where the kernel does not count them (``net.netfilter.nf_conntrack_acct``) or does not answer.
    """
    try:
        packets = await asyncio.to_thread(_weigh, _MARKS[action.line])
    except OSError:
        packets = None
    return FlowsWeighed(deed=action.deed, packets_in=packets)


def _words(failure: OSError) -> str:
    late = f"the kernel did not answer within {DEADLINE:g} s"
    return late if isinstance(failure, TimeoutError) else failure.strerror or str(failure)


def _drop(mark: int, flows: Flows) -> int:
    unanswered = flows is Flows.UNANSWERED
    count, end = 0, time.monotonic() + DEADLINE
    with _socket() as asking, _socket() as deleting:
        for found in _listing(asking, mark, end, unanswered=unanswered):
            # The kernel chose already, but before Linux 5.19 by the mark alone.
            chosen = [each for each in found if not (unanswered and _answered(each))]
            count += _forget(deleting, chosen, end)
    return count


def _weigh(mark: int) -> int | None:
    if not _ACCOUNTING.exists() or _ACCOUNTING.read_text().strip() != "1":
        return None
    public: dict[bytes, bool] = {}
    packets = 0
    with _socket() as asking:
        for found in _listing(asking, mark, time.monotonic() + DEADLINE, unanswered=False):
            for _, attributes in found:
                # Who answers: not the house, on a connection that came in.
                whom = _answering(attributes)
                if whom and public.setdefault(whom, ip_address(whom).is_global):
                    counters = dict(_inside(attributes.get(_COUNTERS_REPLY, b"")))
                    packets += int.from_bytes(counters.get(_PACKETS, b""))
    return packets


def _answered(connection: Connection) -> bool:
    return bool(int.from_bytes(connection[1].get(_STATUS, b"")) & _SEEN_REPLY)


def _answering(attributes: dict[int, bytes]) -> bytes:
    addresses = dict(_inside(dict(_inside(attributes.get(_REPLY, b""))).get(_TUPLE_IP, b"")))
    return addresses.get(_SOURCE4) or addresses.get(_SOURCE6, b"")


# --- ctnetlink -----------------------------------------------------------------------------------


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    made.bind((0, 0))
    return made


def _listing(asking: socket.socket, mark: int, end: float, *, unanswered: bool) -> Iterator[list[Connection]]:
    """Yield the connections with that mark, of both families, as they come: a few hundred at a time."""
    wanted = _attribute(_MARK, _NUMBER.pack(mark)) + _attribute(_MARK_MASK, _NUMBER.pack(MARK_MASK))
    if unanswered:
        wanted += _attribute(_STATUS, _NUMBER.pack(0)) + _attribute(_STATUS_MASK, _NUMBER.pack(_SEEN_REPLY))
    asking.send(_message(_GET, _REQUEST | _DUMP, socket.AF_UNSPEC, wanted))
    done = False
    while not done:
        found: list[Connection] = []
        for kind, body in _messages(_receive(asking, end)):
            if kind in {_NLMSG_DONE, _NLMSG_ERROR}:
                code, _ = _ERROR.unpack_from(body.ljust(_ERROR.size, b"\0"))
                if code:
                    raise OSError(-code, os.strerror(-code))
                done = True
            else:
                family, _, _ = _FAMILY.unpack_from(body)
                found.append((family, dict(_inside(body[_FAMILY.size :]))))
        yield found


def _forget(deleting: socket.socket, chosen: list[Connection], end: float) -> int:
    """Delete them; how many were still there."""
    gone = 0
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        *others, last = (b"".join(_named(attributes)) for _, attributes in batch)
        families = [family for family, _ in batch]
        # Only refusals are told (most often that one has just ended by itself), and in any case of the last.
        requests = [
            _message(_DELETE, _REQUEST, family, named)
            for family, named in zip(families, others, strict=False)
        ]
        requests.append(_message(_DELETE, _REQUEST | _ACK, families[-1], last, sequence=_LAST))
        deleting.send(b"".join(requests))
        gone += len(batch) - _refusals(deleting, end)
    return gone


def _refusals(deleting: socket.socket, end: float) -> int:
    refused = 0
    while True:
        for _, body in _messages(_receive(deleting, end)):
            code, sequence = _ERROR.unpack_from(body)
            refused += int(code != 0)
            if sequence == _LAST:
                return refused


def _named(attributes: dict[int, bytes]) -> Iterator[bytes]:
    """What names exactly this connection, and not one that has taken its place since."""
    yield _attribute(_ORIGINAL | _IS_NESTED, attributes[_ORIGINAL])
    for kind in (_ZONE, _ID):
        if kind in attributes:
            yield _attribute(kind, attributes[kind])


def _message(kind: int, flags: int, family: int, attributes: bytes, *, sequence: int = 0) -> bytes:
    length = _HEADER.size + _FAMILY.size + len(attributes)
    return _HEADER.pack(length, kind, flags, sequence, 0) + _FAMILY.pack(family, 0, 0) + attributes


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _receive(where: socket.socket, end: float) -> bytes:
    where.settimeout(max(end - time.monotonic(), 0.001))
    return where.recv(_BUFFER)


def _messages(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message in a datagram."""
    start = 0
    while start + _HEADER.size <= len(received):
        length, kind, *_ = _HEADER.unpack_from(received, start)
        yield kind, received[start + _HEADER.size : start + length]
        start += max(length + 3 & ~3, _HEADER.size)


def _inside(attributes: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute; a nested one's value is attributes again."""
    start = 0
    while start + _ATTRIBUTE.size <= len(attributes):
        length, kind = _ATTRIBUTE.unpack_from(attributes, start)
        yield kind & _TYPE, attributes[start + _ATTRIBUTE.size : start + length]
        start += max(length + 3 & ~3, _ATTRIBUTE.size)
