"""Whether the settings of one ``[[receiver]]`` fit together; a destination is a secret, and never quoted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from failberry.configread import Fault
from failberry.notifychecks import MAIL, host_and_port, in_the_house, region_of
from failberry.notifying import Receiver, Via
from failberry.tomltext import KeyPath, shown

MOST_RECEIVERS = 16
_PHONE = r"\+[1-9][0-9]{6,14}"


def receiver_faults(well: Mapping[KeyPath, Any]) -> Iterator[Fault]:
    """What does not fit together in each ``[[receiver]]``."""
    tables = [(path, each) for path, each in well.items() if len(path) == 2 and path[0] == "receiver"]
    names: set[str] = set()
    for path, each in tables:
        if each.name in names:
            hint = "give each a name of its own"
            yield Fault(path=(*path, "name"), problem=f"{shown(each.name)} is there twice", hint=hint)
        names.add(each.name)
        yield from _receiver(path, each)
    if len(tables) > MOST_RECEIVERS:
        hint = "let a webhook, or a topic of ntfy, tell many"
        yield Fault(path=("receiver",), problem=f"more than {MOST_RECEIVERS} receivers", hint=hint)


def _receiver(path: KeyPath, each: Receiver) -> Iterator[Fault]:
    problem = _DESTINATIONS[each.via](each.to)
    if problem is not None:
        what, _, cure = problem.rpartition("; ")
        yield Fault(path=(*path, "to"), problem=what, hint=cure)
    if each.via is Via.MAIL:
        yield from _mail(path, each)
    elif each.via is Via.WEBHOOK and not each.secret:
        hint = 'make one: `openssl rand -base64 32`, and write secret = "whsec_…" in front of it'
        yield Fault(path=(*path, "secret"), problem="is missing: requests are signed", hint=hint)
    for field, ways in (("server", "mail"), ("sender", "mail"), ("user", "mail ntfy")):
        if getattr(each, field) and each.via not in ways.split():
            yield Fault(path=(*path, field), problem=f"means nothing with {each.via}", hint="remove it")


def _mail(path: KeyPath, each: Receiver) -> Iterator[Fault]:
    for field, example in (("server", "smtp.example.net:587"), ("sender", "pi@example.net")):
        if not getattr(each, field):
            hint = f'add {field} = "{example}" under [[receiver]]'
            yield Fault(path=(*path, field), problem="is missing, and mail needs it", hint=hint)
    if not each.tls and each.secret:
        hint = "remove tls = false, or the password"
        yield Fault(path=(*path, "tls"), problem="would send the password for all to read", hint=hint)
    if not each.tls and each.server and not in_the_house(host_and_port(each.server)[0]):
        hint = "remove tls = false; only a server in the house may be without"
        yield Fault(
            path=(*path, "tls"), problem="would send mail over the Internet for all to read", hint=hint
        )


def _web(value: str) -> str | None:
    try:
        url = urlsplit(value)
        host, _ = url.hostname or "", url.port
    except ValueError:
        url, host = urlsplit(""), ""
    if url.scheme not in ("https", "http") or not host or url.username or " " in value:
        return "is no web address; write it as https://…"
    if url.scheme == "http" and not in_the_house(host):
        return "would be sent over the Internet for all to read; write it as https://…"
    return None


def _ntfy(value: str) -> str | None:
    if (problem := _web(value)) is not None:
        return problem
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)*/[A-Za-z0-9_-]{1,64}", urlsplit(value).path):
        return "names no topic; write it as https://ntfy.sh/a-name-that-nobody-guesses"
    return None


def _addresses(value: str) -> str | None:
    parts = [each.strip() for each in value.split(",")]
    if len(parts) > 10 or not all(re.fullmatch(MAIL, each) for each in parts):
        return 'is not a list of mail addresses; write it as "me@example.net, you@example.net", ten at most'
    return None


def _topic(value: str) -> str | None:
    if not region_of(value):
        return "is not a topic's ARN; copy it from the console: arn:aws:sns:eu-central-1:123456789012:house"
    return None


def _number(value: str) -> str | None:
    if not re.fullmatch(_PHONE, value):
        return "is not a telephone number; write it with + and the country, without blanks: +491701234567"
    return None


_DESTINATIONS = {
    Via.NTFY: _ntfy,
    Via.WEBHOOK: _web,
    Via.MAIL: _addresses,
    Via.SNS: _topic,
    Via.SMS: _number,
}
