"""The repository's index: what stands in it, and what may be added.  Pure.

A package index is paragraphs (deb822(5)).  Those that are published stay as they are, letter by letter: their
signature was checked, and their versions may be in use.  New ones are put behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ARCHITECTURES = ("amd64", "arm64", "armhf")
"""What may install from it.  The packages are for all, so that the index is the same for each."""
COMPONENT = "main"


class RefusedError(Exception):
    """It must not be published; says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One version of one package, as the index has it."""

    name: str
    version: str
    path: str
    """Below the repository's root."""
    sha256: str
    paragraph: str


def read(text: str) -> tuple[Package, ...]:
    """Read an index.  Raises RefusedError for what is none."""
    return tuple(_package(each) for each in text.split("\n\n") if each.strip())


def _package(paragraph: str) -> Package:
    lines = (line.partition(":") for line in paragraph.splitlines() if line[:1] != " ")
    fields = {name: value.strip() for name, colon, value in lines if colon}
    try:
        return Package(
            name=fields["Package"],
            version=fields["Version"],
            path=fields["Filename"],
            sha256=fields["SHA256"],
            paragraph=paragraph.strip("\n"),
        )
    except KeyError as missing:
        raise RefusedError(
            f"a paragraph of the package index has no {missing.args[0]}: {paragraph[:60]!r}"
        ) from None


def write(packages: Iterable[Package]) -> str:
    """Write the index."""
    return "".join(f"{each.paragraph}\n\n" for each in packages)


def merged(published: Sequence[Package], offered: Sequence[Package]) -> tuple[Package, ...]:
    """Put what is new behind what is there; the same again is no news.

    Raises RefusedError if a version that is published already were to change: somebody may have installed it.
    """
    there: Mapping[tuple[str, str], Package] = {(each.name, each.version): each for each in published}
    fresh = []
    for each in offered:
        before = there.get((each.name, each.version))
        if before is None:
            fresh.append(each)
        elif before.sha256 != each.sha256:
            raise RefusedError(
                f"{each.name} {each.version} is published already, and is another file there"
                f" (SHA-256 {before.sha256[:12]}…, here {each.sha256[:12]}…): give the new one a new version"
                " (failberry/__init__.py, and dch)"
            )
    return (*published, *fresh)


def files(index: bytes, packed: Mapping[str, bytes]) -> dict[str, bytes]:
    """What lies below ``dists/SUITE``, for apt-ftparchive to sum up; ``packed`` is the index by suffix."""
    return {
        f"{COMPONENT}/binary-{architecture}/Packages{suffix}": content
        for architecture in ARCHITECTURES
        for suffix, content in {"": index, **packed}.items()
    }


def by_hash(name: str, content: bytes) -> str:
    """Where apt asks for a file of that content: a name that never changes its meaning."""
    return f"{name.rpartition('/')[0]}/by-hash/SHA256/{hashlib.sha256(content).hexdigest()}"


def sum_in(release: str, name: str) -> str:
    """Return the SHA-256 that a Release file gives for one of its files; raises RefusedError."""
    part = ""
    for line in release.splitlines():
        if line[:1] != " ":
            part = line.partition(":")[0]
        elif part == "SHA256":
            words = line.split()
            if len(words) == 3 and words[2] == name:
                return words[0]
    raise RefusedError(f"the published Release file names no {name}")
