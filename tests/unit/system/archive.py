"""A Debian archive of a few packages in a folder, signed or not, and an apt that knows nothing else."""

from __future__ import annotations

import hashlib
import subprocess
from email.utils import formatdate
from pathlib import Path
from typing import Self

DEADLINE = 60.0
KEY = "Failberry tests <tests@example.org>"


class Keys:
    """A keyring with one key, until the block ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._home = ("--homedir", str(folder))

    def __enter__(self) -> Self:
        self.gpg("--quick-generate-key", KEY, "ed25519", "sign", "never")
        self.public = self.gpg("--export")
        return self

    def __exit__(self, *_: object) -> None:
        # It leaves an agent behind, which would stay.
        subprocess.run(["gpgconf", *self._home, "--kill", "gpg-agent"], check=False, timeout=DEADLINE)

    def gpg(self, *words: str) -> bytes:
        return subprocess.run(
            ["gpg", *self._home, "--batch", "--yes", "--quiet", "--passphrase", "", *words],
            check=True, capture_output=True, timeout=DEADLINE,
        ).stdout  # fmt: skip


class Archive:
    """``file:`` archive below ``folder``; ``apt`` is the root of the apt that asks it."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = folder / "archive"
        self.apt = folder / "apt"
        self._keys = keys
        self.folder.mkdir()
        for name in ("etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/dpkg"):
            (self.apt / name).mkdir(parents=True)
        self.keyring = folder / "archive.gpg"
        self.keyring.write_bytes(keys.public)
        self.configuration = folder / "apt.conf"
        self.configuration.write_text(
            f'Dir "{self.apt}";\nDir::State::status "{self.apt}/var/lib/dpkg/status";\n'
            'APT::Architecture "amd64";\nAPT::Sandbox::User "root";\nAcquire::Languages "none";\n'
        )

    @property
    def sources(self) -> Path:
        """Where apt reads what to ask."""
        return self.apt / "etc/apt"

    def installed(self, **versions: str) -> None:
        """Have these packages installed."""
        stanzas = [
            f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: x <x@example.org>\nDescription: x\n"
            for name, version in versions.items()
        ]
        (self.apt / "var/lib/dpkg/status").write_text("\n".join(stanzas))

    def serve(self, suite: str, label: str, *, signed: bool = True, **versions: str) -> None:
        """Offer these packages in ``suite``, and have apt ask for them."""
        stanzas = []
        for name, version in versions.items():
            deb = self.folder / f"{name}_{version}_all.deb"
            deb.write_bytes(f"{name} {version}".encode() * 100)
            content = deb.read_bytes()
            stanzas.append(
                f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\n"
                f"Filename: {deb.name}\nSize: {len(content)}\n"
                f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: x\n"
            )
        place = self.folder / "dists" / suite / "main" / "binary-amd64"
        place.mkdir(parents=True, exist_ok=True)
        packages = "\n".join(stanzas).encode()
        (place / "Packages").write_bytes(packages)
        release = (
            f"Origin: Debian\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n"
            f"Components: main\nDate: {formatdate(usegmt=True)}\nSHA256:\n"
            f" {hashlib.sha256(packages).hexdigest()} {len(packages)} main/binary-amd64/Packages\n"
        )
        dist = self.folder / "dists" / suite
        (dist / "Release").write_text(release)
        (dist / "InRelease").unlink(missing_ok=True)
        if signed:
            self._keys.gpg("--clear-sign", "--output", str(dist / "InRelease"), str(dist / "Release"))
        (self.sources / f"sources.list.d/{suite}.sources").write_text(
            f"Types: deb\nURIs: file:{self.folder}\nSuites: {suite}\nComponents: main\n"
            f"Signed-By: {self.keyring}\n"
        )
