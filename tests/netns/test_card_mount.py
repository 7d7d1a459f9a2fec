"""The first partition is read-only but for the moment of a change: with a real mount."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, subprocess, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from failberry.system.folders import CardFolder
from tests.firstcard import Card

card = Card(Path(sys.argv[2]))
card.make()

def mount(*words):
    subprocess.run(["mount", *words, card.fat], check=True)

def read_only():
    return bool(os.statvfs(card.fat).f_flag & os.ST_RDONLY)

mount("-t", "tmpfs", "tmpfs")
(card.fat / "failberry.toml").write_text(
    'mode = "standby-gateway"\\nwired.interface = "onboard0"\\ncellular.pin = "4711"\\n'
)
mount("-o", "remount,ro")
card.boot()
assert read_only()
assert "GOOD" in card.text("boot/firmware/VERDICT.txt")
assert "taken over" in card.text("boot/firmware/failberry.toml")

# What was mounted for writing by somebody else is left so.
mount("-o", "remount,rw")
with CardFolder(card.fat) as folder:
    folder.write("x", b"x")
assert not read_only()

# A fault in the midst of it does not leave it open.
mount("-o", "remount,ro")
try:
    with CardFolder(card.fat) as folder:
        folder.write("y", b"y")
        assert not read_only()
        folder.rename("nobody", "z")
except FileNotFoundError:
    pass
assert read_only()

# A card that is not there can be read as empty, and is no reason to give up.
subprocess.run(["umount", card.fat], check=True)
card.fat.rmdir()
card.boot()
print("done")
"""


def test_the_partition_is_open_for_a_moment_only(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", SCRIPT, ROOT, tmp_path / "root"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
