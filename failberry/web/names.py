"""By which names a browser may call us.  Pure.

A page of a stranger can have its own name lead to our address (DNS rebinding), and then asks us in the name
of whoever looks at it.  It cannot have a name that is ours, or one that no registry gives away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from failberry.web.lan import LOOPBACK, Lan

ENDINGS = ("", ".local", ".lan", ".home", ".home.arpa", ".internal")
"""Behind our host name.  mDNS (RFC 6762), RFC 8375, and names that are nobody's on the Internet."""
_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}(?:%25[A-Za-z0-9._-]{1,15})?\])(?::\d{1,5})?"
)


def is_ours(host: str, *, hostname: str, names: Iterable[str], lan: Lan) -> bool:
    """Judge a ``Host`` field (RFC 9110 section 7.2)."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].lower().rstrip(".")
    try:
        address = ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        own = {f"{hostname.lower()}{ending}" for ending in ENDINGS}
        return name in own | {"localhost"} | {each.lower() for each in names}
    return address in LOOPBACK or any(each.address == address for each in lan.own)
