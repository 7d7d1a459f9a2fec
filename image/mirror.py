"""The Debian archive and the proxy that this machine's own apt uses; no archive is named in the project."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
PLAIN_SUITES = {
    "stable",
    "testing",
    "unstable",
    "oldstable",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
}


class MirrorError(Exception):
    """The apt of this machine knows no Debian archive: says so, and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One line of apt's sources, in either of its two notations."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str


def mirror(configuration: Path = Path("/etc/apt")) -> str:
    """The Debian archive that this machine's apt uses (``MIRROR`` in the environment wins).

    Third-party and security archives are passed over: an entry counts when it serves ``main`` of a plain
    Debian suite and is not signed by somebody else. Raises MirrorError when there is none.
    """
    if chosen := os.environ.get("MIRROR"):
        return chosen
    for source in sources(configuration):
        foreign = source.signed_by and "debian-archive" not in source.signed_by
        if PLAIN_SUITES & set(source.suites) and "main" in source.components and not foreign:
            return source.uri
    raise MirrorError(f"no Debian archive in {configuration}: name one with MIRROR=http://…/debian")


def security_mirror(configuration: Path = Path("/etc/apt")) -> str:
    """The archive of Debian's security updates (``SECURITY_MIRROR`` wins; "none" and no such archive: "")."""
    if chosen := os.environ.get("SECURITY_MIRROR"):
        return "" if chosen == "none" else chosen
    for source in sources(configuration):
        foreign = source.signed_by and "debian-archive" not in source.signed_by
        if any(suite.removesuffix("-security") in PLAIN_SUITES for suite in source.suites
               if suite.endswith("-security")) and not foreign:  # fmt: skip
            return source.uri
    return ""


def sources(configuration: Path) -> Iterator[AptSource]:
    """Every enabled ``deb`` entry below ``configuration`` (sources.list(5), both notations)."""
    parts = configuration / "sources.list.d"
    for path in (configuration / "sources.list", *sorted(parts.glob("*.list"))):
        if path.is_file():
            yield from _one_line_entries(path.read_text(errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        yield from _stanzas(path.read_text(errors="replace"))


def _one_line_entries(text: str) -> Iterator[AptSource]:
    pattern = re.compile(
        r"^\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>[^#]*)"
    )
    for line in text.splitlines():
        if found := pattern.match(line):
            options = dict(option.partition("=")[::2] for option in (found["options"] or "").split())
            yield AptSource(
                uri=found["uri"],
                suites=(found["suite"],),
                components=tuple(found["rest"].split()),
                signed_by=options.get("signed-by", ""),
            )


def _stanzas(text: str) -> Iterator[AptSource]:
    without_comments = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t"):  # a continued field
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in (
            "no",
            "false",
        ):
            for uri in fields.get("uris", "").split():
                yield AptSource(
                    uri=uri,
                    suites=tuple(fields.get("suites", "").split()),
                    components=tuple(fields.get("components", "").split()),
                    signed_by=fields.get("signed-by", ""),
                )


def proxy_options() -> list[str]:
    """The machine's apt proxy, if it has one: its mirror may be reachable only through it."""
    dump = subprocess.run(
        ["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False, timeout=10
    ).stdout
    found = re.findall(r'^(Acquire::https?::Proxy) "([^"]+)";$', dump, re.MULTILINE | re.IGNORECASE)
    return [f'--aptopt={name} "{value}"' for name, value in found]
