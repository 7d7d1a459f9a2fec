"""How much a day of standby writes: pages counted, in virtual time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from failberry.adapters import historyfile
from failberry.adapters.history import BATCH_EVERY
from failberry.adapters.historyfile import Batch, HistoryFile
from failberry.core.samples import Sample
from failberry.core.snapshot import UplinkName
from tests.unit.adapters.history_records import NOW, dated

ALLOWED = 5_000_000
EVENTS = 200
"""Some three times what a quiet day has."""


def test_a_day_of_standby_is_within_what_an_sd_card_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historyfile, "LOG_PAGES", 10**6)  # so that the log only grows
    minutes = int(BATCH_EVERY // 60)
    batches = 86_400 // int(BATCH_EVERY)
    first = int(NOW // 60)
    sample = Sample(
        line=UplinkName.WIRED, up=60.0, active=60.0, rtt=21.3, rtt_worst=21.3, loss=0.4, loss_worst=0.4,
        dbm=-71.0, received=123_456, sent=65_432, used=1_234_567_890,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "history.sqlite"
        file = HistoryFile(path)
        file.open()
        number = 0
        for batch in range(batches):
            count = EVENTS * (batch + 1) // batches - number
            events = [
                dated(number + each + 1, why="a sentence of usual length about it" * 2)
                for each in range(count)
            ]
            number += count
            rows = [(first + batch * minutes + each, sample) for each in range(minutes) for _ in UplinkName]
            file.write(Batch(events=events, minutes=rows))
        log = path.with_name(f"{path.name}-wal").stat().st_size
        file.close()
        # Every page once more, when the log goes into the file: pessimistic for the pages that change often.
        written = log + path.stat().st_size
    assert log > batches * 4096, "each batch was written: this test looks in the right place"
    assert written < ALLOWED
