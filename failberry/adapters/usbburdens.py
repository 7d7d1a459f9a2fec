"""What the machine does with USB devices: mounted disks, swap, network interfaces.

Sources: mountinfo and swaps in proc(5), ``slaves`` and ``dm`` of block devices, ``upper_*`` of network
interfaces (Documentation/ABI/testing/sysfs-class-net, stable/sysfs-block).
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from failberry.adapters import sysfs
from failberry.core.usbtree import Burdens, NetInterface

_ETHERNET = 1
"""ARPHRD_ETHER of linux/if_arp.h."""
_DISC = "sr"
"""Block devices of CD-ROMs, as the kernel names them."""
_FILE_SYSTEMS = ("ext4", "xfs", "f2fs")
"""Have a directory for each mounted block device in /sys/fs, whoever's mount it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """One block device."""

    number: str
    """Major and minor, as in mountinfo."""
    mapped: str
    """Its name for LVM and dm-crypt."""
    beneath: tuple[str, ...]
    """Block devices that it is made of: the parts of a RAID, the disk of a partition."""
    usb_path: str
    """Of the device that it is, if it is on USB."""


@dataclass(slots=True)
class _Load:
    mounts: set[str] = field(default_factory=set)
    discs: set[str] = field(default_factory=set)
    swap: set[str] = field(default_factory=set)
    interfaces: list[NetInterface] = field(default_factory=list)


def burdens(places: Mapping[Path, str], root: Path, proc: Path) -> dict[str, Burdens]:
    """What each USB device carries, by its path; ``places`` are their directories, resolved."""
    loads: defaultdict[str, _Load] = defaultdict(_Load)
    blocks = dict(_blocks(places, root))
    seen = set()
    for where, names in _mounts(blocks, root, proc):
        for each in names:
            seen.add(each)
            for disk, path in _disks(each, blocks):
                load = loads[path]
                (load.discs if disk.startswith(_DISC) else load.mounts).add(where)
    for each in _mounted_somewhere(root) & blocks.keys() - seen:
        # In another mount namespace, or hidden by the one above it, as the disk below an overlay is.
        for _, path in _disks(each, blocks):
            loads[path].mounts.add(f"the file system {each}")
    for line in sysfs.text(proc / "swaps").splitlines()[1:]:
        for each in _named((line.split() or [""])[0], blocks):
            for _, path in _disks(each, blocks):
                loads[path].swap.add(each)
    for path, interface in _interfaces(places, root):
        loads[path].interfaces.append(interface)
    return {
        path: Burdens(
            mounts=_in_order(load.mounts),
            discs=_in_order(load.discs),
            swap=_in_order(load.swap),
            interfaces=tuple(load.interfaces),
        )
        for path, load in loads.items()
    }


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (name != "/", name)))


def _members(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _resolved(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and directory of each device of a class."""
    for each in _members(folder):
        with contextlib.suppress(OSError, RuntimeError):
            yield each.name, each.resolve(strict=True)


def _owner(place: Path, places: Mapping[Path, str]) -> str:
    """USB path of the nearest device above."""
    return next((places[each] for each in place.parents if each in places), "")


def _blocks(places: Mapping[Path, str], root: Path) -> Iterator[tuple[str, _Block]]:
    for name, place in _resolved(root / "class/block"):
        beneath = [each.name for each in _members(place / "slaves")]
        if (place / "partition").exists():
            beneath.append(place.parent.name)
        yield (
            name,
            _Block(
                number=sysfs.text(place / "dev"),
                mapped=sysfs.text(place / "dm/name"),
                beneath=tuple(beneath),
                usb_path=_owner(place, places),
            ),
        )


def _disks(name: str, blocks: Mapping[str, _Block]) -> Iterator[tuple[str, str]]:
    """Block devices on USB that this one is made of, itself included, and their USB paths."""
    waiting, seen = [name], set[str]()
    while waiting:
        each = waiting.pop()
        if each in seen or each not in blocks:
            continue
        seen.add(each)
        waiting += blocks[each].beneath
        if blocks[each].usb_path:
            yield each, blocks[each].usb_path


def _mounts(blocks: Mapping[str, _Block], root: Path, proc: Path) -> Iterator[tuple[str, set[str]]]:
    """Mount points and the block devices that hold what is mounted there."""
    numbers = {each.number: name for name, each in blocks.items()}
    pools = [{each.name for each in _members(pool / "devices")} for pool in _members(root / "fs/btrfs")]
    # The first process sees the host's mounts; ours may be in a namespace that a unit file narrowed.
    text = sysfs.text(proc / "1/mountinfo") or sysfs.text(proc / "self/mountinfo")
    for line in text.splitlines():
        found = re.fullmatch(r"\S+ \S+ (\S+) \S+ (\S+) .*? - (\S+) (\S+).*", line)
        if found is None:
            continue
        number, where, kind, source = found.groups()
        names = {numbers[number]} if number in numbers else set(_named(source, blocks))
        if kind == "btrfs":
            names |= {each for pool in pools if pool & names for each in pool}
        yield _plain(where), names
    if text:
        return
    lines = sysfs.text(proc / "mounts").splitlines()
    for line in lines:
        source, where, *_ = [*line.split(), "", ""]
        yield _plain(where), set(_named(source, blocks))
    if not lines:
        # Nobody can say what is mounted, so everything may be.
        yield "perhaps a mounted file system", set(blocks)


def _named(source: str, blocks: Mapping[str, _Block]) -> Iterator[str]:
    """Block devices by name: ``/dev/sda1``, ``/dev/mapper/x``, or of several in one, ``/dev/a:/dev/b``."""
    for each in _plain(source).split(":"):
        name = each.removeprefix("/dev/")
        if name in blocks:
            yield name
        yield from (block for block, is_ in blocks.items() if is_.mapped and f"mapper/{is_.mapped}" == name)


def _plain(text: str) -> str:
    r"""Undo the kernel's ``\040`` for characters that would spoil its tables."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _mounted_somewhere(root: Path) -> set[str]:
    return {each.name for kind in _FILE_SYSTEMS for each in _members(root / "fs" / kind)}


def _interfaces(places: Mapping[Path, str], root: Path) -> Iterator[tuple[str, NetInterface]]:
    for name, place in _resolved(root / "class/net"):
        path = _owner(place, places)
        if not path:
            continue
        special = re.search(r"^DEVTYPE=", sysfs.text(place / "uevent"), re.MULTILINE)
        wireless = (place / "wireless").exists() or (place / "phy80211").exists()
        yield (
            path,
            NetInterface(
                name=name,
                ethernet=sysfs.number(place / "type") == _ETHERNET and not special and not wireless,
                above=tuple(_above(name, root)),
            ),
        )


def _above(name: str, root: Path) -> Iterator[str]:
    waiting, seen = [name], {name}
    while waiting:
        for each in _members(root / "class/net" / waiting.pop()):
            above = each.name.removeprefix("upper_")
            if above != each.name and above not in seen:
                seen.add(above)
                waiting.append(above)
                yield above
