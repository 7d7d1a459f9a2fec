"""The house inside the virtual machine: its networks, its modem stick, and the product installed on the Pi.

``ready()`` describes a guest with all of it; ``Lab`` is what a scenario holds.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .cache import LabError
from .vm import Result, Stage, Vm

HERE = Path(__file__).parent
GUEST = HERE / "guest"
MODEM = HERE.parent / "modemsim"
HOME = "/opt/lab"  # in the guest; modemsim is a package below it
STANDBY_GATEWAY, DUAL_WAN_ROUTER = "standby-gateway", "dual-wan-router"
STICK = "/run/stick.sock"
MODEM_CONTROL = "/run/modemsim.sock"
SWITCH_RULE = "40-usb_modeswitch.rules"
MOBILE_ADDRESS, CARRIER_ADDRESS, CARRIER_DNS = "203.0.113.130", "203.0.113.129", "203.0.113.253"
PORTS_THERE = "ls -d /sys/bus/usb/devices/1-1:1.*/ttyUSB* | grep -c : | grep -qx 4"
INSTALL_DEADLINE = 180.0
WORLD_DEADLINE = 180.0


def ready(deb: Path | None = None) -> Stage:
    """A guest with the lab's programs, the stick (not plugged) and, when given, the product's package.

    It holds one kept moment per topology, named like it: the networks are up and the Pi has its address.
    """

    def prepare(vm: Vm) -> None:
        vm.put_tree(GUEST, HOME)
        if MODEM.is_dir():
            vm.put_tree(MODEM, f"{HOME}/modemsim")
        # What turns a CD-ROM into a modem here is the product, unless a scenario has Debian's rule do it.
        vm.run(["ln", "-s", "/dev/null", f"/etc/udev/rules.d/{SWITCH_RULE}"])
        vm.run(["udevadm", "control", "--reload"])
        vm.spawn("lab-stick", [f"{HOME}/stick.py", "serve"])
        if deb:
            vm.put(f"/root/{deb.name}", deb.read_bytes())
            vm.run(["dpkg", "--install", f"/root/{deb.name}"], timeout=INSTALL_DEADLINE)
        vm.wait_until(f"test -S {STICK}", deadline=30)
        vm.run([f"{HOME}/world.sh", "up", DUAL_WAN_ROUTER], timeout=WORLD_DEADLINE)
        vm.save(DUAL_WAN_ROUTER)
        vm.run([f"{HOME}/world.sh", "up", STANDBY_GATEWAY], timeout=WORLD_DEADLINE)

    digest = hashlib.sha256(deb.read_bytes() if deb else b"")
    folders = [folder for folder in (GUEST, MODEM) if folder.is_dir()]
    for path in sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sh")
    ):
        digest.update(path.relative_to(HERE.parent).as_posix().encode() + path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    # The moment in which the preparation ends is kept under the stage's name: so this one is, too.
    return Stage(name=STANDBY_GATEWAY, key=digest.hexdigest(), prepare=prepare)


def package() -> Path | None:
    """The product's package to install: the file that ``FAILBERRY_DEB`` names, or none when it is not set."""
    named = os.environ.get("FAILBERRY_DEB")
    if named and not Path(named).is_file():
        raise LabError(f"FAILBERRY_DEB: there is no file {named}")
    return Path(named).resolve() if named else None


class Lab:
    """One scenario's house, just after its topology came up. ``vm`` is the Pi."""

    def __init__(self, vm: Vm, topology: str) -> None:
        self.vm = vm
        self.topology = topology
        vm.load(topology)

    def on(
        self, place: str, command: Sequence[str] | str, *, timeout: float = 30.0, check: bool = True
    ) -> Result:
        """Run a command at ``internet``, ``isp``, ``carrier``, ``router``, ``lan1`` or ``lan2``."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return self.vm.run(["ip", "netns", "exec", place, *words], timeout=timeout, check=check)

    def world(self, *words: str) -> None:
        """Change the networks: ``lab.world("blackhole", "isp")``; what there is: ``guest/world.sh``."""
        self.vm.run([f"{HOME}/world.sh", *words], timeout=WORLD_DEADLINE)

    def stick(self, *words: str) -> str:
        """Tell the stick ``plug``, ``unplug``, ``crash``, ``dcd 2 0`` or nothing; returns what it said."""
        # The conversation of stick.py itself, without the second that Python takes to start here.
        line = " ".join(words).encode() + b"\n"
        said = self.vm.run(["socat", "-t10", "-", f"UNIX:{STICK}"], stdin=line).stdout
        if "ok" not in said.splitlines():
            raise LabError(f"stick: {' '.join(words)}\n{said}")
        return said

    def plug(self, *, deadline: float = 20.0) -> None:
        """Plug the stick in and wait for the option driver's ports."""
        self.stick("plug")
        self.vm.wait_until(PORTS_THERE, deadline=deadline)

    def switch_by_debian(self) -> None:
        """Let usb-modeswitch's own udev rule switch CD-ROMs, as it does wherever it is installed."""
        self.vm.run(["rm", f"/etc/udev/rules.d/{SWITCH_RULE}"])
        self.vm.run(["udevadm", "control", "--reload"])

    def hold_ports(self) -> None:
        """Have another program keep a tty of the stick open: its number stays taken, all others move by one.

        The hang-up does not end it, as it would end a program whose terminal this is.
        """
        self.vm.spawn("holder", "trap '' HUP; exec sleep 3600 < /dev/ttyUSB0")
        self.vm.wait_until("fuser --silent /dev/ttyUSB0", deadline=10)

    def hilink(self, *words: str) -> None:
        """Plug in the stick that is a router of its own, pull it out, and the like: ``guest/hilink.sh``."""
        self.vm.run([f"{HOME}/hilink.sh", *words])

    def start_modem(self, **settings: object) -> None:
        """Run the simulated modem in the stick, not plugged yet; settings as in ``modemsim.model``.

        The carrier gives an address that the Internet can reach (a "direct" APN), unless told otherwise.
        """
        network = {"address": MOBILE_ADDRESS, "peer": CARRIER_ADDRESS, "dns": [CARRIER_DNS], **settings}
        ports = ",".join(f"/dev/ttyGS{number}" for number in range(4))
        command = [
            "python3",
            "-m",
            "modemsim",
            "--ports",
            ports,
            "--bus",
            STICK,
            "--netns",
            "carrier",
        ]
        command += ["--control", MODEM_CONTROL, "--config", json.dumps(network)]
        self.vm.spawn("lab-modem", command, properties=[f"WorkingDirectory={HOME}"])
        self.vm.wait_until(f"test -S {MODEM_CONTROL}", deadline=20)

    def modem(self, *words: str) -> str:
        """Change the modem while it runs, or ask it: the words of ``modemsim.ctl``."""
        line = shlex.join(["python3", "-m", "modemsim.ctl", "--control", MODEM_CONTROL, *words])
        return self.vm.run(f"cd {HOME} && {line}").stdout

    def asks(self, place: str, server: str, *, timeout: float = 5.0) -> dict[str, Any] | None:
        """What a server saw of an HTTP request from ``place``; None when nothing came back.

        ``pi`` is the Pi by whichever line it chooses, ``mobile`` the Pi bound to its mobile line.
        """
        host = f"[{server}]" if ":" in server else server
        command = ["curl", "--silent", "--max-time", f"{timeout}", f"http://{host}/"]
        if place == "mobile":
            command += ["--interface", "fbcell0"]
        ours = place in ("pi", "mobile")
        run = self.vm.run if ours else lambda *a, **k: self.on(place, *a, **k)
        result = run(command, timeout=timeout + 10, check=False)
        seen: dict[str, Any] | None = json.loads(result.stdout) if result.rc == 0 else None
        return seen
