"""The wired line fails in each of its ways, and the house goes on: how soon, and with which connections.

The installed package, a stick that dials PPP, 20 ms RTT on the wired line, the default configuration. Each
fault strikes at a random moment: FAILBERRY_SEED repeats a run, FAILBERRY_REPEAT says how often each
scenario is run. FAILBERRY_FIGURES names a file to which the measured times are appended, one JSON line
each. Everything here runs about ten times slower than on a small computer, so the bounds are wide;
``bench/failover`` measures the same faults where nothing is emulated.
"""

from __future__ import annotations

import json
import os
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .lab import Lab
from .product import MOBILE, SERVERS, Product

# The same scenarios run outside the guest in tests/netns/test_failover.py, each time.
pytestmark = [pytest.mark.timeout(2400), pytest.mark.soak]
SEED = os.environ.get("FAILBERRY_SEED") or str(random.SystemRandom().randrange(2**32))
REPEAT = int(os.environ.get("FAILBERRY_REPEAT") or 1)
FIGURES = os.environ.get("FAILBERRY_FIGURES")

WIRED = "198.51.100.130"
"""By this address the Internet knows who uses the wired line."""
READY = "failover-ready"
CALLS, WORDS = "/run/calls", "/run/words"
CALLER = Path(__file__).parents[1] / "netns" / "caller.py"
# Somebody who talks with the far end ten times a second, over TCP (again when reset) or UDP (fixed ports).
TALKER = f"""
import json, socket, sys, time
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
number = 0
while True:
    try:
        with socket.socket(socket.AF_INET, kind) as ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind(("", 0 if kind == socket.SOCK_STREAM else 5000))
            ours.settimeout(2)
            ours.connect(("{SERVERS[1]}", 7))
            peer = json.loads(ours.recv(999))["peer"] if kind == socket.SOCK_STREAM else ""
            while True:
                ours.send(b"word")
                ours.settimeout(0.1)
                began = time.monotonic()
                try:
                    said = ours.recv(999)
                    if not said:
                        break
                    if kind == socket.SOCK_DGRAM:
                        peer = json.loads(said.split(b"\\n")[0])["peer"]
                    print(sys.argv[1], f"{{time.monotonic():.3f}}", peer, number, flush=True)
                except TimeoutError:
                    pass
                time.sleep(max(0, began + 0.1 - time.monotonic()))
    except OSError:
        pass
    number += 1
    time.sleep(0.2)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How it is made (a line of shell, in the guest), and by when new connections must have come about."""

    command: str
    seconds: float
    by_mobile: bool = False
    names: bool = False


def _swallow(place: str, rules: str) -> str:
    chain = f"chain pass {{ type filter hook forward priority -300; {rules}; }}"
    return f"ip netns exec {place} nft 'table inet fault {{ {chain}; }}'"


_DEAD = "".join(
    f'chain c{way} {{ type filter hook {way} device "customer" priority -300; policy drop; }}; '
    for way in ("ingress", "egress")
)
FAULTS = {
    "black-hole": Fault(command=_swallow("transit", "drop"), seconds=10),
    "no-transit": Fault(command=_swallow("isp", "drop"), seconds=10),
    "gateway": Fault(command=f"ip netns exec isp nft 'table netdev fault {{ {_DEAD}}}'", seconds=10),
    "carrier": Fault(command="ip -n isp link set customer down", seconds=5),
    # The provider's own router, which advertises itself as a name server, goes on with what it remembers.
    "names": Fault(
        command=_swallow("transit", "meta l4proto { tcp, udp } th dport 53 drop"), seconds=60, names=True
    ),
    "lossy": Fault(
        command=_swallow("transit", 'iifname "internet" numgen random mod 100 < 40 drop'),
        seconds=120,
        by_mobile=True,
    ),
}


class Street:
    """The Pi as the house's router, both lines good, and somebody in the house."""

    def __init__(self, lab: Lab, scenario: str) -> None:
        self.lab, self.vm, self.scenario = lab, lab.vm, scenario
        self.dice = random.Random(f"{SEED} {scenario}")  # noqa: S311  chance, not a secret
        print(f"FAILBERRY_SEED={SEED}")
        self.product = Product(lab)
        if READY not in self.vm.monitor("info snapshots").split():
            self.product.up()
            lab.world("netem", "isp", "delay", "10ms")
            self.vm.put("/run/caller.py", CALLER.read_bytes())
            self.vm.put("/run/talker.py", TALKER.encode())
            self.settle()
            self.vm.save(READY)
        self.again()

    def again(self) -> None:
        """Back to the moment in which all is well."""
        self.vm.load(READY)

    def settle(self, *, deadline: float = 120.0) -> None:
        """Wait until the wired line is in use, and the mobile one is proven."""
        self.product.await_status(
            lambda told: (
                told["active"] == "wired"
                and told["wired"]["state"] == told["cellular"]["state"] == "up"
                and told["cellular"]["proven_age"] is not None
            ),
            deadline=deadline,
            what="both lines good",
        )

    def calls(self, *options: str) -> None:
        """Have somebody in the house begin a new connection five times a second."""
        words = f"python3 /run/caller.py {SERVERS[1]} 7 --every 0.2 {' '.join(options)}"
        # The caller ends with its standard input.
        self.vm.spawn("calls", f"sleep infinity | ip netns exec lan1 {words} > {CALLS}")
        self.vm.wait_until(f"grep -q {WIRED} {CALLS}", deadline=30)

    def talks(self, kind: str) -> None:
        """Have somebody in the house hold a conversation, ``tcp`` or ``udp``."""
        self.vm.spawn(f"talker-{kind}", f"exec ip netns exec lan2 python3 /run/talker.py {kind} >> {WORDS}")
        self.vm.wait_until(f"grep -q '^{kind} .* {WIRED} 0$' {WORDS}", deadline=30)

    def pass_time(self, seconds: float) -> None:
        """Let a time of the guest pass."""
        self.vm.run(["sleep", f"{seconds:.2f}"], timeout=seconds * 1.5 + 30)

    def uptime(self) -> float:
        return float(self.vm.get("/proc/uptime").split()[0])

    def strike(self, command: str) -> tuple[float, float]:
        """Do it after a random time; the guest's clock before and after."""
        self.pass_time(self.dice.uniform(3, 6))
        said = self.vm.run(f"read a b </proc/uptime; {command}; read c d </proc/uptime; echo $a $c").stdout
        before, after = map(float, said.split())
        return before, after

    def first_call(self, after: float, *, deadline: float, peer: str = "") -> float:
        """When the first of the connections came about that were begun after this instant."""
        found = f"awk '$2 >= {after} && $3 != \"-\" && $4 ~ /{peer}/ {{print $3}}' {CALLS} | grep ."
        # Asked rarely: under emulation each look takes its time from the house.
        said = self.vm.wait_until(found, deadline=deadline, every=1.0).stdout
        return min(map(float, said.split()))

    def heard(self, kind: str, after: float, *, deadline: float, peer: str, connection: str = "") -> float:
        """When the first word came back after this instant."""
        wanted = f'$1 == "{kind}" && $2 >= {after} && $3 == "{peer}"'
        if connection:
            wanted += f" && $4 == {connection}"
        found = self.vm.wait_until(f"awk '{wanted} {{print $2}}' {WORDS} | grep .", deadline=deadline)
        return float(found.stdout.split()[0])

    def tell(self, name: str, seconds: float, **more: float) -> None:
        print(f"{name}: {seconds:.2f} {more or ''}")
        if FIGURES:
            with Path(FIGURES).open("a") as file:
                file.write(json.dumps({"scenario": f"failover {name}", "seconds": seconds, **more}) + "\n")


@pytest.fixture
def street(dual_lab: Lab, request: pytest.FixtureRequest) -> Street:
    return Street(dual_lab, request.node.name)


@pytest.fixture(autouse=True)
def journal(street: Street) -> Iterator[None]:
    """What the daemon said, for whoever reads a failure."""
    yield
    said = street.vm.run("journalctl --no-pager -o short-monotonic -u failberry --lines=30", check=False)
    print(said.stdout)


@pytest.mark.parametrize("name", FAULTS)
def test_new_connections_soon_take_the_mobile_line(street: Street, name: str) -> None:
    fault = FAULTS[name]
    took = []
    for _ in range(REPEAT):
        street.again()
        street.calls(*(("--resolver", "192.0.2.53") if fault.names else ()))
        before, after = street.strike(fault.command)
        peer = MOBILE if fault.by_mobile else ""
        first = street.first_call(after, deadline=fault.seconds + 20, peer=peer)
        took.append(first - before)
        street.tell(name, first - before, width=round(after - before, 3))
    ordered = sorted(took)
    p95 = ordered[max(0, round(0.95 * len(ordered) + 0.4999) - 1)]
    print(f"{name}: {len(took)} runs, p50 {statistics.median(took):.2f} s, p95 {p95:.2f} s")
    assert ordered[-1] <= fault.seconds


def test_an_outage_of_three_seconds_cuts_no_connection(street: Street) -> None:
    street.talks("tcp")
    before, after = street.strike(f"{FAULTS['black-hole'].command}; sleep 3; {_heal('transit')}")
    assert after - before < 4.5
    assert street.heard("tcp", after, deadline=15, peer=WIRED, connection="0")


def test_open_connections_move_when_the_death_is_confirmed_and_come_back(street: Street) -> None:
    street.product.configure(more="[failover]\nfailback_after = 5\nlinger = 5\n")
    street.vm.run(["systemctl", "reload", "failberry"], timeout=60)
    street.settle()
    street.talks("tcp")
    street.talks("udp")
    before, _ = street.strike(FAULTS["black-hole"].command)
    told = street.product.await_status(
        lambda told: told["wired"]["state"] == "down", deadline=30, what="the death confirmed"
    )
    confirmed = street.uptime() - told["wired"]["state_for"]
    for kind in ("tcp", "udp"):
        resumed = street.heard(kind, confirmed, deadline=30, peer=MOBILE)
        street.tell(
            f"{kind} resumed after confirmed death", resumed - confirmed, since_fault=resumed - before
        )
        assert resumed - confirmed <= 10

    street.vm.run(_heal("transit"))
    street.product.await_status(lambda told: told["active"] == "wired", deadline=60, what="the wired line")
    back = street.uptime()
    for kind in ("tcp", "udp"):
        resumed = street.heard(kind, back, deadline=40, peer=WIRED)
        street.tell(f"{kind} back on the wired line", resumed - back)
        assert resumed - back <= 5 + 10
    street.pass_time(5)
    start = mobile_bytes(street)
    street.pass_time(10)
    assert mobile_bytes(street) - start < 2000, "the mobile line has not gone quiet"


@pytest.mark.timeout(7200)
def test_a_standby_costs_less_than_its_budget(street: Street) -> None:
    """At the carrier's end of PPP: an hour with the house idle, then it is busy on the wired line."""
    use: list[tuple[str, int, Callable[[], None]]] = [
        ("idle", 60 if REPEAT > 1 else 10, lambda: None),
        ("busy", 10, street.calls),
    ]
    for name, minutes, begin in use:
        begin()
        street.pass_time(60)
        start = mobile_bytes(street)
        street.pass_time(minutes * 60)
        used = mobile_bytes(street) - start
        month = used * (30 * 24 * 60 / minutes) / 1e6
        street.tell(f"standby, house {name}, MB a month", month, minutes=minutes, bytes=used)
        assert month <= 20


def _heal(place: str) -> str:
    return f"ip netns exec {place} nft delete table inet fault"


def mobile_bytes(street: Street) -> int:
    """What the carrier has counted on the house's line, both directions."""
    links = json.loads(street.lab.on("carrier", "ip -j -s link show").stdout)
    return sum(
        int(each["stats64"][way]["bytes"])
        for each in links
        if each["ifname"].startswith("ppp")
        for way in ("rx", "tx")
    )
