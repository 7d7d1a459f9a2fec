"""A new version of the package that fails is put back by itself, and the session lives through all of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from failberry import __version__

from .lab import INSTALL_DEADLINE, Lab, package
from .product import SERVERS, Product
from .vm import BOOT_DEADLINE

pytestmark = pytest.mark.timeout(1200)

NEW = "99.0"
"""Newer than anything."""
PYTHON = "usr/lib/python3/dist-packages/failberry"
NOTED = "/var/lib/failberry-upgrade/refused"
DIAL_TIME = 60.0


def nothing(_: Path) -> None:
    """As it was, but for its number."""


def crashes(tree: Path) -> None:
    """The daemon, and failberryctl, end at their start."""
    (tree / PYTHON / "__init__.py").write_text('raise RuntimeError("a bad day")\n')


def hangs(tree: Path) -> None:
    """It never says READY."""
    program = tree / "usr/sbin/failberryd"
    program.write_text(program.read_text().replace("import sys\n", "import sys, time\ntime.sleep(9999)\n", 1))


def loses_both_lines(tree: Path) -> None:
    """All that leaves this machine is unreachable: a rule too much, before all others."""
    routing = tree / PYTHON / "core/routing.py"
    wrong = "rules=(RoutingRule(family=4, priority=20010, table=None), *rules)"
    text = routing.read_text()
    assert "rules=tuple(rules)" in text
    routing.write_text(text.replace("rules=tuple(rules)", wrong))


def refuses_to_be_configured(tree: Path) -> None:
    """Its maintainer script fails."""
    (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nexit 1\n")


def version(folder: Path, number: str, change: Callable[[Path], None]) -> bytes:
    """The package that is tested, under another number and with a change."""
    deb = package()
    assert deb is not None, "FAILBERRY_DEB names no package: use `make lab`"
    tree, built = folder / "tree", folder / "built.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True, timeout=60)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {__version__}\n", f"Version: {number}\n"))
    change(tree)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, built],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return built.read_bytes()


class House(Product):
    """The Pi with both lines up, and a new version beside it."""

    def offered(self, new: bytes) -> None:
        """All is well, and a new version has been downloaded."""
        self.up()
        # A good version is known sooner: the lab's patience is short.
        self.vm.put(
            "/etc/systemd/system/failberry-upgrade-watch.service.d/lab.conf",
            "[Service]\nEnvironment=FAILBERRY_WATCH_SECONDS=40\n",
        )
        self.vm.run(["systemctl", "daemon-reload"])
        self.vm.put("/root/new.deb", new)

    def upgrade(self, *, check: bool = True) -> None:
        """Install it, as an owner would."""
        self.vm.run(["dpkg", "--install", "/root/new.deb"], timeout=INSTALL_DEADLINE, check=check)

    def installed(self) -> str:
        """State and version."""
        shown = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "failberry"]
        return self.vm.run(shown).stdout

    def judged(self, *, deadline: float) -> None:
        """Wait for the verdict."""
        self.vm.wait_until(
            "! test -e /var/lib/failberry-upgrade/state"
            " && ! systemctl is-active --quiet failberry-upgrade-watch.service",
            deadline=deadline,
            every=1,
        )

    def cut_power(self) -> None:
        """Off and on again, without a word; its file system has no journal, so let it ``sync`` before."""
        with self.vm._turn:
            self.vm.monitor("system_reset")
            self.vm._reach_agent(BOOT_DEADLINE)
            self.vm._set_clock()

    def carries(self) -> bool:
        """Whether a request leaves over the mobile line and is answered."""
        return self.lab.asks("mobile", SERVERS[0]) is not None


@pytest.fixture
def house(lab: Lab) -> House:
    return House(lab)


@pytest.mark.soak
def test_a_good_version_stays(house: House, tmp_path: Path) -> None:
    house.offered(version(tmp_path, NEW, nothing))
    pppd = house.pppd()
    house.upgrade()
    assert house.carries(), "nothing was cut"
    house.judged(deadline=180)
    assert house.installed() == f"installed {NEW}"
    assert house.pppd() == pppd
    assert house.carries()
    assert house.vm.run(["test", "-e", NOTED], check=False).rc == 1
    # It can be gone back to by hand: what was kept is a package like any other.
    house.vm.run(["dpkg", "--install", "/var/lib/failberry-upgrade/previous.deb"], timeout=INSTALL_DEADLINE)
    assert house.vm.run(["dpkg", "--verify", "failberry"]).stdout == ""
    assert house.installed() == f"installed {__version__}"


@pytest.mark.parametrize(
    ("change", "reason", "deadline"),
    [
        (crashes, "ended by itself", 240),
        pytest.param(hangs, "not ready", 420, marks=pytest.mark.soak),
        pytest.param(loses_both_lines, "no line for 90 s", 360, marks=pytest.mark.soak),
        pytest.param(refuses_to_be_configured, "could not be installed", 300, marks=pytest.mark.soak),
    ],
)
def test_a_bad_version_goes_back(
    house: House, tmp_path: Path, change: Callable[[Path], None], reason: str, deadline: float
) -> None:
    house.offered(version(tmp_path, NEW, change))
    pppd = house.pppd()
    house.upgrade(check=False)
    house.judged(deadline=deadline)
    assert house.installed() == f"installed {__version__}"
    house.connected()
    assert house.carries()
    if change is loses_both_lines:
        # Over a line on which nothing comes back the bad version may dial again before it is known to be bad.
        assert house.sim("get", "counters")["dials"] <= 2
    else:
        assert house.pppd() == pppd, "the session was adopted, not dialled again"
        assert house.sim("get", "counters")["dials"] == 1
    assert house.vm.run(["dpkg", "--verify", "failberry"]).stdout == ""

    # The owner hears of it, and apt does not bring it again.
    told = house.await_status(
        lambda status: any(
            each["code"] == "version_refused" and "was put back" in each["text"]
            for each in status["warnings"]
        ),
        deadline=60,
        what="the notice",
    )
    (notice,) = (each for each in told["warnings"] if each["code"] == "version_refused")
    assert NEW in notice["text"]
    assert reason in notice["text"]
    assert f"{__version__} was put back" in notice["text"]
    journal = house.vm.run("journalctl -u failberry-upgrade-watch --no-pager").stdout
    assert f"{NEW} is refused" in journal
    assert f"Pin: version {NEW}" in house.vm.get("/etc/apt/preferences.d/failberry-refused").decode()


@pytest.mark.soak
def test_the_power_goes_while_the_old_version_is_put_back(house: House, tmp_path: Path) -> None:
    house.offered(version(tmp_path, NEW, crashes))
    # In the middle of dpkg's work: the old version is being unpacked.
    house.vm.put(
        "/etc/dpkg/dpkg.cfg.d/zz-power",
        "pre-invoke=! grep -qsx phase=back /var/lib/failberry-upgrade/state || : > /run/dpkg-begins\n",
    )
    house.upgrade(check=False)
    house.vm.wait_until("test -e /run/dpkg-begins", deadline=240, every=0.1)
    house.vm.run("rm /etc/dpkg/dpkg.cfg.d/zz-power; sync", timeout=30)
    house.cut_power()
    house.judged(deadline=300)
    assert house.installed() == f"installed {__version__}"
    assert house.vm.run(["dpkg", "--audit"]).stdout == ""
    assert house.vm.run(["dpkg", "--verify", "failberry"]).stdout == ""
    assert house.vm.run(["systemctl", "is-active", "failberry"]).stdout == "active\n"
    assert "was put back" in house.vm.get(NOTED).decode()
