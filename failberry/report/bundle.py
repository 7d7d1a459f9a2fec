"""Packs texts into one archive, with a page that says what is in it.  Pure."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from failberry.report.redact import Redacted, Secret, redact

FOLDER = "failberry-report"
_README = """\
What somebody who helps with Failberry must see. Made on this machine; nothing was sent anywhere.

Look through it before you give it away: every file is plain text.

Placeholders such as [address-1] or [pin-1] stand for values that were taken out; the same value has the same
placeholder in every file. Of hardware addresses the maker's half was left. Private addresses (192.168.…,
10.…, 100.64.…) and those of well-known name servers were left in.

Files:
{files}

Taken out:
{counts}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One text of the bundle."""

    name: str
    """Its file."""
    about: str
    """What it is, in words."""
    text: str
    prefixes: tuple[str, ...] = ()
    """What comes before each line, and holds nothing that could be secret: times, names of units.  Lines are
    compared without it, so that a value that was broken over two of them is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What may leave the house."""

    files: Mapping[str, str]
    redacted: Redacted


def bundle(sources: Sequence[Source], secrets: Sequence[Secret]) -> Bundle:
    """Redact them together, and describe what came out."""
    cleaned = redact({each.name: each.text for each in sources}, secrets)
    files = {each.name: _prefixed(each, cleaned.texts[each.name]) for each in sources}
    listed = [
        f"  {each.name}: {each.about}{' (left out)' if each.name in cleaned.left_out else ''}"
        for each in sources
    ]
    counted = [f"  {kind}: {count}" for kind, count in cleaned.counts.items()] or ["  nothing"]
    page = _README.format(files="\n".join(listed), counts="\n".join(counted))
    return Bundle(files={"README.txt": page} | files, redacted=cleaned)


def _prefixed(source: Source, text: str) -> str:
    lines = text.split("\n")
    if not source.prefixes or len(lines) != len(source.prefixes):
        return text
    return "\n".join(before + line for before, line in zip(source.prefixes, lines, strict=True)) + "\n"


def packed(made: Bundle, *, now: float) -> bytes:
    """The archive: gzip and tar; ``now`` is the time that its files bear."""
    whole = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=whole, mode="wb", mtime=int(now)) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w") as archive,
    ):
        for name, text in made.files.items():
            octets = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mtime, entry.mode = len(octets), int(now), 0o600
            archive.addfile(entry, io.BytesIO(octets))
    return whole.getvalue()
