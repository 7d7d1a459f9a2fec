"""One run of an update on slots that are plain folders, in a mount namespace of its own.

``python -m tests.netns.slotroot FOLDER``.  Real are rsync, chroot, bind mounts and every file; apt,
unattended-upgrade and the tools of ext4 are scripts in ``FOLDER/bin`` and in the slot, which can kill this
program (``FOLDER/kill-at`` names the one that does).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from failberry.system import slots
from failberry.system.card import Card, Places
from failberry.system.slots import SlotEnv
from failberry.system.updatehost import Host
from failberry.system.updateplan import Lines, Offer, Package
from failberry.system.updatesteps import Asker, Update, Wish

OLD, NEW = "6.12.1-arm64", "6.12.2-arm64"
STABLE = Lines(active="wired", wired_state="up", wired_for=90_000.0)
OFFER = Offer(
    packages=(Package(name="openssl", version="2", security=True),), octets=1_000_000, packages_hash="new"
)
KERNEL = bytes(56) + b"ARM\x64" + bytes(4096)

# Whoever is named in kill-at kills the program that has run it.
_FATAL = '[ "$(cat {where}/kill-at 2>/dev/null)" != {name} ] || kill -9 $PPID\n'
_HOST_TOOLS = {
    "e2fsck": "exit 0\n",
    "mkfs.ext4": "exit 0\n",
    # A folder stands for the partition.
    "mount": 'case "$*" in "-t ext4"*) shift 4; exec {mount} --bind "$@" ;; *) exec {mount} "$@" ;; esac\n',
    "umount": 'exec {umount} "$@"\n',
    "rsync": 'exec {rsync} "$@"\n',
    "lsinitramfs": 'cat "$1"\n',
    "systemctl": 'echo "$@" >>{folder}/systemctl\n',
}
SLOT_TOOLS = {
    "unattended-upgrade": (
        'if [ "$1" = --download-only ]; then echo deb >/var/cache/apt/archives/openssl.deb; exit; fi\n'
        "[ -e /var/cache/apt/archives/openssl.deb ] || exit 1\n"
        "[ -c /dev/pts/ptmx ] || { echo 'E: Is /dev/pts mounted?'; exit 1; }\n"
        "[ ! -e /full ] || { echo 'head: No space left on device' >>/var/log/unattended-upgrades/"
        "unattended-upgrades-dpkg.log; echo 'E: see the log'; exit 1; }\n"
        "[ ! -e /broken ] || { echo 'E: openssl: its script failed'; exit 1; }\n"
        "/usr/sbin/policy-rc.d ssh start; [ $? = 101 ] || exit 2\n"
        "echo half >/etc/half\n"
        f"cp /boot/vmlinuz-{OLD} /boot/vmlinuz-{NEW}; cp /boot/initrd.img-{OLD} /boot/initrd.img-{NEW}\n"
        "echo 'openssl 2' >/var/lib/dpkg/list; rm /etc/half\n"
    ),
    "dpkg-query": "cat /var/lib/dpkg/list\n",
    "dpkg": "cat /etc/half 2>/dev/null || true\n",
    "apt-config": "echo 'APT \"\";'\n",
    "apt-get": "rm -f /var/cache/apt/archives/*.deb\n",
    "failberryctl": 'case $1 in --version) echo failberryctl 0.2.0 ;; *) grep -q mode "$3" ;; esac\n',
}


def build(folder: Path) -> None:
    """Lay out the card: the running slot's root, an empty other one, the first partition."""
    lower, tools = folder / "lower", folder / "bin"
    for name in (
        *("bin", "sbin", "usr/bin", "usr/sbin", "etc", "boot", "proc", "sys", "dev", "run", "var/tmp"),
        *(
            "var/log/unattended-upgrades",
            "var/lib/dpkg",
            "var/lib/apt/lists",
            "var/cache/apt/archives",
            "usr/lib",
        ),
    ):
        (lower / name).mkdir(parents=True)
    _busybox(lower)
    for name in ("sbin/init", "usr/sbin/failberryd", "usr/sbin/sshd", "etc/passwd"):
        (lower / name).write_text("x\n")
    (lower / f"boot/vmlinuz-{OLD}").write_bytes(KERNEL)
    (lower / f"boot/initrd.img-{OLD}").write_text("mmc_block.ko\next4.ko\noverlay.ko\n")
    (lower / "var/lib/dpkg/list").write_text("openssl 1\n")
    for name, body in SLOT_TOOLS.items():
        _script(lower / "usr/bin" / name, _FATAL.format(where="", name=name) + body)
    tools.mkdir()
    real = {name: str(shutil.which(name)) for name in ("mount", "umount", "rsync")}
    for name, body in _HOST_TOOLS.items():
        _script(tools / name, _FATAL.format(where=folder, name=name) + body.format(folder=folder, **real))
    (folder / "partition-3").mkdir()
    firmware = folder / "firmware"
    (firmware / "a").mkdir(parents=True)
    (firmware / "a/vmlinuz").write_bytes(KERNEL)
    shutil.copy(lower / f"boot/initrd.img-{OLD}", firmware / "a/initrd.img")
    (firmware / "slot.env").write_bytes(slots.render(SlotEnv()))
    (folder / "cmdline").write_text("failberry.slot=a\n")
    (folder / "failberry.toml").write_text('mode = "standby-gateway"\n')
    (folder / "state/apt/lists").mkdir(parents=True)


def places(folder: Path) -> Places:
    """Where all that is."""
    return Places(
        command_line=folder / "cmdline",
        firmware=folder / "firmware",
        state=folder / "state",
        runtime=folder / "runtime",
        lower=folder / "lower",
        configuration=folder / "failberry.toml",
        partition=f"{folder}/partition-{{number}}",
    )


class FolderHost(Host):
    """The real one; only the archive and the daemon, which other tests have, are answered here."""

    def look(self, *, security_only: bool) -> Offer:
        """What is always new."""
        return OFFER

    def lines(self) -> Lines | None:
        """A house that is well."""
        return STABLE


def main(folder: Path) -> int:
    os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
    ending = Update(FolderHost(Card(places(folder))), lambda step, percent: None).run(Wish(asker=Asker.OWNER))
    print(f"{ending.outcome}: {ending.reason}")
    return 0


def run(folder: Path, *, kill_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run this program on ``folder``."""
    for where in (folder, folder / "lower", folder / "partition-3"):
        (where / "kill-at").unlink(missing_ok=True)
    if kill_at:
        # Into the slot it comes by rsync.
        (folder / ("lower" if kill_at in SLOT_TOOLS else "") / "kill-at").write_text(kill_at)
    # As systemd makes one for PrivateMounts=: deaf outwards, shared within (systemd.exec(5), MountFlags=).
    shared = 'mount --make-rshared /; exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", shared, "slot",
         sys.executable, "-m", "tests.netns.slotroot", str(folder)],
        capture_output=True, text=True, check=False, timeout=100, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def digest(folder: Path, *, without: tuple[str, ...] = ("kill-at",)) -> dict[str, tuple[int, bytes]]:
    """Every file below it, with mode and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.name not in without and stat.S_ISREG(path.lstat().st_mode)
    }


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}")
    path.chmod(0o755)


def _busybox(root: Path) -> None:
    busybox = str(shutil.which("busybox"))
    shutil.copy(busybox, root / "bin/busybox")
    told = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False, timeout=10).stdout
    for library in re.findall(r"(/\S+) \(0x", told):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    for name in ("sh", "cat", "cp", "rm", "env", "kill", "grep", "ls"):
        (root / "bin" / name).symlink_to("busybox")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
