"""Sticks that show themselves as a CD-ROM first: which they are, and how they are turned into modems.

Both are known to the packages usb-modeswitch-data (a recipe per stick, named ``19d2:2000`` after its ids,
or ``05c6:1000:uMa=Option`` where several share them) and usb-modeswitch (the program that carries one out).
udev runs them when a stick is plugged in; that comes to nothing often enough, above all at boot.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from failberry.adapters import programs
from failberry.adapters.sysfs import number, text
from failberry.adapters.usbbus import SYSFS
from failberry.core.events import UsbReset
from failberry.core.facts import Stray

PLACES = (Path("/etc/usb_modeswitch.d"), Path("/usr/share/usb_modeswitch"))
"""Folders with recipes, the owner's own first."""
PACK = "configPack.tar.gz"
"""All recipes of a folder in one file, as Debian has them; other distributions leave them apart."""
DEADLINE = 30.0
"""Seconds for the program, which rests now and then between its messages."""
_LARGEST_RECIPE = 65_536
_NAME = re.compile(r"(?:\./)?([0-9a-f]{4}):([0-9a-f]{4})((?::[us][A-Z][a-z]=[^:/]+)*)")
_ATTRIBUTES = {"uMa": "manufacturer", "uPr": "product", "uSe": "serial"}
_DISK_ATTRIBUTES = {"sVe": "vendor", "sMo": "model", "sRe": "rev"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind of stick is switched."""

    name: str
    source: Path
    """Its own file, or the pack that it is in."""
    conditions: tuple[tuple[str, str], ...]
    """What the device must say of itself besides its ids, for example ``("uMa", "Option")``."""

    def read(self) -> bytes:
        """The words of the recipe.  Raises OSError or tarfile.TarError."""
        if self.source.name != PACK:
            with self.source.open("rb") as file:
                return file.read(_LARGEST_RECIPE)
        with tarfile.open(self.source) as pack:
            member = pack.extractfile(self.name)
            return b"" if member is None else member.read(_LARGEST_RECIPE)

    def fits(self, device: Path) -> bool:
        """Whether the device at this place in sysfs is of this kind, its ids aside."""
        return all(
            any(wanted in said or wanted.replace("_", " ") in said for said in _said(device, attribute))
            for attribute, wanted in self.conditions
        )


def _said(device: Path, attribute: str) -> list[str]:
    if attribute in _ATTRIBUTES:
        return [text(device / _ATTRIBUTES[attribute])]
    name = _DISK_ATTRIBUTES.get(attribute, "")
    return [text(each) for each in device.glob(f"*:*/host*/target*/*/{name}")] if name else []


Recipes = Mapping[tuple[int, int], tuple[Recipe, ...]]


def known_cd_roms(places: tuple[Path, ...] = PLACES) -> frozenset[tuple[int, int]]:
    """Vendor and product ids of every stick that can be switched; empty where the packages are missing."""
    return frozenset(_recipes(places))


def _recipes(places: tuple[Path, ...]) -> Recipes:
    """Read the index again only when a folder or a pack has changed."""
    return _index(places, tuple(_changed(path) for place in places for path in (place, place / PACK)))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=1)
def _index(places: tuple[Path, ...], _changes: tuple[int, ...]) -> Recipes:
    found: dict[tuple[int, int], tuple[Recipe, ...]] = {}
    for place in places:
        with contextlib.suppress(OSError):
            _note(found, ((each.name, each) for each in sorted(place.iterdir())))
        with contextlib.suppress(OSError, tarfile.TarError), tarfile.open(place / PACK) as pack:
            _note(found, ((each.name, place / PACK) for each in pack if each.isfile()))
    return found


def _note(found: dict[tuple[int, int], tuple[Recipe, ...]], named: Iterable[tuple[str, Path]]) -> None:
    for name, source in named:
        match = _NAME.fullmatch(name)
        if match is not None:
            vendor, product, rest = match.groups()
            pairs = (each.partition("=") for each in rest.split(":")[1:])
            conditions = tuple((attribute, value) for attribute, _, value in pairs)
            ids = int(vendor, 16), int(product, 16)
            found[ids] = (*found.get(ids, ()), Recipe(name, source, conditions))


async def switch(
    deed: int,
    stray: Stray,
    *,
    places: tuple[Path, ...] = PLACES,
    sysfs: Path = SYSFS,
    program: str = "usb_modeswitch",
    deadline: float = DEADLINE,
) -> UsbReset:
    """Turn the stick into a modem; what prevented it is in the answer.

    Done is it when the stick was told to; the modem shows on the bus, some seconds later.
    """
    ids = f"{stray.vendor_id:04x}:{stray.product_id:04x}"
    device = sysfs / stray.usb_path
    before = number(device / "busnum"), number(device / "devnum")
    if None in before or not _is(stray, device):
        problem = f"{stray.product} ({ids}) has left USB {stray.usb_path}"
        return UsbReset(deed=deed, problem=problem)
    try:
        recipe = await asyncio.to_thread(_recipe_for, stray, device, places)
    except (OSError, tarfile.TarError) as error:
        return UsbReset(deed=deed, problem=f"the recipe for {ids} cannot be read: {error}")
    if recipe is None:
        problem = f"nobody knows how {ids} is switched; install the package usb-modeswitch-data"
        return UsbReset(deed=deed, problem=problem)
    words = ["-v", ids[:4], "-p", ids[5:], "-b", f"{before[0]}", "-g", f"{before[1]}"]
    failure = await _run(program, words, recipe, deadline)
    # A stick that turns at once leaves the program in the middle of its words: gone is done.
    gone = (number(device / "busnum"), number(device / "devnum")) != before
    return UsbReset(deed=deed, problem=None if gone else failure)


def _is(stray: Stray, device: Path) -> bool:
    ids = number(device / "idVendor", 16), number(device / "idProduct", 16)
    return ids == (stray.vendor_id, stray.product_id)


def _recipe_for(stray: Stray, device: Path, places: tuple[Path, ...]) -> bytes | None:
    recipes = _recipes(places).get((stray.vendor_id, stray.product_id), ())
    return next((each.read() for each in recipes if each.fits(device)), None)


async def _run(program: str, words: list[str], recipe: bytes, deadline: float) -> str | None:
    """Run the program with this recipe; return what went wrong, or nothing."""
    with tempfile.TemporaryFile() as file:
        file.write(recipe)
        file.flush()
        name = f"/proc/self/fd/{file.fileno()}"
        try:
            status, said = await programs.run(
                program, *words, "-c", name, deadline=deadline, pass_fds=(file.fileno(),)
            )
        except TimeoutError:
            return f"{program} did not end within {deadline:g} s"
        except OSError as error:
            return f"{program} cannot be run ({error.strerror}); install the package usb-modeswitch"
    if status == 0:
        return None
    return f"{program} failed (status {status}): {programs.last_words(said) or 'no word'}"
