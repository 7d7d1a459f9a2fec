"""Build the lab's guest: a Debian 13 disk image, its kernel and a small initrd, cached by this file's hash.

``mmdebstrap`` fills a folder, ``mke2fs -d`` makes it a file system, ``qemu-img`` leaves out the holes:
no loop device, no mount.
"""

import hashlib
import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from image import steps

from . import cache
from .cache import LabError
from .mirror import mirror, proxy_options

SUITE = "trixie"
BOOTSTRAP_DEADLINE = 1500.0  # a slow mirror: 150 MB at 100 kB/s
ASSEMBLE_DEADLINE = 180.0
DISK_SIZE = "3G"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"

PACKAGES = (
    # the system
    "linux-image-amd64 initramfs-tools zstd systemd systemd-sysv dbus udev kmod login adduser procps psmisc",
    "libpam-systemd polkitd logrotate e2fsprogs tzdata",
    # what the failberry package depends on, so that dpkg -i needs no network
    "python3 python3-serial python3-pyroute2 python3-systemd python3-usb python3-iptables ppp nftables",
    "usb-modeswitch uhubctl",
    # what it suggests, for the dashboard
    "python3-aiohttp python3-prometheus-client",
    # control from the host
    "qemu-guest-agent",
    # the world around it: DHCP and DNS of the provider, faults, scans, traffic
    "iproute2 iptables iputils-ping dnsmasq-base conntrack nmap tcpdump curl busybox socat ethtool",
    # what the benchmark compares with; installed, never enabled
    "modemmanager network-manager",
)
STARTED_BY_HAND = (
    "ModemManager.service NetworkManager.service NetworkManager-dispatcher.service wpa_supplicant.service",
    "NetworkManager-wait-online.service",
)
NEVER_STARTED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer",
    "e2scrub_reap.service systemd-networkd-wait-online.service",
    "getty@tty1.service modprobe@drm.service",
)
# Written before any package is unpacked, so that the initrd is made once and small.
EARLY_FILES = {
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
    "etc/dpkg/dpkg.cfg.d/lab": "".join(
        f"path-exclude={path}\n"
        for path in ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*/*", "/usr/share/info/*")
    ),
}
LATE_FILES = {
    "etc/hostname": "pi\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 pi\n::1 localhost ip6-localhost\n",
    "etc/fstab": "/dev/vda / ext4 rw,noatime 0 1\n",
    "etc/resolv.conf": "nameserver 192.0.2.53\noptions timeout:2 attempts:1\n",
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
    # Each command of a scenario would be five lines in the journal.
    "etc/systemd/system/qemu-guest-agent.service.d/lab.conf": "[Service]\nLogLevelMax=notice\n",
    # The serial console is a root shell for people (python -m tests.lab shell); nothing else can reach it. No
    # login, for that would start a session and a user's own service manager.
    "etc/systemd/system/serial-getty@ttyS0.service.d/lab.conf": (
        "[Service]\nExecStart=\nExecStart=-/bin/bash --login\nStandardInput=tty\nStandardOutput=tty\n"
        "Environment=TERM=linux\nSetLoginEnvironment=yes\nWorkingDirectory=~\n"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One finished guest; ``key`` names its recipe. The files are shared and must never be written."""

    key: str
    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def image() -> Image:
    """Return the guest of this recipe, building it first when the cache has none (about a minute).

    Raises LabError when a tool is missing, a step fails, or a deadline passes.
    """
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    images = cache.root() / "images"
    images.mkdir(exist_ok=True)
    found = Image(key=key, folder=images / key)
    with cache.locked("image", deadline=BOOTSTRAP_DEADLINE + ASSEMBLE_DEADLINE):
        if not found.folder.is_dir():
            with tempfile.TemporaryDirectory(prefix="building-", dir=cache.root()) as scratch:
                finished = Path(scratch) / "image"
                finished.mkdir()
                try:
                    _build(Path(scratch), finished)
                except steps.BuildError as error:
                    raise LabError(str(error)) from error
                finished.rename(found.folder)
        os.utime(found.folder)
        cache.prune(images, keep=2)
    return found


def _build(scratch: Path, finished: Path) -> None:
    steps.require("mmdebstrap", "mke2fs", "qemu-img")
    if not Path(KEYS).exists():
        raise LabError(f"{KEYS} is missing: install debian-archive-keyring")
    tree = scratch / "tree"
    early = _write_tree(scratch / "early", EARLY_FILES)
    late = _write_tree(scratch / "late", LATE_FILES)
    packages = ",".join(" ".join(PACKAGES).split())
    services = '--customize-hook=chroot "$1" systemctl --quiet'
    command = [
        "mmdebstrap", "--variant=minbase", "--architectures=amd64", "--mode=root", f"--include={packages}",
        "--aptopt=Acquire::Retries 3", "--aptopt=Acquire::http::Timeout 30", *proxy_options(),
        f"--essential-hook=cp -rT {shlex.quote(str(early))} \"$1\"",
        f"--customize-hook=cp -rT {shlex.quote(str(late))} \"$1\"",
        f"{services} disable {' '.join(STARTED_BY_HAND)}",
        f"{services} mask {' '.join(NEVER_STARTED)}",
        f"{services} enable systemd-networkd.service",
        SUITE, str(tree), f"deb [signed-by={KEYS}] {mirror()} {SUITE} main",
    ]  # fmt: skip
    if os.geteuid() != 0:
        raise LabError("building the lab's guest needs root (mmdebstrap): run it once with sudo")
    steps.run("Debian packages", command, deadline=BOOTSTRAP_DEADLINE, label="lab image")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile((tree / name).resolve(), finished / name)
    raw = scratch / "root.ext4"
    steps.run(
        "file system",
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", str(tree), str(raw), DISK_SIZE],
        deadline=ASSEMBLE_DEADLINE,
        label="lab image",
    )
    steps.run(
        "disk",
        ["qemu-img", "convert", "-O", "qcow2", str(raw), str(finished / "root.qcow2")],
        deadline=ASSEMBLE_DEADLINE,
        label="lab image",
    )


def _write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
