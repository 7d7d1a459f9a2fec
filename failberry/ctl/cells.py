"""Text on a grid of cells: rows of painted pieces that are cut, laid side by side, and drawn as graphs.

Pure.  A row is a tuple of pieces, each with its tone (a name of :mod:`~failberry.ctl.style`, or empty), so
that its width is known before a colour is in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from failberry.ctl.style import Style

Row = tuple[tuple[str, str], ...]
"""Pieces of text, each with its tone."""

DOWN = "down"
"""In a graph: the line was down then."""
UNKNOWN = "unknown"
"""… nobody was running, or it is not known any more."""
Mark = float | str | None
"""A value, :data:`DOWN`, :data:`UNKNOWN`, or ``None``: it was not measured."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_LETTERS = ".:-=+*#@"


def width(text: str) -> int:
    """Cells that a terminal needs for it: two for the wide letters of East Asia, none for what combines."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def breadth(row: Row) -> int:
    """Cells of a whole row."""
    return sum(width(text) for text, _ in row)


def cut(row: Row, columns: int, style: Style) -> Row:
    """Leave out what does not fit, and show that something is missing."""
    if breadth(row) <= columns:
        return row
    ending = "…" if style.utf8 else "..."
    left = columns - len(ending)
    pieces: list[tuple[str, str]] = []
    for text, tone in row:
        kept = ""
        for each in text:
            left -= width(each)
            if left < 0:
                return (*pieces, (kept + ending, tone))
            kept += each
        pieces.append((kept, tone))
    return tuple(pieces)


def beside(left: Sequence[Row], right: Sequence[Row], column: int) -> list[Row]:
    """Lay two blocks side by side; the right one begins at this column, and the left one must be narrower."""
    rows = []
    for number in range(max(len(left), len(right))):
        row: Row = left[number] if number < len(left) else ()
        if number < len(right) and right[number]:
            row = (*row, (" " * (column - breadth(row)), ""), *right[number])
        rows.append(row)
    return rows


def paint(row: Row, style: Style) -> str:
    """Make it what the terminal gets."""
    text = "".join(style.paint(text, tone) if tone and text else text for text, tone in row)
    return text if style.colour else text.rstrip()


def graph(marks: Iterable[Mark], style: Style, *, top: float, rows: int = 1, tone: str = "") -> list[Row]:
    """Draw one column of cells for each mark, as high as it is from 0 to ``top``; the highest row first.

    What is above 0 shows, however little it is.
    """
    marks = list(marks)
    return [_level(marks, style, top, level, rows, tone) for level in reversed(range(rows))]


def _level(marks: list[Mark], style: Style, top: float, level: int, rows: int, tone: str) -> Row:
    pieces: list[tuple[str, str]] = []
    for mark in marks:
        letter, colour = _cell(mark, style, top, level, rows, tone)
        if pieces and pieces[-1][1] == colour:
            pieces[-1] = (pieces[-1][0] + letter, colour)
        else:
            pieces.append((letter, colour))
    return tuple(pieces)


def _cell(mark: Mark, style: Style, top: float, level: int, rows: int, tone: str) -> tuple[str, str]:
    match mark:
        case float() | int():
            steps = len(_BLOCKS)
            full = rows * steps - 1
            height = round(full * min(1.0, max(0.0, mark / top)))
            height = max(height, 1) if mark > 0 else 0
            if height < level * steps and level:
                return " ", ""
            letters = _BLOCKS if style.utf8 else _LETTERS
            return letters[min(steps - 1, height - level * steps)], tone
        case None if not level:
            return ("·" if style.utf8 else " "), "dim"
        case str() if mark == DOWN and not level:
            return ("×" if style.utf8 else "x"), "bad"
        case _:
            return " ", ""


def bar(share: float, columns: int, style: Style, *, expected: float = 0.0) -> str:
    """Draw how much of something is used, and, paler, what is expected to be; 1 is all of it."""
    filled = min(columns, max(round(columns * share), 1 if share > 0 else 0))
    more = min(columns, max(filled, round(columns * expected))) - filled
    left = columns - filled - more
    if not style.utf8:
        return f"[{'#' * filled}{'+' * more}{'-' * left}]"
    return f"{'█' * filled}{'▒' * more}{'░' * left}"
