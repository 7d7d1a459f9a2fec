"""The pictures of the documentation are what a real terminal shows.

``GOLDEN=write`` in the environment draws them anew; then look at them before committing.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import failberry
from failberry.control.document import encode
from failberry.ctl import doctor
from failberry.ctl.picture import picture
from failberry.ctl.screen import screen
from failberry.ctl.stories import told
from failberry.ctl.style import Style
from failberry.ctl.usage import Usage
from failberry.doctor.diagnose import diagnose
from tests.terminal.drawing import svg
from tests.terminal.tmux import Tmux
from tests.unit.ctl import hours, lived
from tests.unit.ctl.painting import CLOCK, greenwich
from tests.unit.ctl.scenarios import WAITING
from tests.unit.ctl.test_ctl_doctor import EVIDENCE
from tests.unit.ctl.test_usage_failover import PAST

PICTURES = Path(failberry.__file__).parents[1] / "docs/images"
STYLE = Style(colour=True)
WORN = "[2031.448] mmc0: error -110 whilst initialising SD card"


def _wide() -> list[str]:
    return picture(hours.scene(), style=Style(width=160, colour=True), height=24, clock=CLOCK)


DRAWN = {
    "status": lambda: screen(hours.as_told(WAITING), style=STYLE, clock=CLOCK),
    "watch": lambda: picture(hours.scene(), style=STYLE, height=28, clock=CLOCK),
    "watch-wide": _wide,
    "usage": lambda: Usage(PAST).text(json.loads(json.dumps(encode(hours.WELL))), STYLE, CLOCK),
    "events": lambda: told(lived.events(), STYLE, details=False),
    "doctor": lambda: doctor.lines(diagnose(replace(EVIDENCE, kernel_log=(WORN,))), STYLE),
}
WORDS = {
    "status": "failberryctl status",
    "watch": "failberryctl status --watch",
    "watch-wide": "failberryctl status --watch in a wide terminal",
    "usage": "failberryctl usage",
    "events": "failberryctl events",
    "doctor": "failberryctl doctor",
}


@pytest.mark.parametrize("name", DRAWN)
def test_pictures_are_fresh(name: str, tmp_path: Path) -> None:
    with greenwich():
        lines = DRAWN[name]()
    text = tmp_path / "text"
    text.write_text("\n".join([*lines, ""]))
    with Tmux(tmp_path) as tmux:
        command = ["sh", "-c", f"cat {shlex.quote(str(text))}; exec cat"]
        pane = tmux.open(
            160 if name == "watch-wide" else 80,
            len(lines) + 1,
            command,
            {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        )
        # The prompt that would come next is below the last line.
        pane.wait(lambda _: pane.told("#{cursor_y}") == str(len(lines)))
        found = svg(pane.seen(colours=True), WORDS[name])
    path = PICTURES / f"{name}.svg"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    ET.fromstring(found)  # noqa: S314  (our own words)
    assert found == path.read_text()
