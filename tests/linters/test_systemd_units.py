"""The units as the package installs them, judged by systemd itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.linters.deb import unpack
from tests.linters.tree import ROOT, judge

UNITS = Path("usr/lib/systemd/system")
EXPOSURE = {
    "failberry.service": 2.5,
    "failberry-health.service": 0.6,
    "failberry-dns@.service": 1.2,
    "failberry-vrrp.service": 2.5,
    # It runs dpkg, which writes anywhere, makes users and starts services: there is little to take away.
    "failberry-upgrade-watch.service": 9.5,
}
"""What `systemd-analyze security` may say at most: 0 is no exposure, 10 a program of root's without limits.

Debian 13 finds a little less than Debian 12 does; tests/lab asks it there."""

OTHERS = ("usr/bin/kill", "usr/sbin/keepalived")
"""Programs of other packages that they start."""


def test_every_service_has_a_limit() -> None:
    assert {path.name for path in (ROOT / "systemd").glob("*.service")} == EXPOSURE.keys()


def test_systemd_understands_every_word(tmp_path: Path) -> None:
    unpack(tmp_path)
    units = sorted(path.name for path in (tmp_path / UNITS).iterdir())
    # What they order themselves after, and stand on, comes from this machine.
    shutil.copytree("/usr/lib/systemd/system", tmp_path / UNITS, symlinks=True, dirs_exist_ok=True)
    for program in OTHERS:
        shutil.copy(Path("/", program), tmp_path / program)
    cure = "see systemd.unit(5), systemd.service(5), systemd.exec(5)"
    complaints = judge(["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", *units], cure=cure)
    assert not complaints, f"{complaints}\ncure: {cure}"


@pytest.mark.parametrize(("unit", "limit"), EXPOSURE.items())
def test_services_are_confined(unit: str, limit: float) -> None:
    judge(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={limit * 10:.0f}",
         ROOT / "systemd" / unit],
        cure=f"take rights away until the exposure is at most {limit} (systemd.exec(5), Sandboxing)",
    )  # fmt: skip
