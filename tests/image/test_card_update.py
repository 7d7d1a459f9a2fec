"""The card updates itself: a real unattended-upgrade in the other slot, its trial, and every way back.

The boot loader is the model of :meth:`tests.image.machine.Machine.boot_loader`; that U-Boot does the same is
shown by test_boot_script.py.  Hours are made minutes by changing a number in the running system's memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.card import MIB, ROOT_B, Card
from tests.image.conftest import Flash, flashing
from tests.image.machine import Machine, MachineError
from tests.image.updates import HASTY, HOUSE, NETWORK, NEWER, SYSTEM, Release, hurry, inside, surroundings
from tests.netns.namespace import Namespace

ASK = "failberryctl system update --no-wait"
WIRED: dict[str, Any] = {"networks": (NETWORK,), "arguments": ("-no-reboot",)}
"""Its network; and it is off where it would restart, so that the card can be looked at."""
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


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card whose machine has made its update and was switched off to try it."""
    folder = tmp_path_factory.mktemp("updated")
    release = Release(folder)
    release.publish()
    with surroundings(release.folder) as place, flashing() as flash:
        pi = asking(release, place, flash)
        start(pi)
        restart_into_trial(pi)
        return Card.flashed(pi.card.path, folder).path


@pytest.fixture
def trying(updated: Path, place: Namespace, flash: Flash) -> Machine:
    """A machine with a copy of that card, which is off."""
    return flash(used=updated, owners_file="", **WIRED, started_by=inside(place))


def asking(release: Release, place: Namespace, flash: Flash) -> Machine:
    """A card that asks the release's archive; in a machine whose wired line leads there."""
    machine = flash(owners_file=HOUSE, **WIRED, started_by=inside(place))
    release.trusted_by(machine.card)
    return machine


def start(machine: Machine) -> None:
    machine.power_on()
    machine.wait_for_boot()


def hasten(machine: Machine) -> None:
    """Its wired line has been up for a day; in memory, so that the other slot asks its daemon."""
    machine.run(f'sed -i "s/^    def lines(self).*/&\\n        {HASTY}/" {SYSTEM}/updatehost.py')


def update(machine: Machine) -> str:
    """Ask for an update; return what was told, or that it restarted."""
    hasten(machine)
    machine.run(ASK)
    asked = "cat /run/failberry-system/progress.json | grep -F '\"running\": false'"
    try:
        return str(json.loads(machine.wait_until(asked, deadline=UPDATE_DEADLINE))["words"])
    except MachineError:
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


def test_a_good_update_is_tried_and_kept(trying: Machine, tmp_path: Path) -> None:
    hurry(trying.card, tmp_path)
    start(trying)
    assert "failberry.slot=b" in trying.run("cat /proc/cmdline")
    trying.wait_until("failberryctl system status --json | grep -F committed", deadline=VERDICT_DEADLINE)
    told = state(trying)
    assert told["slots"]["b"]["failberry"] == NEWER
    assert told["slots"]["b"]["verdict"] == "good"
    trying.shut_down()
    env = trying.card.slot_env()
    assert (env["slot"], env["trial"], env["data"]) == ("b", "", "made")
    assert not trying.card.file_system_faults(ROOT_B)


def test_a_slot_without_a_line_goes_back_with_the_reason(trying: Machine, tmp_path: Path) -> None:
    hurry(trying.card, tmp_path, after=120.0)
    trying.power_on(more="systemd.mask=failberry.service")
    trying.wait_for_end(deadline=VERDICT_DEADLINE)
    assert trying.card.slot_env()["slot"] == "a"
    start(trying)
    told = state(trying)
    assert told["running"] == "a"
    assert told["last"]["outcome"] == "gave-up"
    assert "does not answer" in told["last"]["reason"]
    assert told["refused"]["packages_hash"] == told["slots"]["b"]["packages_hash"]


@pytest.mark.parametrize("broken", ["start", "root"])
def test_a_slot_that_never_starts_goes_back(trying: Machine, broken: str) -> None:
    more = ""
    if broken == "root":
        trying.card.damage(ROOT_B, 0, 64 * MIB)
    else:
        more = "rdinit=/nowhere panic=1"
    for _ in range(2):
        trying.power_on(more=more)
        trying.wait_for_end(deadline=VERDICT_DEADLINE)
    start(trying)
    told = state(trying)
    assert told["running"] == "a"
    assert told["last"]["outcome"] == "rolled-back"
    assert "no sign of life" in told["last"]["reason"]
    # A person who looks at the lines is told, too, and why.
    assert re.search(r"no\s+sign\s+of\s+life", trying.run("failberryctl status", check=False))


def test_a_slot_that_is_full_is_not_even_tried(machine: Callable[[], Machine], release: Release) -> None:
    release.publish(postinst="head -c 3G /dev/zero >/var/tmp/much")
    pi = machine()
    start(pi)
    assert "No space left on device" in update(pi)
    told = state(pi)
    assert (told["running"], told["last"]["outcome"]) == ("a", "failed")
    pi.shut_down()
    assert pi.card.slot_env()["trial"] == ""
    assert "vmlinuz" not in pi.card.names("b")


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
