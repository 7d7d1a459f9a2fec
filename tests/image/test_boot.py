"""The card in a machine: from power to READY, alone."""

from __future__ import annotations

import re

from tests.image.card import DATA
from tests.image.conftest import Flash
from tests.image.machine import Machine

READY_DEADLINE = 420.0


def wait_ready(machine: Machine) -> None:
    machine.wait_for_shell()
    machine.wait_until("systemctl is-active --quiet failberry.service", deadline=READY_DEADLINE)


def look_over(machine: Machine) -> None:
    """What a card must be like that has just booted."""
    assert machine.wait_for_boot() == "running", machine.run(
        "systemctl --no-pager --failed; journalctl -b -p warning --no-pager"
    )
    status = machine.run("failberryctl status", check=False)
    assert "mobile" in status.lower() or "cellular" in status.lower(), status
    # In memory over a root that is never written to; data on its own partition, grown to the end of the card.
    mounts = machine.run("findmnt --noheadings --output TARGET,FSTYPE,OPTIONS")
    assert re.search(r"^/ +overlay", mounts, re.MULTILINE), mounts
    assert re.search(r"/media/root-ro +ext4 +ro", mounts), mounts
    assert re.search(r"/data +ext4 +rw", mounts), mounts
    assert re.search(r"/boot/firmware +vfat +ro", mounts), mounts
    assert int(machine.run("df --output=size -m /data | tail -n 1")) > 400
    assert machine.run("hostname").strip() == "garden"
    again = "ldconfig systemd-journal-catalog-update systemd-update-done"
    made = machine.run(f"systemctl show --property=ConditionResult --value {again}").split()
    assert made == ["no"] * 3, "what the card has is made anew at each boot"
    assert machine.run("cat /run/failberry-data.problem", check=False).count("No such file")
    print(machine.run("systemd-analyze --no-pager; systemd-analyze --no-pager critical-chain; free -m"))


def test_it_boots_to_ready_and_says_how_things_are(flash: Flash) -> None:
    machine = flash()
    machine.power_on()
    wait_ready(machine)
    look_over(machine)
    machine.shut_down()
    assert machine.card.slot_env()["data"] == "made"
    assert not machine.card.file_system_faults(DATA)
    assert "garden" in machine.card.get("VERDICT.txt").decode(), "what is in force is told"


def test_who_it_is_stays(flash: Flash) -> None:
    machine = flash()
    ask = "cat /etc/machine-id /data/ssh/ssh_host_ed25519_key.pub; date +%s"
    machine.power_on()
    wait_ready(machine)
    *first, then = machine.run(ask).splitlines()
    machine.run("touch -d '+1 day' /var/lib/systemd/timesync/clock; sync")
    machine.shut_down()
    machine.power_on()
    wait_ready(machine)
    *second, now = machine.run(ask).splitlines()
    assert first == second
    assert len(first[0]) == 32
    assert int(now) > int(then) + 80_000, "time went back behind the last that was known"


def test_a_card_without_a_file_does_the_safe_thing(flash: Flash) -> None:
    machine = flash(owners_file="")
    machine.power_on()
    machine.wait_for_boot()
    assert "failberry.toml" in machine.run("cat /boot/firmware/VERDICT.txt")
    keys = machine.run("cat /home/owner/.ssh/authorized_keys /run/*/authorized_keys 2>/dev/null", check=False)
    assert "ssh-" not in keys
    machine.shut_down()


def test_a_port_that_is_named_late_is_found(flash: Flash) -> None:
    # As when udev gives it a name while firstboot looks.
    machine = flash()
    machine.power_on()
    machine.wait_for_boot()
    machine.run("touch /run/failberry-ports.missing; ip link set onboard0 down name eth7")
    machine.wait_until("ip link show dev onboard0", deadline=120.0)
    machine.wait_until("test ! -e /run/failberry-ports.missing", deadline=60.0)
    machine.cut_power()


def test_a_password_is_not_even_asked_for(flash: Flash) -> None:
    machine = flash()
    machine.power_on()
    machine.wait_for_boot()
    told = machine.run(
        "sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin)'"
    )
    assert told.split() == [
        "permitrootlogin", "no", "passwordauthentication", "no", "kbdinteractiveauthentication", "no",
    ]  # fmt: skip
    machine.cut_power()
