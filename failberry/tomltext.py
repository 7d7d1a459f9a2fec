"""Values as TOML text (toml.io, v1.0.0), for ``config show``, the sample and messages."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]
"""From the root of a document: keys, and places in arrays counted from 0."""

_BARE_KEY = r"[A-Za-z0-9_-]{1,60}"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def literal(value: object) -> str:
    """A string, boolean, number or tuple of those as TOML; enumerations by their value.

    A whole ``float`` is written as an integer, which every setting that takes a fraction takes too.
    """
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(each) or _printable(each) for each in value) + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _printable(character: str) -> str:
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def shown(value: object) -> str:
    """The same for a message: one line, at most 60 characters, whatever the value is."""
    if isinstance(value, str):
        text = literal(value[:60])
    elif isinstance(value, int) and abs(value) >= 1 << 64:
        text = "that number"  # int has a limit on digits beyond which str() raises
    else:
        text = literal(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"


def dotted(path: KeyPath) -> str:
    """``("port_forward", 0, "to")`` as ``port_forward[1].to``: people count from one."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(_BARE_KEY, part) else shown(part))
    return text
