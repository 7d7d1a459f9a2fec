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
    """Every setting that is never shown."""
    return tuple(
        (section.name, each.name)
        for section in declarations(Config)
        if section.shape in {Shape.TABLE, Shape.OPTIONAL_TABLE}
        for each in declarations(section.kind)
        if each.secret
    )


def secrets_of(text: str) -> dict[KeyPath, str]:
    """What a file holds of them, empty ones left out; nothing, if it is not TOML."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
    found = {path: _at(document, path) for path in secret_paths()}
    return {path: value for path, value in found.items() if isinstance(value, str) and value}


def put_back(text: str, stored: Mapping[KeyPath, str]) -> tuple[str, tuple[KeyPath, ...]]:
    """Secrets in the place of ``taken over``; also those that the Pi does not have (any more), now empty.

    Raises ``ValueError`` or ``RecursionError``, as :mod:`tomllib` does.
    """
    document = tomllib.loads(text)
    wanted = [path for path in secret_paths() if _is_taken_over(_at(document, path))]
    lost = tuple(path for path in wanted if path not in stored)
    return replaced(text, {path: stored.get(path, "") for path in wanted}), lost


def without_secrets(text: str) -> str:
    """The same file, with ``taken over`` in the place of each secret; for text that is TOML."""
    found = secrets_of(text)
    return replaced(text, {path: TAKEN_OVER for path, value in found.items() if not _is_taken_over(value)})


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
        document = document.get(part) if isinstance(document, Mapping) else None
    return document
