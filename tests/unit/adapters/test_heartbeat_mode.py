"""Who may read the heartbeat, whatever the service's umask is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from failberry.adapters import heartbeat


def test_the_group_reads_it_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "health" / "heartbeat"
    before = os.umask(0o077)
    try:
        heartbeat.write(path, beat=1.0, boot_id="boot", lines={})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
