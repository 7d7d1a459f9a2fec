"""The peers' side of the city: a router of their own on the same two lines, and who moves its routes.

Each peer has its own LAN client and its own routing table, and moves the default route of that table by the
same script; so all of them meet the very same fault, and what differs is how long they take to notice it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from city import INSIDE, ROOT, City, each_pid
from namespace import namespaces

WAN, GATEWAY = "203.0.113.66", "203.0.113.65"
STICK, OWN = "192.168.10.1", "192.168.10.2"
LAN = "192.168.9"
PEERS = ("dpinger", "keepalived", "mwan3track")
CLIENTS = {name: f"{LAN}.{11 + number}" for number, name in enumerate(PEERS)}
READY = 15.0

KEEPALIVED = """\
global_defs {{
    script_user root
}}
vrrp_script wired_line {{
    script "/usr/bin/ping -n -q -c 1 -W 1 -I wan 8.8.8.8"
    interval 1
}}
vrrp_instance house {{
    interface lan
    virtual_router_id 51
    priority 100
    track_interface {{
        wan
    }}
    track_script {{
        wired_line
    }}
    notify_master "{switch} wired"
    notify_fault "{switch} mobile"
}}
"""


class Box:
    """The peers' router; made for as long as the city lives."""

    def __init__(self, city: City, stack: contextlib.ExitStack) -> None:
        self.city, self.folder = city, city.folder / "peers"
        self.folder.mkdir()
        self.here, self.client = stack.enter_context(namespaces("box", "clients"))
        stack.callback(self.stop)
        self._running: list[subprocess.Popen[str]] = []
        here = self.here
        here.sh("sysctl", "-wq", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        here.ip(f"link add wan type veth peer name customer2 netns {city.gw.name}", "link set wan up")
        city.gw.ip("link set customer2 up", f"addr add {GATEWAY}/26 dev customer2")
        here.ip(f"addr add {WAN}/26 dev wan", f"route add default via {GATEWAY}")
        here.ip(f"link add mobile type veth peer name lan2 netns {city.stick.name}", "link set mobile up")
        city.stick.ip("link set lan2 up", f"addr add {STICK}/24 dev lan2")
        here.ip(f"addr add {OWN}/24 dev mobile")
        here.ip(f"link add lan type veth peer name eth0 netns {self.client.name}", "link set lan up")
        here.ip(f"addr add {LAN}.1/24 dev lan")
        self.client.ip("link set eth0 up", *(f"addr add {own}/24 dev eth0" for own in CLIENTS.values()))
        self.client.ip(f"route add default via {LAN}.1")
        rules = "table ip box {\nchain out {\ntype nat hook postrouting priority srcnat\n" \
            "oifname { wan, mobile } masquerade\n}\n}\n"  # fmt: skip
        subprocess.run([*INSIDE, here.name, "nft", "-f", "-"], input=rules, text=True, check=True)
        for name, own in CLIENTS.items():
            here.ip(f"rule add from {own} lookup {self._table(name)} priority 100")
            self._write_switch(name)

    @staticmethod
    def _table(name: str) -> int:
        return 101 + PEERS.index(name)

    def _write_switch(self, name: str) -> None:
        path = self.folder / f"switch-{name}"
        route = f"exec ip route replace table {self._table(name)} default"
        path.write_text(
            f"#!/bin/sh\necho $1 >>{path}.log\ncase $1 in\nmobile) {route} via {STICK} dev mobile ;;\n"
            f"wired) {route} via {GATEWAY} dev wan ;;\nesac\n"
        )
        path.chmod(0o755)

    def moves(self, name: str) -> int:
        """How often it has moved its route to the mobile line, ever."""
        log = self.folder / f"switch-{name}.log"
        return log.read_text().split().count("mobile") if log.exists() else 0

    def start(self, *names: str) -> None:
        """(Re)start these from the state of a line that has been good for long; wait until they watch."""
        self.stop()
        for name in names:
            switch = str(self.folder / f"switch-{name}")
            self.here.sh(switch, "wired")
            match name:
                case "dpinger":
                    self._run(sys.executable, "-m", "bench.failover.dpinger", "1.1.1.1", WAN, switch)
                case "mwan3track":
                    self._run(sys.executable, "-m", "bench.failover.mwan3track", "wan", switch)
                case _:
                    self._keepalived(switch)

    def _run(self, *words: str, ready: str = "ready") -> None:
        started = subprocess.Popen(
            [*INSIDE, self.here.name, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        )  # fmt: skip
        self._running.append(started)
        assert started.stdout is not None
        end = time.monotonic() + READY
        said = []
        for line in started.stdout:
            said.append(line)
            if ready in line:
                return
            if time.monotonic() > end:
                break
        raise RuntimeError(f"{words[0]} does not start:\n{''.join(said)}")

    def _keepalived(self, switch: str) -> None:
        configuration = self.folder / "keepalived.conf"
        configuration.write_text(KEEPALIVED.format(switch=switch))
        pids = [f"--{kind}={self.folder / kind}" for kind in ("pid", "vrrp_pid")]
        self._run(
            "keepalived", "--dont-fork", "--log-console", "--vrrp", f"--use-file={configuration}", *pids,
            ready="Entering MASTER STATE",
        )  # fmt: skip

    def stop(self) -> None:
        """End them; routes stay."""
        for program in self._running:
            program.terminate()
        for program in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(3)
        for pid in each_pid(self.here):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for program in self._running:
            program.wait()
            assert program.stdout is not None
            program.stdout.close()
        self._running.clear()
