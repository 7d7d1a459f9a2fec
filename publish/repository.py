"""Publishing: what is there is proven first, what is new is put beside it, and one write makes it visible.

A client that asks at any moment sees the state before or the state after:

1. package files go to names that are new (``pool/``), where no index points to yet;
2. the indexes go to names that are their own sums (``by-hash/``), which nobody asks for yet;
3. ``InRelease``, the signed list of those sums, is replaced: one object, which S3 replaces whole.

There is no ``Packages`` beside ``by-hash/``, and no ``Release`` with a signature in a second file: they could
not change in the same moment.  Every apt since 2016 (1.2) asks by hash.  Interrupted anywhere, the same
command is just run again.  Nothing is ever deleted: old versions can be gone back to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from publish.bucket import SHORTLY, Bucket
from publish.index import (
    ARCHITECTURES,
    COMPONENT,
    Package,
    RefusedError,
    by_hash,
    merged,
    read,
    sum_in,
    write,
)
from publish.tools import Signer, paragraphs, release

KEYRING = "failberry-archive-keyring.pgp"
_INDEX = f"{COMPONENT}/binary-{ARCHITECTURES[0]}/Packages"


def publish(
    bucket: Bucket, signer: Signer, debs: Sequence[Path], *, suite: str, tell: Callable[[str], object]
) -> None:
    """Add packages to the suite.  Raises RefusedError and AdapterError; then nobody sees a change."""
    place = f"dists/{suite}"
    published = _published(bucket, signer, place)
    tell(f"{suite}: {len(published)} versions are published")
    offered = paragraphs(debs)
    packages = merged(published, offered)
    fresh = packages[len(published) :]
    files = {each.path: deb for each, deb in zip(offered, debs, strict=True)}
    for each in fresh:
        tell(f"+ {each.name} {each.version}")
        _put_package(bucket, each, files[each.path].read_bytes())
    if not fresh:
        tell("Nothing of it is new; the index is signed again.")
    text, spoken_of = release(suite, write(packages).encode())
    signed = signer.sign(text)
    # Several names of the same content are one file.
    for name, content in {by_hash(name, content): content for name, content in spoken_of.items()}.items():
        bucket.put(f"{place}/{name}", content, kind="application/octet-stream")
    bucket.put(KEYRING, signer.public, kind="application/pgp-keys", cache=SHORTLY)
    bucket.put(f"{place}/InRelease", signed, kind="text/plain", cache=SHORTLY)
    tell(f"{suite}: {len(packages)} versions are published now")


def _published(bucket: Bucket, signer: Signer, place: str) -> tuple[Package, ...]:
    """What is published, if it is ours: a foreign index is not signed again in our name."""
    signed = bucket.get(f"{place}/InRelease")
    if signed is None:
        return ()
    wanted = sum_in(signer.proven(signed), _INDEX)
    index = bucket.get(f"{place}/{_INDEX.rpartition('/')[0]}/by-hash/SHA256/{wanted}")
    if index is None or not by_hash(_INDEX, index).endswith(wanted):
        raise RefusedError(
            f"the published index {wanted[:12]}… is gone, or was changed: nothing is built on it; put it back"
            " from the bucket's versions or a copy"
        )
    return read(index.decode())


def _put_package(bucket: Bucket, package: Package, content: bytes) -> None:
    """Write a package file where none is; one that an interrupted run has left may be there already."""
    there = bucket.get(package.path)
    if there is None:
        bucket.put(package.path, content, kind="application/vnd.debian.binary-package")
    elif there != content:
        raise RefusedError(
            f"{package.path} is in the bucket, in no index, and another file: if an interrupted run of"
            " another build has left it, delete it there, and publish again"
        )
