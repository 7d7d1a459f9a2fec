"""``python3 -m image --arch arm64``: from Debian packages to a card that can be flashed."""

from __future__ import annotations

import argparse
import datetime as dt
import email.utils
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from image import base as bases
from image import card, checks, finish, mirror, recipe, release
from image.steps import BuildError, require, run

HERE = Path(__file__).parent
ROOT = HERE.parent
PROGRAMS = ("mmdebstrap", "sfdisk", "mkfs.vfat", "mcopy", "lsinitramfs", "dpkg-deb", "tar", "xz", "unshare")


def main() -> int:
    """Build one card; 1, and the reason on standard error, when it cannot be done."""
    arguments = _arguments()
    if os.geteuid() != 0:
        print(
            "image: needs root, to unpack Debian as it is. Nothing outside of its folders is touched.",
            file=sys.stderr,
        )
        return 1
    if "FAILBERRY_IMAGE_INSIDE" not in os.environ:
        # Whatever becomes of the build: what it mounted is gone with it.
        inside = {**os.environ, "FAILBERRY_IMAGE_INSIDE": "1"}
        command = [
            "unshare",
            "--mount",
            "--propagation=private",
            sys.executable,
            "-m",
            "image",
            *sys.argv[1:],
        ]
        return subprocess.run(command, env=inside, check=False).returncode
    try:
        _build(arguments)
    except BuildError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m image", description=__doc__)
    parser.add_argument("--arch", required=True, choices=recipe.architectures())
    parser.add_argument("--deb", type=Path, required=True, help="failberry_VERSION_all.deb")
    parser.add_argument("--image-deb", type=Path, required=True, help="failberry-image_VERSION_all.deb")
    parser.add_argument("--into", type=Path, default=ROOT / "build/image", help="folder for what is built")
    parser.add_argument("--base-age", type=float, default=1.0, metavar="DAYS",
                        help="how old Debian's root file system from the cache may be (1)")  # fmt: skip
    parser.add_argument(
        "--no-compress", action="store_true", help="the card and its list of packages, and no more"
    )
    parser.add_argument(
        "--release-only",
        action="store_true",
        help="no updates yet: the mirror's index of them is out of step",
    )
    parser.add_argument(
        "--url", default="https://failberry.invalid", help="where the files will be published"
    )
    return parser.parse_args()


def _build(arguments: argparse.Namespace) -> None:
    wanted = recipe.read(arguments.arch)
    require(*PROGRAMS, *(["mkimage"] if wanted.u_boot else []))
    version = _version(arguments.deb)
    epoch = int(os.environ.setdefault("SOURCE_DATE_EPOCH", str(_released())))
    target = arguments.into / f"failberry-{version}-{wanted.name}.img"
    arguments.into.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="failberry-image-") as memory,
        tempfile.TemporaryDirectory(prefix=".building-", dir=arguments.into) as scratch,
    ):
        # Not for speed alone: what an emulated 32-bit program reads of a folder on ext4 is not all of it.
        run("memory", ["mount", "-t", "tmpfs", "-o", "mode=0755,size=90%", "failberry-image", memory])
        try:
            os.environ["TMPDIR"] = memory
            today = dt.datetime.now(dt.UTC).date()
            base = bases.base(
                wanted,
                at_most_days=arguments.base_age,
                today=today,
                release_only=arguments.release_only,
            )
            tools = bases.tools(wanted.suite)
            root = finish.finish(
                wanted,
                base,
                [arguments.deb, arguments.image_deb],
                work=Path(memory),
                archives=archives(wanted),
            )
            checks.check(wanted, root)
            unfinished = Path(scratch) / target.name
            sample = root.folder / "usr/share/failberry/failberry.toml"
            card.assemble(
                wanted, root, tools=tools, work=Path(memory), target=unfinished, sample=sample, epoch=epoch
            )
            materials = release.bill_of_materials(wanted, root.folder, version=version, epoch=epoch)
        finally:
            del os.environ["TMPDIR"]
            run("memory", ["umount", "--lazy", memory])
        unfinished.rename(target)
    release.write_json(target.with_suffix(".spdx.json"), materials)
    made = [target, target.with_suffix(".spdx.json")]
    if not arguments.no_compress:
        compressed = release.compress(target)
        made.append(compressed)
        if wanted.name in release.DEVICES:
            entry = target.with_suffix(".rpi-imager-manifest")
            release.write_json(entry, release.imager_entry(
                wanted, target, compressed, version=version, epoch=epoch, url=arguments.url,
            ))  # fmt: skip
            made.append(entry)
        sums = "".join(f"{release.digest(path)}  {path.name}\n" for path in made)
        target.with_suffix(".sha256").write_text(sums)
    for path in made:
        print(f"{path.stat().st_blocks * 512 / 1e6:8.1f} MB on disk  {path}")


def _version(deb: Path) -> str:
    if not deb.is_file():
        raise BuildError(f"there is no {deb}: `make deb` builds it")
    found = re.fullmatch(r"failberry_([^_]+)_all\.deb", deb.name)
    if not found:
        raise BuildError(f"{deb} is not failberry_VERSION_all.deb")
    return found[1]


def _released() -> int:
    """The date of the newest entry in debian/changelog, in seconds since 1970."""
    newest = re.search(r"^ -- .*>  (.*)$", (ROOT / "debian/changelog").read_text(), re.MULTILINE)
    if not newest:
        raise BuildError("debian/changelog has no date: set SOURCE_DATE_EPOCH")
    return int(email.utils.parsedate_to_datetime(newest[1]).timestamp())


def archives(wanted: recipe.Recipe) -> list[tuple[str, list[str]]]:
    """Where the appliance will look for updates: where the build machine does, if nothing else is said."""
    main = os.environ.get("MIRROR_IN_IMAGE") or mirror.mirror()
    security = os.environ.get("SECURITY_MIRROR_IN_IMAGE") or mirror.security_mirror()
    suites = [wanted.suite, f"{wanted.suite}-updates"]
    if wanted.backports:
        suites.append(wanted.backports.suite)
    found = [(main, suites)]
    if security:
        found.append((security, [f"{wanted.suite}-security"]))
    return found


if __name__ == "__main__":
    sys.exit(main())
