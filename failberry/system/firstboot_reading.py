"""What somebody has put on the card's first partition, as text: with whatever program, on whatever computer.

Pure.  Notepad writes UTF-16 where it is told "Unicode", begins UTF-8 with a byte order mark and adds
``.txt``; the partition is FAT, where capitals mean nothing; a card that is pulled out too early leaves zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from failberry.configfile import SIZE_LIMIT
from failberry.errors import Problem


class Kind(StrEnum):
    """The files that are looked for; the value is the name that each should have."""

    CONFIG = "failberry.toml"
    KEYS = "authorized_keys"
    PRESEED = "rpi-preseed.toml"
    """Written by the Raspberry Pi Imager (its doc/os_customisation_formats.md)."""


_ALSO = {
    # With file extensions hidden, these are what people end up with.
    Kind.CONFIG: ("failberry.toml.txt", "failberry.txt", "failberry.toml.toml"),
    Kind.KEYS: ("authorized_keys.txt", "authorized_keys.pub"),
    Kind.PRESEED: (),
}
_DOCUMENTS = (b"PK\x03\x04", b"{\\rtf", b"\xd0\xcf\x11\xe0", b"%PDF")
"""Beginnings of what word processors write."""
CURLY_QUOTES = re.compile("[“”„‟‘’«»]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file as it lies there."""

    name: str
    content: bytes = b""
    """At most one byte more than ``SIZE_LIMIT``."""
    beside: tuple[str, ...] = ()
    """Others that could have been meant, and are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Its lines end as those of Unix."""

    text: str
    notes: tuple[str, ...] = ()
    """What the owner should know of the file, though it could be read."""
    crlf: bool = False
    """Whether the file's lines end as those of Windows."""


class UnreadableError(ValueError):
    """There is no text in it; ``problem`` says what is wrong and what to do."""

    def __init__(self, problem: str, hint: str, *, line: int | None = None) -> None:
        self.problem = Problem(key="", line=line, problem=problem, hint=hint)
        super().__init__(str(self.problem))


def choose(names: Iterable[str], kind: Kind) -> tuple[str, tuple[str, ...]] | None:
    """Of the names in the folder the one to read, and those that could have been meant as well."""
    wanted = {name: rank for rank, name in enumerate((kind.value, *_ALSO[kind]))}
    meant = sorted((wanted[each.lower()], each) for each in names if each.lower() in wanted)
    if not meant:
        return None
    (_, first), *others = meant
    return first, tuple(each for _, each in others)


def decoded(found: Found, kind: Kind) -> Text:
    """Read it as text.  Raises :class:`UnreadableError`."""
    content, notes = found.content, []
    if found.name.lower() != kind:
        notes.append(f"The file is called {found.name}; it was read as {kind}.")
    if found.beside:
        notes.append(f"{', '.join(found.beside)} beside it was not read: keep one of them.")
    if len(content) > SIZE_LIMIT:
        raise UnreadableError(f"is larger than {SIZE_LIMIT // 1024} KiB", "start again from the sample")
    if not content.strip():
        raise UnreadableError("is empty", "write the settings into it, and save it")
    if not content.strip(b"\0"):
        raise UnreadableError(
            "holds nothing but zeros: the card was pulled out before the computer had written it",
            'copy the file again, then eject the card ("safely remove") before pulling it out',
        )
    if content.startswith(_DOCUMENTS):
        raise UnreadableError(
            "is the document of a word processor",
            "write it with Notepad, TextEdit or nano, and save plain text",
        )
    text = _text(content)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(
            "holds zeros: it is damaged", "copy the file again, and eject the card properly", line=line
        )
    lines = text.replace("\r\n", "\n")
    return Text(text=lines, notes=tuple(notes), crlf=lines != text)


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        coding = "utf-16"
    elif content[1:200:2].strip(b"\0") == b"" and content[1:2] == b"\0":
        coding = "utf-16-le"
    elif content[0:200:2].strip(b"\0") == b"" and content[:1] == b"\0":
        coding = "utf-16-be"
    else:
        coding = "utf-8-sig"
    try:
        return content.decode(coding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            "save the file as UTF-8: in Notepad, Save as, Encoding",
            line=line,
        ) from None
