"""Power that fails at any moment, damaged data, a card that is too small, an owner who starts afresh."""

from __future__ import annotations

import os
import random

import pytest

from tests.image.card import DATA, MIB, Card
from tests.image.conftest import OWNERS_FILE, Flash
from tests.image.machine import Machine
from tests.image.test_boot import look_over, wait_ready

REPEAT = int(os.environ.get("FAILBERRY_REPEAT", "3"))
SEED = int(os.environ.get("FAILBERRY_SEED", "0")) or random.randrange(1, 1 << 31)  # noqa: S311 - moments, no secrets
ASK_STORES = """\
import pathlib, sqlite3
for path in pathlib.Path("/var/lib/failberry").iterdir():
    if path.is_file() and path.open("rb").read(6) == b"SQLite":
        print(*sqlite3.connect(path).execute("pragma integrity_check").fetchone())
"""
LONGEST = 90.0
"""Seconds until the plug is pulled, at most; all of the first boot lies within."""


def cut_at_random(machine: Machine, chance: random.Random) -> float:
    """Switch on, wait, pull the plug; return after how many seconds."""
    moment = chance.uniform(1.0, LONGEST)
    machine.power_on()
    machine.cut_power(after=moment)
    return moment


def whole(machine: Machine) -> str:
    """Boot; state must be intact. Returns who it is."""
    machine.power_on()
    wait_ready(machine)
    machine.wait_for_boot()
    return state(machine)


def state(machine: Machine) -> str:
    """That of one that has booted must be intact. Returns who it is."""
    assert machine.run("cat /run/failberry-data.problem", check=False).count("No such file")
    assert machine.run("hostname").strip() == "garden"
    assert machine.run("test -s /etc/failberry/failberry.toml && echo there").strip() == "there"
    # The history is the daemon's alone while it runs.
    machine.run("systemctl stop failberry.service")
    assert set(machine.run(f"python3 - <<'END'\n{ASK_STORES}END").split()) == {"ok"}
    return machine.run("cat /etc/machine-id; ssh-keygen -y -f /data/ssh/ssh_host_ed25519_key | cut -d' ' -f2")


@pytest.mark.smoke
def test_power_fails_in_the_midst_of_it(flash: Flash) -> None:
    chance = random.Random(SEED)  # noqa: S311
    print(f"FAILBERRY_SEED={SEED}")
    machine = flash()
    # The first of them is within the first boot.
    moments = [cut_at_random(machine, chance) for _ in range(REPEAT)]
    machine.power_on()
    wait_ready(machine)
    look_over(machine)
    first = state(machine)
    machine.cut_power()
    assert not machine.card.file_system_faults(DATA), moments
    assert not machine.card.boot_faults(), moments
    moments += [cut_at_random(machine, chance)]
    assert whole(machine) == first, moments
    machine.cut_power()
    print("cut after", ", ".join(f"{moment:.1f} s" for moment in moments))


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_fifty_power_cuts(flash: Flash) -> None:
    chance = random.Random(SEED)  # noqa: S311
    print(f"FAILBERRY_SEED={SEED}")
    machine, who = flash(), ""
    for number in range(max(REPEAT, 50)):
        moment = cut_at_random(machine, chance)
        assert not machine.card.boot_faults(), (number, moment)
        if machine.card.slot_env()["data"] == "made":
            assert not machine.card.file_system_faults(DATA), (number, moment)
        print(f"cut {number + 1} after {moment:.1f} s", flush=True)
        if number % 5 == 4:
            now = whole(machine)
            machine.cut_power()
            assert who in ("", now), (number, moment)
            who = now
            print("whole", flush=True)


def test_a_damaged_superblock_is_repaired_and_nothing_is_lost(flash: Flash) -> None:
    machine = flash()
    machine.power_on()
    wait_ready(machine)
    who = machine.run("cat /etc/machine-id")
    machine.shut_down()
    machine.card.damage(DATA, 1024, 1024)
    machine.power_on()
    wait_ready(machine)
    assert machine.run("cat /etc/machine-id") == who
    assert "repaired" in machine.run("cat /run/failberry-data.repaired")
    machine.shut_down()
    assert not machine.card.file_system_faults(DATA)


def test_what_cannot_be_repaired_is_left_alone_and_told(flash: Flash) -> None:
    machine = flash()
    machine.power_on()
    wait_ready(machine)
    machine.shut_down()
    # All of it, with each copy of the superblock.
    size = dict(machine.card.partitions())[DATA]
    machine.card.damage(DATA, 0, size * MIB)
    machine.power_on()
    machine.wait_for_boot()
    assert "FACTORY-RESET" in machine.run("cat /run/failberry-data.problem")
    assert "tmpfs" in machine.run("findmnt --noheadings --output FSTYPE /data")
    assert "FACTORY-RESET" in machine.run("cat /boot/firmware/VERDICT.txt")
    machine.shut_down()
    machine.card.put("FACTORY-RESET", "")
    machine.card.put("failberry.toml", OWNERS_FILE)
    whole(machine)
    machine.shut_down()
    assert "FACTORY-RESET" not in machine.card.names()
    assert not machine.card.file_system_faults(DATA)


def test_a_factory_reset_makes_another_machine_of_it(flash: Flash) -> None:
    machine = flash()
    who = whole(machine)
    machine.shut_down()
    machine.card.put("FACTORY-RESET.txt", "")
    machine.power_on()
    machine.wait_for_boot()
    now = machine.run("cat /etc/machine-id; ssh-keygen -y -f /data/ssh/ssh_host_ed25519_key | cut -d' ' -f2")
    assert not set(now.split()) & set(who.split())
    assert machine.run("ls /boot/firmware").count("FACTORY-RESET") == 0
    machine.shut_down()
    assert machine.card.slot_env()["data"] == "made"


def test_a_card_with_no_room_for_data_boots_and_says_so(flash: Flash) -> None:
    machine = flash(size=3000)
    machine.power_on()
    machine.wait_for_boot()
    assert "4 GB" in machine.run("cat /run/failberry-data.problem")
    assert "tmpfs" in machine.run("findmnt --noheadings --output FSTYPE /data")
    machine.cut_power()


def test_a_copy_on_a_larger_card_grows(flash: Flash) -> None:
    machine = flash()
    who = whole(machine)
    machine.shut_down()
    with machine.card.path.open("r+b") as file:
        file.truncate(6144 * MIB)
    assert whole(machine) == who
    assert int(machine.run("df --output=size -m /data | tail -n 1")) > 2300
    machine.shut_down()
    assert not Card(path=machine.card.path).file_system_faults(DATA)
