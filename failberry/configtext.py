"""The configuration as text: what is in force, the commented sample, the reference."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from failberry.checks import Between
from failberry.config import Config
from failberry.declarations import Declaration, Shape, declarations
from failberry.tomltext import literal

_HIDDEN = "********"

_SAMPLE_HEAD = """\
# Failberry: what the owner can say.
#
# A setting that is commented out shows its default. After a change:
#     failberryctl config check      tells everything that is wrong, with line and cure
#     failberryctl reload            puts it in force; a bad file is refused and the old one stays
"""

_REFERENCE_HEAD = """\
# Configuration

One file, `/etc/failberry/failberry.toml`, in [TOML](https://toml.io/en/v1.0.0). The smallest has five lines:

```toml
mode = "standby-gateway"
[wired]
interface = "eth0"
[cellular]
apn = "internet"
```

`failberryctl config check` tells everything that is wrong with it at once, each with its line and its cure.
`failberryctl config show` prints what is in force, secrets hidden. `failberryctl reload` puts a changed file
in force.

A file that cannot be used is refused: the running daemon keeps the old one, and a daemon that is only
starting exits with status 78 and is not started again until somebody mends the file. A name that is not on
this page is an error, never ignored.

The file may hold a PIN and a password: keep it readable by root only, or by root and one group (mode 0640).

Messages count sections that may be repeated from one: `port_forward[2].ports` belongs to the second
`[[port_forward]]` of the file.
"""


def show(config: Config) -> str:
    """The configuration in force as TOML; secrets are hidden, defaults are marked as such.

    It loads again and gives the same, unless it holds a secret.
    """
    return "\n".join(_show(config, "")) + "\n"


def _show(table: Any, heading: str) -> Iterator[str]:
    if heading:
        yield ""
        yield heading
    for each in declarations(type(table)):
        value = getattr(table, each.name)
        match each.shape:
            case Shape.VALUE:
                text = literal(_HIDDEN if each.secret and value else value)
                yield f"{each.name} = {text}" + ("  # default" if value == each.default else "")
            case Shape.TABLES:
                for member in value:
                    yield from _show(member, f"[[{each.name}]]")
            case Shape.TABLE | Shape.OPTIONAL_TABLE:
                if value is not None:
                    yield from _show(value, f"[{each.name}]")


def sample() -> str:
    """``etc/failberry/failberry.toml``: every setting with its text; it loads as it stands."""
    return _SAMPLE_HEAD + "\n".join(_sample(Config)) + "\n"


def _sample(table: type, *, commented: bool = False) -> Iterator[str]:
    for each in declarations(table):
        yield ""
        if each.shape is Shape.VALUE:
            yield from _comment(each.doc)
            if each.example is not None and not each.required:
                yield from _comment(f"Example: {each.name} = {each.example}")
            active = each.required and not commented
            value = each.example if each.required else literal(each.default)
            yield f"{'' if active else '#'}{each.name} = {value}"
            continue
        yield ""
        yield from _comment(each.doc)
        optional = each.shape is not Shape.TABLE
        yield ("#" if optional else "") + _heading(each)
        yield from _sample(each.kind, commented=optional)


def _comment(text: str) -> list[str]:
    import textwrap  # only here: the daemon has no use for it

    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def reference() -> str:
    """``docs/configuration.md``."""
    return _REFERENCE_HEAD + "\n".join(_reference(Config, "")) + "\n"


def _reference(table: type, section: str) -> Iterator[str]:
    for each in declarations(table):
        yield ""
        if each.shape is not Shape.VALUE:
            yield f"## `{_heading(each)}`"
            yield ""
            yield each.doc
            yield from _reference(each.kind, f"{each.name}.")
            continue
        yield f"{'###' if section else '##'} `{section}{each.name}`"
        yield ""
        yield each.doc
        yield ""
        yield f"*{_kind(each)}*; " + "; ".join(_facts(each))


def _heading(section: Declaration) -> str:
    return f"[[{section.name}]]" if section.shape is Shape.TABLES else f"[{section.name}]"


def _kind(setting: Declaration) -> str:
    if issubclass(setting.kind, StrEnum):
        return " or ".join(f"`{literal(each.value)}`" for each in setting.kind)
    name = {str: "text", bool: "true or false", int: "whole number", float: "number", tuple: "list of texts"}
    limits = f", {setting.check}" if isinstance(setting.check, Between) else ""
    return name[setting.kind] + limits


def _facts(setting: Declaration) -> Iterator[str]:
    yield "required" if setting.required else f"default `{literal(setting.default)}`"
    if setting.example is not None:
        yield f"example `{setting.example}`"
    if setting.secret:
        yield "secret"
