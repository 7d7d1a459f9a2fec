"""A stick on a hub with switches, and all of the way through it: dial, traffic, a power cycle of its port."""

from __future__ import annotations

import pytest

from tests.image.conftest import Flash
from tests.image.stick import PORT, Stick
from tests.image.test_boot import wait_ready

DIAL_DEADLINE = 240.0


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "armhf"])
def test_it_dials_carries_traffic_and_survives_a_power_cycle(flash: Flash, architecture: str) -> None:
    machine = flash(architecture)
    machine.arguments = Stick.arguments(machine.folder)
    machine.power_on()
    wait_ready(machine)
    machine.wait_for_boot()
    print(machine.run("systemd-analyze; uname -rm"))
    assert "amd64" not in machine.run("dpkg --print-architecture") or architecture == "amd64"
    with Stick(machine=machine) as stick:
        stick.plug()
        machine.wait_until("ip -4 address show dev fbcell0 | grep -q inet", deadline=DIAL_DEADLINE)
        machine.wait_until("ping -c 1 -W 5 -I fbcell0 9.9.9.9", deadline=60)
        assert stick.sessions == 1
        hub = "/sys/bus/usb/devices/1-1:1.0/1-1-port"
        machine.run(f"echo 1 >{hub}{PORT}/disable; sleep 3; echo 0 >{hub}{PORT}/disable")
        machine.wait_until("! ip -4 address show dev fbcell0 | grep -q inet || true", deadline=30)
        machine.wait_until("ping -c 1 -W 5 -I fbcell0 9.9.9.9", deadline=DIAL_DEADLINE)
        assert stick.power_cuts >= 1
        assert stick.sessions >= 2
        print(machine.run("failberryctl status", check=False))
    machine.shut_down()
