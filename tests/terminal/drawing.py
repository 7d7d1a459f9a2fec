"""What a terminal shows, as an SVG picture: text stays text, on a grid, with the terminal's colours."""

from __future__ import annotations

import re
from html import escape

CELL, LINE = 8, 17
_GROUND, _INK = "#16181d", "#d5d8de"
_COLOURS = {"31": "#ff6b62", "32": "#63c86a", "33": "#e3b341"}
_PIECE = re.compile("\x1b\\[([0-9;]*)m|([^\x1b]+)")


def svg(screen: str, title: str) -> str:
    """Draw what ``tmux capture-pane -e`` tells."""
    lines = screen.rstrip("\n").split("\n")
    columns = max(len(re.sub("\x1b\\[[0-9;]*m", "", each)) for each in lines)
    width, height = (columns + 4) * CELL, (len(lines) + 2) * LINE
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="6" fill="{_GROUND}"/>',
        f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" fill="{_INK}">',
    ]
    codes: list[str] = []
    for number, line in enumerate(lines):
        column = 0
        for found in _PIECE.finditer(line):
            if found[2] is None:
                codes = _after(codes, found[1])
                continue
            # Rows of blanks are where columns begin, and browsers make one of many.
            pieces = re.finditer("[^ ]+(?: [^ ]+)*", found[2])
            drawn += [_text(each[0], column + each.start(), number, codes) for each in pieces]
            column += len(found[2])
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def _after(codes: list[str], change: str) -> list[str]:
    for code in change.split(";"):
        # Of colours the last one counts (ECMA-48 8.3.117); 39 is none, 22 neither bold nor faint.
        gone = {"22": ("1", "2"), "": codes, "0": codes}.get(code, tuple(_COLOURS) if code[:1] == "3" else ())
        codes = [*(each for each in codes if each not in gone), code]
    return codes


def _text(text: str, column: int, number: int, codes: list[str]) -> str:
    style = "".join(f' fill="{_COLOURS[each]}"' for each in codes if each in _COLOURS)
    style += ' font-weight="bold"' if "1" in codes else ""
    style += ' fill-opacity="0.6"' if "2" in codes else ""
    # Told how wide it is, it keeps to the grid whatever letters the reader has.
    return (
        f'<text x="{(column + 2) * CELL}" y="{(number + 2) * LINE - 4}" textLength="{len(text) * CELL}" '
        f'lengthAdjust="spacingAndGlyphs"{style}>{escape(text)}</text>'
    )
