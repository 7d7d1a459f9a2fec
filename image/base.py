"""The Debian root file system without Failberry: the slow part, kept by list, architecture and day."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from image import mirror
from image.recipe import Recipe
from image.steps import BuildError, require, run

BOOTSTRAP_DEADLINE = 2700.0  # an architecture that is emulated, on a machine with other work
KEPT = 2
"""So many of each list; older ones are deleted."""
TOOLS = ("e2fsprogs", "libarchive13t64")
"""Of the suite of the image: only since 1.47.1 does mke2fs make the same file system of the same files."""


def cache() -> Path:
    """``image`` in ``$FAILBERRY_CACHE``, ``$XDG_CACHE_HOME/failberry``, or ``~/.cache/failberry``."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "failberry"
    folder = Path(os.environ.get("FAILBERRY_CACHE") or default) / "image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base(recipe: Recipe, *, at_most_days: float, today: dt.date, release_only: bool = False) -> Path:
    """A tar of the root with all of Debian's packages, and no initrd yet; built when none is so young.

    ``release_only``: without the archives of updates, which the card then finds by itself: a mirror may
    serve an index of theirs that does not fit for hours, most of all for an architecture that few use.
    """
    stem = f"{recipe.name}-{recipe.key}-{'release-' if release_only else ''}"
    kept = sorted(cache().glob(f"{stem}2*.tar"), reverse=True)
    for path in kept:
        if (today - dt.date.fromisoformat(path.stem.removeprefix(stem))).days < at_most_days:
            return path
    wanted = cache() / f"{stem}{today.isoformat()}.tar"
    partial = wanted.with_suffix(f".{os.getpid()}.partial")
    try:
        _bootstrap(recipe, partial, release_only=release_only)
        partial.rename(wanted)
    finally:
        partial.unlink(missing_ok=True)
    for path in kept[KEPT - 1 :]:
        path.unlink(missing_ok=True)
    return wanted


def tools(suite: str) -> Path:
    """A folder with the suite's own mke2fs, for this machine's processor."""
    wanted = cache() / f"tools-{suite}"
    if not wanted.is_dir():
        partial = cache() / f"tools-{suite}.{os.getpid()}.partial"
        run("tools of the suite", [
            "mmdebstrap", "--variant=extract", f"--include={','.join(TOOLS)}", *_apt_options(),
            suite, str(partial), *sources(suite, ("main",)),
        ], deadline=BOOTSTRAP_DEADLINE)  # fmt: skip
        partial.rename(wanted)
    return wanted


def sources(suite: str, components: Sequence[str], *, release_only: bool = False) -> list[str]:
    """Lines of sources.list: this machine's mirror, and its security archive if it has one."""
    suites = [suite] if release_only else [suite, f"{suite}-updates"]
    signed, words = f"deb [signed-by={mirror.KEYS}]", " ".join(components)
    try:
        lines = [f"{signed} {mirror.mirror()} {name} {words}" for name in suites]
    except mirror.MirrorError as error:
        raise BuildError(str(error)) from None
    if not release_only and (security := mirror.security_mirror()):
        lines.append(f"{signed} {security} {suite}-security {words}")
    return lines


def _apt_options() -> list[str]:
    return [
        "--mode=root",
        "--aptopt=Acquire::Retries 3",
        "--aptopt=Acquire::http::Timeout 30",
        *mirror.proxy_options(),
    ]


def _bootstrap(recipe: Recipe, target: Path, *, release_only: bool) -> None:
    require("mmdebstrap", "sfdisk", "arch-test")
    _runs_here(recipe.architecture)
    if not Path(mirror.KEYS).exists():
        raise BuildError(f"{mirror.KEYS} is missing: install debian-archive-keyring")
    excludes = [f"--dpkgopt=path-exclude={path}" for path in recipe.leave_out]
    includes = [f"--dpkgopt=path-include={path}" for path in recipe.keep]
    hooks = ['--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"']
    if recipe.boot_packages:
        # Of the same day and mirror as all else, and checked by apt like all else.
        names = shlex.join(recipe.boot_packages)
        fetch = f"apt-get --option APT::Sandbox::User=root download {names}"
        fetch = f'cd "$1/boot" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" {fetch}'
        hooks.append(f"--customize-hook={fetch}")
    lines = sources(recipe.suite, recipe.components, release_only=release_only)
    if recipe.backports:
        hooks.insert(0, f"--setup-hook={_pin(recipe.backports.preferences)}")
        lines += sources(recipe.backports.suite, recipe.components, release_only=True)
    run(f"Debian packages for {recipe.name}", [
        "mmdebstrap", "--variant=apt", "--format=tar", f"--architectures={recipe.architecture}",
        f"--include={','.join(recipe.packages)}", *_apt_options(), *excludes, *includes, *hooks,
        recipe.suite, str(target), *lines,
    ], deadline=BOOTSTRAP_DEADLINE, extra={**recipe.emulation, "INITRD": "No"})  # fmt: skip


def _runs_here(architecture: str) -> None:
    """Raise BuildError unless this machine runs that processor's programs, by itself or through QEMU."""
    try:
        run(f"trying a program for {architecture}", ["arch-test", architecture])
    except BuildError as error:
        # In a container, say, Debian's binfmt-support had nowhere to register QEMU, and has said nothing.
        raise BuildError(
            f"programs for {architecture} do not run on this machine. If /proc/sys/fs/binfmt_misc is empty: "
            "`mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc`. Then `update-binfmts --enable`; "
            f"`arch-test {architecture}` says whether it helped\n{error}"
        ) from None


def _pin(preferences: str) -> str:
    """A hook that has apt choose by these from its first question on."""
    folder, text = '"$1/etc/apt/preferences.d"', shlex.quote(preferences)
    return f"mkdir -p {folder} && printf %s {text} >{folder}/failberry-backports"
