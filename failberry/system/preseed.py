"""``rpi-preseed.toml``: what the Raspberry Pi Imager (2.x) writes when its customisation is used.

Pure.  Taken are the name, the time zone and the public keys.  A password is not, on purpose: nobody can log
in to this Pi by password.  Wi-Fi is not, because the line of the house is a cable.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from failberry.cardchecks import host_label, zone_name
from failberry.cardrules import card_faults
from failberry.errors import Problem
from failberry.loginkeys import NoKeyError, login_key
from failberry.system.firstboot_secrets import REMOVED, replaced
from failberry.tomltext import KeyPath

_SECRETS: tuple[KeyPath, ...] = (("user", "password"), ("wlan", "password"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preseed:
    """Empty where nothing is said."""

    hostname: str = ""
    timezone: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreseedReading:
    """What one file says."""

    preseed: Preseed
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    harmless: str
    """The file without its passwords."""


def read(text: str) -> PreseedReading:
    """Read the file; never raises."""
    try:
        document: Mapping[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError):
        problem = Problem(
            key="",
            line=None,
            problem="is not what the Imager writes",
            hint="delete it, or write the card again; all of it can be said in failberry.toml, too",
        )
        return PreseedReading(preseed=Preseed(), problems=(problem,), notes=(), harmless=text)
    hostname, timezone = _text(document, "system", "hostname"), _text(document, "locale", "timezone")
    keys = _section(document, "ssh").get("authorized_keys", ())
    keys = tuple(each.strip() for each in keys if isinstance(each, str)) if isinstance(keys, list) else ()
    problems = tuple(_problems(hostname, timezone, keys))
    there = {path: REMOVED for path in _SECRETS if _text(document, *map(str, path)) not in {"", REMOVED}}
    return PreseedReading(
        preseed=Preseed(hostname=hostname, timezone=timezone, keys=keys),
        problems=problems,
        notes=tuple(_notes(document)),
        harmless=replaced(text, there),
    )


def _problems(hostname: str, timezone: str, keys: tuple[str, ...]) -> list[Problem]:
    found = []
    answers = {
        "system.hostname": host_label(hostname) if hostname else None,
        "locale.timezone": zone_name(timezone) if timezone else None,
    }
    for number, key in enumerate(keys, 1):
        try:
            login_key(key)
        except NoKeyError as refusal:
            answers[f"ssh.authorized_keys[{number}]"] = str(refusal)
    for key, answer in answers.items():
        if answer is not None:
            problem, _, hint = answer.rpartition("; ")
            found.append(Problem(key=key, line=None, problem=problem, hint=hint))
    return found + [
        Problem(key="locale.timezone", line=None, problem=fault.problem, hint=fault.hint)
        for fault in card_faults({("system", "timezone"): timezone}, set())
        if answers["locale.timezone"] is None
    ]


def _notes(document: Mapping[str, Any]) -> list[str]:
    notes = []
    user = _text(document, "user", "name")
    if user and user != "owner":
        notes.append(f"The user is always called owner here; {user} from the Imager is not made.")
    if _text(document, "user", "password"):
        notes.append(
            "The password from the Imager is not used, and was removed from its file: nobody can log in to "
            "this Pi by password, only by SSH key."
        )
    if _section(document, "wlan"):
        notes.append(
            "Wi-Fi from the Imager is not used: the wired line of this Pi is a cable. Its password was "
            "removed from the file."
        )
    return notes


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name)
    return section if isinstance(section, Mapping) else {}


def _text(document: Mapping[str, Any], section: str, name: str) -> str:
    value = _section(document, section).get(name)
    return value.strip() if isinstance(value, str) else ""
