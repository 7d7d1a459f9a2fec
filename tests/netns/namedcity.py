"""The city, and in it the house's name: AWS on the Internet, the child that asks it, and a visitor.

    visitor, checkers, name servers, API  (inet)  -- core -- gw ---- pi: daemon, health server, failberry-dns
                                             \\------ stick --------/

The wired line's addresses and the stick's are of networks that Route 53 would let in (the documentation's are
refused, by it and by us); nothing of it leaves the namespaces.  The stick hands its own address through, as
sticks with "IP passthrough" do.  At AWS time runs ``PACE`` times as fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from city import CLIENT, DNS, HERE, INSIDE, ROOT, SERVER, City, city, each_pid, nft
from city import MOBILE as MODEM
from namespace import Namespace

from failberry.configfile import load
from failberry.dns.desired import Desired
from failberry.dns.wish import wished
from tests.awskit.account import LINE_ALARM

PACE, FLOOR = 20.0, 1.0
"""How many times as fast AWS lives, and seconds that it waits for a peer in any case."""
WIRED, GATEWAY, WIRED_NET = "198.13.32.9", "198.13.32.1", "198.13.32.0/25"
STICK, MOBILE, MOBILE_NET = "198.13.33", "198.13.33.100", "198.13.33.0/24"
API, API_PORT, AUTHORITY = "198.51.100.90", 8000, ("198.51.100.91", "198.51.100.92")
SOURCES = tuple(f"198.51.100.{96 + number}" for number in range(16))
"""Where health checkers ask from."""
ZONE, NAME, WIRED_NAME, MOBILE_NAME = "casa.test", "home.casa.test", "wired.casa.test", "mobile.casa.test"
PATHS = {"wired": "/w-5f0c7e", "cellular": "/c-91ab42"}
SERVICE = 8080
"""TCP port at which a machine in the house is offered to the Internet."""
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BIND = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'
"""A shell that runs a program with a resolv.conf of its own, which nobody else sees (ip-netns(8))."""
CONFIGURATION = f"""
[failover]
failback_after = 2
linger = 2
[health]
wired_path = "{PATHS["wired"]}"
cellular_path = "{PATHS["cellular"]}"
[[port_forward]]
proto = "tcp"
ports = "{SERVICE}"
to = "{CLIENT}:80"
[dns]
zone = "{ZONE}"
name = "{NAME}"
wired_name = "{WIRED_NAME}"
cellular_name = "{MOBILE_NAME}"
wired_source = "route53"
cellular_source = "route53"
"""
CLOUD = {
    "zone": ZONE,
    "floor": FLOOR,
    "endpoint": [API, API_PORT],
    "authority": list(AUTHORITY),
    "recursor": list(DNS),
    "name_servers": dict(zip(("ns1.cloud.test", "ns2.cloud.test"), AUTHORITY, strict=True)),
    "elsewhere": {"*": SERVER},
    "sources": list(SOURCES),
    "alarms": {"eu-central-1": [LINE_ALARM]},
    "ping": {
        "endpoints": [{"name": "failberry-mobile", "url": f"http://{MOBILE_NAME}:9000{PATHS['cellular']}"}]
    },
}


class NamedCity:
    """A city with all of it running; the daemon is not switched on yet, and the zone is empty."""

    def __init__(self, made: City, pace: float) -> None:
        self.city = made
        self.published_at = 0.0
        """When both addresses were at their names."""
        (made.folder / "run").mkdir()
        self.child = str(made.folder / "run" / "dns.socket")
        self._readdress()
        self._count()
        (made.folder / "resolv.conf").write_text(f"nameserver {DNS[0]}\noptions timeout:1 attempts:1\n")
        (made.folder / "cloud.json").write_text(json.dumps({**CLOUD, "pace": pace}))
        self._cloud = self._on_the_internet(
            "-m", "tests.awskit.cloud", str(made.folder / "cloud.json"), log="cloud.log"
        )
        assert self._cloud.stdout is not None
        assert self._cloud.stdout.readline().split()[:1] == [b"ready"], (
            made.folder / "cloud.log"
        ).read_text()
        made.start(made.client, sys.executable, str(HERE / "farside.py"), CLIENT)
        self._serve_health()
        self._activate()

    # --- building ------------------------------------------------------------------------------

    def _readdress(self) -> None:
        """Give both lines addresses that count as public, and have the stick hand its own through."""
        made = self.city
        for each in (API, *AUTHORITY, *SOURCES):
            made.inet.ip(f"addr add {each}/32 dev lo")
        made.inet.ip(f"route add {WIRED_NET} via 198.19.2.1", f"route add {MOBILE_NET} via {MODEM}")
        made.core.ip(f"route add {WIRED_NET} via 198.19.1.2")
        made.gw.ip(f"addr add {GATEWAY}/26 dev customer")
        made.pi.ip("addr flush dev wan0", f"addr add {WIRED}/26 dev wan0")
        made.pi.ip(f"route add default via {GATEWAY} dev wan0 metric 100 proto dhcp")
        nft(made.stick, "delete table ip translate\n")
        made.stick.ip("addr flush dev lan", f"addr add {STICK}.1/24 dev lan")
        self.hand_out(100)

    def hand_out(self, last: int) -> str:
        """Have the mobile network give this address, of which the client hears when it renews its lease."""
        made = self.city
        for pid in each_pid(made.stick):
            os.kill(pid, 9)
        leases = made.folder / "leases"
        leases.write_bytes(b"")
        (made.folder / "udhcpd.conf").write_text(
            f"start {STICK}.{last}\nend {STICK}.{last}\ninterface lan\nlease_file {leases}\n"
            f"pidfile {made.folder}/udhcpd.pid\noption subnet 255.255.255.0\noption lease 86400\n"
            f"option dns {' '.join(DNS)}\noption router {STICK}.1\n"
        )
        made.start(made.stick, "busybox", "udhcpd", "-f", "-a", "50", str(made.folder / "udhcpd.conf"))
        return f"{STICK}.{last}"

    def renew(self) -> None:
        """As when half of the lease is over."""
        pid = json.loads((self.city.folder / "run" / "session" / "lease.json").read_text())["pid"]
        os.kill(pid, 10)

    def _count(self) -> None:
        """Counters of what health checks cost, at both lines, both directions, as IP counts bytes."""
        for where, device in ((self.city.gw, "customer"), (self.city.stick, "lan")):
            nft(
                where,
                "table inet count {\ncounter checks {}\nchain pass {\n"
                "type filter hook forward priority -310\n"
                f'oifname "{device}" tcp dport 9000 counter name checks\n'
                f'iifname "{device}" tcp sport 9000 counter name checks\n}}\n}}\n',
            )

    def _on_the_internet(self, *words: str, log: str) -> subprocess.Popen[bytes]:
        """Run Python there, with the Internet's resolver; only that program sees the file as its own."""
        made = self.city
        resolv = str(made.folder / "resolv.conf")
        with (made.folder / log).open("ab") as file:
            return made.start(
                made.inet, "sh", "-ec", BIND, "sh", resolv, sys.executable, *words,
                stdout=subprocess.PIPE, stderr=file, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda'}"},
            )  # fmt: skip

    def _serve_health(self) -> None:
        heartbeat = str(self.city.folder / "run" / "health" / "heartbeat")
        words = (sys.executable, "-m", "failberry.health", "--heartbeat", heartbeat, "--listen", "[::]:9000")
        self.city.start(self.city.pi, *words, cwd=ROOT)

    def _activate(self) -> None:
        """What failberry-dns.socket does: one child for each connection, with the keys in its environment."""
        settings = {**KEYS, "PYTHONPATH": str(ROOT)}
        settings |= {
            f"AWS_ENDPOINT_URL_{each}": f"http://{API}:{API_PORT}" for each in ("ROUTE_53", "CLOUDWATCH")
        }
        given = [word for name, value in settings.items() for word in ("-E", f"{name}={value}")]
        words = ["systemd-socket-activate", "--accept", "--inetd", "-l", self.child, *given]
        with (self.city.folder / "child.log").open("ab") as log:
            child = (sys.executable, "-m", "failberry.dns")
            self.city.start(self.city.pi, *words, *child, cwd=ROOT, stderr=log)

    # --- what is done --------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until both lines are good, and so are their checks and the house's name."""
        self.city.steady()
        self.until(
            lambda: (
                self.answered() == WIRED
                and all(each["healthy"] and each["told"] for each in self.health().values())
                and all(healthy for healthy, _ in self.health()["wired"]["opinions"].values())
            ),
            seconds=60,
            what="all well",
        )

    def ctl(self, *words: str) -> tuple[int, str]:
        """Run failberryctl on the Pi: its exit code, and what it said."""
        made = self.city
        command = (sys.executable, "-m", "failberry.ctl", "--config", str(made.folder / "failberry.toml"))
        command += ("--socket", made.socket, *words)
        done = subprocess.run(
            [*INSIDE, made.pi.name, "sh", "-ec", BIND, "sh", str(made.folder / "resolv.conf"), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
            timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def begin(self, more: str = "") -> None:
        """Switch the daemon on, wait until it has published both addresses, and set the name up by the child.

        ``more`` is put behind ``[dns]``.
        """
        self.city.configure(CONFIGURATION + more)
        self.city.switch_on()
        for name, address in ((WIRED_NAME, WIRED), (MOBILE_NAME, MOBILE)):
            self.until(
                lambda name=name, address=address: self.resolved(name) == address, seconds=120, what=name
            )
        self.published_at = time.monotonic()
        code, said = self.ctl("dns", "apply", "--yes", "--child", self.child)
        assert code == 0, said

    def wish(self) -> Desired:
        """What the configuration asks of Route 53."""
        wish = wished(load(self.city.folder / "failberry.toml"))
        assert wish is not None
        return wish

    # --- what is so ----------------------------------------------------------------------------

    def kit(self, path: str, document: object = None) -> Any:
        """One of the kit's paths (:mod:`tests.awskit.endpoint`)."""

        def ask() -> Any:
            line = http.client.HTTPConnection(API, API_PORT, timeout=10)
            line.request("GET" if document is None else "POST", f"/kit/{path}", json.dumps(document))
            with contextlib.closing(line), line.getresponse() as answer:
                assert answer.status == 200, answer.read()
                return json.loads(answer.read())

        return self.city.inet.run(lambda: asyncio.to_thread(ask))

    def answered(self) -> str:
        """The address that the zone's name servers give for the house's name; empty: none."""
        return self.resolved(NAME)

    def resolved(self, name: str) -> str:
        """The same for any name."""
        records = self.kit("resolve", [name, "A"])["records"]
        return str(records[-1][3]) if records else ""

    def health(self) -> dict[str, Any]:
        """By line: what its health check says, what the name servers know of it, how often it was asked."""
        view = self.kit("health")
        lines = {each["Id"]: each["CallerReference"].split(":")[2] for each in self.kit("state")["checks"]}
        return {lines[check]: told for check, told in view["checks"].items()}

    def since(self, start: float, what: str, line: str, *, healthy: bool) -> float | None:
        """Seconds from ``start`` to the first such entry of the checkers' history."""
        for each in self.kit("health")["timeline"]:
            fits = each["what"] == what and each["healthy"] is healthy and f":{line}:" in each["reference"]
            if fits and each["at"] >= start:
                return float(each["at"] - start)
        return None

    def carried(self, where: Namespace) -> tuple[int, int, int]:
        """At the line's far end so far: packets and bytes of health checks, and bytes of everything."""
        device = "customer" if where is self.city.gw else "lan"
        link = where.json(f"-j -s link show dev {device}")[0]["stats64"]
        said = json.loads(where.sh("nft", "-j", "list", "counter", "inet", "count", "checks"))
        [counter] = [each["counter"] for each in said["nftables"] if "counter" in each]
        whole = int(link["rx"]["bytes"]) + int(link["tx"]["bytes"])
        return int(counter["packets"]), int(counter["bytes"]), whole

    def until(self, wanted: Callable[[], Any], *, seconds: float, what: str) -> Any:
        """Ask until it is true; raises AssertionError with what everybody said."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = wanted()
            if told:
                return told
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {seconds:.0f} s\n{self.tale()}")

    def tale(self) -> str:
        """What everybody said, for a failure."""
        logs = (
            f"--- {name}\n{(self.city.folder / name).read_text(errors='replace')[-3000:]}"
            for name in ("cloud.log", "child.log")
            if (self.city.folder / name).exists()
        )
        return "\n".join([json.dumps(self.kit("health"))[-3000:], *logs, "--- daemon", self.city.log()])

    def visitor(self) -> Visitor:
        """Somebody on the Internet who uses the house's name from now on."""
        return Visitor(self._on_the_internet(str(HERE / "visitor.py"), NAME, str(SERVICE), log="visitor.log"))


class Visitor:
    """The visits of :mod:`visitor`, as they are told."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._told = threading.Condition()
        self.visits: list[tuple[float, str, str]] = []
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._reader.join(10)
        self._program.wait(5)

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            begun, address, page = line.decode().split()
            with self._told:
                self.visits.append((float(begun), address, page))
                self._told.notify_all()

    def first(self, since: float, address: str, *, page: bool, seconds: float) -> float:
        """When the first visit began that was led there, and, with ``page``, was served by the house."""

        def found() -> float | None:
            fits = (
                begun
                for begun, led, shown in self.visits
                if begun >= since and led == address and (shown != "-" or not page)
            )
            return next(fits, None)

        with self._told:
            self._told.wait_for(lambda: found() is not None, timeout=seconds)
            visit = found()
        assert visit is not None, f"no visit to {address} within {seconds:.0f} s: {self.visits[-5:]}"
        return visit


@contextlib.contextmanager
def named_city(*, pace: float = PACE) -> Iterator[NamedCity]:
    """All of it for the time of some tests."""
    with city(resolves=False) as made:
        yield NamedCity(made, pace)
