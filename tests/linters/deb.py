"""The built package."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from tests.linters.tree import ROOT


@cache
def package() -> Path:
    """What FAILBERRY_DEB names, as in ``make lint``; else it is built now."""
    if named := os.environ.get("FAILBERRY_DEB"):
        return Path(named)
    told = subprocess.run(
        ["make", "--no-print-directory", "deb"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return ROOT / told.stdout.split()[-1]


def image_package() -> Path:
    """What makes an image of it, built together with it."""
    return package().with_name(package().name.replace("failberry_", "failberry-image_"))


def unpack(folder: Path) -> None:
    """Put its files below ``folder``."""
    subprocess.run(["dpkg-deb", "--extract", package(), folder], check=True, timeout=60)


def unpack_image(folder: Path) -> None:
    """Put the files of the image's package below ``folder``."""
    subprocess.run(["dpkg-deb", "--extract", image_package(), folder], check=True, timeout=60)
