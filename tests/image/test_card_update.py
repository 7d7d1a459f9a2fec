"""The card updates itself: a real unattended-upgrade in the other slot, its trial, and every way back.

The boot loader is the model of :meth:`tests.image.machine.Machine.boot_loader`; that U-Boot does the same is
shown by test_boot_script.py.  Hours are made minutes by changing a number in the running system's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.card import ROOT_B
from tests.image.conftest import Flash
from tests.image.machine import Machine, MachineError
from tests.image.updates import HOUSE, NETWORK, NEWER, SYSTEM, Release, hurry, inside, surroundings
from tests.netns.namespace import Namespace

ASK = "failberryctl system update --no-wait"
UPDATE_DEADLINE = 900.0
VERDICT_DEADLINE = 1500.0
pytestmark = pytest.mark.timeout(6000)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path)


@pytest.fixture
def place(release: Release) -> Iterator[Namespace]:
    with surroundings(release.folder) as place:
        yield place


@pytest.fixture
def machine(place: Namespace, flash: Flash, release: Release) -> Callable[[], Machine]:
    return lambda: asking(release, place, flash)


def asking(release: Release, place: Namespace, flash: Flash) -> Machine:
    """A card that asks the release's archive; in a machine whose wired line leads there."""
    machine = flash(networks=(NETWORK,), started_by=inside(place), owners_file=HOUSE)
    release.trusted_by(machine.card)
    return machine


def start(machine: Machine) -> None:
    machine.power_on()
    machine.wait_for_boot()


def hasten(machine: Machine) -> None:
    """The wired line has been up for a day; in memory, so that the other slot asks its daemon."""
    told = "return Lines(active='wired', wired_state='up', wired_for=9e4)"
    machine.run(f'sed -i "s/^    def lines(self).*/&\\n        {told}/" {SYSTEM}/updatehost.py')


def update(machine: Machine) -> str:
    """Ask for an update; return what was told, or that it restarted."""
    hasten(machine)
    machine.run(ASK)
    asked = "cat /run/failberry-system/progress.json | grep -F '\"running\": false'"
    try:
        return str(json.loads(machine.wait_until(asked, deadline=UPDATE_DEADLINE))["words"])
    except (MachineError, ConnectionResetError):
        if machine.ends(within=20):
            return "restart"
        raise


def restart_into_trial(machine: Machine) -> None:
    update(machine)
    machine.wait_for_end(deadline=300)
    assert machine.card.slot_env()["trial"] == "b"
    assert machine.card.names("b")


def state(machine: Machine) -> dict[str, Any]:
    """What is known of the slots."""
    told: dict[str, Any] = json.loads(machine.run("failberryctl system status --json", check=False))
    return told


def test_a_good_update_is_tried_and_kept(
    machine: Callable[[], Machine], release: Release, tmp_path: Path
) -> None:
    release.publish()
    pi = machine()
    pi.arguments += ("-no-reboot",)
    start(pi)
    restart_into_trial(pi)
    hurry(pi.card, tmp_path)
    start(pi)
    assert "failberry.slot=b" in pi.run("cat /proc/cmdline")
    pi.wait_until("failberryctl system status --json | grep -F committed", deadline=VERDICT_DEADLINE)
    told = state(pi)
    assert told["slots"]["b"]["failberry"] == NEWER
    assert told["slots"]["b"]["verdict"] == "good"
    pi.shut_down()
    env = pi.card.slot_env()
    assert (env["slot"], env["trial"], env["data"]) == ("b", "", "made")
    assert not pi.card.file_system_faults(ROOT_B)


def test_a_slot_without_a_line_goes_back_with_the_reason(
    machine: Callable[[], Machine], release: Release, tmp_path: Path
) -> None:
    release.publish()
    pi = machine()
    pi.arguments += ("-no-reboot",)
    start(pi)
    restart_into_trial(pi)
    hurry(pi.card, tmp_path)
    pi.power_on(more="systemd.mask=failberry.service")
    pi.wait_for_end(deadline=VERDICT_DEADLINE)
    assert pi.card.slot_env()["slot"] == "a"
    start(pi)
    told = state(pi)
    assert told["running"] == "a"
    assert told["last"]["outcome"] == "gave-up"
    assert "does not answer" in told["last"]["reason"]
    assert told["refused"]["packages_hash"] == told["slots"]["b"]["packages_hash"]


def test_a_slot_that_never_starts_goes_back(machine: Callable[[], Machine], release: Release) -> None:
    release.publish()
    pi = machine()
    pi.arguments += ("-no-reboot",)
    start(pi)
    restart_into_trial(pi)
    for _ in range(2):
        pi.power_on(more="rdinit=/nowhere panic=1")
        pi.wait_for_end(deadline=VERDICT_DEADLINE)
    start(pi)
    told = state(pi)
    assert told["running"] == "a"
    assert told["last"]["outcome"] == "rolled-back"
    assert "no sign of life" in told["last"]["reason"]


def test_an_unsigned_source_is_refused(flash: Flash, tmp_path: Path) -> None:
    release = Release(tmp_path, signed=False)
    release.publish()
    with surroundings(release.folder) as place:
        pi = asking(release, place, flash)
        start(pi)
        assert "is not signed" in update(pi)
        assert state(pi)["last"]["outcome"] == "refused"
        pi.shut_down()
    assert pi.card.slot_env()["trial"] == ""
    assert "vmlinuz" not in pi.card.names("b")


@pytest.mark.parametrize("step", ["sync", "install", "place"])
def test_power_that_fails_while_it_updates(
    machine: Callable[[], Machine], release: Release, step: str
) -> None:
    release.publish()
    pi = machine()
    pi.arguments += ("-no-reboot",)
    start(pi)
    hasten(pi)
    pi.run(ASK)
    pi.wait_until(
        f'grep -F \'"step": "{step}"\' /run/failberry-system/progress.json', deadline=UPDATE_DEADLINE
    )
    pi.cut_power()
    assert pi.card.slot_env()["slot"] == "a"
    start(pi)
    assert state(pi)["running"] == "a"
    restart_into_trial(pi)
