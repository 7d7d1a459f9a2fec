"""A history that is being written when the power goes: it opens, and what was said to be kept is there.

The guest stands still at a random moment, and its data partition is looked at as it is on the card then.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

from failberry.adapters.historyfile import HistoryFile
from failberry.core.history import Wanted
from tests.image.card import DATA
from tests.image.conftest import Flash
from tests.image.machine import ROOT
from tests.unit.adapters.history_victim import EACH

CUTS = 50
SEED = int(os.environ.get("FAILBERRY_SEED", "0")) or random.randrange(1, 1 << 31)  # noqa: S311 - moments, no secrets
WRITER = [f"tests/unit/adapters/{name}.py" for name in ("history_victim", "history_records")]
WRITE = """\
import os, pathlib
from tests.unit.adapters.history_victim import write
told = os.open("/dev/virtio-ports/told", os.O_WRONLY)
write(pathlib.Path("/var/lib/failberry/cut/history.sqlite"), told)
"""


def last_told(told: Path) -> int:
    """The number of the last record that the writer has been told is on the disk; 0: none yet."""
    text = told.read_bytes()
    whole = len(text) // 20 * 20
    return int(text[whole - 20 : whole]) if whole else 0


def test_fifty_cuts_while_history_is_written(flash: Flash, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311
    print(f"FAILBERRY_SEED={SEED}")
    told = tmp_path / "told"
    machine = flash(
        arguments=(
            *("-chardev", f"file,id=told,path={told}", "-device", "virtio-serial-pci"),
            *("-device", "virtserialport,chardev=told,name=told"),
        )
    )
    machine.power_on()
    machine.wait_for_shell()
    machine.wait_for_boot()
    for name in WRITER:
        machine.put(f"/run/{name}", (ROOT / name).read_text())
    machine.put("/run/write.py", WRITE)
    machine.run("mkdir -p /var/lib/failberry/cut")
    machine.run("systemd-run --unit=writer --setenv=PYTHONPATH=/run python3 /run/write.py")
    missing = []
    before = 0
    for number in range(CUTS):
        # Not before more has been written than at the last.
        deadline = time.monotonic() + 120
        while last_told(told) <= before:
            assert time.monotonic() < deadline, machine.run("journalctl --no-pager -u writer", check=False)
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, 0.5))
        with machine.frozen():
            before = last_told(told)
            left = tmp_path / "data"
            machine.card.copy(DATA, left)
        missing.append(look(left, tmp_path / str(number), before))
        left.unlink()
    print(f"{CUTS} cuts, {before} records; {sum(missing)} with a batch written that nobody was told of yet")


def look(left: Path, folder: Path, told: int) -> bool:
    """Whether a partition holds a history that is whole; returns whether it has more than was told."""
    journal = subprocess.run(["e2fsck", "-p", left], capture_output=True, text=True, check=False, timeout=60)
    assert journal.returncode < 4, journal.stdout + journal.stderr
    faults = subprocess.run(["e2fsck", "-fn", left], capture_output=True, text=True, check=False, timeout=60)
    assert faults.returncode == 0, faults.stdout
    folder.mkdir()
    names = subprocess.run(
        ["debugfs", "-R", f"rdump /lib/failberry/cut {folder}", left],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    path = folder / "cut/history.sqlite"
    assert path.exists(), names.stderr
    file = HistoryFile(path)
    file.open()
    assert file._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    last = file.events(Wanted(limit=1))[-1].record.id
    file.close()
    assert told <= last <= told + EACH
    return last > told
