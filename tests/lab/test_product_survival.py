"""Whatever dies, the line comes back, and nothing is left lying about.

``FAILBERRY_REPEAT``, as of the other scenarios, asks for the long version.
"""

from __future__ import annotations

import json
import os
import time

import pytest

from .lab import Lab
from .product import GET_STATUS, MOBILE, SERVERS, Product

pytestmark = pytest.mark.timeout(900)
DIAL_TIME = 60.0
"""Seconds that a dial may take under emulation, on a busy machine."""
CYCLES = 20 if os.environ.get("FAILBERRY_REPEAT") else 6


def test_traffic_flows_on_while_the_daemon_is_killed(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    lab.world("prefer", "pi")
    before, pppd = product.main_pid(), product.pppd()
    # One TCP connection through the Pi, used before, during and after.
    lab.vm.spawn(
        "flow",
        "exec ip netns exec lan1 python3 -c '"
        "import socket, time\n"
        f'peer = socket.create_connection(("{SERVERS[0]}", 7), 10); peer.settimeout(5); peer.recv(999)\n'
        "while True:\n"
        '    peer.sendall(b"x"); assert peer.recv(9)\n'
        '    open("/run/flow", "a").write("x"); time.sleep(0.2)\n'
        "'",
    )
    lab.vm.wait_until("test -s /run/flow", deadline=20)
    product.kill(before)
    lab.vm.wait_until(
        f"test $(systemctl show --value -p MainPID failberry) != {before} && systemctl is-active failberry",
        deadline=90,
    )
    told = product.connected()
    assert product.pppd() == pppd, "the session was adopted, not dialled again"
    assert told["modem"]["dials"] == 0
    size = len(lab.vm.get("/run/flow"))
    lab.vm.wait_until(f"test $(stat -c %s /run/flow) -gt {size + 5}", deadline=15)
    assert lab.vm.run(["systemctl", "is-active", "flow"]).stdout.strip() == "active"
    assert product.sim("get", "counters")["dials"] == 1


def test_a_stop_leaves_the_line_and_release_takes_it_away(lab: Lab) -> None:
    clean = kernel(lab)
    product = Product(lab)
    product.up()
    product.vm.run(["systemctl", "stop", "failberry"], timeout=60)
    seen = lab.asks("mobile", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == MOBILE
    # Stale, so that checks fail over although the line is there: nobody watches it any more.
    lab.vm.wait_until(
        "curl -s -o /dev/null -w '%{http_code}' http://192.168.88.2:9000/ | grep -qx 503", deadline=15
    )
    product.vm.run(["failberryctl", "release"], timeout=60)
    lab.vm.wait_until("! ip link show fbcell0", deadline=5)
    assert kernel(lab) == clean
    seen = lab.asks("pi", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == "198.51.100.130"


def kernel(lab: Lab) -> str:
    """Everything that routes, filters or locks on the Pi.

    Without lifetimes, which run down, and the anycast addresses that every IPv6 router has: forwarding, once
    switched on, stays on until the next boot.
    """
    # An address that a router has just advertised is not there yet (RFC 4862 section 5.4).
    lab.vm.wait_until("! ip -6 addr show tentative | grep -q inet6", deadline=15)
    return lab.vm.run(
        "ip -4 route show table all; ip -6 route show table all | sed '/^anycast/d; s/ expires [^ ]*//';"
        " ip rule; ip -6 rule; nft list ruleset; ls /run/lock | grep ^L || true"
    ).stdout


@pytest.mark.parametrize("death", ["kill pppd", "no carrier", "unplug", "crash"])
def test_the_session_comes_back(lab: Lab, death: str) -> None:
    product = Product(lab)
    product.up()
    before = product.traces()
    old = product.pppd()
    die(product, death)
    product.await_status(
        lambda told: told["modem"]["sessions"] >= 2 and told["modem"]["state"] == "connected",
        deadline=DIAL_TIME,
        what="a second session",
    )
    assert product.pppd() != old
    seen = lab.asks("mobile", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == MOBILE
    assert product.traces() == before


def die(product: Product, death: str) -> None:
    lab = product.lab
    match death:
        case "kill pppd":
            product.kill(product.pppd())
        case "no carrier":
            product.sim("hang_up")
        case "unplug":
            lab.stick("unplug")
            lab.vm.wait_until("! ls /dev/ttyUSB*", deadline=15)
            lab.plug()
        case "crash":
            lab.stick("crash")
            lab.vm.wait_until("! ls /dev/ttyUSB*", deadline=15)
            lab.vm.run("uhubctl -l 1 -p 1 -a cycle -d 1")


def test_many_cycles_leak_nothing(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    before = product.traces()
    for cycle in range(CYCLES):
        old = product.pppd()
        if cycle % 2:
            product.kill(old)
        else:
            product.sim("hang_up")
        # A line that flaps is given growing rest; many deaths in a row would take an hour.
        lab.vm.wait_until("! ip link show fbcell0", deadline=20)
        lab.vm.run(["failberryctl", "redial"])
        lab.vm.wait_until(
            # One look at the file: it goes with the old session, and comes with the new one.
            "session=$(cat /run/failberry/session/session.json)"
            f' && echo "$session" | grep -q \'"local": "{MOBILE}"\''
            f' && ! echo "$session" | grep -q \'"pid": {old},\'',
            deadline=DIAL_TIME,
        )
    product.connected()
    # The kernel is told a moment after the session: wait for the last apply, then compare.
    deadline = time.monotonic() + 10
    while (after := product.traces()) != before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert after == before


def test_a_bad_configuration_is_refused_whole_and_the_running_daemon_is_untouched(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    pid, pppd = product.main_pid(), product.pppd()
    product.configure(
        text='mode = "standby-gatewy"\n[wired]\ninterface = 7\n[celular]\napn = "x"\npin = "12"\n'
    )
    checked = product.vm.run(["failberryctl", "config", "check"], check=False)
    assert checked.rc == 78
    for place in ("line 1, mode", "line 3, wired.interface", "celular"):
        assert place in checked.stdout + checked.stderr
    reloaded = product.vm.run(["failberryctl", "reload"], check=False)
    assert reloaded.rc == 78
    product.vm.run(["systemctl", "reload", "failberry"], check=False)
    assert (product.main_pid(), product.pppd()) == (pid, pppd)
    assert product.connected()["mode"] == "standby-gateway"
    product.vm.run(["systemctl", "restart", "failberry"], check=False, timeout=60)
    product.vm.wait_until("systemctl is-failed failberry", deadline=20)
    exit_status = product.vm.run(
        ["systemctl", "show", "--value", "-p", "ExecMainStatus", "failberry"]
    ).stdout.strip()
    assert exit_status == "78"
    seen = lab.asks("mobile", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == MOBILE, "the line that worked still works"
    product.configure()
    product.start()
    assert product.connected()["modem"]["dials"] == 0
    assert product.pppd() == pppd


def test_iptables_is_refused_with_its_reason_on_debian_13(lab: Lab) -> None:
    product = Product(lab)
    product.lab.start_modem()
    product.configure(more='[firewall]\nbackend = "iptables"\n')
    lab.plug()
    product.start()
    told = product.await_status(
        lambda now: now["firewall"]["state"] == "failed", deadline=60, what="the back end refused"
    )
    assert any("iptables" in each for each in told["firewall"]["refused"])
    assert told["modem"]["dials"] == 0, "nothing is dialled without a packet filter"
    product.configure()
    product.vm.run(["failberryctl", "reload"])
    product.connected()


def test_varlinkctl_can_ask(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    said = product.vm.run(GET_STATUS).stdout
    assert json.loads(said)["status"]["active"] == "wired"
