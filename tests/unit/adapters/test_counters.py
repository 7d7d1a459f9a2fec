"""What an interface has carried."""

from __future__ import annotations

from pathlib import Path

import pytest

from failberry.adapters.prober import read_counters
from failberry.core.actions import ReadCounters
from failberry.core.events import CountersRead


def test_read_from_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "fbcell0" / "statistics").mkdir(parents=True)
    (tmp_path / "fbcell0" / "ifindex").write_text("12\n")
    (tmp_path / "fbcell0" / "statistics" / "rx_bytes").write_text("9876543210\n")
    (tmp_path / "fbcell0" / "statistics" / "tx_bytes").write_text("42\n")
    answer = read_counters(ReadCounters(deed=3, interface="fbcell0"), tmp_path)
    assert answer == CountersRead(deed=3, received=9876543210, sent=42, interface="fbcell0", index=12)


@pytest.mark.parametrize("left", ["", "rx_bytes", "tx_bytes"])
def test_an_interface_that_goes_away_has_none(tmp_path: Path, left: str) -> None:
    (tmp_path / "fbcell0" / "statistics").mkdir(parents=True)
    (tmp_path / "fbcell0" / "ifindex").write_text("12\n")
    if left:
        (tmp_path / "fbcell0" / "statistics" / left).write_text("1\n")
    answer = read_counters(ReadCounters(deed=3, interface="fbcell0"), tmp_path)
    assert answer == CountersRead(deed=3, received=None, sent=None, interface="fbcell0")


def test_loopback_has_some_where_the_kernel_keeps_them() -> None:
    assert read_counters(ReadCounters(interface="lo")).received is not None
