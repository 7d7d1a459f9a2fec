"""Whether one value of ``[dns]`` is possible; as :mod:`failberry.checks`, which see."""

from __future__ import annotations

import re
from ipaddress import ip_address

from failberry.tomltext import shown

CHECKER_REGIONS = (
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-west-1",
    "us-west-2",
)
"""Where Route 53 has health checkers (API reference, HealthCheckConfig)."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NAME = rf"({_LABEL}\.)+{_LABEL}"
LONGEST_NAME = 253
"""Characters of a name as it is written (RFC 1035 section 2.3.4)."""
OWNER = r"[a-z0-9][a-z0-9-]{0,30}"
REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"
INTERVALS = frozenset({10, 30})
"""Seconds between two questions of one of Route 53's checkers."""
FEWEST_REGIONS = 3
_URL = rf"https://{NAME}(:[0-9]{{1,5}})?/"


def zone(value: str) -> str | None:
    """A domain, in small letters, without a dot at the end."""
    return _named(value, "example.com")


def name(value: str) -> str | None:
    """A host name, in small letters, without a dot at the end."""
    return _named(value, "home.example.com")


def _named(value: str, example: str) -> str | None:
    if not value.isascii():
        return f"{shown(value)} is not plain ASCII; write it as its registrar does, in punycode (xn--…)"
    if len(value) > LONGEST_NAME or not re.fullmatch(NAME, value):
        return f"{shown(value)} is not a name; write it in small letters with its domain, as {example}"
    return None


def addresses(value: tuple[str, ...]) -> str | None:
    """One address of each family at most."""
    families = []
    for each in value:
        try:
            families.append(ip_address(each).version)
        except ValueError:
            return f"{shown(each)} is not an IP address; write the one that the line has on the Internet"
    if len(set(families)) != len(families):
        return "holds two addresses of one family; write one IPv4 address, one IPv6 address, or both"
    return None


def interval(value: int) -> str | None:
    """What Route 53 has."""
    return None if value in INTERVALS else f"{value} seconds is none that Route 53 has; choose 10 or 30"


def regions(value: tuple[str, ...]) -> str | None:
    """None at all, or three."""
    unknown = [each for each in value if each not in CHECKER_REGIONS]
    if unknown:
        return f"{shown(unknown[0])} has no health checkers; choose of {', '.join(CHECKER_REGIONS)}"
    if value and len(set(value)) < FEWEST_REGIONS:
        return f"has {len(set(value))} of them; give at least 3, or none for all"
    return None


def aws_region(value: str) -> str | None:
    """A region's name."""
    if not re.fullmatch(REGION, value):
        return f"{shown(value)} is no AWS region; write it as eu-central-1"
    return None


def url(value: str) -> str | None:
    """The address of a function, or empty: TLS, and no path."""
    if value and not re.fullmatch(_URL, value):
        return (
            f"{shown(value)} is not the address of a function; "
            "write it as https://abc.lambda-url.eu-central-1.on.aws/"
        )
    return None


def key_name(value: str) -> str | None:
    """As lambda/README.md has it."""
    if not re.fullmatch(r"[a-z0-9-]{1,32}", value):
        return f"{shown(value)} is no name of a key; write up to 32 of a-z, 0-9 and dashes"
    return None


def stack(value: str) -> str | None:
    """A name that fits behind ours and before those of the functions (CloudFormation: 128 characters)."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,39}", value):
        return f"{shown(value)} is no name of a stack; write up to 40 letters, digits and dashes"
    return None


def zone_id(value: str) -> str | None:
    """An id as the API gives it, or empty."""
    if value and not re.fullmatch(r"Z[A-Z0-9]{1,31}", value):
        return f"{shown(value)} is not the id of a zone; write it as the console shows it, with its Z"
    return None


def owner(value: str) -> str | None:
    """Part of marks, tags and identifiers."""
    if not re.fullmatch(OWNER, value):
        return f"{shown(value)} cannot be part of a mark; write up to 31 of a-z, 0-9 and dashes"
    return None
