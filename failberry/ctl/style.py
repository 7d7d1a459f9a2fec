"""What the reader's terminal can show."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping

from failberry.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

NARROWEST, WIDEST = 40, 80
_CODES = {"good": "1;32", "attention": "1;33", "bad": "1;31", "strong": "1", "dim": "2"}


class Style:
    """Width, alphabet and colours; not a dataclass, since those are slow to import."""

    def __init__(self, *, width: int = WIDEST, utf8: bool = True, colour: bool = False) -> None:
        self.width = width
        self.utf8 = utf8
        self.colour = colour

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str]) -> Style:
        """Find out.  A pipe gets 80 columns and no colour; https://no-color.org is honoured."""
        terminal = stream.isatty()
        kind = environment.get("TERM", "")
        width = os.get_terminal_size(stream.fileno()).columns if terminal else WIDEST
        return cls(
            width=max(NARROWEST, min(width or WIDEST, WIDEST)),
            # The kernel's console has the Latin letters, but not the blocks.
            utf8=_speaks_utf8(environment) and not (terminal and kind == "linux"),
            colour=not environment.get("NO_COLOR")
            and (environment.get("CLICOLOR_FORCE", "0") != "0" or (terminal and kind not in ("", "dumb"))),
        )

    @property
    def arrow(self) -> str:
        """Points to what to do."""
        return "→" if self.utf8 else "->"

    def bars(self, percent: int) -> str:
        """Signal strength as telephones show it."""
        count = bar_count(percent)
        full, empty = ("▂▄▆█", "····") if self.utf8 else ("####", "----")
        return full[:count] + empty[count:]

    def paint(self, text: str, tone: str) -> str:
        """Colour one line."""
        return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if self.colour else text

    def wrap(self, text: str, *, first: str = "", rest: str | None = None) -> list[str]:
        """Break a paragraph into lines, never inside `a command`."""
        parts = text.split("`")
        parts[1::2] = [part.replace(" ", "\xa0") for part in parts[1::2]]
        lines = textwrap.wrap(
            "`".join(parts),
            self.width,
            initial_indent=first,
            subsequent_indent=first if rest is None else rest,
            break_on_hyphens=False,
        )
        return [self.letters(line.replace("\xa0", " ")) for line in lines]

    def letters(self, text: str) -> str:
        """Say it in letters that the reader has."""
        return text if self.utf8 else text.encode("ascii", "replace").decode("ascii")


def bar_count(percent: int) -> int:
    """0 to 4."""
    return max(0, min(4, -(-percent // 25)))


def clean(text: str) -> str:
    """Defuse what a modem or a carrier called itself: no control character reaches the terminal."""
    return printable(text)


def _speaks_utf8(environment: Mapping[str, str]) -> bool:
    settings = [environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if settings[1] == "C.UTF-8":
        # Python itself sets this where the locale is plain C (PEP 538): it says nothing about the terminal.
        settings[1] = ""
    locale = next((each for each in settings if each), "")
    charset = locale.partition(".")[2].partition("@")[0]
    return charset.replace("-", "").lower() == "utf8"
