"""The tutorial does what it says: each of its commands, in order, on the Pi of the lab.

What a reader does by hand stands in the document as a comment, ``<!-- lab: plug -->``; see :data:`HANDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .lab import Lab, package

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
FOLDER = "/run/tutorial"
LONGEST = 600.0
STEP = re.compile(r"^```sh\n(?P<commands>.*?)^```$|^<!-- lab: (?P<hand>[^>]+) -->$", re.MULTILINE | re.DOTALL)
HANDS: Mapping[str, Callable[..., None]] = {
    "plug": lambda lab: lab.plug(),
    "world": lambda lab, *words: lab.world(*words),
}
# Root needs no sudo, and may not have it. That something needs attention is no failure: the status says 1.
PROLOGUE = f"""set -eu
cd {FOLDER}
sudo() {{ "$@"; }}
failberryctl() {{ command failberryctl "$@" || [ $? -eq 1 ]; }}
"""

pytestmark = pytest.mark.timeout(3600)


def test_from_the_box_to_the_first_failover(lab: Lab) -> None:
    deb = package()
    assert deb is not None, "FAILBERRY_DEB must name the package; `make lab` does that"
    lab.vm.put(f"{FOLDER}/{deb.name}", deb.read_bytes())
    lab.start_modem()
    steps = list(STEP.finditer(TUTORIAL.read_text()))
    assert len(steps) > 8
    for step in steps:
        if step["hand"]:
            name, *words = step["hand"].split()
            HANDS[name](lab, *words)
            continue
        said = lab.vm.run(["bash", "-c", PROLOGUE + step["commands"]], timeout=LONGEST, check=False)
        print(f"{step['commands']}{said.stdout}{said.stderr}")
        assert said.rc == 0, f"this failed:\n{step['commands']}{said.stdout}{said.stderr}"
    said = lab.vm.run(["failberryctl", "events", "--since", "1h"]).stdout
    assert "Failover to the mobile line" in said
