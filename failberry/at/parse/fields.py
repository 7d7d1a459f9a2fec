"""What all answers share: a name, a colon, and fields between commas, some of them quoted.

3GPP TS 27.007 clause 5.5 has the syntax; modems add blanks, drop quotes, and pad numbers with zeros.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Lines = str | Sequence[str]
"""One line, or all lines of one answer."""

_FIELD: Final = re.compile(r'(?:"[^"]*(?:"|$)|[^,"])*')
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,10}")
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseError:
    """An answer that could not be understood: the command's name, the line, and what is wrong with it."""

    command: str
    line: str
    problem: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an answer, without its quotes and the blanks around it."""

    text: str
    quoted: bool

    @property
    def number(self) -> int | None:
        """The field as an unsigned decimal number of up to nine digits, or None."""
        return int(self.text) if _NUMBER.fullmatch(self.text) else None

    @property
    def hexadecimal(self) -> int | None:
        """The field as a hexadecimal number, blanks inside ignored (``0 5`` is 5), or None."""
        text = self.text.replace(" ", "")
        return int(text, 16) if _HEX.fullmatch(text) else None


def failed(command: str, lines: Lines, problem: str) -> ParseError:
    """The parse error of ``lines``, with no more of them than a log line should hold."""
    line = lines if isinstance(lines, str) else " | ".join(lines)
    return ParseError(command=command, line=line[:_SHOWN], problem=problem)


def payloads(lines: Lines, *names: str) -> list[str]:
    """What follows ``+NAME:`` on the lines that bear one of ``names``, in order."""
    found = []
    for line in [lines] if isinstance(lines, str) else lines:
        name, colon, rest = line.strip().partition(":")
        if colon and name.upper() in names:
            found.append(rest.strip())
    return found


def last_fields(lines: Lines, *names: str) -> list[Field] | None:
    """The fields of the last line that bears one of ``names``, or None: the newest news counts."""
    found = payloads(lines, *names)
    return split_fields(found[-1]) if found else None


def split_fields(text: str) -> list[Field]:
    """``text`` cut at its commas, never inside quotes; a missing closing quote is forgiven."""
    fields: list[Field] = []
    position = -1
    while position < len(text):
        match = _FIELD.match(text, position + 1)
        # The pattern matches the empty string too, so there always is a match.
        raw = match[0].strip() if match else ""
        quoted = raw.startswith('"')
        fields.append(Field(raw.strip('"').strip() if quoted else raw, quoted))
        position = match.end() if match else len(text)
    return fields
