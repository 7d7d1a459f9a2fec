"""dyndns2, the protocol of routers, ddclient and inadyn: ``GET /nic/update`` with Basic auth.  Pure.

It has no time stamp, so TLS alone keeps a request from being sent again: it is off unless wished for.
One line is answered for each name: ``good ADDRESS`` or ``nochg ADDRESS``, else one word.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from ddns.address import Address, parse
from ddns.protocol import is_host, is_key
from ddns.update import Outcome, Verdict

PATH = "/nic/update"
HOSTS_LIMIT = 10
_HEADER_LIMIT = 400
_PARAMETERS = 16

BADAUTH, NOTFQDN, NUMHOST, DNSERR, TROUBLE, ABUSE = "badauth", "notfqdn", "numhost", "dnserr", "911", "abuse"
HAMMERING = 5.0
"""Seconds after a change in which another is told off instead of put off: no line changes that fast."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    hosts: Sequence[str]
    """In small letters; any of them may be no name at all."""
    addresses: Sequence[Address]
    """At most one of each family; none: the one that the request comes from."""


def basic(header: str) -> tuple[str, str]:
    """Name and password of an Authorization header (RFC 7617), whosever they are; empty if it has none."""
    scheme, _, token = header.partition(" ")
    if len(header) > _HEADER_LIMIT or scheme.lower() != "basic":
        return "", ""
    try:
        name, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (name, password) if colon and is_key(name) else ("", "")


def query(text: str) -> Query | str:
    """Read the query; if it cannot be carried out, the word to answer."""
    try:
        fields = parse_qs(text, max_num_fields=_PARAMETERS)
    except ValueError:
        return NOTFQDN
    hosts = _list(fields.get("hostname"))
    if not hosts:
        return NOTFQDN
    if len(hosts) > HOSTS_LIMIT:
        return NUMHOST
    # ddclient asks for IPv6 in a parameter of its own; others put both addresses in one.
    told = _list(fields.get("myip")) + _list(fields.get("myipv6"))
    addresses = [address for address in map(parse, told) if address is not None]
    if len(addresses) != len(told) or len({address.version for address in addresses}) != len(addresses):
        return DNSERR
    return Query([host.lower().removesuffix(".") for host in hosts], addresses)


def _list(values: list[str] | None) -> list[str]:
    return [word for value in values or () for each in value.split(",") if (word := each.strip())]


def fully_qualified(host: str) -> bool:
    """Whether a name of the query can be published at all."""
    return is_host(host)


def word(outcomes: Sequence[Outcome], *, cooldown: float) -> str:
    """The line for one name, from what came of each of its addresses.  ``cooldown`` in seconds.

    Clients give up after most words: so only what a user must mend, and hammering, gets another than 911.
    """
    failed = [outcome for outcome in outcomes if outcome.verdict not in _GOOD]
    if failed:
        return _failure(failed[0], cooldown)
    changed = any(outcome.verdict is not Verdict.UNCHANGED for outcome in outcomes)
    return f"{'good' if changed else 'nochg'} {','.join(str(outcome.address) for outcome in outcomes)}"


_GOOD = {Verdict.CHANGED, Verdict.UNCHANGED}


def _failure(outcome: Outcome, cooldown: float) -> str:
    match outcome.verdict:
        case Verdict.HOST:
            return "nohost"
        case Verdict.EXPLICIT | Verdict.ADDRESS | Verdict.RECORD:
            return DNSERR
        case Verdict.COOLDOWN if (outcome.retry_after or 0.0) > cooldown - HAMMERING:
            return ABUSE
        case _:
            return TROUBLE
