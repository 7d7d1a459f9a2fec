"""A first partition with kernels that say their name, booted by Debian's U-Boot for QEMU's ``virt`` machine.

It is the same source as that of Debian's u-boot-rpi, and runs the same boot.scr in a second or two.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from image import ubootenv
from image.base import cache
from image.mirror import KEYS, mirror, proxy_options

ROOT = Path(__file__).parents[2]
SUITE = "trixie"
FLASH = 64 << 20
FLASH_ENV = 0x40000
"""``CONFIG_ENV_SIZE`` of u-boot-qemu."""
WANTED = {
    "bootdelay": "-2",
    "boot_targets": "virtio",
    "preboot": "",
    "bootcmd": "bootflow scan -b; poweroff",
}
START, SIZE = 1 << 20, 48 << 20
FETCH_DEADLINE, STEP_DEADLINE = 600.0, 60.0


class Kernel(StrEnum):
    """What a slot's kernel does once it has said its name."""

    STAYS = "stays"
    """It runs: the machine is switched off, and the test ends."""
    RESETS = "resets"
    """As after a panic."""
    NONE = "none"
    GARBAGE = "garbage"
    """A file of that name that is no kernel."""
    NO_INITRD = "no-initrd"


def unpacked(package: str, architecture: str) -> Path:
    """Return a folder with what is in a package of the image's suite; fetched once."""
    wanted = cache() / f"{package}-{SUITE}-{architecture}"
    if not wanted.is_dir():
        partial = wanted.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(
            ["mmdebstrap", "--variant=extract", f"--include={package}", f"--architectures={architecture}",
             *proxy_options(), SUITE, str(partial), f"deb [signed-by={KEYS}] {mirror()} {SUITE} main"],
            check=True, capture_output=True, timeout=FETCH_DEADLINE,
        )  # fmt: skip
        partial.rename(wanted)
    return wanted


def kernel(name: str, does: Kernel) -> bytes:
    """Return an arm64 Image (Documentation/arch/arm64/booting.rst) of twelve instructions."""
    function = 0x52800120 if does is Kernel.RESETS else 0x52800100  # PSCI: SYSTEM_RESET, SYSTEM_OFF
    code = [
        0xD2A12002,  # movz x2, #0x900, lsl 16: the serial port
        0x38401423,  # ldrb w3, [x1], #1
        0x34000063,  # cbz w3, to the movz
        0x39000043,  # strb w3, [x2]
        0x17FFFFFD,  # b to the ldrb
        function,
        0x72B08000,  # movk w0, #0x8400, lsl 16
        0xD4000002,  # hvc #0
        0x14000000,  # b here
    ]
    return arm64_image(code, name)


def arm64_image(code: Sequence[int], name: str) -> bytes:
    """Return an Image of that code, which finds its text at x1."""
    header = struct.pack("<II QQQ QQQ II", 0x14000010, 0, 0, 0x1000, 0b1010, 0, 0, 0, 0x644D5241, 0)
    adr = 0x10000001 | ((len(code) + 1) << 5)  # x1, the text behind
    return named(header + words(adr, *code), name)


def named(program: bytes, name: str) -> bytes:
    """Put the text that a kernel says behind it."""
    return (program + f"kernel of slot {name}\r\n".encode() + b"\0").ljust(0x1000, b"\0")


def words(*codes: int) -> bytes:
    return b"".join(struct.pack("<I", code) for code in codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """What came of it."""

    started: tuple[str, ...]
    """The slots whose kernels were started, in order."""
    env: bytes | None
    """slot.env afterwards."""
    said: str
    disk: Path


def make(folder: Path, *, env: bytes | None, kernels: Mapping[str, Kernel]) -> Path:
    """Write a disk with one FAT partition; ``env`` is slot.env, none if there shall be none."""
    disk, fat = folder / "disk.img", folder / "fat.img"
    text = (ROOT / "image/boot/boot.cmd").read_text().replace("@CMDLINE@", "panic=10")
    (folder / "boot.cmd").write_text(text)
    _run(
        "mkimage", "-T", "script", "-A", "arm64", "-C", "none", "-d", folder / "boot.cmd", folder / "boot.scr"
    )
    with fat.open("wb") as file:
        file.truncate(SIZE)
    _run("mkfs.vfat", "-F", "32", "-n", "FAILBERRY", fat)
    _run("mcopy", "-i", fat, folder / "boot.scr", "::")
    if env is not None:
        (folder / "slot.env").write_bytes(env)
        _run("mcopy", "-i", fat, folder / "slot.env", "::")
    for name, does in kernels.items():
        _run("mmd", "-i", fat, f"::{name}")
        if does is not Kernel.NONE:
            content = b"no kernel" * 1000 if does is Kernel.GARBAGE else kernel(name, does)
            (folder / "vmlinuz").write_bytes(content)
            _run("mcopy", "-i", fat, folder / "vmlinuz", f"::{name}/vmlinuz")
        if does is not Kernel.NO_INITRD:
            (folder / "initrd.img").write_bytes(b"initrd" * 500)
            _run("mcopy", "-i", fat, folder / "initrd.img", f"::{name}/initrd.img")
    with disk.open("wb") as file:
        file.truncate(START + SIZE)
    table = f"label: dos\nstart={START // 512}, type=c, bootable\n"
    subprocess.run(["sfdisk", "--quiet", disk], input=table.encode(), check=True, timeout=STEP_DEADLINE)
    with disk.open("r+b") as file:
        file.seek(START)
        file.write(fat.read_bytes())
    return disk


def boot(disk: Path, *, deadline: float) -> Booted:
    """Boot, and boot again after each reset, until a kernel stays.  Raises TimeoutExpired when none does."""
    u_boot = unpacked("u-boot-qemu", "amd64") / "usr/lib/u-boot/qemu_arm64/u-boot.bin"
    code, variables = disk.with_name("code.flash"), disk.with_name("env.flash")
    for path, content in (
        (code, u_boot.read_bytes()),
        (variables, ubootenv.environment(u_boot.read_bytes(), wanted=WANTED, size=FLASH_ENV)),
    ):
        path.write_bytes(content)
        with path.open("r+b") as file:
            file.truncate(FLASH)
    flash = "if=pflash,format=raw,readonly=on"
    said = subprocess.run(
        ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "256", "-nographic", "-net", "none",
         "-drive", f"{flash},unit=0,file={code}", "-drive", f"{flash},unit=1,file={variables}",
         "-drive", f"if=none,format=raw,id=card,file={disk}", "-device", "virtio-blk-device,drive=card"],
        stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=deadline,
    ).stdout.decode(errors="replace")  # fmt: skip
    return Booted(
        started=tuple(re.findall(r"kernel of slot ([ab])", said)), env=read(disk), said=said, disk=disk
    )


def read(disk: Path) -> bytes | None:
    """Return slot.env as it is on the disk."""
    words = ["mcopy", "-i", f"{disk}@@{START}", "::slot.env", "-"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=STEP_DEADLINE)
    return done.stdout if done.returncode == 0 else None


def _run(*command: str | Path) -> None:
    subprocess.run([str(each) for each in command], check=True, capture_output=True, timeout=STEP_DEADLINE)
