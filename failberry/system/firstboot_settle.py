"""From the files on the card to what the Pi has, in an order in which a power cut at any step is harmless.

First the configuration, then what has been seen, and only then do the secrets leave the card.  Whatever was
not done is done by the next boot, which finds the same and judges the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from failberry.configfile import SIZE_LIMIT
from failberry.system.firstboot_judge import Memory, Ruling, State, judge
from failberry.system.firstboot_reading import Found, Kind, choose
from failberry.system.folders import Folder, recover, replace, replace_secret
from failberry.system.preseed import Preseed

CONFIG, UNUSABLE = "failberry.toml", "failberry.toml.unusable"
STATE, GOOD = "firstboot.json", "last-good.toml"
VERDICT = "VERDICT.txt"
_SCHEMA = 1
_MOST = 1 << 20
"""Bytes read of a file of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of it."""

    ruling: Ruling
    problems: tuple[str, ...]
    """What could not be done, as sentences for the verdict."""


def settle(card: Folder, etc: Folder, state: Folder, *, lasting: bool) -> Settled:
    """Judge what is on the card, and do what follows; ``lasting``: whether the Pi can keep anything.

    Where it cannot, nothing is taken away from the card.
    """
    problems: list[str] = []
    files: Mapping[Kind, Found] = {}
    for folder, what in ((card, "The card's first partition"), (etc, "The data partition"), (state, "")):
        try:
            recover(folder)
        except OSError as error:
            problems += [f"{what} cannot be written: {error.strerror or error}."] if what else []
    try:
        files = look(card)
    except OSError as error:
        problems.append(f"The card's first partition cannot be read: {error.strerror or error}.")
    memory = _remember(etc, state, problems)
    ruling = judge(files, memory)
    try:
        _keep(ruling, memory, etc, state)
    except OSError as error:
        problems.append(
            f"What the files say could not be kept: {error.strerror or error}. What was in force before "
            "still is."
        )
        return Settled(ruling=judge({}, memory), problems=tuple(problems))
    if lasting:
        for name, content in ruling.rewrites.items():
            try:
                replace_secret(card, name, content)
            except OSError as error:
                problems.append(f"{name} still holds its secrets: {error.strerror or error}.")
    return Settled(ruling=ruling, problems=tuple(problems))


def look(card: Folder) -> dict[Kind, Found]:
    """What is on the card for us."""
    names = card.names()
    found = {}
    for kind in Kind:
        if (chosen := choose(names, kind)) is not None:
            name, beside = chosen
            content = card.read(name, SIZE_LIMIT + 1)
            if content is not None:
                found[kind] = Found(name=name, content=content, beside=beside)
    return found


def tell(card: Folder, verdict: bytes) -> None:
    """Have this verdict on the card; it is written only if it is another.  Raises ``OSError``."""
    if card.read(VERDICT, _MOST) != verdict:
        replace(card, VERDICT, verdict)


def _remember(etc: Folder, state: Folder, problems: list[str]) -> Memory:
    texts: dict[str, str | None] = {}
    for folder, name in ((etc, CONFIG), (state, GOOD), (state, STATE)):
        texts[name] = None
        try:
            content = folder.read(name, _MOST)
            texts[name] = None if content is None else content.decode("utf-8-sig", errors="replace")
        except OSError as error:
            problems.append(f"{name} on the data partition cannot be read: {error.strerror or error}.")
    return Memory(config=texts[CONFIG], good=texts[GOOD], state=state_from(texts[STATE] or ""))


def _keep(ruling: Ruling, memory: Memory, etc: Folder, state: Folder) -> None:
    if ruling.set_aside is not None:
        replace(etc, UNUSABLE, ruling.set_aside.encode())
    if ruling.config != memory.config:
        replace(etc, CONFIG, ruling.config.encode())
    if ruling.state != memory.state:
        replace(state, STATE, state_text(ruling.state).encode())
    if not ruling.in_force.default and ruling.config != memory.good:
        replace(state, GOOD, ruling.config.encode())


def state_text(state: State) -> str:
    """As JSON."""
    return json.dumps({"schema": _SCHEMA, **asdict(state)}, indent=1) + "\n"


def state_from(text: str) -> State:
    """Read it; whatever is not as it was written counts as nothing: the files are judged again."""
    try:
        document = json.loads(text)
        if document["schema"] != _SCHEMA:
            return State()
        seed = document["preseed"]
        return State(
            seen={str(Kind(kind)): _texts(digests) for kind, digests in document["seen"].items()},
            keys=_texts(document["keys"]),
            preseed=Preseed(
                hostname=str(seed["hostname"]), timezone=str(seed["timezone"]), keys=_texts(seed["keys"])
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return State()


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in values)
