"""The machine gets its name, its time zone, its ports and its owner's keys; from memory, at each boot.

The root file system is a tmpfs over a read-only one: what is written here is gone at the next boot.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from failberry.config import Config, FirewallBackend, Mode
from failberry.system.firstboot_judge import InForce
from failberry.system.network import ALL_FILES, network_files
from failberry.system.ports import Port, assign, complete, settled

OWNER = "owner"
_SETTLE = 8.0
"""Seconds for ports that the kernel has not found yet: on USB they come some seconds after the kernel."""
_LOOK = 0.05
"""Seconds between two looks for them."""
_ASK = 1
"""Seconds that udev may take to say that it has nothing to do."""
_MISSING = "failberry-ports.missing"
"""In /run while a port is not there; one that comes has this run once more (failberry-ports.service)."""
_CLOSED = "failberry-closed.nft"
"""In /run: the rules that stood before the network came up, at this boot."""
_TIMEOUT = 20.0
_ETHERNET = 1
"""ARPHRD_ETHER."""
_FALLBACK = """\
[Match]
Type=ether

[Network]
DHCP=ipv4
IPv6AcceptRA=yes
LLMNR=no
MulticastDNS=no

[DHCPv4]
ClientIdentifier=mac
"""


class Machine:
    """Below ``root``, which is ``/`` but in tests; ``run`` starts a program of another package."""

    def __init__(
        self,
        root: Path,
        run: Callable[[list[str]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root = root
        self._run = run or _started
        self._clock, self._sleep = clock, sleep

    def set_up(self, in_force: InForce) -> list[str]:
        """Make the machine what the configuration says; return what could not be done, as sentences."""
        problems: list[str] = []
        steps: tuple[tuple[str, Callable[[InForce], None]], ...] = (
            ("The network", self._network),
            ("The firewall", self._firewall),
            ("The ports", lambda it: problems.extend(self._ports(it))),
            ("The Pi's name", lambda it: self._name(it.hostname)),
            ("The time zone", lambda it: self._zone(it.timezone)),
            ("The SSH keys", self._keys),
        )
        for what, step in steps:
            try:
                step(in_force)
            except (OSError, KeyError) as error:
                problems.append(f"{what} could not be set up: {getattr(error, 'strerror', None) or error}.")
        return problems

    def fall_back(self) -> None:
        """Have an address at least: on whatever Ethernet there is, by DHCP."""
        self._write(self._root / "run" / "systemd/network/90-failberry-fallback.network", _FALLBACK, 0o644)

    # --- the network ---------------------------------------------------------------------------

    def _network(self, in_force: InForce) -> None:
        run = self._root / "run"
        files = network_files(in_force.config, in_force.hostname)
        for name in ALL_FILES:
            if name in files:
                self._write(run / name, files[name], 0o644)
            else:
                (run / name).unlink(missing_ok=True)
        (self._root / "data" / "leases").mkdir(parents=True, exist_ok=True)

    def _firewall(self, in_force: InForce) -> None:
        """Close the wired line before it is up; the daemon comes some seconds later and replaces it."""
        config, text = in_force.config, self._root / "run" / _CLOSED
        router = config.mode is Mode.DUAL_WAN_ROUTER
        if not router or config.firewall.backend is FirewallBackend.IPTABLES or text.exists():
            return
        # Late: the other mode needs none of it, for there the house's router stands before the Pi.
        from failberry.adapters.firewall.nftables import Nftables
        from failberry.core.facts import NetworkFacts
        from failberry.core.filter_rules import filter_intent

        self._write(text, Nftables().render(filter_intent(config, NetworkFacts())), 0o644)
        self._run(["nft", "-f", str(text)])

    def _ports(self, in_force: InForce) -> list[str]:
        config, missing = in_force.config, self._root / "run" / _MISSING
        if complete(config, self.ports()):
            missing.unlink(missing_ok=True)
            return []
        # Before the last look: one that comes after it finds the file.
        self._write(missing, "", 0o644)
        self._await(config)
        assignment = assign(config, list(self.ports()), default=in_force.default)
        problems = list(assignment.problems)
        for name, new in assignment.renames:
            try:
                self._run(["ip", "link", "set", "dev", name, "name", new])
            except OSError as error:
                problems.append(
                    f"The port {name} could not be given the name {new}: {error.strerror or error}."
                )
        # Not where udev may still give one of them another name: then it comes once more.
        if not problems and complete(config, self.ports()):
            missing.unlink(missing_ok=True)
        return problems

    def _await(self, config: Config) -> None:
        """Wait for what is named: ports on USB, and names that udev is about to give.

        Not for all that udev has to do (``udevadm settle``), which would be half of what Failberry adds to a
        boot.  Where a port takes longer, what is here must do.
        """
        end = self._clock() + _SETTLE
        while self._clock() < end and not settled(config, self.ports()):
            if self._udev_is_idle():
                break
            self._sleep(_LOOK)

    def _udev_is_idle(self) -> bool:
        # The file is there while udev has work (udev_queue_get_queue_is_empty(3)).
        if (self._root / "run" / "udev" / "queue").exists():
            return False
        try:
            # What the kernel has just told udev may not be in its queue yet: this asks udev itself.
            self._run(["udevadm", "settle", f"--timeout={_ASK}"])
        except OSError:
            return False
        return True

    def ports(self) -> Iterator[Port]:
        """What there is of hardware (Documentation/ABI/testing/sysfs-class-net)."""
        folder, udev = self._root / "sys" / "class" / "net", self._root / "run" / "udev" / "data"
        with contextlib.suppress(OSError):
            for port in sorted(folder.iterdir()):
                if (port / "device").exists() and _number(port / "type", 10) == _ETHERNET:
                    yield Port(
                        name=port.name,
                        driver=(port / "device" / "driver").resolve().name,
                        vendor=_vendor((port / "device").resolve()),
                        wireless=(port / "phy80211").exists() or (port / "wireless").exists(),
                        named=(udev / f"n{_number(port / 'ifindex', 10)}").exists(),
                    )

    # --- the rest --------------------------------------------------------------------------------

    def _name(self, hostname: str) -> None:
        etc = self._root / "etc"
        self._write(etc / "hostname", f"{hostname}\n", 0o644)
        try:
            hosts = (etc / "hosts").read_text()
        except FileNotFoundError:
            hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        kept = re.sub(r"(?m)^127\.0\.1\.1\s.*\n?", "", hosts)
        self._write(etc / "hosts", f"{kept.rstrip()}\n127.0.1.1\t{hostname}\n", 0o644)
        if self._root == Path("/"):
            socket.sethostname(hostname)

    def _zone(self, timezone: str) -> None:
        etc = self._root / "etc"
        draft = etc / "localtime.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(f"/usr/share/zoneinfo/{timezone}")
        draft.replace(etc / "localtime")
        self._write(etc / "timezone", f"{timezone}\n", 0o644)

    def _keys(self, in_force: InForce) -> None:
        user = pwd.getpwnam(OWNER) if self._root == Path("/") else None
        home = Path(user.pw_dir) if user else self._root / "home" / OWNER
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = "# Written at each boot: keys come from the card (docs/howto/sd-card.md).\n"
        self._write(
            folder / "authorized_keys", text + "".join(f"{key.line}\n" for key in in_force.keys), 0o600
        )
        if user:
            for path in (folder, folder / "authorized_keys"):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _write(self, path: Path, text: str, mode: int) -> None:
        """In one step, for whoever reads it meanwhile; on a tmpfs, so nothing is synced."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        draft.write_text(text)
        draft.chmod(mode)
        draft.replace(path)


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(), base)
    except (OSError, ValueError):
        return None


def _vendor(device: Path) -> int | None:
    """Of the USB device whose interface this is."""
    return _number(device.parent / "idVendor", 16)


def _started(words: list[str]) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.decode(errors="replace").strip() or str(error)) from None
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from None
