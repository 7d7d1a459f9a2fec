"""The command line of the lab's QEMU, and which accelerator it gets."""

import os
import subprocess
from pathlib import Path

from .build import Image

MEMORY = "1024"
# clocksource=hpet: slower to read than the time stamp counter, but it stands still in a kept moment. The
# counter jumps ahead by all the time since, and watchdogs that waited in the moment bite at once.
KERNEL_ARGUMENTS = (
    "console=ttyS0 root=/dev/vda rw mitigations=off net.ifnames=0 tsc=reliable clocksource=hpet loglevel=4"
)


def command(kernel_image: Image, accelerator: str) -> list[str]:
    """Everything that a kept moment depends on; there is no network card, so nothing can leave the guest."""
    cpu = "host" if accelerator == "kvm" else "qemu64,-svm"
    return [
        "qemu-system-x86_64", "-nodefaults", "-machine", "pc", "-display", "none",
        "-accel", "tcg,thread=multi" if accelerator == "tcg" else accelerator, "-cpu", cpu,
        "-smp", "2", "-m", MEMORY,
        "-kernel", str(kernel_image.kernel), "-initrd", str(kernel_image.initrd), "-append", KERNEL_ARGUMENTS,
        "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
        "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        "-serial", "chardev:console",
    ]  # fmt: skip


def version() -> str:
    """What QEMU says it is: a moment is of one version."""
    told = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True, timeout=20)
    return told.stdout.decode()


def accelerator() -> str:
    """TCG, unless ``FAILBERRY_LAB_ACCEL=kvm`` asks for more: a /dev/kvm that hangs looks like any other."""
    return "kvm" if os.environ.get("FAILBERRY_LAB_ACCEL") == "kvm" and Path("/dev/kvm").exists() else "tcg"
