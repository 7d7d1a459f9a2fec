"""The card beside Debian's own minimal image: size, memory; its start; and what a day of standby writes.

    python -m image --arch amd64 …            # first
    python -m bench.card [--hours 1] [--only size memory start writes]

Debian's own has what its image for the Raspberry Pi has (raspi_master.yaml of its image-specs): all packages
of priority "important", and some more; from the same archive, for the same processor, without firmware, as
ours is.  It is one ext4 file system here.  Both are compressed alike and run in the same machine.

The start is that of a card which was settled in an earlier one, on one processor whose clock follows what it
computes, so that other work here does not count; with Failberry, and with all units of Failberry masked.

Memory is MemTotal less MemAvailable (proc(5)) some minutes after the boot.  Writes are what QEMU counts for
the card (``info blockstats``), the journals of its file systems included, while a stick stands by on its hub
and the wired line carries the house; a day is so many times what was seen.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from image import base, mirror, release
from image.steps import run
from tests.image.card import Card, scratch
from tests.image.conftest import OWNERS_FILE, image
from tests.image.machine import Machine
from tests.image.stick import Stick
from tests.image.test_boot import wait_ready
from tests.image.updates import NETWORK, inside, surroundings

OURS, DEBIANS = "Failberry", "Debian's own"
PACKAGES = ("ca-certificates", "dosfstools", "iw", "parted", "ssh", "wpasupplicant", "systemd-timesyncd",
            "linux-image-amd64", "initramfs-tools")  # fmt: skip
WIRED = r"[Match]\nType=ether\n[Network]\nDHCP=yes\n"
HOUSE = f"""{OWNERS_FILE}\
address = "1.1.1.15/24"
gateway = "1.1.1.2"
name_servers = ["1.1.1.1"]

[probe]
pages = []
"""
SETTLES = 180.0
"""Seconds after the boot until nothing is going on that is not always going on."""
BUILD_DEADLINE, DIAL_DEADLINE = 1200.0, 300.0
GOAL = 20.0
"""Megabytes a day."""
DAY = 86_400.0
KEPT_FOR = 30
"""Days that Debian's own may be old."""


class Plain(Machine):
    """The same machine with Debian's own root in it."""

    def power_on(self, *, more: str = "") -> None:
        folder = self.card.path.parent
        self.boots += 1
        line = f"root=/dev/vda rw console={self.board.console} {more}"
        line += f" systemd.debug_shell={self.board.terminal}"
        self._switch_on([
            self.board.program, *self.board.arguments, *self.common, "-append", line,
            "-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.img"),
            "-drive", f"file={self.card.path},format=raw,if=none,id=card,cache=writeback", *self.board.disk,
            "-netdev", "user,restrict=on,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=",
            *self._hub(), "-device", "virtio-rng-pci", "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off",
            *self.board.second_port, "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off",
        ])  # fmt: skip


def debian() -> Path:
    """A tar of Debian's own minimal root, with its kernel and initrd."""
    today = datetime.now(UTC).date()
    for kept in base.cache().glob("debian-minimal-2*.tar"):
        if (today - datetime.fromisoformat(kept.stem[-10:]).date()).days < KEPT_FOR:
            return kept
        kept.unlink()
    target = base.cache() / f"debian-minimal-{today.isoformat()}.tar"
    partial = target.with_suffix(".partial")
    run("Debian's own", [
        "mmdebstrap", "--variant=important", "--format=tar", "--mode=root",
        f"--include={','.join(PACKAGES)}", *mirror.proxy_options(),
        f'--customize-hook=printf "{WIRED}" >"$1"/etc/systemd/network/wired.network',
        '--customize-hook=systemctl --quiet --root="$1" enable systemd-networkd',
        "--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/*",
        "trixie", str(partial), *base.sources("trixie", ("main",)),
    ], deadline=BUILD_DEADLINE)  # fmt: skip
    return partial.rename(target)


def flashed(tar: Path, folder: Path) -> Card:
    """That as one file system; kernel and initrd beside it."""
    tree, card = folder / "tree", folder / "debian.img"
    tree.mkdir()
    unpack = ["tar", "--extract", "--numeric-owner", f"--directory={tree}", f"--file={tar}"]
    subprocess.run(unpack, check=True)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile(next(tree.glob(f"boot/{name}-*")), folder / name)
    make = ["mke2fs", "-q", "-t", "ext4", "-d", str(tree), str(card), "1536M"]
    subprocess.run(make, check=True, capture_output=True)
    shutil.rmtree(tree)
    return Card(path=card)


def sizes(debians: Card) -> None:
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in ((OURS, image("amd64")), (DEBIANS, debians.path)):
            copy = Path(folder) / path.name
            subprocess.run(["cp", "--sparse=always", path, copy], check=True)
            figures[name] = release.compress(copy).stat().st_size / 1e6
            before = copy.stat().st_blocks * 512 / 1e6
            print(f"{name:<12} {figures[name]:6.1f} MB compressed, {before:6.1f} MB before", flush=True)
    print(f"size: {figures[OURS] / figures[DEBIANS]:.2f} times", flush=True)


def used(machine: Machine) -> float:
    """Megabytes that are not to be had, a while after the boot."""
    machine.wait_for_boot()
    time.sleep(SETTLES)
    told = machine.run("awk '/^MemTotal|^MemAvailable/ {print $2}' /proc/meminfo")
    print(machine.run("free -m; ps -e --no-headers -o pss,args --sort=-pss | head -n 12", check=False))
    total, available = map(int, told.split())
    return (total - available) * 1024 / 1e6


def memory(debians: Card) -> None:
    folder = scratch()
    with Machine(card=Card.flashed(image("amd64"), folder), folder=folder) as machine:
        machine.card.put("failberry.toml", OWNERS_FILE)
        machine.power_on()
        ours = used(machine)
    with Plain(card=debians, folder=scratch()) as plain:
        plain.power_on()
        theirs = used(plain)
    print(
        f"memory at idle: {ours:.1f} MB, Debian's own {theirs:.1f} MB: {ours / theirs:.2f} times", flush=True
    )


def reached(machine: Machine, unit: str) -> float:
    """Seconds from the start of the kernel until a unit was active."""
    told = machine.run(f"systemctl show --property=ActiveEnterTimestampMonotonic --value {unit}")
    return int(told.strip() or 0) / 1e6


def start() -> None:
    folder = scratch()
    with Machine(card=Card.flashed(image("amd64"), folder), folder=folder, steady=True) as machine:
        # By the name that udev gives: for another one the machine has to wait until all ports have theirs.
        machine.card.put("failberry.toml", OWNERS_FILE.replace("onboard0", "ens3"))
        for _ in range(2):
            machine.power_on()
            wait_ready(machine)
            machine.wait_for_boot()
            ready, whole = reached(machine, "failberry.service"), reached(machine, "multi-user.target")
            ours = machine.run("systemctl list-unit-files --no-legend 'failberry*' | cut -d' ' -f1").split()
            assert "failberry.service" in ours, "nothing would be masked"
            for each in ours:
                if "@." in each:
                    continue
                told = machine.run(f"systemctl show --property=CPUUsageNSec --value {each}").strip()
                if told.isdigit() and int(told) > 100_000_000:
                    print(f"{each:<36} {int(told) / 1e9:5.1f} s of the processor, active at "
                          f"{reached(machine, each):5.1f} s", flush=True)  # fmt: skip
            print(machine.run("systemd-analyze --no-pager"), flush=True)
            print(machine.run("systemd-analyze --no-pager critical-chain failberry.service"), flush=True)
            machine.shut_down()
        machine.power_on(more=" ".join(f"systemd.mask={unit}" for unit in ours))
        machine.wait_for_boot()
        without = reached(machine, "multi-user.target")
        machine.shut_down()
    print(f"from the kernel to READY {ready:.1f} s, to multi-user.target {whole:.1f} s; without Failberry "
          f"{without:.1f} s: {ready / without:.2f} and {whole / without:.2f} times", flush=True)  # fmt: skip


def writes(hours: float) -> bool:
    folder = scratch()
    flashed_card = Card.flashed(image("amd64"), folder)
    with surroundings(folder) as place, Machine(card=flashed_card, folder=folder) as machine:
        machine.networks, machine.started_by = (NETWORK,), inside(place)
        machine.arguments = Stick.arguments(folder)
        machine.card.put("failberry.toml", HOUSE)
        machine.power_on()
        wait_ready(machine)
        machine.wait_for_boot()
        with Stick(machine=machine) as stick:
            stick.plug()
            machine.wait_until("ip -4 address show dev fbcell0 | grep -q inet", deadline=DIAL_DEADLINE)
            time.sleep(SETTLES)
            (octets, times), began = written(machine), time.monotonic()
            while time.monotonic() < began + hours * 3600:
                time.sleep(60)
                now, often = written(machine)
                minutes = (time.monotonic() - began) / 60
                print(
                    f"{minutes:5.1f} min: {(now - octets) / 1e6:6.2f} MB, {often - times} writes", flush=True
                )
            day = (now - octets) / 1e6 * DAY / (time.monotonic() - began)
            print(machine.run("failberryctl status", check=False), f"sessions: {stick.sessions}", sep="\n")
    print(f"writes to the card in standby: {day:.1f} MB a day (goal: at most {GOAL:.0f})", flush=True)
    return day <= GOAL


def written(machine: Machine) -> tuple[int, int]:
    """Octets, and how often, since it was switched on."""
    told = next(line for line in machine.monitor("info blockstats").splitlines() if line.startswith("card"))
    figures = dict(each.split("=") for each in told.partition(":")[2].split())
    return int(figures["wr_bytes"]), int(figures["wr_operations"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0, help="how long to watch for writes (1)")
    parser.add_argument("--only", nargs="+", default=["size", "memory", "start", "writes"])
    arguments = parser.parse_args()
    beside: dict[str, Callable[[Card], None]] = {"size": sizes, "memory": memory}
    if wanted := [beside[name] for name in arguments.only if name in beside]:
        folder = scratch()
        try:
            debians = flashed(debian(), folder)
            for each in wanted:
                each(debians)
        finally:
            shutil.rmtree(folder)
    if "start" in arguments.only:
        start()
    return int("writes" in arguments.only and not writes(arguments.hours))


if __name__ == "__main__":
    sys.exit(main())
