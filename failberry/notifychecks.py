"""Whether one setting of the notifications is possible.

As :mod:`failberry.checks`: pure, ``None`` or ``"problem; cure"``.
A destination is never quoted: it is a secret.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from failberry.cardchecks import minutes
from failberry.tomltext import shown

TOPICS = (
    "failover", "failback", "no-line", "standby", "usage", "power", "pin", "names", "update", "daemon",
    "other",
)  # fmt: skip
"""What messages are about (:class:`failberry.notify.messages.Topic`)."""

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_SPAN = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]"
MAIL = r"[!#$%&'*+/=?^_`{|}~0-9A-Za-z.-]{1,64}@[A-Za-z0-9.-]{1,253}"
_ARN = (
    r"arn:aws(?:-[a-z]{2,8}){0,2}:sns:([a-z]{2}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}):[0-9]{12}"
    r":[A-Za-z0-9_-]{1,256}"
)
_SERVER = r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})"
_OF_A_HOUSE = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",
         "fc00::/7", "fe80::/10"),
    )
)  # fmt: skip
_HOUSE_NAMES = (".local", ".lan", ".home", ".internal", ".home.arpa", ".fritz.box")


def in_the_house(host: str) -> bool:
    """Whether that host is reached without any line: by its address, or by a name that only a house has."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host or host.lower().endswith(_HOUSE_NAMES)
    return any(address in network for network in _OF_A_HOUSE if network.version == address.version)


def topics(value: tuple[str, ...]) -> str | None:
    """Known ones."""
    for each in value:
        if each not in TOPICS:
            return f"{shown(each)} is nothing that is told of; choose from {', '.join(TOPICS)}"
    return None


def quiet_hours(value: str) -> str | None:
    """``HH:MM-HH:MM``, or empty."""
    if value and not re.fullmatch(_SPAN, value):
        return f'{shown(value)} is not a span of the day; write it as "22:30-07:00"'
    if value and len(set(map(minutes, value.split("-")))) == 1:
        return f"{shown(value)} begins when it ends; write two different times"
    return None


def span(value: str) -> tuple[int, int] | None:
    """``quiet_hours`` as minutes of the day; ``None``: there are none."""
    if not value:
        return None
    first, _, last = value.partition("-")
    return minutes(first), minutes(last)


def name(value: str) -> str | None:
    """A word for people and scripts."""
    if not re.fullmatch(_NAME, value) or value == "hooks":
        return f'{shown(value)} cannot be a name here; take a to z, 0 to 9 and dashes, for example "phone"'
    return None


def destination(value: str) -> str | None:
    """Anything printable; what it must be depends on ``via``."""
    if not value or not value.isprintable() or len(value) > 1000:
        return "is empty, too long, or holds a control character; copy it again"
    return None


def secret(value: str) -> str | None:
    """A token, key or password."""
    if not value.isprintable() or len(value) > 500:
        return "is too long, or holds a control character; copy it again"
    return None


def user(value: str) -> str | None:
    """A name to log in with."""
    if not value.isprintable() or len(value) > 200 or ":" in value:
        return "is too long, or holds a colon or a control character; copy it again"
    return None


def server(value: str) -> str | None:
    """Host and port, or empty."""
    found = re.fullmatch(_SERVER, value)
    if value and (found is None or not 1 <= int(found[2]) <= 65535):
        return f'{shown(value)} is not a server with its port; write it as "smtp.example.net:587"'
    return None


def host_and_port(value: str) -> tuple[str, int]:
    """Of ``server``."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def sender(value: str) -> str | None:
    """One mail address, or empty."""
    if value and not re.fullmatch(MAIL, value):
        return f'{shown(value)} is not a mail address; write it as "pi@example.net"'
    return None


def file(value: str) -> str | None:
    """An absolute path, or empty."""
    if value and (not value.startswith("/") or not value.isprintable() or len(value) > 200):
        return f'{shown(value)} is not a path from the root; write it as "/etc/ssl/house.pem"'
    return None


def region_of(arn: str) -> str:
    """The AWS region that a topic is in."""
    found = re.fullmatch(_ARN, arn)
    return found[1] if found else ""
