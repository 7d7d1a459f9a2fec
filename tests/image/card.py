"""A card as a file: what is on its first partition, what its file systems say of themselves. No mount.

Only while no machine has it: what a running guest holds in memory is not here yet.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
SIZE = 4096
"""MiB. QEMU's model of the Pi takes powers of two only; the smallest card that is sold is a little less."""
BOOT, ROOT_A, ROOT_B, DATA = 4, 516, 2052, 3588
"""Where partitions begin, MiB."""


class CardError(Exception):
    """The card is not as it must be: says what."""


def scratch() -> Path:
    """A new folder for cards, in memory where there is room: a card is written to all the time."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    roomy = memory.is_dir() and os.statvfs(memory).f_bavail * os.statvfs(memory).f_frsize > 6 << 30
    return Path(tempfile.mkdtemp(prefix="failberry-card-", dir=memory if roomy else None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card, in one file."""

    path: Path

    @classmethod
    def flashed(cls, image: Path, folder: Path, *, size: int = SIZE) -> Card:
        """A card of ``size`` MiB to which ``image`` has been written, for the first time."""
        path = folder / "card.img"
        _run(["cp", "--sparse=always", "--", str(image), str(path)])
        with path.open("r+b") as file:
            file.truncate(size * MIB)
        return cls(path=path)

    # --- the first partition

    def put(self, name: str, content: bytes | str) -> None:
        """Write a file there, replacing the old one."""
        data = content.encode() if isinstance(content, str) else content
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            self._mtools("mcopy", "-o", "-Q", file.name, f"::{name}")

    def get(self, name: str) -> bytes:
        """The content of a file there; CardError if there is none."""
        return self._mtools("mtype", f"::{name}")

    def take(self, name: str, into: Path) -> Path:
        """Copy a file from there."""
        target = into / Path(name).name
        target.write_bytes(self.get(name))
        return target

    def remove(self, name: str) -> None:
        self._mtools("mdel", f"::{name}")

    def names(self, folder: str = "") -> list[str]:
        """What is in a folder there."""
        return [
            line.removeprefix("::/").strip("/").rpartition("/")[2]
            for line in self._mtools("mdir", "-b", f"::{folder}").decode().splitlines()
        ]

    def slot_env(self) -> dict[str, str]:
        """``slot.env`` as U-Boot would read it."""
        text = self.get("slot.env").partition(b"\0")[0].decode()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def write_slot_env(self, values: dict[str, str]) -> None:
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        self.put("slot.env", text.ljust(512, "\n"))

    def _mtools(self, program: str, *arguments: str) -> bytes:
        return _run(
            [program, "-i", f"{self.path}@@{BOOT}M", *arguments], environment={"MTOOLS_SKIP_CHECK": "1"}
        )

    # --- the others

    def partitions(self) -> list[tuple[int, int]]:
        """Start and size of each in MiB, by what the table says."""
        told = _run(["sfdisk", "--dump", str(self.path)]).decode()
        found = []
        for line in told.splitlines():
            if "start=" in line:
                fields = dict(
                    part.split("=")
                    for part in line.partition(":")[2].replace(" ", "").split(",")
                    if "=" in part
                )
                found.append((int(fields["start"]) * 512 // MIB, int(fields["size"]) * 512 // MIB))
        return found

    def copy(self, start: int, target: Path, *, seek: int = 0) -> None:
        """Copy a partition into another file, or with ``seek`` (MiB) to an empty place of a card."""
        _run([
            "dd", f"if={self.path}", f"of={target}", "bs=1M", f"skip={start}", f"seek={seek}",
            f"count={dict(self.partitions())[start]}", "conv=notrunc,sparse",
        ])  # fmt: skip

    def file_system_faults(self, start: int) -> str:
        """What e2fsck would have to mend, after the journal has been replayed; "" for nothing.

        On a copy: looking must not change what is looked at.
        """
        # The first pass does what every boot does; the second must find nothing left.
        first, second = self._checked(start, ["e2fsck", "-p"], ["e2fsck", "-fn"])
        if first.returncode < 4 and second.returncode == 0:
            return ""
        return f"{first.stdout}{first.stderr}{second.stdout}{second.stderr}"

    def boot_faults(self) -> str:
        """The same of the first partition."""
        _, second = self._checked(BOOT, ["fsck.vfat", "-a"], ["fsck.vfat", "-n"])
        return "" if second.returncode == 0 else second.stdout

    def _checked(self, start: int, *commands: list[str]) -> list[subprocess.CompletedProcess[str]]:
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as copy:
            self.copy(start, Path(copy.name))
            return [
                subprocess.run([*each, copy.name], capture_output=True, text=True, check=False, timeout=120)
                for each in commands
            ]

    def damage(self, start: int, offset: int, count: int) -> None:
        """Overwrite octets of a partition with rubbish."""
        with self.path.open("r+b") as file:
            file.seek(start * MIB + offset)
            file.write(os.urandom(count))

    def read_file(self, start: int, name: str) -> bytes:
        """A file of an ext4 partition, with debugfs(8)."""
        return _run(["debugfs", "-R", f"cat {name}", f"{self.path}?offset={start * MIB}"])


def _run(command: list[str], *, environment: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=300, env={**os.environ, **(environment or {})}
    )
    if done.returncode != 0:
        raise CardError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
