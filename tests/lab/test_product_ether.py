"""A stick that is a router of its own: the same house behind it, and nothing else gets hold of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .lab import Lab
from .product import MOBILE, SERVERS, Product

pytestmark = pytest.mark.timeout(900)
GREEDY = "[Match]\nName=e* u*\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n"
"""What many an image says to systemd-networkd: take whatever looks like Ethernet."""
WIRED = "198.51.100.130"


def up(product: Product, *words: str) -> dict[str, Any]:
    """The stick plugged in, the service started, the lease there."""
    product.vm.put("/etc/systemd/network/80-greedy.network", GREEDY)
    product.vm.run(["networkctl", "reload"])
    product.configure()
    product.lab.hilink("plug", *words)
    product.start()
    return product.connected()


def client(product: Product) -> int:
    """Process id of our DHCP client."""
    return int(json.loads(product.vm.get("/run/failberry/session/lease.json"))["pid"])


def seen_as(product: Product, place: str, server: str = SERVERS[1]) -> str:
    """The address that a far end sees when ``place`` asks it."""
    seen = product.lab.asks(place, server)
    assert seen is not None
    return str(seen["peer"])


def use_the_mobile_line(product: Product) -> None:
    """Lose the wired line, as each topology does it."""
    if product.lab.topology == "standby-gateway":
        product.lab.world("prefer", "pi")
    else:
        product.lab.world("pull", "wired")
    product.await_status(lambda now: now["active"] == "cellular", deadline=30, what="the mobile line active")


@pytest.fixture(
    params=["standby-gateway", pytest.param("dual-wan-router", marks=pytest.mark.soak)],
)
def product(request: pytest.FixtureRequest, vm: object) -> Product:
    return Product(Lab(vm, request.param))  # type: ignore[arg-type]


def test_the_house_goes_out_through_the_stick(product: Product) -> None:
    told = up(product)
    assert told["cellular"]["gateway"] == "192.168.8.1"
    (address,) = told["cellular"]["addresses"]
    assert address.startswith("192.168.8.1")
    assert "router of its own at 192.168.8.1" in told["modem"]["reason"]
    assert (told["modem"]["usb_path"], told["modem"]["dial_tty"]) == ("1-1", None)
    assert told["modem"]["chosen_by"] == "network driver cdc_ether"
    assert told["active"] == "wired"
    untouched(product)
    use_the_mobile_line(product)
    assert seen_as(product, "lan1") == MOBILE
    assert seen_as(product, "pi", SERVERS[0]) == MOBILE
    if product.lab.topology == "dual-wan-router":
        product.lab.world("push", "wired")
        product.await_status(lambda now: now["active"] == "wired", deadline=150, what="the wired line active")
        assert seen_as(product, "lan1") == WIRED


def untouched(product: Product) -> None:
    """Nothing of the stick is where the wired line's and the house's own routes are."""
    vm = product.vm
    assert vm.run("ip -4 route show table main dev fbcell0; ip -6 route show dev fbcell0").stdout == ""
    assert "192.168.8." not in vm.run("ip route show table main").stdout
    (link,) = json.loads(vm.run("ip -j address show dev fbcell0").stdout)
    assert [(each["family"], each["prefixlen"]) for each in link["addr_info"]] == [("inet", 32)]
    assert vm.run("sysctl -n net.ipv6.conf.fbcell0.disable_ipv6").stdout.strip() == "1"
    assert "unmanaged" in vm.run("networkctl list --no-legend fbcell0").stdout


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["rndis", "ncm"])
def test_sticks_of_other_kinds_work_as_well(lab: Lab, kind: str) -> None:
    product = Product(lab)
    told = up(product, kind)
    driver = {"rndis": "rndis_host", "ncm": "cdc_ncm"}[kind]
    assert told["modem"]["chosen_by"] == f"network driver {driver}"
    assert seen_as(product, "mobile") == MOBILE
    untouched(product)


@pytest.mark.soak
def test_pulled_out_it_is_gone_and_plugged_in_it_comes_back_by_itself(lab: Lab) -> None:
    product = Product(lab)
    up(product)
    lab.hilink("unplug")
    gone = product.await_status(
        lambda now: now["active"] == "wired" and now["modem"]["state"] == "unknown",
        deadline=30,
        what="the wired line active, and the stick missed",
    )
    assert gone["cellular"]["state"] == "down"
    assert seen_as(product, "pi") == WIRED
    lab.hilink("plug")
    product.connected()
    assert seen_as(product, "mobile") == MOBILE


@pytest.mark.soak
def test_a_killed_daemon_finds_its_lease_again_and_release_ends_it(lab: Lab) -> None:
    product = Product(lab)
    up(product)
    lab.world("prefer", "pi")
    daemon, dhcp = product.main_pid(), client(product)
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
    product.kill(daemon)
    lab.vm.wait_until(
        f"test $(systemctl show --value -p MainPID failberry) != {daemon} && systemctl is-active failberry",
        deadline=90,
    )
    told = product.connected()
    assert client(product) == dhcp, "the lease was adopted, not asked for again"
    assert told["modem"]["dials"] == 0
    size = len(lab.vm.get("/run/flow"))
    lab.vm.wait_until(f"test $(stat -c %s /run/flow) -gt {size + 5}", deadline=15)
    assert lab.vm.run(["systemctl", "is-active", "flow"]).stdout.strip() == "active"
    # What the adopted client was asked to say again has come through the sandbox of the service.
    lab.vm.wait_until("test $(grep -c obtained /run/failberry/session/udhcpc.log) -ge 2", deadline=15)
    assert product.connected()["modem"]["sessions"] == 1
    lab.vm.run(["systemctl", "stop", "failberry", "flow"], check=False, timeout=60)
    assert seen_as(product, "mobile") == MOBILE, "a stop leaves the line"
    lab.world("prefer", "wired")
    lab.vm.run(["failberryctl", "release"], timeout=60)
    assert lab.vm.run(["kill", "-0", str(dhcp)], check=False).rc != 0
    assert (
        lab.vm.run("ip -4 address show dev fbcell0; ip rule show | grep 'proto 251'", check=False).stdout
        == ""
    )
    assert seen_as(product, "pi") == WIRED


@pytest.mark.soak
def test_a_lease_that_is_lost_is_asked_for_again(lab: Lab) -> None:
    product = Product(lab)
    before = up(product)["modem"]["sessions"]
    product.kill(client(product))
    again = product.await_status(
        lambda now: now["modem"]["sessions"] > before and now["cellular"]["state"] == "up",
        deadline=60,
        what="another lease",
    )
    assert again["modem"]["state"] == "connected"
    assert seen_as(product, "mobile") == MOBILE


@pytest.mark.soak
def test_a_stick_with_the_networks_own_prefix_harms_nobody(lab: Lab) -> None:
    """Its gateway even has the address of the main router."""
    product = Product(lab)
    told = up(product, "ecm", "192.168.88")
    assert [each["code"] for each in told["warnings"]] == ["stick-overlaps"]
    assert seen_as(product, "mobile") == MOBILE
    lab.world("prefer", "pi")
    assert seen_as(product, "lan1") == MOBILE
    lab.world("prefer", "wired")
    assert seen_as(product, "lan1") == WIRED
    for machine in ("192.168.88.1", "192.168.88.11", "192.168.88.12"):
        lab.vm.run(["ping", "-c1", "-W3", machine])
        assert lab.vm.run(["ip", "-o", "route", "get", machine]).stdout.split("dev ")[1].startswith("eth0 ")
    lab.on("lan1", ["ping", "-c1", "-W3", "192.168.88.2"])
    # The LAN is not told that the address which the stick gave to the Pi is here.
    given = told["cellular"]["addresses"][0]
    assert lab.on("lan1", ["ping", "-c1", "-W1", given], check=False).rc != 0
    assert "lladdr" not in lab.on("lan1", f"ip neigh show {given}").stdout
