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
    "failberry-sns@.service": 1.2,
    "failberry-notify.service": 1.5,
    "failberry-web.service": 1.0,
    "failberry-vrrp.service": 2.5,
    # It runs dpkg, which writes anywhere, makes users and starts services: there is little to take away.
    "failberry-upgrade-watch.service": 9.5,
}
"""What `systemd-analyze security` may say at most: 0 is no exposure, 10 a program of root's without limits.

Debian 13 finds a little less than Debian 12 does; tests/lab asks it there."""

IMAGE = "image/root/usr/lib/systemd/system"
EXPOSURE_OF_THE_IMAGE = {
    "failberry-clock.service": 0.5,
    # It starts as root for its ports, and becomes a user of its own.
    "failberry-dnsmasq.service": 2.8,
    # It sets up what the others live in: /etc, mounts, names of interfaces.
    "failberry-firstboot.service": 6.4,
    "failberry-ports.service": 1.5,
    "failberry-trial.service": 4.3,
    # A shell that restarts the machine when all else is broken, and must not fail for a right that it lacks.
    "failberry-trial-deadline.service": 9.6,
    # It runs dpkg, as above.
    "failberry-update.service": 8.2,
}

OTHERS = ("usr/bin/grep", "usr/bin/kill", "usr/bin/sh", "usr/sbin/keepalived")
"""Programs of other packages that they start."""


def test_every_service_has_a_limit() -> None:
    assert {path.name for path in (ROOT / "systemd").glob("*.service")} == EXPOSURE.keys()
    assert {path.name for path in (ROOT / IMAGE).glob("*.service")} == EXPOSURE_OF_THE_IMAGE.keys()


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


@pytest.mark.parametrize(
    ("unit", "limit"),
    [(f"systemd/{name}", limit) for name, limit in EXPOSURE.items()]
    + [(f"{IMAGE}/{name}", limit) for name, limit in EXPOSURE_OF_THE_IMAGE.items()],
)
def test_services_are_confined(unit: str, limit: float) -> None:
    judge(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={limit * 10:.0f}",
         ROOT / unit],
        cure=f"take rights away until the exposure is at most {limit} (systemd.exec(5), Sandboxing)",
    )  # fmt: skip
