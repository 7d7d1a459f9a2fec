"""Secrets leave the card's first partition, which every computer can read, once the Pi has taken them over.

Pure.  In the file each is replaced by the words ``taken over``, so that it still reads well, and can be
changed and put back: what is still ``taken over`` then stands for what the Pi has.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from failberry.config import Config
from failberry.declarations import Shape, declarations
from failberry.tomlscan import value_spans
from failberry.tomltext import KeyPath, literal

TAKEN_OVER = "taken over"
REMOVED = "not used, and removed"


def secret_paths() -> tuple[KeyPath, ...]:
    """Every setting that is never shown, of sections that are there once."""
    return tuple(
        (section.name, each.name)
        for section in declarations(Config)
        if section.shape in {Shape.TABLE, Shape.OPTIONAL_TABLE}
        for each in declarations(section.kind)
        if each.secret
    )


def secrets_of(text: str) -> dict[KeyPath, str]:
    """What a file holds of them, empty ones left out; nothing, if it is not TOML.

    Of a section that may be repeated, in the place of its number, its name: it may be moved.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
    found = {known: _at(document, path) for path, known in _places(document).items()}
    return {path: value for path, value in found.items() if isinstance(value, str) and value}


def _places(document: Mapping[str, Any]) -> dict[KeyPath, KeyPath]:
    """Where each may stand in this document, and what it is known by."""
    places: dict[KeyPath, KeyPath] = {path: path for path in secret_paths()}
    for section in declarations(Config):
        tables = document.get(section.name)
        if section.shape is not Shape.TABLES or not isinstance(tables, list):
            continue
        secret = [each.name for each in declarations(section.kind) if each.secret]
        names: set[str] = set()
        for number, table in enumerate(tables):
            told = table.get("name") if isinstance(table, Mapping) else None
            name = told if isinstance(told, str) and told not in names else f"#{number + 1}"
            names.add(name)
            places |= {(section.name, number, each): (section.name, name, each) for each in secret}
    return places


def put_back(text: str, stored: Mapping[KeyPath, str]) -> tuple[str, tuple[KeyPath, ...]]:
    """Secrets in the place of ``taken over``; also those that the Pi does not have (any more), now empty.

    Raises ``ValueError`` or ``RecursionError``, as :mod:`tomllib` does.
    """
    document = tomllib.loads(text)
    wanted = {path: each for path, each in _places(document).items() if _is_taken_over(_at(document, path))}
    lost = tuple(known for known in wanted.values() if known not in stored)
    return replaced(text, {path: stored.get(known, "") for path, known in wanted.items()}), lost


def without_secrets(text: str) -> str:
    """The same file, with ``taken over`` in the place of each secret; for text that is TOML."""
    document = tomllib.loads(text)
    found = {path: _at(document, path) for path in _places(document)}
    secrets = [path for path, value in found.items() if isinstance(value, str) and value]
    return replaced(text, {path: TAKEN_OVER for path in secrets if not _is_taken_over(found[path])})


def replaced(text: str, values: Mapping[KeyPath, str]) -> str:
    """Other texts as the values of these keys, all else as it is; for text that is TOML and has them."""
    spans = value_spans(text)
    for path in sorted(values, key=lambda path: spans[path], reverse=True):
        first, last = spans[path]
        text = text[:first] + literal(values[path]) + text[last:]
    return text


def _is_taken_over(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() == TAKEN_OVER


def _at(document: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(document, Mapping):
            document = document.get(str(part))
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return None
    return document
