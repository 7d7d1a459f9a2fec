"""An archive with a newer release of ours, which a machine reaches over its network, and a card that asks it.

The archive is served by slirp: each connection to 1.1.1.100:80 starts a small web server on this side.  Its
network has a name server at 1.1.1.1 that answers pings, so that the wired line is up for the daemon; nothing
leaves this computer but questions for names.
"""

from __future__ import annotations

import shutil
import subprocess
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path

from failberry import __version__
from tests.image.card import MIB, ROOT_A, Card

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "1.1.1.100"
NETWORK = "ipv6=off,net=1.1.1.0/24,host=1.1.1.2,dns=1.1.1.1"
HOUSE = """\
mode = "standby-gateway"

[wired]
interface = "onboard0"

[system]
address = "1.1.1.15/24"
gateway = "1.1.1.2"
name_servers = ["1.1.1.1"]
"""
"""A restricted network of slirp's gives no gateway by DHCP."""
NEWER = f"{__version__}+new"
SOURCE = "/etc/apt/sources.list.d/debian.sources"
KEYRING = "/usr/share/keyrings/failberry-test.gpg"
DEADLINE = 120.0


class Release:
    """An archive of ours with a key of its own."""

    def __init__(self, folder: Path, *, debs: Path = REPOSITORY / "build", signed: bool = True) -> None:
        self.folder = folder / "archive"
        self._keys = folder / "keys"
        self._debs = debs
        self._signed = signed
        self._keys.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "Failberry tests <tests@example.org>", "ed25519", "sign", "never")

    @property
    def network(self) -> str:
        """A network of QEMU's with the archive in it and nothing else."""
        return f"user,restrict=on,{NETWORK},guestfwd=tcp:{ADDRESS}:80-cmd:busybox httpd -i -h {self.folder}"

    def publish(self, *, version: str = NEWER, postinst: str = "true") -> None:
        """Build both packages as ``version``; ``postinst`` runs as root in the slot when it is installed."""
        self.folder.mkdir(exist_ok=True)
        stanzas = []
        for name in ("failberry", "failberry-image"):
            tree = self.folder.parent / f"{name}-{version}"
            shutil.rmtree(tree, ignore_errors=True)
            _run(["dpkg-deb", "--raw-extract", self._debs / f"{name}_{__version__}_all.deb", tree])
            control = tree / "DEBIAN/control"
            control.write_text(control.read_text().replace(__version__, version))
            if name == "failberry":
                init = tree / "usr/lib/python3/dist-packages/failberry/__init__.py"
                init.write_text(init.read_text().replace(__version__, version))
            else:
                script = tree / "DEBIAN/postinst"
                script.write_text(f"#!/bin/sh\nset -e\n{postinst}\n")
                script.chmod(0o755)
            (tree / "DEBIAN/md5sums").unlink(missing_ok=True)
            deb = self.folder / f"{name}_{version}_all.deb"
            _run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, deb])
            fields = _run(["dpkg-deb", "--field", deb]).rstrip("\n")
            content = deb.read_bytes()
            stanzas.append(
                f"{fields}\nFilename: {deb.name}\nSize: {len(content)}\n"
                f"SHA256: {sha256(content).hexdigest()}\n"
            )
        self._release("\n".join(stanzas).encode())

    def _release(self, packages: bytes) -> None:
        dist = self.folder / "dists/stable"
        (dist / "main/binary-all").mkdir(parents=True, exist_ok=True)
        indices = ""
        for architecture in ("all", "amd64", "arm64"):
            folder = dist / f"main/binary-{architecture}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "Packages").write_bytes(packages)
            digest = sha256(packages).hexdigest()
            indices += f" {digest} {len(packages)} main/binary-{architecture}/Packages\n"
        (dist / "Release").write_text(
            "Origin: Failberry\nLabel: Failberry\nSuite: stable\nCodename: stable\n"
            "Architectures: amd64 arm64\nComponents: main\n"
            f"Date: {formatdate(usegmt=True)}\nSHA256:\n{indices}"
        )
        (dist / "InRelease").unlink(missing_ok=True)
        if self._signed:
            self._gpg("--clear-sign", "--output", str(dist / "InRelease"), str(dist / "Release"))

    def trusted_by(self, card: Card) -> None:
        """Have the flashed card ask this archive, and no other."""
        key = self.folder.parent / "key.gpg"
        source = self.folder.parent / "source"
        key.write_bytes(self._gpg("--export"))
        source.write_text(
            f"Types: deb\nURIs: http://{ADDRESS}/\nSuites: stable\nComponents: main\nSigned-By: {KEYRING}\n"
        )
        write(card, ROOT_A, {SOURCE: source, KEYRING: key})

    def _gpg(self, *words: str) -> bytes:
        home = ("--homedir", str(self._keys))
        command = ["gpg", *home, "--batch", "--yes", "--quiet", "--passphrase", ""]
        try:
            return subprocess.run(
                [*command, *words], check=True, capture_output=True, timeout=DEADLINE
            ).stdout
        finally:
            # It leaves an agent behind, which would stay.
            subprocess.run(["gpgconf", *home, "--kill", "gpg-agent"], check=False, timeout=DEADLINE)


def write(card: Card, start: int, files: dict[str, Path]) -> None:
    """Write files into an ext4 partition of a card that no machine has."""
    device = f"{card.path}?offset={start * MIB}"
    lines = []
    for target, source in files.items():
        lines += [f"rm {target}", f"write {source} {target}"]
    subprocess.run(
        ["debugfs", "-w", "-f", "-", device],
        input="\n".join([*lines, "quit", ""]), text=True, check=True, capture_output=True, timeout=DEADLINE,
    )  # fmt: skip


def _run(command: list[str | Path]) -> str:
    words = [str(each) for each in command]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout
