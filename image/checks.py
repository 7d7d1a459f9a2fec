"""What a card must have, and must not: found before it is flashed, and not 600 km away.

An initrd that was made under emulation can lack its modules without a word (readdir() of 32-bit
programs), so nothing is believed that is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from image.finish import Root
from image.recipe import Recipe
from image.steps import BuildError, run

PROGRAMS = ("e2fsck", "mke2fs", "resize2fs", "sfdisk", "partx", "fsck.vfat")
BUSYBOX_LINKS = 20
SCRIPTS = ("scripts/init-bottom/overlayroot", "scripts/init-bottom/failberry-data")
LARGEST_INITRD = 64 << 20


def check(recipe: Recipe, root: Root) -> None:
    """Raise BuildError with everything that is wrong."""
    faults = [*_initrd(recipe, root), *_root(root.folder)]
    if faults:
        raise BuildError("the card would not do:\n" + "\n".join(f"  {fault}" for fault in faults))


def _initrd(recipe: Recipe, root: Root) -> Iterator[str]:
    path = root.folder / f"boot/initrd.img-{root.kernel}"
    entries = [
        line.split(maxsplit=8)
        for line in run("looking into the initrd", ["lsinitramfs", "-l", path]).splitlines()
    ]
    # As cpio -tv tells them: mode, links, owner, group, size, three of the date, name.
    links = {entry[8].partition(" -> ")[0]: int(entry[1]) for entry in entries if len(entry) == 9}
    listed = list(links)
    names = {
        re.sub(r"\.ko(\.\w+)?$", "", Path(line).name).replace("-", "_") for line in listed if ".ko" in line
    }
    built_in = {
        Path(line).name.removesuffix(".ko").replace("-", "_")
        for line in (root.folder / f"usr/lib/modules/{root.kernel}/modules.builtin").read_text().splitlines()
    }
    for module in recipe.must_have:
        if module not in names | built_in:
            yield f"the initrd has no {module}: not built on tmpfs, or the kernel has dropped it"
    # busybox has an e2fsck and a mke2fs, too, links to itself that cannot do what is asked of them.
    programs = {Path(line).name for line, count in links.items() if count < BUSYBOX_LINKS}
    yield from (f"the initrd has no {name} of its own" for name in PROGRAMS if name not in programs)
    yield from (f"the initrd has no {name}" for name in SCRIPTS if name not in listed)
    for line in root.built.splitlines():
        if "Failed to find module" in line or "No such file" in line:
            yield f"the making of the initrd said: {line.strip()}"
    if path.stat().st_size > LARGEST_INITRD:
        yield f"the initrd has {path.stat().st_size >> 20} MiB; the first partition must hold three of them"


def _root(root: Path) -> Iterator[str]:
    for line in (root / "etc/shadow").read_text().splitlines():
        name, secret, *_ = line.split(":")
        if secret and not secret.startswith(("!", "*")):
            yield f"{name} has a password"
        if not secret:
            yield f"{name} needs no password"
    yield from (
        f"{path} is a key that all cards would share" for path in (root / "etc/ssh").glob("ssh_host_*")
    )
    if (root / "etc/machine-id").read_text():
        yield "all cards would have the same machine-id"
    for name in ("usr/bin/failberryctl", "usr/lib/systemd/system/failberry.service", "data", "boot/firmware"):
        if not (root / name).exists():
            yield f"/{name} is missing"
