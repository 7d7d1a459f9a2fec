"""On which line of a TOML file each key stands; :mod:`tomllib` does not tell.

Only for text that :mod:`tomllib` has accepted, which is what keeps this short: it never has to judge.
"""

from __future__ import annotations

import re
import tomllib

from failberry.tomltext import KeyPath

# toml.io v1.0.0: strings, comments, structure; whatever else is bare (a key, or part of a value).
_TOKEN = re.compile(
    r'''
      (?P<string> """(?:\\.|[^\\])*?""""{0,2} | \'\'\'.*?\'\'\'\'{0,2} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<skip> [ \t\r]+ | \#[^\n]* )
    | (?P<mark> \n | [][{}=,.] )
    | (?P<bare> [^][{}=,.\s\#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)
_CLOSING = frozenset({"]", "}", ""})
_END_OF_VALUE = _CLOSING | {",", "\n"}


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, where each table, key and array element is first named.

    A table that is only implied counts as named: ``[a.b]`` names ``a``.
    """
    return _Scan(text).run()


def value_spans(text: str) -> dict[KeyPath, tuple[int, int]]:
    """Where the value of each key begins and ends, as places in the text."""
    scan = _Scan(text)
    scan.run()
    return scan.spans


class _Scan:
    """One walk over the tokens, a frame of the stack for each level of nesting."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.line_of: list[int] = []
        self.place_of: list[tuple[int, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            if match.lastgroup != "skip":
                self.tokens.append(match[0])
                self.line_of.append(line)
                self.place_of.append(match.span())
            line += match[0].count("\n")
        self.tokens.append("")
        self.line_of.append(line)
        self.next = 0
        self.lines: dict[KeyPath, int] = {}
        self.spans: dict[KeyPath, tuple[int, int]] = {}
        self.newest: dict[KeyPath, int] = {}
        """Of each array of tables, the number of its latest element."""

    def run(self) -> dict[KeyPath, int]:
        here: KeyPath = ()
        while self.tokens[self.next]:
            match self.tokens[self.next]:
                case "\n":
                    self.next += 1
                case "[":
                    here = self.header()
                case _:
                    self.pair(here)
        return self.lines

    def header(self) -> KeyPath:
        """``[a.b]`` or ``[[a.b]]``; answers where the settings below it belong."""
        line = self.line_of[self.next]
        self.next += 1
        array = self.tokens[self.next] == "["
        self.next += array
        *parents, last = self.key()
        at: KeyPath = ()
        for part in parents:
            at = self.latest(self.name((*at, part), line), line)
        at = self.name((*at, last), line)
        if array:
            self.newest[at] = self.newest.get(at, -1) + 1
        self.next += 1 + array
        return self.latest(at, line)

    def latest(self, at: KeyPath, line: int) -> KeyPath:
        """The newest element, if this is an array of tables: headers speak of that one."""
        return self.name((*at, self.newest[at]), line) if at in self.newest else at

    def name(self, at: KeyPath, line: int) -> KeyPath:
        self.lines.setdefault(at, line)
        return at

    def key(self) -> list[str]:
        parts = [_plain(self.tokens[self.next])]
        self.next += 1
        while self.tokens[self.next] == ".":
            parts.append(_plain(self.tokens[self.next + 1]))
            self.next += 2
        return parts

    def pair(self, at: KeyPath) -> None:
        line = self.line_of[self.next]
        for part in self.key():
            at = self.name((*at, part), line)
        self.next += 1  # the equals sign
        first = self.next
        self.value(at)
        self.spans[at] = (self.place_of[first][0], self.place_of[self.next - 1][1])

    def value(self, at: KeyPath) -> None:
        opening = self.tokens[self.next]
        self.next += 1
        if opening not in {"[", "{"}:
            # What is left of 1.5, or of a date and its time.
            while self.tokens[self.next] not in _END_OF_VALUE:
                self.next += 1
            return
        count = 0
        while self.tokens[self.next] not in _CLOSING:
            if self.tokens[self.next] in {",", "\n"}:
                self.next += 1
            elif opening == "{":
                self.pair(at)
            else:
                self.value(self.name((*at, count), self.line_of[self.next]))
                count += 1
        self.next += 1


def _plain(key: str) -> str:
    """A key without its quotes and escapes."""
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key
