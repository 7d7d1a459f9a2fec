"""Power of USB ports on a real bus: what we say of it, what we do to it, and what is left when we are killed.

``FAILBERRY_REPEAT`` is how often the daemon is killed in a power cycle, ``FAILBERRY_SEED`` when.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from typing import Any

import pytest

from .lab import Lab
from .product import MOBILE, SERVERS, UNIT, Product

REPEAT = int(os.environ.get("FAILBERRY_REPEAT") or 2)
pytestmark = pytest.mark.timeout(900 + 120 * REPEAT)

ERRAND = "/usr/lib/python3/dist-packages/failberry/adapters/usbpower_errand.py"
DISABLE = "/sys/bus/usb/devices/1-0:1.0/usb1-port1/disable"
HUB = "/sys/bus/usb/devices/usb1"
DEVICE = "/sys/bus/usb/devices/1-1"
CALL = "varlinkctl call /run/failberry/control io.failberry.Appliance."
CYCLE = f"""{CALL}TakeStep '{{"rung": "power_cycle"}}'"""


def errand(lab: Lab, name: str, **words: object) -> dict[str, Any]:
    """Our child, as the daemon starts it."""
    request = json.dumps({"errand": name, "deadline": 15, **words})
    said = lab.vm.run(["python3", "-I", ERRAND], stdin=request.encode()).stdout
    answer: dict[str, Any] = json.loads(said)
    assert "problem" not in answer, answer
    return answer


def switch(lab: Lab, *, on: bool, kernel: bool) -> dict[str, Any]:
    """Switch the stick's port."""
    bus, number = address(lab, HUB)
    return errand(
        lab,
        "switch",
        on=on,
        disable=DISABLE if kernel else "",
        authorized=f"{DEVICE}/authorized",
        bus=bus,
        address=number,
        port=1,
    )


def address(lab: Lab, device: str) -> tuple[int, int]:
    """Bus of a device and its number there."""
    return int(lab.vm.get(f"{device}/busnum")), int(lab.vm.get(f"{device}/devnum"))


def uhubctl(lab: Lab, *action: str) -> tuple[int, int, str]:
    """Ports, status of port 1 and power switching of the stick's hub, as uhubctl sees them."""
    if action:
        lab.vm.run(["uhubctl", "-l", "1", "-p", "1", "-a", *action])
    said = lab.vm.run(["uhubctl", "-l", "1"]).stdout
    hub = re.search(r"hub 1 .* (\d+) ports, (\w+)\]", said)
    port = re.search(r"Port 1: ([0-9a-f]{4})", said)
    assert hub, said
    assert port, said
    return int(hub[1]), int(port[1], 16), hub[2]


def ours(lab: Lab) -> tuple[int, int, str]:
    """The same as we see them."""
    (hub,) = [each for each in errand(lab, "hubs")["hubs"] if each["bus"] == 1]
    return hub["ports"], hub["status"][0], {0: "ganged", 1: "ppps"}.get(hub["characteristics"] & 3, "nops")


def there(lab: Lab, *, is_so: bool) -> None:
    lab.vm.wait_until(f"{'' if is_so else '! '}test -e {DEVICE}", deadline=15)


def test_uhubctl_and_we_agree(lab: Lab) -> None:
    lab.plug()
    assert ours(lab) == uhubctl(lab) == (1, 0x0503, "ppps")
    for kernel in (True, False):
        device = address(lab, DEVICE)
        assert errand(lab, "answers", devices=[device]) == {"answers": [True]}
        answer = switch(lab, on=False, kernel=kernel)
        assert answer == {"on": False, "way": "the kernel" if kernel else "its hub"}
        assert errand(lab, "answers", devices=[device]) == {"answers": [False]}
        if kernel:  # which otherwise is not told, and keeps the device on its books
            there(lab, is_so=False)
        assert ours(lab) == uhubctl(lab) == (1, 0, "ppps")
        assert switch(lab, on=True, kernel=kernel)["on"]
        lab.vm.wait_until(f"test -e {DEVICE} && ! grep -qx {device[1]} {DEVICE}/devnum", deadline=15)
        lab.vm.wait_until(f"grep -qx 1 {DEVICE}/authorized && ls {DEVICE}/1-1:1.*", deadline=15)
        assert ours(lab) == uhubctl(lab) == (1, 0x0503, "ppps")
    # What the other switched off, we see and switch on, and the other way round.
    assert uhubctl(lab, "off") == ours(lab) == (1, 0, "ppps")
    assert switch(lab, on=True, kernel=True)["on"]
    there(lab, is_so=True)
    assert not switch(lab, on=False, kernel=True)["on"]
    uhubctl(lab, "on")
    there(lab, is_so=True)
    assert ours(lab) == uhubctl(lab) == (1, 0x0503, "ppps")


@pytest.mark.soak
def test_a_power_cycle_in_the_service_brings_the_line_back(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    old = product.pppd()
    # In the sandbox hubs can be asked, too.
    usb = json.loads(lab.vm.run(f"{CALL}GetUsb '{{}}' --json=short").stdout)["usb"]
    assert usb["problem"] == ""
    assert [each["switching"] for each in usb["devices"] if each["path"] == "usb1"] == ["per-port"]
    lab.vm.run(CYCLE)
    lab.vm.wait_until("! test -e /dev/ttyUSB2", deadline=40)
    product.await_status(
        lambda told: told["modem"]["sessions"] >= 2 and told["modem"]["state"] == "connected",
        deadline=120,
        what="a second session",
    )
    assert product.pppd() != old
    assert lab.vm.get(DISABLE).strip() == b"0"
    assert promises(lab) == 0
    journal = lab.vm.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout
    assert "switched off by the kernel" in journal
    seen = lab.asks("mobile", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == MOBILE


POWER = "[power]\noff_time = 3\n"
PROMISES = (
    'python3 -Ic \'import sqlite3; print(sqlite3.connect("/var/lib/failberry/state.sqlite")'
    '.execute("SELECT count(*) FROM promise").fetchone()[0])\''
)


def promises(lab: Lab) -> int:
    """How many are open."""
    return int(lab.vm.run(PROMISES).stdout)


@pytest.mark.soak
def test_a_service_that_is_stopped_in_a_power_cycle_gives_power_back_first(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    lab.vm.run(CYCLE)
    lab.vm.wait_until(f"grep -qx 1 {DISABLE}", deadline=60, every=0.05)
    lab.vm.run(["systemctl", "stop", UNIT], timeout=40)
    assert lab.vm.get(DISABLE).strip() == b"0"
    assert promises(lab) == 0
    there(lab, is_so=True)


@pytest.mark.soak
def test_a_reset_in_the_service_brings_the_line_back(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    lab.vm.run(CYCLE.replace("power_cycle", "usb_reset"))
    product.await_status(
        lambda told: told["modem"]["sessions"] >= 2 and told["modem"]["state"] == "connected",
        deadline=120,
        what="a second session",
    )
    assert "the modem was configured anew" in lab.vm.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout
    assert lab.vm.get(f"{DEVICE}/authorized").strip() == b"1"
    assert promises(lab) == 0


@pytest.mark.soak
def test_a_controller_goes_and_comes_back(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    # The sandbox opens the drivers of real controllers only.
    opened = "[Service]\nReadWritePaths=/sys/bus/platform/drivers/dummy_hcd\n"
    lab.vm.put(f"/run/systemd/system/{UNIT}.service.d/lab.conf", opened)
    lab.vm.run(f"systemctl daemon-reload; systemctl restart {UNIT}", timeout=90)
    product.connected()
    lab.vm.run(CYCLE.replace("power_cycle", "controller"))
    product.await_status(
        lambda told: told["modem"]["dials"] >= 1 and told["modem"]["state"] == "connected",
        deadline=120,
        what="a session on the controller that came back",
    )
    journal = lab.vm.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout
    assert "the controller was taken from its driver and given back" in journal
    assert promises(lab) == 0


@pytest.mark.soak
def test_the_service_may_reboot_the_machine(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    # The order is given as ever, and leads nowhere: the next scenario is spared a boot.
    harmless = "[Unit]\nDescription=A reboot that was asked for\nDefaultDependencies=no\n"
    lab.vm.put("/run/systemd/system/reboot.target", harmless)
    lab.vm.run(["systemctl", "daemon-reload"])
    lab.vm.run(CYCLE.replace("power_cycle", "reboot"))
    lab.vm.wait_until("systemctl is-active reboot.target", deadline=60)


def test_a_daemon_that_is_killed_in_a_power_cycle_never_leaves_the_port_off(lab: Lab) -> None:
    product = Product(lab)
    product.up(more=POWER)
    seed = int(os.environ.get("FAILBERRY_SEED", str(time.time_ns() & 0xFFFF_FFFF)))
    rng = random.Random(seed)  # noqa: S311 (no secret)
    longest, dark_for = whole_cycle(product)
    dark = owed = 0
    for turn in range(REPEAT):
        # Each from the moment at which the line is up: no turn depends on what an earlier one used up.
        product.up(more=POWER)
        before, in_the_dark = product.main_pid(), turn % 4 != 0
        # From the order on, or, three times out of four, from when the port is off: there it is dangerous.
        moment = rng.uniform(0.0, dark_for if in_the_dark else longest)
        until = f"until grep -qx 1 {DISABLE}; do :; done;" if in_the_dark else ""
        killing = f"{CYCLE}; {until} sleep {moment:.2f}; kill -9 {before}; cat {DISABLE}; {PROMISES}"
        said = lab.vm.run(killing, timeout=longest + 60).stdout
        off, left = (int(word) for word in said.split()[-2:])
        dark, owed = dark + off, owed + (left > 0)
        told = (
            f"seed {seed}, turn {turn}, killed {moment:.2f} s after {'dark' if in_the_dark else 'the order'}"
        )
        print(f"{told}: port off: {off}, promises: {left}")
        lab.vm.wait_until(
            f"test $(systemctl show --value -p MainPID {UNIT}) != {before} && systemctl is-active {UNIT}"
            f" && grep -qx 0 {DISABLE}",
            deadline=60,
        )
        assert promises(lab) == 0, told
        if turn % 5:
            continue  # that the line comes back is the same each time, and slow
        product.connected(deadline=180)
        seen = lab.asks("mobile", SERVERS[0])
        assert seen is not None, told
        assert seen["peer"] == MOBILE, told
    print(f"seed {seed}: of the daemons killed, {dark} left the port off and {owed} a promise")


def whole_cycle(product: Product) -> tuple[float, float]:
    """Seconds from the order to power being on again, and those without power, when nobody is killed."""
    vm = product.vm
    started = time.monotonic()
    vm.run(CYCLE)
    vm.wait_until(f"grep -qx 1 {DISABLE}", deadline=60, every=0.05)
    dark = time.monotonic()
    vm.wait_until(f"grep -qx 0 {DISABLE}", deadline=60, every=0.05)
    return time.monotonic() - started, time.monotonic() - dark
