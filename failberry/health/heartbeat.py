"""The heartbeat file: what the daemon promises the health server.  Pure.

One JSON object, replaced whole by a rename every two seconds, on tmpfs::

    {"version": 1, "boot_id": "…", "beat": 1234.5,
     "lines": {"wired": {"addresses": ["192.168.1.10"], "path": "/secret"},
               "cellular": {"addresses": ["100.64.7.2"], "path": null}},
     "standby": false, "standby_reason": "no answer over the mobile line for 40 s"}

``standby`` says whether the main router may send its traffic here; it is null, or missing, where there is no
such router.  ``beat`` is CLOCK_MONOTONIC in seconds, which starts anew at each boot; so ``boot_id`` (the
kernel's ``/proc/sys/kernel/random/boot_id``) says which boot it belongs to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from enum import StrEnum

VERSION = 1
SIZE_LIMIT = 16_384
FRESH_FOR = 10.0
"""Seconds a beat stays good: five beats of the daemon."""

REASON_LIMIT = 60
"""Characters of ``standby_reason``: the whole answer fits the metered line's 150 bytes."""

_CLOCK_SLACK = 1.0
_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}")
_PATH = re.compile(r"/[!-~]*")
_REASON = re.compile(rf"[ -~]{{0,{REASON_LIMIT}}}")


class Health(StrEnum):
    """What the heartbeat says.  The value is the first word of the answer's body."""

    OK = "ok"
    STALE = "stale"
    """The daemon stopped beating."""
    REBOOTED = "rebooted"
    """The beat is from another boot."""
    MISSING = "missing"
    """No file: the daemon has not started."""
    UNREADABLE = "unreadable"
    """A file that this process may not read."""
    GARBLED = "garbled"
    """A file that is not a heartbeat."""


class Line:
    """One uplink as seen from outside: its local addresses, and the path that proves it."""

    __slots__ = ("addresses", "path")

    def __init__(self, *, addresses: Collection[str], path: str | None = None) -> None:
        self.addresses = addresses
        self.path = path


class Heartbeat:
    """A decoded heartbeat.  ``beat`` is in seconds of the monotonic clock."""

    __slots__ = ("_line_of", "beat", "boot_id", "lines", "standby", "standby_reason")

    def __init__(
        self,
        *,
        beat: float,
        boot_id: str,
        lines: Mapping[str, Line],
        standby: bool | None = None,
        standby_reason: str = "",
    ) -> None:
        self.beat = beat
        self.boot_id = boot_id
        self.lines = lines
        self.standby = standby
        """Whether the mobile line is proven, for the main router; ``None``: nobody asks that here."""
        self.standby_reason = standby_reason
        self._line_of = {address: name for name, line in lines.items() for address in line.addresses}

    def line_at(self, address: str) -> str | None:
        """Name the line that owns a local address, in the form that ``getsockname(2)`` gives.

        An IPv4 address mapped into IPv6 (RFC 4291 2.5.5.2) is looked up as IPv4; a zone is ignored.
        """
        return self._line_of.get(address.removeprefix("::ffff:").partition("%")[0])


def encode(
    beat: float,
    boot_id: str,
    lines: Mapping[str, Line],
    *,
    standby: bool | None = None,
    standby_reason: str = "",
) -> bytes:
    """Render the file.  The reason is cut to what one short line of ASCII can hold.

    ``beat`` is the monotonic clock in seconds.  Addresses are in the text form of RFC 5952, which is
    what ``str()`` of an ``ipaddress`` object gives.  Raises ValueError for what :func:`decode` would
    refuse, because the health server would answer 503 for as long as it stood there.
    """
    raw = json.dumps(
        {
            "version": VERSION,
            "boot_id": boot_id,
            "beat": beat,
            "lines": {
                name: {"addresses": list(line.addresses), "path": line.path} for name, line in lines.items()
            },
            "standby": standby,
            "standby_reason": _one_line(standby_reason),
        }
    ).encode()
    if decode(raw) is None:
        raise ValueError(
            "not a heartbeat: names are a-z, 0-9 and '-' (24 at most), paths start with '/' and are"
            f" printable ASCII, all of it in {SIZE_LIMIT} bytes"
        )
    return raw


def _one_line(words: str) -> str:
    """Printable ASCII of at most :data:`REASON_LIMIT` characters."""
    return "".join(each if " " <= each <= "~" else "?" for each in " ".join(words.split()))[:REASON_LIMIT]


def decode(raw: bytes) -> Heartbeat | None:
    """Read the file back; None if it is not a heartbeat.  Never raises."""
    if len(raw) > SIZE_LIMIT:
        return None
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    match document:
        case {"version": 1, "boot_id": str(boot_id), "beat": int() | float() as beat, "lines": dict(found)}:
            lines = {name: line for name, value in found.items() if (line := _line(name, value))}
            standby, reason = document.get("standby"), document.get("standby_reason", "")
            if (
                len(lines) == len(found)
                and (standby is None or isinstance(standby, bool))
                and isinstance(reason, str)
                and _REASON.fullmatch(reason)
            ):
                return Heartbeat(
                    beat=beat, boot_id=boot_id, lines=lines, standby=standby, standby_reason=reason
                )
    return None


def _line(name: str, value: object) -> Line | None:
    match value:
        case {"addresses": list(addresses), "path": None | str() as path} if (
            _NAME.fullmatch(name)
            and all(isinstance(address, str) for address in addresses)
            and (path is None or _PATH.fullmatch(path))
        ):
            return Line(addresses=addresses, path=path)
    return None


def freshness(heartbeat: Heartbeat, *, now: float, boot_id: str) -> Health:
    """Judge a heartbeat at ``now`` (monotonic seconds) in the boot ``boot_id``.

    A beat from the future is no beat: no clock of this boot has shown it yet.
    """
    if heartbeat.boot_id != boot_id:
        return Health.REBOOTED
    if -_CLOCK_SLACK <= now - heartbeat.beat <= FRESH_FOR:
        return Health.OK
    return Health.STALE
