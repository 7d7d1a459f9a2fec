"""From Debian's root file system to the appliance's: our packages, settings, initrd."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image.mirror import KEYS
from image.recipe import Recipe
from image.steps import BuildError, run

DEADLINE = 1200.0  # for one emulated step
FILES = {
    "etc/hostname": "failberry\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 failberry\n::1 localhost ip6-localhost ip6-loopback\n",
    "etc/fstab": "# The initrd mounts /boot/firmware and /data, and the root under its overlay.\n",
    # Filled at each boot before systemd starts, from /data.
    "etc/machine-id": "",
    # As old as /usr: what dpkg has made of that (cache of the linker, the catalogue of the journal) is not
    # made anew at each boot (systemd-update-done.service(8)), for a root that forgets it.
    "etc/.updated": "",
    "var/.updated": "",
    "etc/apt/apt.conf.d/60failberry-image": 'Acquire::Retries "3";\nAPT::Install-Recommends "false";\n',
}
LINKS = {
    "etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
    # A second way to sshd, for virtual machines.
    "etc/systemd/system-generators/systemd-ssh-generator": "/dev/null",
}
GONE = (
    "etc/ssh/ssh_host_*", "etc/apt/sources.list", "etc/apt/apt.conf.d/99mmdebstrap", "etc/machine-id",
    "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/apt/lists/*", "var/cache/apt/*.bin",
    "var/cache/apt/archives/*.deb", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/log/*.log",
    "var/log/apt/*", "var/log/btmp", "var/log/wtmp", "var/log/lastlog", "var/cache/ldconfig/aux-cache",
    "vmlinuz*", "initrd.img*", "etc/resolv.conf", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
    "etc/subuid-", "etc/subgid-",
    "boot/*.deb", "tmp/*", "run/*", "root/.??*",
)  # fmt: skip
FOLDERS = (
    "boot/firmware", "data", "var/lib/failberry-system", "var/lib/failberry-notify",
    "var/lib/systemd/timesync",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A finished root file system."""

    folder: Path
    kernel: str
    """Version, as in /boot/vmlinuz-VERSION."""
    boot_files: Path
    """What the packages for the first partition hold."""
    built: str
    """What the making of the initrd said."""


def finish(
    recipe: Recipe,
    base: Path,
    debs: Sequence[Path],
    *,
    work: Path,
    archives: Sequence[tuple[str, Sequence[str]]],
) -> Root:
    """Unpack ``base`` below ``work`` (in memory), install ``debs``, and make the initrd.

    ``archives``: address and suites, as the appliance itself will ask them for updates.
    """
    root = work / "root"
    root.mkdir()
    tar = ["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", f"--directory={root}"]
    run("unpacking", [*tar, f"--file={base}"])
    boot_files = work / "boot"
    boot_files.mkdir()
    for package in sorted((root / "boot").glob("*.deb")):
        run(f"unpacking {package.name.partition('_')[0]}", ["dpkg-deb", "--extract", package, boot_files])
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    _initramfs(recipe, root)
    for deb in debs:
        shutil.copyfile(deb, root / "tmp" / deb.name)
    run("mounting /proc", ["mount", "-t", "proc", "proc", root / "proc"])

    def inside(what: str, *command: str) -> str:
        return run(
            what, ["chroot", root, *command], deadline=DEADLINE, extra={**recipe.emulation, "INITRD": "No"}
        )

    inside("our packages", "dpkg", "--install", *(f"/tmp/{deb.name}" for deb in debs))
    inside("units that run", "systemctl", "--quiet", "enable", *recipe.enable)
    inside("units that do not", "systemctl", "--quiet", "mask", *recipe.mask)
    kernel = _kernel(root)
    for path in (root / "boot").glob("initrd.img-*"):
        path.unlink()
    built = inside("initrd", "update-initramfs", "-c", "-k", kernel)
    run("unmounting /proc", ["umount", root / "proc"])
    _clean(root)
    _write(root, archives, recipe)
    return Root(folder=root, kernel=kernel, boot_files=boot_files, built=built)


def _initramfs(recipe: Recipe, root: Path) -> None:
    folder = root / "etc/initramfs-tools"
    modules = "list" if recipe.initramfs else "most"
    (folder / "conf.d/failberry").write_text(
        f"MODULES={modules}\nCOMPRESS=zstd\nCOMPRESSLEVEL=9\nRESUME=none\nFSTYPE=ext4\n"
    )
    with (folder / "modules").open("a") as file:
        file.writelines(f"{name}\n" for name in (*recipe.initramfs, *recipe.drivers))


def _kernel(root: Path) -> str:
    found = [path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*")]
    if len(found) != 1:
        raise BuildError(f"one kernel is wanted in /boot, not {found}: build without the cache")
    return found[0]


def _clean(root: Path) -> None:
    for pattern in GONE:
        # A pattern without a star must find a link that leads nowhere, too.
        for path in root.glob(pattern) if "*" in pattern else [root / pattern]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    (root / "usr/sbin/policy-rc.d").unlink()


def _write(root: Path, archives: Sequence[tuple[str, Sequence[str]]], recipe: Recipe) -> None:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    stanzas = [
        f"Types: deb\nURIs: {address}\nSuites: {' '.join(suites)}\n"
        f"Components: {' '.join(recipe.components)}\n"
        f"Signed-By: {KEYS}\n"
        for address, suites in archives
    ]
    folder = root / "etc/apt"
    (folder / "sources.list.d/debian.sources").write_text("\n".join(stanzas))
    if recipe.backports:
        (folder / "preferences.d/failberry-backports").write_text(recipe.backports.preferences)
        (folder / "apt.conf.d/62failberry-backports").write_text(recipe.backports.upgrades)


def packages(root: Path) -> list[dict[str, str]]:
    """What is installed, as dpkg knows it: the fields of each package, by name."""
    found = []
    for stanza in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found.append(fields)
    return sorted(found, key=lambda fields: (fields["Package"], fields["Architecture"]))
