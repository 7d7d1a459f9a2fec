"""The installed product in the lab's house: its configuration, its service, its modem, its words."""

from __future__ import annotations

import json
import time
import zlib
from typing import Any

from tests.patience import PATIENCE

from .lab import DUAL_WAN_ROUTER, MOBILE_ADDRESS, STANDBY_GATEWAY, Lab

SERVERS = ("192.0.2.10", "198.51.100.10", "203.0.113.10")
SERVERS6 = ("2001:db8:a::10", "2001:db8:b::10")
MOBILE = MOBILE_ADDRESS
"""The mobile address, reachable from the lab's Internet."""
LAN1 = "192.168.88.11"
UNIT = "failberry"
GET_STATUS = (
    "varlinkctl",
    "call",
    "--json=short",
    "/run/failberry/control",
    "io.failberry.Appliance.GetStatus",
    "{}",
)

CONFIGURATION = {
    STANDBY_GATEWAY: """\
mode = "standby-gateway"
[wired]
interface = "eth0"
[cellular]
apn = "internet"
""",
    DUAL_WAN_ROUTER: """\
mode = "dual-wan-router"
[wired]
interface = "wan0"
[lan]
interface = "lan0"
[cellular]
apn = "internet"
""",
}

FORWARDS = """\
[[port_forward]]
proto = "tcp"
ports = "8080"
to = "192.168.88.11:80"
[[port_forward]]
proto = "udp"
ports = "5007"
to = "192.168.88.11:7"
[failover]
failback_after = 5
"""


class Product:
    """One scenario's Pi, with Failberry installed and nothing started yet."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.vm = lab.vm

    # --- set-up --------------------------------------------------------------------------------

    def sim(self, *words: str) -> Any:
        """Tell the modem simulator something, or ask it."""
        return json.loads(self.lab.modem(*words) or "null")

    def configure(self, *, more: str = "", text: str | None = None) -> None:
        """Write the configuration of this topology; ``more`` is put behind it."""
        if text is None:
            text = CONFIGURATION[self.lab.topology] + more
        self.vm.put("/etc/failberry/failberry.toml", text, mode=0o600)

    def start(self, *, deadline: float = 60.0) -> None:
        """Start the service, as an owner would after writing the configuration."""
        self.vm.run(["systemctl", "start", UNIT, "failberry-health.socket"], timeout=deadline)

    def up(self, *, more: str = "", deadline: float = 120.0, **fields: object) -> None:
        """All of it: stick plugged in, service started, session up.

        The first scenario that wants just this waits for it; the others go back to that moment.
        """
        wish = f"{self.lab.topology} {more} {sorted(fields.items())}"
        name = f"up-{zlib.crc32(wish.encode()):08x}"
        if name in self.vm.monitor("info snapshots").split():
            self.vm.load(name)
            return
        self.lab.start_modem(**fields)
        self.configure(more=more)
        self.lab.plug()
        self.start()
        self.connected(deadline=deadline)
        self.vm.save(name)

    # --- what it says --------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The status document."""
        told = self._asked()
        assert told is not None, "the daemon does not answer"
        return told

    def await_status(self, wanted: Any, *, deadline: float, what: str) -> dict[str, Any]:
        """Ask until ``wanted(document)`` holds."""
        end = time.monotonic() + deadline * PATIENCE
        told: object = "no answer"
        while time.monotonic() < end:
            if (asked := self._asked()) is not None:
                told = asked
                if wanted(asked):
                    return asked
            time.sleep(0.5)
        raise AssertionError(f"{what}: not within {deadline:.0f} s; the status is {told}")

    def _asked(self) -> dict[str, Any] | None:
        """What ``failberryctl status --json`` prints; none without an answer.

        That is Python, takes seconds of the guest's processor each time, and whoever is looked at needs them.
        """
        said = self.vm.run(GET_STATUS, check=False)
        if said.rc:
            return None
        told: dict[str, Any] = json.loads(said.stdout)["status"]
        return told

    def connected(self, *, deadline: float = 120.0) -> dict[str, Any]:
        """Wait until the mobile line is up, and return the status."""
        return self.await_status(
            lambda told: told["cellular"]["state"] == "up" and told["modem"]["state"] == "connected",
            deadline=deadline,
            what="the mobile line up",
        )

    def pppd(self) -> int:
        """Process id of our pppd."""
        return int(json.loads(self.vm.get("/run/failberry/session/session.json"))["pid"])

    def main_pid(self) -> int:
        """Process id of the daemon."""
        return int(self.vm.run(["systemctl", "show", "--value", "-p", "MainPID", UNIT]).stdout)

    def kill(self, pid: int) -> None:
        """End a process without a word."""
        self.vm.run(["kill", "-9", str(pid)])

    # --- what is left in the kernel ------------------------------------------------------------

    def traces(self) -> dict[str, Any]:
        """Whatever of ours is in the kernel or on tmpfs, comparable: equal when nothing leaked."""
        commands = {
            "routes": "ip -j route show table all proto 251; ip -j -6 route show table all proto 251",
            "rules": "ip -j rule show; ip -j -6 rule show",
            "filter": 'nft -j list table inet failberry | sed \'s/"handle": [0-9]*/"handle": 0/g\'',
            "locks": "ls /run/lock | grep ^L || true",
            "zombies": "ps -eo stat= | grep -c ^Z || true",
            "pppds": f"cat /sys/fs/cgroup/system.slice/{UNIT}.service/cgroup.procs"
            " | xargs -I{} cat /proc/{}/comm | sort",
        }
        script = "; ".join(f"echo '--- {name}'; {command}" for name, command in commands.items())
        said = self.vm.run(["sh", "-c", script]).stdout
        found = dict(part.partition("\n")[::2] for part in said.split("--- ")[1:])
        links = self.vm.run("ip -j link show").stdout
        found["links"] = str(sorted(each["ifname"] for each in json.loads(links)))
        return found
