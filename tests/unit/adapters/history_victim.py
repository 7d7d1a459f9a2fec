"""A process that writes a history until it is killed, and another that kills it and looks what is left.

python -m tests.unit.adapters.history_victim FOLDER TIMES
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from failberry.adapters import historyfile
from failberry.adapters.historyfile import Batch, HistoryFile
from failberry.core.history import Wanted
from failberry.core.samples import Sample
from failberry.core.snapshot import UplinkName
from tests.unit.adapters.history_records import NOW, dated

EACH = 20


def write(path: Path, told: int) -> None:
    """Write batch after batch, and say of each that it is on the disk."""
    historyfile.LOG_PAGES = 8  # so that some are killed while the log goes into the file
    file = HistoryFile(path, most=600_000)
    number = file.open().next
    minute = number
    while True:
        minute += 1
        file.write(
            Batch(
                events=[dated(number + each, why="z" * 200) for each in range(EACH)],
                minutes=[(minute, Sample(line=line, up=60.0)) for line in UplinkName],
            )
        )
        number += EACH
        os.write(told, b"%020d" % (number - 1))
        if number % 7 == 0:
            file.trim(NOW)


def main() -> int:
    path, times = Path(sys.argv[1]) / "history.sqlite", int(sys.argv[2])
    chance = random.Random(1)  # noqa: S311  chance, not a secret
    caught = 0
    for round_number in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                write(path, writing)
            finally:
                os._exit(1)
        os.close(writing)
        os.read(reading, 20)  # it has begun
        time.sleep(chance.uniform(0.0, 0.015))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"round {round_number}: it ended by itself"
        said = b""
        while more := os.read(reading, 1 << 16):
            said += more
        os.close(reading)
        file = HistoryFile(path)
        file.open()
        last = file.events(Wanted(limit=1))[-1].record.id
        acknowledged = int(said[-20:]) if said else 0
        assert acknowledged <= last <= max(acknowledged, last // EACH * EACH) + EACH, (acknowledged, last)
        assert file._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        file.close()
        caught += last > acknowledged
    print(f"{times} killed; {caught} of them with a batch that was written and not acknowledged yet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
