"""etc/upgrade/upgrade-watch: which versions stay, which are put back, whatever happens in between."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.netns.upgrades import Machine

pytestmark = pytest.mark.netns
WATCHED = 600


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Version 1 is installed and works."""
    made = Machine(tmp_path)
    assert made.install(made.package("1", "works")) == 0
    assert made.installed == "installed 1"
    return made


def contents(deb: Path) -> str:
    listing = subprocess.run(
        ["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True, timeout=30
    )
    # Without the time of folders, which nobody keeps.
    return "\n".join(
        sorted(" ".join(line.split()[:2] + line.split()[5:]) for line in listing.stdout.splitlines())
    )


def control(deb: Path, folder: Path) -> dict[str, list[str]]:
    subprocess.run(["dpkg-deb", "--control", deb, folder], check=True, timeout=30)
    # dpkg orders the fields in its own way, and sums up what nobody has summed up.
    return {
        each.name: sorted(each.read_text().splitlines())
        if each.name == "control"
        else each.read_text().splitlines()
        for each in sorted(folder.iterdir())
        if each.name != "md5sums"
    }


def test_a_good_version_stays(machine: Machine) -> None:
    assert machine.install(machine.package("2", "works")) == 0
    said = machine.watch()
    assert "2 is kept" in said
    assert machine.installed == "installed 2"
    assert WATCHED <= machine.passed <= WATCHED + 30
    assert machine.told() == {}
    assert machine.watch() == "not armed"


def test_what_is_kept_is_the_package_that_was_installed(machine: Machine, tmp_path: Path) -> None:
    machine.install(machine.package("2", "works"))
    kept, original = machine.root / "var/lib/failberry-upgrade/previous.deb", tmp_path / "packages/1.deb"
    assert contents(kept) == contents(original)
    assert control(kept, tmp_path / "kept") == control(original, tmp_path / "original")


@pytest.mark.parametrize(
    ("behaviour", "reason", "within"),
    [
        ("crashes", "ended by itself", 60),
        ("hangs", "not ready after 120 s", 140),
        ("loses", "its daemon has none", 120),
        ("cuts", "none of 192.0.2.1 answers", 120),
        ("broken", "its daemon has none", 120),
    ],
)
def test_a_bad_version_goes_back(machine: Machine, behaviour: str, reason: str, within: int) -> None:
    machine.install(machine.package("2", behaviour))
    machine.watch()
    assert machine.installed == "installed 1"
    told = machine.told()
    assert reason in told.pop("reason")
    assert told.pop("at").startswith("20")
    assert told == {"version": "2", "previous": "1", "outcome": "was put back"}
    assert machine.pins() == ["2"]
    assert machine.passed <= within
    assert machine.watch() == "not armed"


@pytest.mark.parametrize("script", ["postinst", "preinst"])
def test_maintainer_scripts_that_fail(machine: Machine, script: str) -> None:
    only_configure = 'if [ "$1" = configure ] || [ "$1" = upgrade ]; then exit 1; fi'
    assert machine.install(machine.package("2", "works", scripts={script: only_configure})) != 0
    machine.watch()
    assert machine.installed == "installed 1"
    # What was never unpacked was called off, and may come again.
    assert machine.pins() == (["2"] if script == "postinst" else [])


def test_an_outage_that_began_before_is_nobodys_fault(machine: Machine) -> None:
    (machine.world / "outage").touch()
    machine.install(machine.package("2", "works"))
    machine.watch()
    assert machine.installed == "installed 2"


def test_a_short_outage_is_no_verdict(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    machine.at(550, 'touch "$WORLD/outage"')
    machine.at(620, 'rm "$WORLD/outage"')
    machine.watch()
    assert machine.installed == "installed 2"
    assert machine.passed >= 620, "not judged while there is no line"


def test_lines_that_are_lost_late_count(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    machine.at(590, 'touch "$WORLD/outage"')
    machine.watch()
    assert machine.installed == "installed 1"


def test_nothing_is_watched_where_nothing_ran(machine: Machine) -> None:
    (machine.world / "stopped").touch()
    machine.install(machine.package("2", "crashes"))
    assert machine.watch() == "not armed"
    assert machine.installed == "installed 2"


def test_the_image_has_its_own_way_back(machine: Machine) -> None:
    (machine.root / "proc/cmdline").write_text("quiet failberry.slot=a\n")
    machine.install(machine.package("2", "crashes"))
    assert machine.watch() == "not armed"


def test_the_owner_may_stop_it(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    machine.at(100, 'touch "$WORLD/stopped"')
    assert "stopped by its owner" in machine.watch()
    assert machine.installed == "installed 2"


def test_the_owner_may_remove_it(machine: Machine) -> None:
    machine.install(machine.package("2", "crashes"))
    machine.at(5, "/usr/bin/dpkg --remove failberry")
    machine.watch()
    assert machine.installed in {"", "config-files 2"}


def test_no_loop(machine: Machine) -> None:
    machine.install(machine.package("2", "crashes"))
    # Whatever made version 1 work is gone as well.
    behaviour = machine.root / "usr/share/failberry/behaviour"
    machine.at(60, f"echo crashes >{behaviour}")
    (machine.bin / "dpkg").write_text(f'#!/bin/sh\n/usr/bin/dpkg "$@"; echo hangs >{behaviour}\n')
    said = machine.watch()
    assert "there is nothing else to go back to" in said or machine.told()["outcome"].endswith(
        "not ready either"
    )
    assert machine.installed == "installed 1"
    assert machine.watch() == "not armed"


def test_refused_versions_add_up_until_one_is_good(machine: Machine) -> None:
    for version in ("2", "3"):
        machine.install(machine.package(version, "crashes"))
        machine.watch()
    assert machine.pins() == ["2", "3"]
    assert machine.told()["version"] == "3"
    machine.install(machine.package("4", "works"))
    assert machine.pins() == ["2", "3"], "not proven yet"
    machine.watch()
    assert machine.pins() == []
    assert machine.told() == {}


def test_an_upgrade_of_an_upgrade_goes_back_to_what_worked(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    machine.install(machine.package("3", "crashes"))
    machine.watch()
    assert machine.installed == "installed 1", "version 2 was never proven"


def test_a_machine_that_keeps_rebooting(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    for _ in range(3):
        (machine.world / "cut").write_text("1")
        machine.at(machine.passed + 20, 'echo 1 >"$WORLD/cut"; power x')
        (machine.world / "cut").unlink()
        machine.watch()
        assert machine.installed == "installed 2"
        machine.reboot()
    machine.watch()
    assert machine.installed == "installed 1"
    assert "rebooted 3 times" in machine.told()["reason"]


def test_a_reboot_in_the_middle_goes_on_with_the_watch(machine: Machine) -> None:
    machine.install(machine.package("2", "works"))
    machine.at(300, 'echo 1 >"$WORLD/cut"; power x')
    machine.watch()
    machine.reboot()
    machine.at(machine.passed + 30, 'touch "$WORLD/outage"')
    machine.watch()
    assert machine.installed == "installed 1"
    assert "no line for 300 s" in machine.told()["reason"], "a stick needs its time after a boot"


def test_the_power_may_go_at_any_moment_of_the_way_back(machine: Machine) -> None:
    bad = machine.package("2", "crashes")
    moment, cuts = 0, 0
    while True:
        moment += 1
        assert moment < 60
        machine.install(bad)
        (machine.world / "cut").write_text(str(moment))
        machine.watch()
        went = int((machine.world / "cut").read_text()) <= 0
        cuts += went
        for _ in range(3):
            machine.reboot()
            machine.watch()
        assert machine.installed == "installed 1", f"the power went at moment {moment}"
        assert machine.told()["version"] == "2"
        if not went:
            break
    assert cuts >= 8


def test_the_power_may_go_while_the_new_one_is_unpacked(machine: Machine) -> None:
    died = machine.package(
        "2", "works", scripts={"postinst": '[ ! -e "$WORLD/first" ] || { rm "$WORLD/first"; kill -9 0; }'}
    )
    (machine.world / "first").touch()
    machine.install(died)
    assert machine.installed == "half-configured 2"
    machine.reboot()
    said = machine.watch()
    assert "it is configured" in said
    assert machine.installed == "installed 2"
    assert machine.pins() == []


def test_dpkg_is_waited_for(machine: Machine) -> None:
    lock = machine.root / "var/lib/dpkg/lock-frontend"
    machine.install(machine.package("2", "crashes"))
    lock.touch()
    (machine.root / "proc/locks").write_text(
        f"1: POSIX  ADVISORY  WRITE 77 fe:01:{lock.stat().st_ino} 0 EOF\n"
    )
    machine.at(400, f": >{machine.root}/proc/locks")
    machine.watch()
    assert machine.installed == "installed 1"
    assert machine.passed >= 400


def test_the_owner_may_have_it_nevertheless(machine: Machine) -> None:
    machine.install(machine.package("2", "crashes"))
    machine.watch()
    program = machine.root / "usr/lib/failberry/upgrade-watch"
    subprocess.run(
        ["/bin/sh", program, "forget"], env=machine.environment, check=True, timeout=30, capture_output=True
    )
    assert machine.pins() == []
    assert machine.told() == {}
