"""The card as one file: partition table, first partition, root A. No loop device, no mount.

The layout is final: what is on sold cards cannot be moved by an update.
"""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from image import ubootenv
from image.finish import Root
from image.recipe import Recipe
from image.steps import BuildError, run

MIB = 1 << 20
SECTOR = 512
DISK_ID = 0xFA11BE44
BOOT = Path(__file__).with_name("boot")
SLOT_ENV = "slot=a\ntrial=\ntries=0\nrolledback=\ndata=new\n"
SLOT_ENV_SIZE = 512
"""One sector, always (failberry/system/slots.py)."""
FIRMWARE = ("bootcode.bin", "start*.elf", "fixup*.dat")
NAMESPACE = uuid.UUID("5f1b2a0e-0d5c-5f59-9d39-fa11be440000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Megabytes from the beginning of the card."""

    start: int
    size: int
    kind: str


PARTITIONS = (
    Partition(start=4, size=512, kind="c"),  # FAT32, LBA
    Partition(start=516, size=1536, kind="83"),  # root A
    Partition(start=2052, size=1536, kind="83"),  # root B: made at the first update
    Partition(start=3588, size=128, kind="83"),  # data: grown at the first boot
)
FLASHED = PARTITIONS[2].start
"""Where the file ends: what is not made yet need not be written."""


def assemble(
    recipe: Recipe, root: Root, *, tools: Path, work: Path, target: Path, sample: Path, epoch: int
) -> None:
    """Write the card to ``target``. Raises BuildError when something does not fit."""
    tree = work / "fat"
    first_partition(recipe, root, tree, sample=sample)
    fat, ext4 = work / "fat.img", work / "root.img"
    _fat(tree, fat, epoch=epoch)
    _ext4(recipe, root, ext4, tools=tools, epoch=epoch)
    end = PARTITIONS[-1].start + PARTITIONS[-1].size
    with target.open("wb") as file:
        file.truncate(end * MIB)
    table = work / "table"
    lines = [
        f"start={part.start * MIB // SECTOR}, size={part.size * MIB // SECTOR}, type={part.kind}"
        for part in PARTITIONS
    ]
    table.write_text(f"label: dos\nlabel-id: {DISK_ID:#010x}\n" + "\n".join(lines) + "\n")
    run("partition table", ["sfdisk", "--quiet", target], stdin=table)
    with target.open("r+b") as file:
        file.truncate(FLASHED * MIB)
        for part, content in zip(PARTITIONS, (fat, ext4), strict=False):
            _copy(content, file.fileno(), part)
            content.unlink()


def first_partition(recipe: Recipe, root: Root, tree: Path, *, sample: Path) -> None:
    """Fill ``tree`` with all files of the first partition."""
    slot = tree / "a"
    slot.mkdir(parents=True)
    (tree / "b").mkdir()
    shutil.copyfile(root.folder / f"boot/vmlinuz-{root.kernel}", slot / "vmlinuz")
    shutil.copyfile(root.folder / f"boot/initrd.img-{root.kernel}", slot / "initrd.img")
    (tree / "slot.env").write_text(SLOT_ENV.ljust(SLOT_ENV_SIZE, "\n"))
    for name, source in (("README.txt", BOOT / "README.txt"), ("failberry.toml.sample", sample)):
        # For the editor that comes with Windows.
        (tree / name).write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    (tree / "cmdline.txt").write_text(f"{command_line()}\n")
    if recipe.device_trees:
        _device_trees(recipe, root, tree)
    if recipe.u_boot:
        _firmware(recipe, root, tree)


def command_line() -> str:
    """What the kernel is told on every machine and in both slots; the boot loader adds slot and console."""
    return " ".join((BOOT / "cmdline.txt").read_text().split())


def _device_trees(recipe: Recipe, root: Root, tree: Path) -> None:
    found = sorted((root.folder / f"usr/lib/linux-image-{root.kernel}").glob(recipe.device_trees))
    if not found:
        raise BuildError(f"no device tree {recipe.device_trees} comes with linux {root.kernel}")
    (tree / "a/dtbs").mkdir()
    for path in found:
        shutil.copyfile(path, tree / "a/dtbs" / path.name)
        # The firmware looks for its board's here, changes it, and hands it to U-Boot.
        shutil.copyfile(path, tree / path.name)


def _firmware(recipe: Recipe, root: Root, tree: Path) -> None:
    firmware = root.boot_files / "usr/lib/raspi-firmware"
    for pattern in FIRMWARE:
        for path in sorted(firmware.glob(pattern)):
            shutil.copyfile(path, tree / path.name)
    lines, environment = ["arm_64bit=1" if recipe.architecture == "arm64" else "arm_64bit=0"], b""
    for model, name in recipe.u_boot:
        u_boot = (root.boot_files / name).read_bytes()
        own = "u-boot.bin" if model == "all" else f"u-boot-{model}.bin"
        (tree / own).write_bytes(u_boot)
        lines += [f"[{model}]", f"kernel={own}"]
        environment = environment or ubootenv.environment(u_boot)
    (tree / "uboot.env").write_bytes(environment)
    text = (BOOT / "config.txt").read_text().replace("@KERNEL@", "\n".join(lines))
    (tree / "config.txt").write_text(text)
    script = root.boot_files / "boot.cmd"
    script.write_text((BOOT / "boot.cmd").read_text().replace("@CMDLINE@", command_line()))
    architecture = "arm64" if recipe.architecture == "arm64" else "arm"
    run("boot script", ["mkimage", "-T", "script", "-A", architecture, "-C", "none", "-n", "failberry",
                        "-d", script, tree / "boot.scr"])  # fmt: skip


def _fat(tree: Path, target: Path, *, epoch: int) -> None:
    """The same octets for the same files: sorted, with the time of the release."""
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (epoch, epoch))
    with target.open("wb") as file:
        file.truncate(PARTITIONS[0].size * MIB)
    run("first partition", ["mkfs.vfat", "-F", "32", "-n", "FAILBERRY", "-i", f"{DISK_ID:08x}", "--invariant",
                            target])  # fmt: skip
    names = [tree / name for name in sorted(path.name for path in tree.iterdir())]
    run("files of the first partition", ["mcopy", "-s", "-m", "-Q", "-i", target, *names, "::"])


def _ext4(recipe: Recipe, root: Root, target: Path, *, tools: Path, epoch: int) -> None:
    tar = target.with_suffix(".tar")
    run("packing the root", [
        "tar", "--create", f"--file={tar}", f"--directory={root.folder}", "--sort=name", "--format=pax",
        f"--mtime=@{epoch}", "--clamp-mtime", "--numeric-owner", "--xattrs", "--xattrs-include=security.*",
        "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--one-file-system", ".",
    ], deadline=600)  # fmt: skip
    name = str(uuid.uuid5(NAMESPACE, f"{recipe.name} {epoch}"))
    library = next((tools / "usr/lib").glob("*-linux-gnu*/libext2fs.so.2")).parent
    loader = next(iter(sorted((*library.glob("ld-linux*"), *(tools / "usr/lib64").glob("ld-linux*")))))
    with target.open("wb") as file:
        file.truncate(PARTITIONS[1].size * MIB)
    # Debian 12's own mke2fs would leak times; the suite's runs with its own libraries.
    run("root file system", [
        loader, "--library-path", library, tools / "usr/sbin/mke2fs",
        "-q", "-t", "ext4", "-L", "ROOT-A", "-U", name,
        "-E", f"hash_seed={name},root_owner=0:0", "-m", "1", "-d", tar, target,
    ], deadline=600, extra={"MKE2FS_CONFIG": str(tools / "etc/mke2fs.conf")})  # fmt: skip
    tar.unlink()


def _copy(source: Path, target: int, part: Partition) -> None:
    """Leave out what is zero: the file stays small on this disk."""
    if source.stat().st_size > part.size * MIB:
        raise BuildError(f"{source.name} has {source.stat().st_size} octets, its partition {part.size} MiB")
    zero = bytes(MIB)
    with source.open("rb") as file:
        offset = part.start * MIB
        while block := file.read(MIB):
            if block != zero[: len(block)]:
                os.pwrite(target, block, offset)
            offset += len(block)
