"""The main job: a stick, a line, the house behind it, and nothing open but what shall be."""

from __future__ import annotations

import json

import pytest

from .lab import Lab
from .product import FORWARDS, LAN1, MOBILE, SERVERS, SERVERS6, Product

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=["standby-gateway", "dual-wan-router"])
def product(request: pytest.FixtureRequest, vm: object) -> Product:
    return Product(Lab(vm, request.param))  # type: ignore[arg-type]


def test_the_house_uses_the_mobile_line_and_can_be_reached_over_it(product: Product) -> None:
    lab = product.lab
    product.up(more=FORWARDS)
    told = product.connected()
    assert told["cellular"]["addresses"] == [MOBILE]
    assert told["cellular"]["reachability"] == "public"
    assert told["modem"]["usb_path"] == "1-1"
    assert told["modem"]["dial_tty"] == "/dev/ttyUSB2"
    assert told["firewall"]["backend"] == "nftables"
    standby = lab.topology == "standby-gateway"
    assert told["active"] == "wired"

    # LAN clients through the Pi, seen by the far end with the mobile address.
    if standby:
        lab.world("prefer", "pi")
    else:
        lab.world("pull", "wired")
    product.await_status(lambda now: now["active"] == "cellular", deadline=30, what="the mobile line active")
    seen = lab.asks("lan1", SERVERS[1])
    assert seen is not None
    assert seen["peer"] == MOBILE
    seen = lab.asks("pi", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == MOBILE
    if standby:
        lab.world("prefer", "wired")
    else:
        lab.world("push", "wired")
        product.await_status(lambda now: now["active"] == "wired", deadline=150, what="the wired line active")

    # A forwarded service of the house, from the Internet; the reply comes back by the same line although
    # (in dual-wan-router mode) the wired line carries everything new.
    tcp = lab.on("internet", ["curl", "--silent", "--max-time", "10", f"http://{MOBILE}:8080/"], timeout=20)
    answer = json.loads(tcp.stdout)
    assert answer["server"] == LAN1
    if standby:
        assert answer["peer"].startswith("192.168.88."), (
            "towards the LAN the Pi masquerades, so that replies return"
        )
    else:
        assert answer["peer"] in {"198.18.0.5", *SERVERS}, "the LAN host sees who is asking"
    udp = lab.on(
        "internet",
        [
            "python3",
            "-c",
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10);"
            f" s.sendto(b'x', ('{MOBILE}', 5007)); print(s.recvfrom(999)[1][0])",
        ],
    )
    assert udp.stdout.strip() == MOBILE

    # The health check from the carrier's side, and from the wired one.
    assert (
        "ok cellular"
        in lab.on("internet", ["curl", "-s", "-m", "10", f"http://{MOBILE}:9000/"], timeout=20).stdout
    )


def test_a_scan_finds_the_health_check_and_the_forwards_only(product: Product) -> None:
    product.up(more=FORWARDS)
    product.lab.vm.spawn("open-door", "exec python3 -m http.server --bind :: 8000")
    product.lab.vm.wait_until("ss -Hltn 'sport = :8000' | grep -q .", deadline=20)
    # All of them in one topology; in namespaces, which is quicker, every uplink of both is scanned whole.
    ports = "-p-" if product.lab.topology == "standby-gateway" else "-p 1-10000"
    open_ports = scan(product, "internet", MOBILE, f"-sS {ports}")
    assert open_ports == {"8080/tcp": "open", "9000/tcp": "open"}
    udp = scan(product, "internet", MOBILE, "-sU -p 53,67,68,69,123,137,161,500,514,1900,4500,5007,5353")
    assert set(udp) == {"5007/udp"}


def test_the_mobile_lines_ipv6_is_as_closed(product: Product) -> None:
    product.up(more='pdp_type = "IPV4V6"\n' + FORWARDS, ipv6=True)
    link_local = product.lab.vm.run(
        "ip -6 -oneline address show dev fbcell0 scope link | sed 's/.*inet6 \\([^ /]*\\).*/\\1/'"
    ).stdout.strip()
    assert link_local.startswith("fe80::")
    carrier = product.lab.on(
        "carrier", "ip -o link show | sed -n 's/^[0-9]*: \\(ppp[0-9]*\\).*/\\1/p'"
    ).stdout.strip()
    found = scan(product, "carrier", f"{link_local}%{carrier}", "-6 -sS -p 1-10000")
    assert found == {"9000/tcp": "open"}


def scan(product: Product, place: str, address: str, options: str) -> dict[str, str]:
    """Every port that answers, by nmap; silence and closed ports are left out."""
    said = product.lab.on(
        place,
        f"nmap -n -Pn -T5 --min-rate 4000 --max-retries 1 --host-timeout 240s -oG - {options} {address}",
        timeout=300,
    ).stdout
    ports = {}
    for line in said.splitlines():
        if "Ports: " in line:
            for entry in line.split("Ports: ")[1].split("\t")[0].split(","):
                number, state, protocol = entry.strip().split("/")[:3]
                if state == "open":
                    ports[f"{number}/{protocol}"] = state
    assert "host down" not in said.lower()
    assert "Nmap done" in said
    return ports


def test_the_wired_line_comes_back_when_the_mobile_one_goes(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    lab.stick("unplug")
    product.await_status(lambda told: told["active"] == "wired", deadline=30, what="the wired line active")
    seen = lab.asks("pi", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == "198.51.100.130"
    seen = lab.asks("lan2", SERVERS6[1])
    assert seen is not None
