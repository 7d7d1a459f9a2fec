"""The live view: whole screens.

``GOLDEN=write`` in the environment writes them anew; then read the difference before committing it.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.ctl.cells import bar, cut, graph, paint, width
from failberry.ctl.picture import picture
from failberry.ctl.style import Style
from tests.unit.ctl import hours, scenarios
from tests.unit.ctl.painting import CLOCK, greenwich

GOLDEN = Path(__file__).parent / "live"
SCENES = {
    "well": hours.scene(),
    "no-line": hours.scene(scenarios.NO_LINE),
    "waiting": hours.scene(scenarios.WAITING),
    "hung": hours.scene(scenarios.HUNG),
    "lost": hours.scene(lost="failberryd is not running: nobody listens on /run/failberry/control."),
    "new": hours.scene(scenarios.STARTING, events=()),
    "capped": hours.scene(
        replace(
            hours.WELL,
            usage=replace(hours.PLAN, used=5_100_000_000, percent=102.0, state="capped"),
        )
    ),
}
CASES = [
    *((name, 80, 24, True) for name in SCENES),
    *((name, 200, 50, True) for name in ("well", "no-line", "hung")),
    ("well", 80, 24, False),
    ("waiting", 200, 50, False),
    ("well", 80, 60, True),
    ("well", 40, 12, True),
]


def screen(name: str, columns: int, rows: int, *, utf8: bool = True, colour: bool = False) -> list[str]:
    with greenwich():
        style = Style(width=columns, utf8=utf8, colour=colour)
        return picture(SCENES[name], style=style, height=rows, clock=CLOCK)


@pytest.mark.parametrize(("name", "columns", "rows", "utf8"), CASES)
def test_screens(name: str, columns: int, rows: int, *, utf8: bool) -> None:
    path = GOLDEN / f"{name}-{columns}x{rows}{'' if utf8 else '-plain'}.txt"
    lines = screen(name, columns, rows, utf8=utf8)
    found = "\n".join([*lines, ""])
    if os.environ.get("GOLDEN") == "write":
        path.write_text(found)
    assert found == path.read_text()
    assert utf8 or found.isascii()


@pytest.mark.parametrize("name", SCENES)
def test_no_size_is_too_small_and_none_is_exceeded(name: str) -> None:
    for columns in (20, 39, 79, 80, 149, 150, 320):
        for rows in (4, 10, 23, 44, 90):
            lines = screen(name, columns, rows, utf8=columns % 2 == 0)
            assert len(lines) == rows
            assert max(map(width, lines)) <= columns
            assert lines[-1].endswith("q ends")


def test_colour_changes_nothing_but_colour() -> None:
    plain, painted = screen("hung", 80, 24), screen("hung", 80, 24, colour=True)
    assert "\x1b[1;31mdown\x1b[0m" in "".join(painted)
    assert [re.sub("\x1b\\[[0-9;]*m", "", each).rstrip() for each in painted] == plain


def test_a_graph_shows_little_and_hides_nothing() -> None:
    marks = (0.0, 0.01, 50.0, 100.0, 400.0, None, "down", "unknown")
    assert [paint(row, Style()) for row in graph(marks, Style(), top=100.0)] == ["▁▂▅██·×"]
    assert [paint(row, Style(utf8=False)) for row in graph(marks, Style(utf8=False), top=100.0)] == [
        ".:+@@ x"
    ]
    assert [paint(row, Style()) for row in graph(marks, Style(), top=100.0, rows=2)] == ["  ▁██", "▁▂███·×"]


@pytest.mark.parametrize(
    ("share", "expected", "drawn", "plain"),
    [
        (0.0, 0.0, "░░░░░░░░", "[--------]"),
        (0.001, 0.0, "█░░░░░░░", "[#-------]"),
        (0.5, 0.75, "████▒▒░░", "[####++--]"),
        (0.56, 0.0, "████░░░░", "[####----]"),
        (1.0, 0.0, "████████", "[########]"),
        (3.0, 9.0, "████████", "[########]"),
    ],
)
def test_bars(share: float, expected: float, drawn: str, plain: str) -> None:
    assert bar(share, 8, Style(), expected=expected) == drawn
    assert bar(share, 8, Style(utf8=False), expected=expected) == plain


def test_wide_letters_are_counted_as_they_are_shown() -> None:
    assert (width("abc"), width("中国移动"), width("e\u0301")) == (3, 8, 1)
    assert cut((("中国移动", "good"),), 6, Style()) == (("中国…", "good"),)
