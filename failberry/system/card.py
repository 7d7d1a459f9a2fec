"""What the slots are steered by: ``slot.env`` on FAT, ``state.json`` on data, and progress in memory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failberry.system import LEDGER, PROGRESS, RUNTIME, STATE, slots
from failberry.system import ledger as ledgers
from failberry.system.ledger import Ledger
from failberry.system.slots import Slot, SlotEnv

MOUNT_DEADLINE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are on the image; tests have others."""

    command_line: Path = Path("/proc/cmdline")
    firmware: Path = Path("/boot/firmware")
    """The FAT partition, mounted read-only."""
    state: Path = Path(STATE)
    runtime: Path = Path(RUNTIME)
    lower: Path = Path("/media/root-ro")
    """The running slot's file system, below the overlay."""
    configuration: Path = Path("/etc/failberry/failberry.toml")
    apt: Path = Path("/etc/apt")
    clock_was_set: Path = Path("/run/systemd/timesync/synchronized")
    partition: str = "/dev/disk/by-partuuid/fa11be44-{number:02d}"

    @property
    def env(self) -> Path:
        """What U-Boot reads."""
        return self.firmware / "slot.env"

    @property
    def ledger(self) -> Path:
        """What is known of the slots."""
        return self.state / Path(LEDGER).name

    @property
    def note(self) -> Path:
        """Why the watch over a trial was cut off, by whoever did it."""
        return self.state / "trial-note"

    @property
    def progress(self) -> Path:
        """How far an update or a trial is."""
        return self.runtime / Path(PROGRESS).name

    @property
    def wish(self) -> Path:
        """What the owner wants of the next run."""
        return self.runtime / "wish.json"


class Card:
    """Reads and writes them; raises OSError."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def running(self) -> Slot | None:
        """Return the slot that runs; ``None``: this is no image of ours."""
        return slots.slot_of(self.places.command_line.read_text())

    def env(self) -> SlotEnv | None:
        """Return what U-Boot will read; ``None``: it is damaged, or not there."""
        try:
            return slots.parse(self.places.env.read_bytes())
        except FileNotFoundError:
            return None

    def write_env(self, env: SlotEnv) -> None:
        """Replace it: one sector, overwritten in place.

        On FAT a rename is several writes; after a power cut between them two names share one content, which
        the check at the next boot may well "repair" by taking it from both.
        """
        content = slots.render(env)
        with self.firmware_writable():
            try:
                in_place = self.places.env.stat().st_size == slots.ENV_SIZE
            except FileNotFoundError:
                in_place = False
            if in_place:
                overwrite_durably(self.places.env, content)
            else:
                replace_durably(self.places.env, content)

    def ledger(self) -> Ledger:
        """Return what is known of the slots; nothing, if it was never written or is damaged."""
        try:
            return ledgers.parse(self.places.ledger.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return Ledger()

    def write_ledger(self, ledger: Ledger) -> None:
        """Replace it."""
        self.places.state.mkdir(parents=True, exist_ok=True)
        replace_durably(self.places.ledger, ledgers.render(ledger).encode())

    def take_note(self) -> str:
        """Return why the watch over a trial was cut off, once; empty: it was not."""
        try:
            text = self.places.note.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        self.places.note.unlink(missing_ok=True)
        return ledgers.shortened(text)

    def tell(self, **progress: Any) -> None:
        """Show how far it is.  In memory only; whoever watches reads it once a second."""
        self.places.runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = self.places.progress.with_suffix(".new")
        beside.write_text(json.dumps({"schema": 1, "at": now(), **progress}) + "\n")
        beside.replace(self.places.progress)

    @contextmanager
    def firmware_writable(self) -> Iterator[None]:
        """Have the FAT partition writable for so long; where it is no mount point it is so already."""
        if not os.path.ismount(self.places.firmware):
            yield
            return
        self._remount("rw")
        try:
            yield
        finally:
            self._remount("ro")

    def _remount(self, mode: str) -> None:
        command = ["mount", "-o", f"remount,{mode}", str(self.places.firmware)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MOUNT_DEADLINE)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def replace_durably(path: Path, content: bytes) -> None:
    """Write it beside ``path``, see it on the card, and rename it: the old or the new, nothing between."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def overwrite_durably(path: Path, content: bytes) -> None:
    """Write it over what is in ``path``, which is as long, and see it on the card."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """See the names in it on the card."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def now() -> str:
    """Date and time, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
