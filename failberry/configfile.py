"""From ``/etc/failberry/failberry.toml`` to a :class:`~failberry.config.Config`, or to every fault in it.

What is wrong is collected, never raised on the way: an owner who mends a file at night shall not have
to start the daemon once for each mistake.  ``python3 -m failberry.configfile sample`` (or ``reference``)
prints the commented sample that is in ``etc/`` (or the reference that is in ``docs/``).
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NoReturn

from failberry.card import Lan, System
from failberry.config import Config, Mode
from failberry.configread import Reading
from failberry.configtext import reference, sample, show
from failberry.contradictions import contradictions
from failberry.declarations import Shape, declarations
from failberry.errors import ConfigError, Problem
from failberry.tomltext import KeyPath, dotted

__all__ = ["config_from_mapping", "config_from_text", "load", "reference", "sample", "show", "warnings"]

OF_THE_IMAGE = "/usr/lib/systemd/system/failberry-firstboot.service"
"""Is there only where the SD card is ours, and its settings have an effect."""
_AT_ONCE = {"system.updates", "system.update_window"}
"""Of these settings, what is read whenever it is needed; all others are at the start."""

SIZE_LIMIT = 64 * 1024
"""Bytes; the whole sample has 5,000."""

_POSITION = r"(?s)(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)"

_SYNTAX = (
    # What tomllib says, what that means, the cure.
    ("Invalid value", "this is no value", 'put text in quotes: apn = "internet"'),
    (
        "Expected newline or end",
        "something follows the value",
        'write one setting on a line, and put text in quotes, a PIN too: pin = "0123"',
    ),
    ("Expected '='", "a name without a value", "write name = value, or # in front of a comment"),
    ("Cannot overwrite", "something is said twice", "keep one of the two"),
    ("Cannot declare", "a section is opened twice", "put all its settings under one heading"),
    ("Illegal character '\\n'", "a quote is not closed", "close it on the same line"),
    ("Found invalid character '\\n'", "a quote is not closed", "close it on the same line"),
    ("Unterminated string", "a quote is not closed", "close it where the text ends"),
    ('Expected "\'"', "a quote is not closed", "close it where the text ends"),
    ("Unclosed array", "a bracket is not closed", "write ] where the list ends"),
    ("Unclosed inline table", "a brace is not closed", "write } on the same line"),
    ("Unescaped '\\'", "this backslash means nothing", r"write \\, or single quotes around the text"),
)


def load(path: str | os.PathLike[str]) -> Config:
    """Read the file.

    Raises :class:`ConfigError` with everything that is wrong with it, and nothing else.
    """
    name = os.fspath(path)
    return config_from_text(_decoded(_content(name), name), path=name)


def config_from_text(text: str, *, path: str) -> Config:
    """Read TOML; ``path`` is what messages call it.  Raises :class:`ConfigError`."""
    try:
        # One line more, so that only what is left open is reported "at end of document".
        document = tomllib.loads(text + "\n")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, (_syntax_problem(str(error)),)) from None
    except (ValueError, RecursionError):
        # Integers of more than 4,300 digits, and brackets nested a thousand deep.
        _refuse(path, "holds a number or a nesting that is absurdly large", "start again from the sample")
    return config_from_mapping(document, path=path, text=text)


def config_from_mapping(document: Mapping[str, object], *, path: str, text: str | None = None) -> Config:
    """Read a parsed document; ``text`` is what it was parsed from, for line numbers.

    Raises :class:`ConfigError`.
    """
    reading = Reading()
    config = reading.document(document)
    faults = [*reading.faults, *contradictions(reading.well, reading.given)]
    if config is not None and not faults:
        return config
    from failberry.tomlscan import key_lines  # only when something is wrong

    lines = key_lines(text) if text is not None else {}
    problems = [
        Problem(key=dotted(each.path), line=_line(lines, each.path), problem=each.problem, hint=each.hint)
        for each in faults
    ]
    problems.sort(key=lambda each: each.line or sys.maxsize)
    raise ConfigError(path, tuple(problems))


def _line(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Of the key itself; of what is missing, that of its section, if that is there."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def warnings(config: Config, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """What the owner should know of a configuration that works, and of the file that it is in."""
    return tuple(_warnings(config, os.fspath(path)))


def _warnings(config: Config, path: str) -> Iterator[str]:
    if config.mode is Mode.STANDBY_GATEWAY and config.lan is not None:
        yield "lan: is not needed in standby-gateway mode, where it is the wired interface (remove [lan])"
    macs = [each for each in config.firewall.mobile_clients if each.count(":") == 5 and "/" not in each]
    if config.mode is Mode.STANDBY_GATEWAY and macs:
        yield (
            f"firewall.mobile_clients: behind the main router every client has the router's MAC address, so "
            f"{macs[0]} admits nobody that the router sends (name the client by its IP address)"
        )
    if idle := _without_effect(config):
        yield (
            f"{', '.join(idle)}: has an effect on Failberry's SD-card image only, and this is a Debian of "
            "your own (set it by Debian's means: docs/howto/)"
        )
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - pathlib costs 1 MB
    except OSError:
        return
    secrets = ", ".join(_secrets(config))
    if secrets and mode & stat.S_IROTH:
        yield f"{path}: every user of this machine can read {secrets} (chmod o= {path})"
    if mode & stat.S_IWOTH:
        yield f"{path}: every user of this machine can change it (chmod o= {path})"


def pending(started: Config, now: Config) -> tuple[str, ...]:
    """Settings that are others than at the start of the Pi, which alone takes note of them.

    None where the SD card is not ours: there they have no effect at all, which :func:`warnings` tells.
    """
    return tuple(each for each in _differing(started, now) if each not in _AT_ONCE) if _on_the_image() else ()


def _without_effect(config: Config) -> list[str]:
    """What is set, and is for the image alone, where this is none."""
    lan = config.lan and Lan(interface=config.lan.interface)
    return [] if _on_the_image() else _differing(replace(config, system=System(), lan=lan), config)


def _on_the_image() -> bool:
    return os.path.exists(OF_THE_IMAGE)  # noqa: PTH110 - pathlib costs 1 MB


def _differing(one: Config, other: Config) -> list[str]:
    """Settings for the image in which two configurations differ."""
    before, after = _of_the_image(one), _of_the_image(other)
    return [each for each in before | after if before.get(each) != after.get(each)]


def _of_the_image(config: Config) -> dict[str, object]:
    tables: dict[str, System | Lan | None] = {"system": config.system, "lan": config.lan}
    return {
        f"{name}.{each.name}": getattr(table, each.name)
        for name, table in tables.items()
        if table is not None
        for each in declarations(type(table))
    }


def _secrets(config: Config) -> Iterator[str]:
    for section in declarations(Config):
        if section.shape not in (Shape.TABLE, Shape.TABLES):
            continue
        found = getattr(config, section.name)
        for each in declarations(section.kind):
            tables = found if section.shape is Shape.TABLES else (found,)
            if each.secret and any(getattr(table, each.name) for table in tables):
                yield f"{section.name}.{each.name}"


def _content(path: str) -> bytes:
    try:
        # Not blocking, so that a named pipe is refused below instead of waited for.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _refuse(path, "is no ordinary file", "give the path of the TOML file itself")
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        _refuse(path, "does not exist", f"write one: python3 -m failberry.configfile sample > {path}")
    except IsADirectoryError:
        _refuse(path, "is a directory", f"give the file in it: {path.rstrip('/')}/failberry.toml")
    except PermissionError:
        _refuse(path, "may not be read by this user", "use sudo, or join the group that `ls -l` shows for it")
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}", "look at the path, then at the disk (`dmesg`)")
    if len(content) > SIZE_LIMIT:
        _refuse(path, f"is larger than {SIZE_LIMIT // 1024} KiB", "start again from the sample")
    return content


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = content[error.start]
        _refuse(path, f"byte 0x{found:02x} is not UTF-8", "save the file as UTF-8 in the editor", line=line)


def _syntax_problem(message: str) -> Problem:
    match = re.fullmatch(_POSITION, message)
    what, line, column = match.group("what", "line", "column") if match else (message, None, None)
    place = f"column {column}" if column else "end of the file"
    problem, hint = next(
        ((meaning, cure) for beginning, meaning, cure in _SYNTAX if what.startswith(beginning)),
        (what, "see https://toml.io/en/v1.0.0 or compare with the sample"),
    )
    return Problem(key="", line=int(line) if line else None, problem=f"{place}: {problem}", hint=hint)


def _refuse(path: str, problem: str, hint: str, *, line: int | None = None) -> NoReturn:
    raise ConfigError(path, (Problem(key="", line=line, problem=problem, hint=hint),)) from None


def main(arguments: list[str]) -> int:
    """Print what is generated from the declarations."""
    writers = {"sample": sample, "reference": reference}
    if len(arguments) != 1 or arguments[0] not in writers:
        sys.stderr.write("usage: python3 -m failberry.configfile sample|reference\n")
        return 2
    sys.stdout.write(writers[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
