"""An archive with a newer release of ours, a card that asks it, and what is around that card.

The wired line leads into a network namespace of this computer: targets that answer pings, name servers that
know every name, and a web server with the archive.  Nothing leaves it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path

from failberry import __version__
from tests.image.card import MIB, ROOT_A, ROOT_B, Card
from tests.netns.namespace import Namespace, namespaces

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "1.1.1.100"
PORT = "wired"
NETWORK = f"tap,ifname={PORT},script=no,downscript=no"
"""As QEMU has it, started in the namespace."""
HOUSE = """\
mode = "standby-gateway"

[wired]
interface = "onboard0"

[system]
address = "1.1.1.15/24"
gateway = "1.1.1.2"
name_servers = ["1.1.1.1"]

[probe]
pages = []
"""
NEWER = f"{__version__}+new"
SOURCE = "/etc/apt/sources.list.d/debian.sources"
KEYRING = "/usr/share/keyrings/failberry-test.gpg"
DEADLINE = 120.0
SYSTEM = "/usr/lib/python3/dist-packages/failberry/system"
HASTY = "return Lines(active='wired', wired_state='up', wired_for=9e4)"
"""For the host's ``lines``: the wired line has been up for a day."""


@contextmanager
def surroundings(archive: Path) -> Iterator[Namespace]:
    """What the wired line leads to, and the archive that lies in a folder; QEMU is to be started in there."""
    servers = (
        ["dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "--no-hosts", "--no-resolv",
         "--conf-file=/dev/null", "--address=/#/192.0.2.80"],
        ["busybox", "httpd", "-f", "-p", f"{ADDRESS}:80", "-h", str(archive)],
    )  # fmt: skip
    with namespaces("around") as (place,), ExitStack() as stack:
        place.ip(
            f"tuntap add {PORT} mode tap",
            f"link set {PORT} up",
            "address add 8.8.8.8/32 dev lo",
            "address add 9.9.9.9/32 dev lo",
        )
        for address in ("1.1.1.1", "1.1.1.2", ADDRESS):
            place.ip(f"address add {address}/24 dev {PORT}")
        for server in servers:
            running = stack.enter_context(subprocess.Popen([*inside(place), *server]))
            stack.callback(running.terminate)
        yield place


def inside(place: Namespace) -> tuple[str, ...]:
    """What starts a program there."""
    return ("ip", "netns", "exec", place.name)


class Release:
    """An archive of ours with a key of its own."""

    def __init__(self, folder: Path, *, debs: Path = REPOSITORY / "build", signed: bool = True) -> None:
        self.folder = folder / "archive"
        self._keys = folder / "keys"
        self._debs = debs
        self._signed = signed
        self.folder.mkdir()
        self._keys.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "Failberry tests <tests@example.org>", "ed25519", "sign", "never")

    def publish(self, *, version: str = NEWER, postinst: str = "true") -> None:
        """Build both packages as ``version``; ``postinst`` runs as root in the slot when it is installed."""
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


def hurry(card: Card, tmp_path: Path, *, after: float = 900.0) -> None:
    """Minutes of the trial in slot b become seconds; ``after``: how long it may take to find a line."""
    text = (REPOSITORY / "failberry/system/trialwatch.py").read_text()
    for told, instead in (("GOOD_FOR = 300.0", "GOOD_FOR = 20.0"), ("AFTER = 900.0", f"AFTER = {after}")):
        assert text.count(told) == 1
        text = text.replace(told, instead)
    (tmp_path / "trialwatch.py").write_text(text)
    write(card, ROOT_B, {f"{SYSTEM}/trialwatch.py": tmp_path / "trialwatch.py"})


def _run(command: list[str | Path]) -> str:
    words = [str(each) for each in command]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout
