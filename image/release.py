"""What lies beside the card: compressed file, checksums, list of what is in it, entry for Imager."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

from image.finish import packages
from image.recipe import Recipe
from image.steps import run

COMPRESS_DEADLINE = 1500.0
DEVICES = {
    "arm64": ["pi3-64bit", "pi4-64bit"],
    "arm64-pi5": ["pi5-64bit"],
    "armhf": ["pi2-32bit", "pi3-32bit", "pi4-32bit"],
}
NAMES = {"arm64": "Pi 3, 4, Zero 2 W", "arm64-pi5": "Pi 5, an experiment", "armhf": "Pi 2, 3, 4, 32 bit"}
IMAGER = {"arm64": "armv8", "armhf": "armhf"}


def compress(card: Path) -> Path:
    """``.xz``: the one that every Imager reads. The same octets on one processor and on many."""
    target = card.with_name(f"{card.name}.xz")
    run("compressing", ["xz", "--keep", "--force", "-6", "--threads=2", "--block-size=32MiB", card],
        deadline=COMPRESS_DEADLINE)  # fmt: skip
    return target


def digest(path: Path) -> str:
    """SHA-256, as Imager and sha256sum(1) write it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bill_of_materials(recipe: Recipe, root: Path, *, version: str, epoch: int) -> dict[str, Any]:
    """What is on the card, as SPDX 2.3 has it: each Debian package, by version and source."""
    name = f"failberry-{version}-{recipe.name}"
    found = []
    for fields in packages(root):
        source = fields.get("Source", fields["Package"]).partition(" ")[0]
        found.append(
            {
                "SPDXID": f"SPDXRef-{fields['Package'].replace('+', '-')}-{fields['Architecture']}",
                "name": fields["Package"],
                "versionInfo": fields["Version"],
                "supplier": f"Organization: {fields.get('Maintainer', 'unknown').partition(' <')[0]}",
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "NOASSERTION",
                "sourceInfo": f"Debian source package {source}; /usr/share/doc/{fields['Package']}/copyright",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": f"pkg:deb/debian/{fields['Package']}@{fields['Version']}"
                        f"?arch={fields['Architecture']}",
                    }
                ],
            }
        )
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://failberry.invalid/spdx/{name}-{epoch}",
        "creationInfo": {"created": _instant(epoch), "creators": ["Tool: failberry-image"]},
        "packages": found,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": each["SPDXID"],
            }
            for each in found
        ],
    }


def imager_entry(
    recipe: Recipe, card: Path, compressed: Path, *, version: str, epoch: int, url: str
) -> dict[str, Any]:
    """One card as an entry of Imager's os_list (its doc/json-schema); a list of one is a repository."""
    entry = {
        "name": f"Failberry {version} ({NAMES[recipe.name]})",
        "description": "Backup Internet line for a house, over a USB modem. Set up by one text file.",
        "icon": f"{url}/failberry.png",
        "url": f"{url}/{compressed.name}",
        "extract_size": card.stat().st_size,
        "extract_sha256": digest(card),
        "image_download_size": compressed.stat().st_size,
        "image_download_sha256": digest(compressed),
        "release_date": _instant(epoch).partition("T")[0],
        # Imager writes one file, rpi-preseed.toml, to the first partition.
        "init_format": "rpi-preseed",
        "architecture": IMAGER[recipe.architecture],
        "devices": DEVICES[recipe.name],
    }
    return {"os_list": [entry]}


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Sorted, so that two builds can be compared."""
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _instant(epoch: int) -> str:
    return dt.datetime.fromtimestamp(epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
