"""Reading the kernel's small files, which may vanish between two looks (sysfs(5), proc(5))."""

from __future__ import annotations

from pathlib import Path

LARGEST = 1 << 20
"""Bytes read of one file at most; an attribute is a page, a table of mounts some kilobytes."""


def octets(path: Path) -> bytes:
    """What the file holds; nothing if it is not there, not readable, or its device just went."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        return b""


def text(path: Path) -> str:
    """The same as text, without the white space and NUL bytes around it."""
    return octets(path).decode("utf-8", errors="replace").strip(" \t\r\n\0")


def number(path: Path, base: int = 10) -> int | None:
    """The same as a number; None if it is none."""
    try:
        return int(text(path), base)
    except ValueError:
        return None


def target(link: Path) -> str:
    """Name of what a symbolic link points to (a driver, a subsystem, a peer port); empty if there is none."""
    try:
        return link.readlink().name
    except OSError:
        return ""
