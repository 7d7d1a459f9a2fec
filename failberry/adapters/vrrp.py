"""One gateway address shared with the main router (VRRP, RFC 9568), by the packaged keepalived.

Two files, read by ``failberry-vrrp.service``: what keepalived shall do, and whether the mobile line is
proven.  While it is not, the instance is in the state FAULT: it neither takes the address nor keeps it
(keepalived.conf(5), "Track files").
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from failberry.adapters import programs
from failberry.policy import Vrrp

CONFIGURATION = "keepalived.conf"
TRACK = "vrrp-track"
UNIT = "failberry-vrrp.service"
KEEPALIVED = Path("/usr/sbin/keepalived")
DEADLINE = 10.0
"""Seconds for systemd to take an order; what follows takes as long as it takes."""
_PROVEN, _FAULT = "0\n", "1\n"


def configuration(vrrp: Vrrp, interface: str, track: Path) -> str:
    """Return keepalived's configuration for this machine (keepalived.conf(5)).

    Version 3, which is what routers speak by default.  No virtual MAC address: the address moves by
    gratuitous ARP, as is keepalived's default, and needs no interface of its own.
    """
    return f"""\
# Written by failberryd from [vrrp] of its configuration, and run by {UNIT}: changes are lost.
global_defs {{
    router_id failberry
    vrrp_version 3
}}
# 0: the mobile line is proven. Anything else: the address is not for us.
track_file mobile_line {{
    file "{track}"
    weight 0
}}
vrrp_instance failberry {{
    state BACKUP
    interface {interface}
    virtual_router_id {vrrp.router_id}
    priority {vrrp.priority}
    advert_int 1
    # Who missed the first announcement hears the second, or the one of each minute.
    garp_master_delay 2
    garp_master_repeat 3
    garp_master_refresh 60
    track_file {{
        mobile_line
    }}
    virtual_ipaddress {{
        {vrrp.address} dev {interface}
    }}
}}
"""


class VrrpFiles:
    """What keepalived reads, kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self._configuration = folder / CONFIGURATION
        self._track = folder / TRACK

    def prove(self, *, proven: bool) -> None:
        """Tell keepalived, which looks at once.  Raises OSError."""
        _replace(self._track, _PROVEN if proven else _FAULT)

    def configure(self, vrrp: Vrrp, interface: str) -> bool:
        """Write the configuration; return whether it has changed.  Raises OSError."""
        if not self._track.exists():
            # A missing one would count as proven.
            _replace(self._track, _FAULT)
        return _replace(self._configuration, configuration(vrrp, interface, self._track))

    def remove(self) -> bool:
        """Remove both; return whether there was a configuration.  Raises OSError."""
        there = self._configuration.exists()
        for path in (self._configuration, self._track):
            path.unlink(missing_ok=True)
        return there


def _replace(path: Path, text: str) -> bool:
    """Have this text in the file, replaced whole; return whether it was another before."""
    with contextlib.suppress(OSError):
        if path.read_text(encoding="utf-8") == text:
            return False
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as file:
        file.write(text)
    draft.replace(path)
    return True


async def order(verb: str, *, program: str = "systemctl", deadline: float = DEADLINE) -> str | None:
    """Have systemd do this with keepalived's unit (``reload-or-restart``, ``stop``); return what went wrong.

    Root asks PID 1 by its own socket, and needs no capability for it (systemctl(1)).
    """
    try:
        status, said = await programs.run(
            program, "--no-ask-password", "--no-block", verb, UNIT, deadline=deadline
        )
    except TimeoutError:
        return f"systemd did not answer within {deadline:g} s"
    except OSError as error:
        return f"{program} cannot be run: {error.strerror}"
    return None if status == 0 else programs.last_words(said) or f"status {status}"
