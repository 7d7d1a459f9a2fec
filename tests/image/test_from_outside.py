"""What the card shows to those who would like to come in: ports from every side, logins."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.image.conftest import Flash
from tests.image.machine import Machine
from tests.image.stick import Stick
from tests.image.test_boot import wait_ready
from tests.netns.namespace import Namespace, namespaces
from tests.patience import PATIENCE

WIRED, LAN = "198.51.100.2", "192.168.7.1"
ROUTER = """\
mode = "dual-wan-router"

[wired]
interface = "ens3"

[lan]
interface = "ens4"

[modem]
usb_path = "1-1.2"

[cellular]
apn = "internet"

[system]
hostname = "garden"
address = "198.51.100.2/24"
gateway = "198.51.100.1"
name_servers = ["198.51.100.1"]
"""
BESIDE = """\
mode = "standby-gateway"

[wired]
interface = "ens3"

[system]
hostname = "garden"
address = "198.51.100.2/24"
gateway = "198.51.100.1"
name_servers = ["198.51.100.1"]
"""
LISTENS = {"22/tcp": "sshd", "9000/tcp": "the health server", "53/tcp": "dnsmasq", "53/udp": "dnsmasq"}
PORTS = (
    21,
    22,
    23,
    25,
    53,
    67,
    80,
    110,
    111,
    139,
    143,
    443,
    445,
    631,
    993,
    1883,
    3306,
    3389,
    5355,
    8080,
    9000,
)
UDP = "53,67,68,69,123,137,161,500,514,1900,4500,5353,5355"
DIAL_DEADLINE = 240.0
SCAN_DEADLINE = 300.0


@contextmanager
def street(machine: Machine, *cards: tuple[str, str]) -> Iterator[Namespace]:
    """Where the machine's network cards lead: their names and what has which address on the other end."""
    with namespaces("street") as (place,):
        for name, address in cards:
            place.ip(
                f"tuntap add {name} mode tap", f"address add {address} dev {name}", f"link set {name} up"
            )
        machine.networks = tuple(f"tap,ifname={name},script=no,downscript=no" for name, _ in cards)
        machine.started_by = ("ip", "netns", "exec", place.name)
        yield place
        machine.cut_power()


def scan(place: Namespace, options: str, address: str) -> set[str]:
    """Every port that answers; silence and closed ports are left out."""
    command = f"nmap -n -Pn -T5 --min-rate 2000 --max-retries 2 --host-timeout 280s -oG - {options} {address}"
    said = subprocess.run(
        ["ip", "netns", "exec", place.name, *command.split()],
        capture_output=True, text=True, check=True, timeout=SCAN_DEADLINE * PATIENCE,
    ).stdout  # fmt: skip
    assert "Nmap done" in said, said
    assert "Timeout" not in said, said
    found = set()
    for line in said.splitlines():
        for entry in line.partition("Ports: ")[2].partition("\t")[0].split(","):
            number, state, protocol, *_ = [*entry.strip().split("/"), "", ""]
            if state == "open":
                found.add(f"{number}/{protocol}")
    return found


def listening(machine: Machine) -> set[str]:
    """What waits for others, on any address but the loopback's."""
    found = set()
    for line in machine.run("ss --no-header --listening --tcp --udp --numeric").splitlines():
        protocol, _, _, _, local, *_ = line.split()
        address, _, port = local.rpartition(":")
        if not address.strip("[]").startswith(("127.", "::1")):
            found.add(f"{port}/{protocol}")
    return found


def may_log_in(place: Namespace, address: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", "netns", "exec", place.name, "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no",
         "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=30", "-o", "NumberOfPasswordPrompts=1",
         *options, address, "id", "-un"],
        capture_output=True, text=True, check=False, timeout=90 * PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_router_is_closed_on_both_lines_and_shows_the_house_little(flash: Flash) -> None:
    machine = flash(owners_file=ROUTER)
    machine.arguments = Stick.arguments(machine.folder)
    with street(machine, ("wan", "198.51.100.1/24"), ("lan", "192.168.7.9/24")) as place:
        machine.power_on()
        wait_ready(machine)
        machine.wait_for_boot()
        assert listening(machine) - {"67/udp", "68/udp"} == set(LISTENS)
        assert scan(place, "-sS -p-", WIRED) == {"9000/tcp"}
        assert scan(place, f"-sU -p {UDP}", WIRED) == set()
        assert scan(place, "-sS -p-", LAN) == {"22/tcp", "53/tcp", "9000/tcp"}
        assert scan(place, f"-sU -p {UDP}", LAN) - {"67/udp"} == {"53/udp"}
        with Stick(machine=machine) as stick:
            stick.plug()
            machine.wait_until("ip -4 address show dev fbcell0 | grep -q inet", deadline=DIAL_DEADLINE)
            # What listens, and what anybody tries first; more is for the lab, whose serial line is quicker.
            assert stick.knock(PORTS, deadline=120 * PATIENCE) == {9000}


def test_nobody_gets_in_without_a_key(flash: Flash, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    machine = flash(owners_file=BESIDE)
    machine.card.put("authorized_keys", (tmp_path / "key.pub").read_bytes())
    with street(machine, ("wan", "198.51.100.1/24")) as place:
        machine.power_on()
        wait_ready(machine)
        machine.wait_for_boot()
        assert scan(place, "-sS -p-", WIRED) == {"22/tcp", "9000/tcp"}
        mine = may_log_in(place, f"owner@{WIRED}", "-i", str(tmp_path / "key"), "-o", "BatchMode=yes")
        assert mine.stdout.strip() == "owner", mine.stderr
        for user in ("owner", "root", "pi", "failberry"):
            refused = may_log_in(
                place, f"{user}@{WIRED}", "-o", "PubkeyAuthentication=no",
                "-o", "PreferredAuthentications=password,keyboard-interactive",
            )  # fmt: skip
            assert refused.returncode == 255, refused.stdout
            assert "Permission denied (publickey)" in refused.stderr, refused.stderr
        # No password exists that could be guessed at a keyboard either: every account is locked.
        shadow = machine.run("cut -d: -f1,2 /etc/shadow").split()
        assert "root:*" in shadow or "root:!*" in shadow, shadow
        assert [each for each in shadow if each.partition(":")[2][:1] not in ("!", "*")] == []
