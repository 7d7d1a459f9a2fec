"""Folders on the card: each call is done, and on the card, when it returns.

What is written for good is written beside the old, and then takes its name.  On FAT a change of names is no
single step; whoever renames there must get along with both names, or with one of them (Linux'
fs/fat/namei_vfat.c).  The partition with the owner's files is read-only but for the moment of a change.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

NEW, OLD = ".fb-new", ".fb-old"
"""Ends of names in use for the time of a change; nobody else's."""
_MOST_NAMES = 1000
_REMOUNT_TIMEOUT = 30.0


class Folder(Protocol):
    """One folder; every method may raise ``OSError``."""

    def names(self) -> list[str]:
        """Of the files in it; nothing, if it is not there."""
        ...

    def read(self, name: str, most: int) -> bytes | None:
        """Up to so many bytes; ``None``, if there is no such file."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make a file, or make it anew."""
        ...

    def blank(self, name: str) -> None:
        """Put zeros where the content is, as far as a file system lets anybody say where."""
        ...

    def rename(self, name: str, to: str) -> None:
        """Give it another name, in the place of whatever had that."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there, too."""
        ...


def replace(folder: Folder, name: str, content: bytes) -> None:
    """Have this content under this name: after a power cut the old or the new, never a part."""
    folder.write(name + NEW, content)
    folder.rename(name + NEW, name)


def replace_secret(folder: Folder, name: str, content: bytes) -> None:
    """The same, and what was there before is overwritten.  :func:`recover` takes up what was cut short."""
    folder.write(name + NEW, content)
    folder.rename(name, name + OLD)
    folder.rename(name + NEW, name)
    folder.blank(name + OLD)
    folder.remove(name + OLD)


def recover(folder: Folder) -> None:
    """Mend what a power cut has left of either of the two above; mostly that is nothing."""
    names = folder.names()
    for old in [each for each in names if each.endswith(OLD)]:
        name = old.removesuffix(OLD)
        if name not in names:
            folder.rename(old, name)
        elif folder.read(old, 1 << 20) != folder.read(name, 1 << 20):
            folder.blank(old)
            folder.remove(old)
        else:
            # Two names of one content, if the cut came between the halves of a rename.
            folder.remove(old)
    for new in [each for each in names if each.endswith(NEW)]:
        folder.remove(new)


class DiskFolder:
    """A real one, made when something is written into it."""

    def __init__(self, path: Path, *, mode: int = 0o600) -> None:
        self.path = path
        self._mode = mode

    def names(self) -> list[str]:
        """See :class:`Folder`."""
        try:
            with os.scandir(self.path) as entries:
                files = [
                    each.name for each, _ in zip(entries, range(_MOST_NAMES), strict=False) if each.is_file()
                ]
        except FileNotFoundError:
            return []
        return sorted(files)

    def read(self, name: str, most: int) -> bytes | None:
        """See :class:`Folder`."""
        try:
            handle = os.open(self.path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return file.read(most)

    def write(self, name: str, content: bytes) -> None:
        """See :class:`Folder`."""
        self.path.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(self.path / name, flags, self._mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._sync()

    def blank(self, name: str) -> None:
        """See :class:`Folder`."""
        with (self.path / name).open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())

    def rename(self, name: str, to: str) -> None:
        """See :class:`Folder`."""
        (self.path / name).replace(self.path / to)
        self._sync()

    def remove(self, name: str) -> None:
        """See :class:`Folder`."""
        (self.path / name).unlink(missing_ok=True)
        self._sync()

    def _sync(self) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class CardFolder:
    """The first partition: read-only, but from the first change to the end of the ``with``."""

    def __init__(self, path: Path) -> None:
        self._folder = DiskFolder(path, mode=0o755)  # FAT knows no other
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._remount("ro")

    def names(self) -> list[str]:
        """See :class:`Folder`."""
        return self._folder.names()

    def read(self, name: str, most: int) -> bytes | None:
        """See :class:`Folder`."""
        return self._folder.read(name, most)

    def write(self, name: str, content: bytes) -> None:
        """See :class:`Folder`."""
        self._prepare()
        self._folder.write(name, content)

    def blank(self, name: str) -> None:
        """See :class:`Folder`."""
        self._prepare()
        self._folder.blank(name)

    def rename(self, name: str, to: str) -> None:
        """See :class:`Folder`."""
        self._prepare()
        self._folder.rename(name, to)

    def remove(self, name: str) -> None:
        """See :class:`Folder`."""
        self._prepare()
        self._folder.remove(name)

    def _prepare(self) -> None:
        if self._open:
            return
        read_only = os.statvfs(self._folder.path).f_flag & os.ST_RDONLY
        if read_only:
            self._remount("rw")
            self._open = True

    def _remount(self, how: str) -> None:
        try:
            subprocess.run(
                ["mount", "-o", f"remount,{how}", self._folder.path],
                check=True, capture_output=True, timeout=_REMOUNT_TIMEOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            raise OSError(f"{self._folder.path} cannot be remounted {how}: {error}") from None
