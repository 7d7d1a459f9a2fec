"""Debian's own tools: apt-ftparchive writes the index, GnuPG signs and proves it."""

from __future__ import annotations

import gzip
import lzma
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from publish.index import ARCHITECTURES, COMPONENT, Package, RefusedError, files, read

PATIENCE = 120.0
"""Seconds for one tool; a passphrase is typed in that time."""
ORIGIN = "Failberry"
_PACKAGES = {
    "apt-ftparchive": "apt-utils",
    "gpg": "gpg",
    "gpgv": "gpgv",
    "dpkg-deb": "dpkg",
}


def paragraphs(debs: Sequence[Path]) -> tuple[Package, ...]:
    """Describe package files, as they will lie in the pool."""
    described: list[Package] = []
    for deb in debs:
        name = _run(["dpkg-deb", "--field", str(deb), "Package"]).strip()
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch, pool(name, deb.name))
            place.parent.mkdir(parents=True)
            place.symlink_to(deb.resolve())
            told = _run(["apt-ftparchive", "packages", "pool"], folder=Path(scratch))
        described += read(told)
    return tuple(described)


def pool(name: str, file: str) -> str:
    """Where a package file lies, for ever."""
    return f"pool/{COMPONENT}/{name[0]}/{name}/{file}"


def packed(index: bytes) -> dict[str, bytes]:
    """Compress the index; the same index gives the same bytes."""
    return {".gz": gzip.compress(index, mtime=0), ".xz": lzma.compress(index)}


def release(suite: str, index: bytes) -> tuple[str, dict[str, bytes]]:
    """Write the Release file over the index; return it, and the files that it speaks of."""
    spoken_of = files(index, packed(index))
    options = {
        "Origin": ORIGIN,
        "Label": ORIGIN,
        "Suite": suite,
        "Codename": suite,
        "Architectures": " ".join(ARCHITECTURES),
        "Components": COMPONENT,
        "Acquire-By-Hash": "yes",
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in spoken_of.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        words = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in options.items()]
        # SHA-256 alone: what is weaker is not believed any more, and each line costs on the mobile line.
        sums = [f"-oAPT::FTPArchive::Release::{kind}=false" for kind in ("MD5", "SHA1", "SHA512")]
        told = _run(["apt-ftparchive", *words, *sums, "release", "."], folder=Path(scratch))
    return told, spoken_of


class Signer:
    """Signs with keys of the publisher's own keyring, and believes nobody else."""

    def __init__(self, keys: Sequence[str]) -> None:
        """``keys`` are fingerprints; several while one key takes over from another.  Raises RefusedError."""
        if not any(keys):
            raise RefusedError("no key: apt installs nothing that is not signed; KEY=FINGERPRINT names one")
        self._keys = tuple(each.replace(" ", "") for each in keys)
        for each in self._keys:
            if len(each) < 40 or not all(letter in "0123456789abcdefABCDEF" for letter in each):
                raise RefusedError(
                    f"{each}: not a whole fingerprint, which is 40 digits: `gpg --list-secret-keys`"
                )
            _run(
                ["gpg", "--batch", "--list-secret-keys", each],
                cure=f"there is no secret key {each} in this keyring: `gpg --list-secret-keys`",
            )

    @property
    def public(self) -> bytes:
        """The public keys, as APT's Signed-By takes them."""
        return _bytes(["gpg", "--batch", "--export-options", "export-minimal", "--export", *self._keys])

    def sign(self, text: str) -> bytes:
        """Return the text with its signatures around it (InRelease)."""
        words = ["gpg", "--batch", "--yes", "--digest-algo", "SHA512"]
        words += [word for each in self._keys for word in ("--local-user", each)]
        return _bytes([*words, "--clear-sign"], given=text.encode(), cure="the key could not sign")

    def proven(self, signed: bytes) -> str:
        """Return the text inside, if one of the keys has signed it; raises RefusedError."""
        with tempfile.TemporaryDirectory() as scratch:
            ring, inside = Path(scratch, "ring.gpg"), Path(scratch, "inside")
            ring.write_bytes(self.public)
            document = Path(scratch, "InRelease")
            document.write_bytes(signed)
            words = [
                "gpgv",
                "--status-fd",
                "1",
                "--keyring",
                str(ring),
                "--output",
                str(inside),
                str(document),
            ]
            # Its exit status tells of every signature, those of a key that was given up among them.
            said = _bytes(words, may_fail=True).decode(errors="replace").splitlines()
            valid = {line.split()[-1] for line in said if line.startswith("[GNUPG:] VALIDSIG ")}
            if valid.isdisjoint(each.upper() for each in self._keys) or not inside.exists():
                raise RefusedError(
                    "the published InRelease is not signed by this key: somebody else has written it, or KEY="
                    " is not the key of this repository (name both, with a comma, while one takes over)"
                )
            return inside.read_text()


def _run(words: Sequence[str], *, folder: Path | None = None, cure: str = "") -> str:
    return _bytes(words, folder=folder, cure=cure).decode()


def _bytes(
    words: Sequence[str],
    *,
    given: bytes = b"",
    folder: Path | None = None,
    cure: str = "",
    may_fail: bool = False,
) -> bytes:
    try:
        done = subprocess.run(
            words, input=given, capture_output=True, cwd=folder, check=False, timeout=PATIENCE
        )
    except FileNotFoundError:
        package = _PACKAGES[words[0]]
        raise RefusedError(f"{words[0]} is not installed: `sudo apt install {package}`") from None
    except subprocess.TimeoutExpired:
        raise RefusedError(f"{words[0]} has not ended after {PATIENCE:.0f} s") from None
    if done.returncode and not may_fail:
        said = done.stderr.decode(errors="replace").strip()
        raise RefusedError(f"{cure or f'{words[0]} failed'}: {said}")
    return done.stdout
