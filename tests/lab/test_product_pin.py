"""A wrong PIN in the configuration costs one attempt, for ever.

``FAILBERRY_REPEAT``, as of the other scenarios, asks for the long version.
"""

from __future__ import annotations

import os

import pytest

from .lab import Lab
from .product import Product

pytestmark = pytest.mark.timeout(900)
RESTARTS, KILLS, REPLUGS = (10, 3, 3) if os.environ.get("FAILBERRY_REPEAT") else (3, 1, 1)


def test_one_attempt_over_restarts_kills_and_replugs(lab: Lab) -> None:
    product = Product(lab)
    product.lab.start_modem(pin_enabled=True, pin="4321")
    product.configure(more='pin = "9999"\n')
    lab.plug()
    product.start()

    def refused() -> None:
        told = product.await_status(
            lambda now: now["modem"]["state"] == "failed" and "PIN" in now["modem"]["reason"],
            deadline=90,
            what="the PIN latched",
        )
        assert "cellular.pin" in told["modem"]["advice"]

    refused()
    assert product.sim("get", "counters")["pin_attempts"] == 1
    for _ in range(RESTARTS):
        product.vm.run(["systemctl", "restart", "failberry"], timeout=60)
        refused()
    for _ in range(KILLS):
        product.kill(product.main_pid())
        product.vm.wait_until("systemctl is-active failberry", deadline=30)
        refused()
    for _ in range(REPLUGS):
        lab.stick("unplug")
        product.vm.wait_until("! ls /dev/ttyUSB*", deadline=15)
        lab.plug()
        refused()
    counters = product.sim("get", "counters")
    assert counters["pin_attempts"] == 1
    assert counters["puk_attempts"] == 0
    screen = product.vm.run(["failberryctl", "status"], check=False).stdout
    assert "PIN" in screen
    assert "cellular.pin" in screen
    # Nowhere is the PIN written down.
    leaks = product.vm.run(
        "journalctl --no-pager | grep -c 9999; grep -rl 9999 /var/lib/failberry /run/failberry | wc -l",
        check=False,
    ).stdout.split()
    assert leaks == ["0", "0"]


def test_the_right_pin_unlocks_after_each_loss_of_power(lab: Lab) -> None:
    product = Product(lab)
    product.up(more='pin = "4321"\n', pin_enabled=True, pin="4321")
    lab.stick("unplug")
    product.await_status(lambda told: told["cellular"]["state"] == "down", deadline=30, what="the line down")
    lab.plug()
    product.connected()
    counters = product.sim("get", "counters")
    assert counters["pin_attempts"] == 2
    assert counters["puk_attempts"] == 0
