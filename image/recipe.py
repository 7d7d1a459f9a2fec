"""What is on the card: ``recipe.toml`` as values."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).with_name("recipe.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backports:
    """What comes from the backports, when the card is built and in its updates. Nothing else does."""

    suite: str
    sources: tuple[str, ...]
    """Source packages: the names of a kernel's binary packages change with its version."""

    @property
    def preferences(self) -> str:
        """For apt_preferences(5): of the archive nothing, of these packages always its newest."""
        pin = f"Pin: release n={self.suite}\nPin-Priority:"
        named = " ".join(f"src:{name}" for name in self.sources)
        return f"Package: *\n{pin} -1\n\nPackage: {named}\n{pin} 990\n"

    @property
    def upgrades(self) -> str:
        """For apt.conf.d: unattended-upgrades may take what the preferences let through."""
        origin = f"origin=Debian Backports,codename={self.suite},label=Debian Backports"
        return f'Unattended-Upgrade::Origins-Pattern {{ "{origin}"; }};\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One flavour's list. ``key`` tells two lists apart."""

    name: str
    """As ``--arch`` takes it, and as the card's files are named."""
    architecture: str
    """Debian's name of the processor."""
    suite: str
    components: tuple[str, ...]
    packages: tuple[str, ...]
    leave_out: tuple[str, ...]
    """Paths as dpkg's path-exclude takes them; ``keep`` is its path-include."""
    keep: tuple[str, ...]
    enable: tuple[str, ...]
    mask: tuple[str, ...]
    kernel: str
    """The package that stands for the newest kernel."""
    initramfs: tuple[str, ...]
    """Modules of a small initrd; empty: whatever a root file system may need, as Debian does it."""
    drivers: tuple[str, ...]
    """Modules that Debian's own choice for an initrd leaves out."""
    must_have: tuple[str, ...]
    """Modules without which the card would not boot."""
    emulate: str
    """Which processor QEMU shows to its programs while they are emulated; "": QEMU's own choice."""
    boot_packages: tuple[str, ...]
    """Not installed; their files are for the first partition."""
    u_boot: tuple[tuple[str, str], ...]
    """Model (a filter of config.txt) and file of U-Boot; "all" is the only one where one serves all."""
    device_trees: str
    backports: Backports | None

    @property
    def emulation(self) -> dict[str, str]:
        """For the environment of whatever runs its programs."""
        return {"QEMU_CPU": self.emulate} if self.emulate else {}

    @property
    def key(self) -> str:
        """Tells apart lists that make different root file systems, before Failberry is in them."""
        slow: tuple[object, ...] = (
            self.architecture,
            self.suite,
            self.components,
            self.packages,
            self.leave_out,
            self.keep,
            self.boot_packages,
        )
        # Last, and only where there is one: the others keep their names.
        if self.backports:
            slow = (*slow, self.backports.suite, self.backports.sources)
        return hashlib.sha256(json.dumps(slow).encode()).hexdigest()[:12]


def architectures(path: Path = RECIPE) -> tuple[str, ...]:
    """The names that ``read`` takes."""
    return tuple(tomllib.loads(path.read_text())["architecture"])


def read(name: str, path: Path = RECIPE) -> Recipe:
    """The list of ``name``: what all have, then its own. Raises KeyError for an unknown one."""
    document = tomllib.loads(path.read_text())
    own: dict[str, Any] = document["architecture"][name]
    backports = own.get("backports")

    def both(key: str) -> tuple[str, ...]:
        return (*document.get(key, ()), *own.get(key, ()))

    return Recipe(
        name=name,
        architecture=own.get("debian", name),
        suite=document["suite"],
        components=both("components"),
        packages=both("packages"),
        leave_out=both("leave_out"),
        keep=both("keep"),
        enable=both("enable"),
        mask=both("mask"),
        kernel=own["kernel"],
        initramfs=tuple(own.get("initramfs", ())),
        drivers=tuple(own.get("drivers", ())),
        must_have=tuple(own["must_have"]),
        emulate=own.get("emulate", ""),
        boot_packages=tuple(own.get("boot_packages", ())),
        u_boot=tuple(own.get("u_boot", {}).items()),
        device_trees=own.get("device_trees", ""),
        backports=Backports(suite=backports["suite"], sources=tuple(backports["sources"]))
        if backports
        else None,
    )
