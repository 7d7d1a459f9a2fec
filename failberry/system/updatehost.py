"""The machine that an update works on: file systems, rsync, apt and unattended-upgrade in the other slot.

Runs in a mount namespace of its own (``PrivateMounts=`` of the unit), so that whatever ends it, ``kill -9``
too, takes its mounts with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from failberry.control import SOCKET, client
from failberry.errors import ConfigError
from failberry.system import updateplan
from failberry.system.card import Card, now, sync_folder
from failberry.system.ledger import Ledger
from failberry.system.programs import exit_status, run
from failberry.system.slots import Slot, SlotEnv
from failberry.system.updateplan import Lines, Offer, Why
from failberry.system.updatesteps import Identity, Rules, WorldError

MINUTES = 60.0
MARGIN = 64 << 20
"""Octets that stay free in a slot: what maintainer scripts write."""
UNPACKED = 4
"""Octets that a package takes when installed for each that is fetched, generously."""
# unattended-upgrade(8): what dpkg says goes there, not to its own output.
_DPKG_LOG = "var/log/unattended-upgrades/unattended-upgrades-dpkg.log"
_LONGEST_LOG = 1 << 18
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SIGNED_ONLY = (
    "-oAcquire::AllowInsecureRepositories=false",
    "-oAcquire::AllowWeakRepositories=false",
    "-oAcquire::AllowDowngradeToInsecureRepositories=false",
    "-oAPT::Get::AllowUnauthenticated=false",
)
_CRITICAL = (
    *("ext4", "vfat", "overlay", "overlayroot", "failberry-data"),
    *("mmc_block", "bcm2835", "sdhci_iproc", "sdhci_brcmstb", "usb_storage", "virtio_blk", "virtio_pci"),
    "bcm2835_wdt",
)
"""Without these a slot does not find its root, or its data, or is ended by the watchdog that the boot loader
has started; asked for where the running one has them."""
_MUST_EXIST = ("sbin/init", "usr/sbin/failberryd", "usr/bin/failberryctl", "usr/sbin/sshd", "etc/passwd")


class Host:
    """The real one.  ``socket`` is the daemon's."""

    def __init__(self, card: Card, *, socket: str = SOCKET) -> None:
        self._card = card
        self._places = card.places
        self._socket = socket
        self._mount = self._places.runtime / "slot"

    # What steers the slots.

    def running(self) -> Slot:
        """Return the slot that runs."""
        if (slot := self._card.running()) is None:
            raise WorldError(
                "this is no Failberry image: there is no failberry.slot= on the kernel command line"
            )
        return slot

    def env(self) -> SlotEnv | None:
        """Read ``slot.env``."""
        with _told("slot.env cannot be read"):
            return self._card.env()

    def write_env(self, env: SlotEnv) -> None:
        """Replace ``slot.env``."""
        with _told("slot.env cannot be written"):
            self._card.write_env(env)

    def ledger(self) -> Ledger:
        """Read ``state.json``."""
        with _told("the state of the slots cannot be read"):
            return self._card.ledger()

    def write_ledger(self, ledger: Ledger) -> None:
        """Replace ``state.json``."""
        with _told("the state of the slots cannot be written"):
            self._card.write_ledger(ledger)

    def rules(self) -> Rules:
        """Read the configuration, or take the defaults where there is none that can be used."""
        from failberry import configfile  # late: nothing else here needs the parser
        from failberry.card import System

        try:
            system = configfile.load(str(self._places.configuration)).system
        except ConfigError:
            system = System()
        return Rules(updates=system.updates, window=system.window())

    def lines(self) -> Lines | None:
        """Ask the daemon."""
        try:
            return updateplan.lines(client.call(self._socket, "GetStatus")["status"])
        except (client.UnreachableError, client.RefusedError, KeyError):
            return None

    def minute(self) -> int | None:
        """Tell the minute of the day, if the clock can be believed."""
        if not self._places.clock_was_set.exists():
            return None
        local = time.localtime()
        return local.tm_hour * 60 + local.tm_min

    def now(self) -> str:
        """Tell date and time."""
        return now()

    # What is new.

    def look(self, *, security_only: bool) -> Offer:
        """Ask the archives, with lists and cache on the data partition: the root's own are in memory."""
        sources = {str(path): path.read_text(errors="replace") for path in self._source_files()}
        if refusal := updateplan.unsigned(run(["apt-config", "dump"], deadline=MINUTES), sources):
            raise WorldError(refusal.reason, why=refusal.why)
        options = self._apt_options(security_only=security_only)
        try:
            run(["apt-get", "--quiet", *options, "--error-on=any", "update"], deadline=20 * MINUTES)
        except WorldError as error:
            if updateplan.looks_unsigned(str(error)):
                raise WorldError(str(error), why=Why.UNSIGNED) from None
            raise
        upgrade = ["apt-get", "--quiet", *options, "--with-new-pkgs"]
        simulation = run([*upgrade, "--simulate", "upgrade"], deadline=5 * MINUTES)
        uris = run([*upgrade, "--yes", "--print-uris", "upgrade"], deadline=5 * MINUTES)
        return updateplan.offered(self._installed([]), simulation, uris)

    def _source_files(self) -> list[Path]:
        parts = self._places.apt / "sources.list.d"
        found = [*parts.glob("*.sources"), *parts.glob("*.list"), self._places.apt / "sources.list"]
        return sorted(path for path in found if path.is_file())

    def _apt_options(self, *, security_only: bool) -> list[str]:
        kept = self._places.state / "apt"
        for folder in (kept / "lists" / "partial", kept / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        options = [
            *_SIGNED_ONLY,
            f"-oDir::State::lists={kept / 'lists'}",
            f"-oDir::Cache::archives={kept / 'archives'}",
            "-oDir::Cache::pkgcache=",
            "-oDir::Cache::srcpkgcache=",
            "-oAcquire::GzipIndexes=true",
            "-oAcquire::Languages=none",
        ]
        if security_only:
            options += [
                f"-oDir::Etc::sourceparts={self._security_sources()}",
                "-oDir::Etc::sourcelist=/dev/null",
                # What is known of the rest stays.
                "-oAPT::Get::List-Cleanup=false",
            ]
        return options

    def _security_sources(self) -> Path:
        """Return a folder with those stanzas of the sources that are of a security archive."""
        folder = self._places.runtime / "security.sources.d"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in self._source_files():
            if path.suffix == ".sources":
                stanzas = re.split(r"\n\s*\n", path.read_text(errors="replace"))
                of_security = [each for each in stanzas if re.search(r"(?im)^Suites:.*-security", each)]
                (folder / path.name).write_text("\n\n".join(of_security) + "\n")
        return folder

    def _installed(self, prefix: Sequence[str]) -> str:
        query = ["dpkg-query", "--show", "--showformat=${binary:Package} ${Version}\n"]
        return re.sub(r"(?m)^(\S+?):\S+ ", r"\1 ", run([*prefix, *query], deadline=MINUTES))

    def identity(self) -> Identity:
        """Tell what the running slot is made of."""
        from failberry import __version__

        return Identity(kernel=os.uname().release, failberry=__version__)

    # The other slot.

    def withdraw(self, slot: Slot) -> None:
        """Take its kernel away."""
        folder = self._places.firmware / slot
        if not folder.is_dir():
            return
        with _told("the kernel cannot be taken from the first partition"), self._card.firmware_writable():
            for name in ("vmlinuz", "vmlinuz.new", "initrd.img", "initrd.img.new"):
                (folder / name).unlink(missing_ok=True)
                if name == "vmlinuz":
                    sync_folder(folder)
            sync_folder(folder)

    @contextmanager
    def opened(self, slot: Slot) -> Iterator[None]:
        """Check or make its file system, and mount it; at the end it must be clean."""
        device = self._places.partition.format(number=slot.number)
        if not Path(device).exists():
            raise WorldError(f"there is no {device}: the card has been partitioned by somebody else")
        if exit_status(["e2fsck", "-p", device], deadline=20 * MINUTES) > 1:
            run(["mkfs.ext4", "-q", "-F", "-L", slot.label, device], deadline=20 * MINUTES)
        self._mount.mkdir(parents=True, exist_ok=True)
        run(["mount", "-t", "ext4", "-o", "rw,noatime", device, str(self._mount)], deadline=MINUTES)
        try:
            yield
        finally:
            run(["umount", str(self._mount)], deadline=5 * MINUTES)
        if exit_status(["e2fsck", "-f", "-n", device], deadline=20 * MINUTES) != 0:
            raise WorldError(
                f"the file system on {device} is damaged right after it was written: a worn card?"
            )

    def sync(self, slot: Slot, tell: Callable[[float], None]) -> None:
        """Copy the running slot's own file system, not the overlay above it."""
        if not (self._places.lower / "etc").is_dir():
            raise WorldError(
                f"{self._places.lower} does not hold the running system: is its root an overlay?"
            )
        command = [
            *("rsync", "-aHAX", "--one-file-system", "--numeric-ids", "--delete-before"),
            # What was fetched before a power cut need not be fetched again.
            *("--filter=P /var/cache/apt/archives/*.deb", "--filter=P /var/cache/apt/archives/partial/*"),
            *("--info=progress2", "--no-inc-recursive", f"{self._places.lower}/", f"{self._mount}/"),
        ]

        def heard(line: str) -> None:
            if found := re.findall(r"(\d{1,3})%", line):
                tell(float(found[-1]))

        run(command, deadline=90 * MINUTES, heard=heard)

    def fetch(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        """Fetch into the slot: the data partition of a small card would not hold it."""
        free = shutil.disk_usage(self._mount).free
        needed = offer.octets * (1 + UNPACKED) + MARGIN
        if refusal := updateplan.lacks_room(needed=needed, free=free, where=f"in slot {slot}"):
            raise WorldError(refusal.reason, why=refusal.why)
        with self._chroot(security_only=security_only) as prefix:
            if refusal := updateplan.unsigned(run([*prefix, "apt-config", "dump"], deadline=MINUTES), {}):
                raise WorldError(refusal.reason, why=refusal.why)
            run([*prefix, "unattended-upgrade", "--download-only", "-v"], deadline=120 * MINUTES)

    def install(self, slot: Slot, offer: Offer, *, security_only: bool) -> None:
        """Let Debian's unattended-upgrade do it, as on any Debian."""
        with self._chroot(security_only=security_only) as prefix:
            with self._dpkg_heard():
                said = run([*prefix, "unattended-upgrade", "-v"], deadline=180 * MINUTES)
            if broken := run([*prefix, "dpkg", "--audit"], deadline=MINUTES).strip():
                raise WorldError(f"dpkg was left with work half done: {broken}")
            versions = dict(line.split(" ", 1) for line in self._installed(prefix).splitlines())
            done = [each for each in offer.packages if versions.get(_bare(each.name)) == each.version]
            if not done:
                raise WorldError(f"unattended-upgrade installed none of it: {updateplan.complaint(said)}")
            run([*prefix, "apt-get", "clean"], deadline=MINUTES)

    @contextmanager
    def _dpkg_heard(self) -> Iterator[None]:
        """Add to a failure what dpkg complained of: unattended-upgrade puts that into a file of its own."""
        log = self._mount / _DPKG_LOG
        before = log.stat().st_size if log.exists() else 0
        try:
            yield
        except WorldError as error:
            if not log.exists():
                raise
            with log.open("rb") as file:
                file.seek(max(before, log.stat().st_size - _LONGEST_LOG))
                said = file.read(_LONGEST_LOG).decode(errors="replace")
            if not said.strip():
                raise
            raise WorldError(f"{error}; dpkg: {updateplan.complaint(said)}", why=error.why) from None

    def check(self, slot: Slot) -> Identity:
        """Look for what it cannot do without, and have its own failberryctl read the configuration."""
        for name in _MUST_EXIST:
            if not os.path.lexists(self._mount / name):
                raise WorldError(f"/{name} is missing from slot {slot}")
        version, kernel, initrd = self._boot_files()
        with kernel.open("rb") as file:
            if not updateplan.is_kernel(file.read(1024)):
                raise WorldError(f"{kernel.name} is no kernel that the boot loader could start")
        running = self._places.firmware / slot.other / "initrd.img"
        has = run(["lsinitramfs", str(running)], deadline=5 * MINUTES) if running.exists() else ""
        wanted = [each for each in _CRITICAL if not updateplan.missing_from_initrd(has, [each])]
        listing = run(["lsinitramfs", str(initrd)], deadline=5 * MINUTES)
        if missing := updateplan.missing_from_initrd(listing, wanted or ["ext4"]):
            raise WorldError(f"{initrd.name} lacks {', '.join(missing)}: the slot would not find its root")
        with self._chroot(security_only=False) as prefix:
            told = run([*prefix, "failberryctl", "--version"], deadline=MINUTES)
            if self._places.configuration.exists():
                copy = self._mount / "run" / "failberry.toml"
                copy.write_bytes(self._places.configuration.read_bytes())
                copy.chmod(0o600)
                run([*prefix, "failberryctl", "config", "check", "/run/failberry.toml"], deadline=MINUTES)
        return Identity(kernel=version, failberry=told.split()[-1] if told.split() else "")

    def _boot_files(self) -> tuple[str, Path, Path]:
        boot = self._mount / "boot"
        version = updateplan.newest_kernel(path.name for path in boot.glob("*") if path.is_file())
        if version is None:
            raise WorldError("there is no kernel with its initrd in /boot of the other slot")
        return version, boot / f"vmlinuz-{version}", boot / f"initrd.img-{version}"

    def place(self, slot: Slot) -> None:
        """Copy to FAT: each written new, read back from the card, then renamed; the kernel last."""
        _, kernel, initrd = self._boot_files()
        folder = self._places.firmware / slot
        with _told("the kernel cannot be copied to the first partition"), self._card.firmware_writable():
            folder.mkdir(exist_ok=True)
            free = shutil.disk_usage(folder).free
            needed = kernel.stat().st_size + initrd.stat().st_size + (1 << 20)
            where = "on the first partition"
            if refusal := updateplan.lacks_room(needed=needed, free=free, where=where):
                raise WorldError(refusal.reason, why=refusal.why)
            for source, name in ((initrd, "initrd.img"), (kernel, "vmlinuz")):
                _copy_durably(source, folder / name)

    def reboot(self) -> None:
        """Restart the machine."""
        run(["systemctl", "--no-block", "reboot"], deadline=MINUTES)

    # Programs.

    @contextmanager
    def _chroot(self, *, security_only: bool) -> Iterator[list[str]]:
        """Make the slot a place where maintainer scripts run, but no service does; yield what goes before."""
        root = self._mount
        policy = root / "usr/sbin/policy-rc.d"
        with ExitStack() as stack:
            for source, target, options in (
                ("proc", "proc", ["-t", "proc"]),
                ("/sys", "sys", ["--bind", "-o", "ro"]),
                # --make-rslave: mounts of one namespace are peers (mount_namespaces(7)); what goes from below
                # the copy would go from below /dev, too, and the next chroot be without /dev/pts.
                ("/dev", "dev", ["--rbind", "--make-rslave"]),
                ("tmpfs", "run", ["-t", "tmpfs", "-o", "mode=755,size=64m"]),
                (str(self._places.state / "apt" / "lists"), "var/lib/apt/lists", ["--bind"]),
            ):
                run(["mount", *options, source, str(root / target)], deadline=MINUTES)
                stack.callback(exit_status, ["umount", "--lazy", str(root / target)], deadline=MINUTES)
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            stack.callback(policy.unlink, missing_ok=True)
            resolver = root / "run/systemd/resolve/stub-resolv.conf"
            resolver.parent.mkdir(parents=True)
            resolver.write_bytes(Path("/etc/resolv.conf").read_bytes())
            configuration = root / "run/apt.conf"
            configuration.write_text(_apt_conf(security_only=security_only))
            if security_only:
                shutil.copytree(self._security_sources(), root / "run/security.sources.d")
            yield [
                *("chroot", str(root), "env", "-i", f"PATH={_PATH}", "HOME=/root", "LC_ALL=C.UTF-8"),
                *("DEBIAN_FRONTEND=noninteractive", "APT_LISTCHANGES_FRONTEND=none"),
                *("NEEDRESTART_SUSPEND=1", "TMPDIR=/var/tmp", "APT_CONFIG=/run/apt.conf"),
            ]


def _apt_conf(*, security_only: bool) -> str:
    """Return what apt hears in the other slot, on top of its own configuration."""
    lines = [
        "Acquire::AllowInsecureRepositories false;",
        "Acquire::AllowWeakRepositories false;",
        "Acquire::AllowDowngradeToInsecureRepositories false;",
        "APT::Get::AllowUnauthenticated false;",
        "Acquire::GzipIndexes true;",
        "Acquire::Languages none;",
    ]
    if security_only:
        lines += [
            'Dir::Etc::sourceparts "/run/security.sources.d";',
            'Dir::Etc::sourcelist "/dev/null";',
        ]
    return "\n".join(lines) + "\n"


def _bare(name: str) -> str:
    return name.partition(":")[0]


def _copy_durably(source: Path, target: Path) -> None:
    """Copy, see it on the card, read it back from there, rename."""
    beside = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, beside)
    descriptor = os.open(beside, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        # Out of memory, so that it is the card that is read.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    if _digest(beside) != _digest(source):
        beside.unlink()
        raise WorldError(f"{target} reads differently from what was written: a worn card?")
    beside.replace(target)
    sync_folder(target.parent)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Make a refusal of the file system one of the update's."""
    try:
        yield
    except OSError as error:
        raise WorldError(f"{what}: {error.strerror or error}") from None
