"""The card updates itself in QEMU's Pi 3: a real unattended-upgrade, U-Boot's trial of it, every way back.

test_card_update.py has the same for a machine that is faster, with the boot loader by its model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from failberry.system import slots
from failberry.system.slots import DataState, Slot, SlotEnv
from tests.image import pi3
from tests.image.card import MIB, ROOT_A, ROOT_B, Card, scratch
from tests.image.conftest import image
from tests.image.updates import HOUSE, NEWER, Release, hurry

BOOT_DEADLINE, UPDATE_DEADLINE = 900.0, 3600.0
ON_A = SlotEnv(slot=Slot.A, data=DataState.MADE)
pytestmark = pytest.mark.timeout(9000)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where cards lie."""
    made = scratch()
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A card whose machine has made its update and is off where it would restart to try it."""
    folder, card_folder = tmp_path_factory.mktemp("updated"), scratch()
    release = Release(folder)
    release.publish()
    card = asking(release, card_folder)
    with pi3.powered(card, folder, archive=release.folder, restarts=False) as machine:
        machine.wait_for_restart(deadline=UPDATE_DEADLINE)
    env = slots.parse(card.get("slot.env"))
    assert env == SlotEnv(slot=Slot.A, trial=Slot.B, tries=2, data=DataState.MADE)
    card.remove(pi3.UPDATE_NOW)
    yield card.path
    shutil.rmtree(card_folder)


@pytest.fixture
def trying(updated: Path, folder: Path) -> Card:
    """A copy of it."""
    return Card.flashed(updated, folder)


def asking(release: Release, folder: Path) -> Card:
    """A card that was just flashed, and asks the release's archive at once."""
    card = Card.flashed(image("arm64"), folder)
    card.put("failberry.toml", HOUSE)
    card.put(pi3.UPDATE_NOW, "")
    release.trusted_by(card)
    pi3.tame(card, folder)
    pi3.hasten(card, folder)
    return card


def asking_again(release: Release, folder: Path) -> Card:
    """The same, with the other slot as an update before has left it: it is quickly copied."""
    card = asking(release, folder)
    card.copy(ROOT_A, card.path, seek=ROOT_B)
    return card


def last(outcome: str) -> Callable[[str], bool]:
    """Whether slot a runs, and tells that the last run ended so."""

    def told(said: str) -> bool:
        return any(
            (each.get("running"), (each.get("last") or {}).get("outcome")) == ("a", outcome)
            for each in pi3.told(said)[-1:]
        )

    return told


def comes_back(card: Card, folder: Path, outcome: str, *, deadline: float) -> tuple[str, dict[str, Any]]:
    """Let U-Boot try slot b; all that is said until slot a tells how that ended, and what it tells."""
    with pi3.powered(card, folder) as machine:
        said = machine.wait(last(outcome), deadline=deadline, grace=5.0)
    assert slots.parse(card.get("slot.env")) == ON_A
    return said, pi3.told(said)[-1]


def test_a_good_update_is_tried_and_kept(trying: Card, tmp_path: Path) -> None:
    hurry(trying, tmp_path)
    with pi3.powered(trying, tmp_path) as machine:
        said = machine.wait(lambda _: trying.slot_env()["slot"] == "b", deadline=2 * BOOT_DEADLINE, grace=5.0)
    assert said.count("failberry: slot b") == 1, said
    assert slots.parse(trying.get("slot.env")) == SlotEnv(slot=Slot.B, data=DataState.MADE)
    kept = pi3.state(trying, tmp_path)
    assert kept["slots"]["b"]["verdict"] == "good"
    assert kept["slots"]["b"]["failberry"] == NEWER
    assert kept["last"]["outcome"] == "committed"


def test_a_slot_that_never_gets_a_line_goes_back_with_the_reason(trying: Card, tmp_path: Path) -> None:
    hurry(trying, tmp_path, after=120.0)
    pi3.link(trying, ROOT_B, "/etc/systemd/system/systemd-networkd.service", "/dev/null")
    said, told = comes_back(trying, tmp_path, "gave-up", deadline=3 * BOOT_DEADLINE)
    assert said.count("failberry: slot b") == 1, said
    assert "no line works" in told["last"]["reason"]
    assert told["refused"]["packages_hash"] == told["slots"]["b"]["packages_hash"]


def test_a_broken_root_goes_back_with_the_reason(trying: Card, tmp_path: Path) -> None:
    trying.damage(ROOT_B, 0, 64 * MIB)
    said, told = comes_back(trying, tmp_path, "rolled-back", deadline=3 * BOOT_DEADLINE)
    assert said.count("failberry: slot b") == 2 + 1, said  # started twice, then given up
    assert "no sign of life" in told["last"]["reason"]


def test_a_slot_that_is_full_is_not_even_tried(folder: Path, tmp_path: Path) -> None:
    much = "head -c 3G /dev/zero >/var/tmp/much"
    told = stays(folder, tmp_path, "failed", Release(tmp_path), postinst=much)
    assert "No space left on device" in told["last"]["reason"]


def test_an_unsigned_source_is_refused(folder: Path, tmp_path: Path) -> None:
    told = stays(folder, tmp_path, "refused", Release(tmp_path, signed=False))
    assert "is not signed" in told["last"]["reason"]


def stays(folder: Path, tmp_path: Path, outcome: str, release: Release, **published: str) -> dict[str, Any]:
    """Have a card ask for that release; slot a runs on, and this is what it tells."""
    release.publish(**published)
    card = asking_again(release, folder)
    with pi3.powered(card, tmp_path, archive=release.folder, restarts=False) as machine:
        said = machine.wait(last(outcome), deadline=UPDATE_DEADLINE, grace=5.0)
    assert slots.parse(card.get("slot.env")) == ON_A
    assert "vmlinuz" not in card.names("b")
    return pi3.told(said)[-1]


def test_power_that_fails_while_it_updates(folder: Path, tmp_path: Path) -> None:
    release = Release(tmp_path)
    release.publish()
    card = asking_again(release, folder)
    with pi3.powered(card, tmp_path, archive=release.folder, restarts=False) as machine:
        machine.wait(lambda said: pi3.step(said) == "install", deadline=UPDATE_DEADLINE)
    card.remove(pi3.UPDATE_NOW)
    with pi3.powered(card, tmp_path) as machine:
        said = machine.wait(lambda said: bool(pi3.told(said)), deadline=BOOT_DEADLINE, grace=5.0)
    assert said.count("failberry: slot a") == 1
    assert "failberry: slot b" not in said
    assert pi3.told(said)[-1]["running"] == "a"
    assert slots.parse(card.get("slot.env")) == ON_A
    assert "vmlinuz" not in card.names("b"), "U-Boot would take it for whole"
