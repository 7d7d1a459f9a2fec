"""Which sticks are CD-ROMs first, and how they are switched: a pack of recipes, and a program of our own."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from pathlib import Path

import pytest

from failberry.adapters.modeswitch import PACK, known_cd_roms, switch
from failberry.core.events import UsbReset
from failberry.core.facts import Stray

STRAY = Stray(usb_path="1-1", vendor_id=0x19D2, product_id=0x2000, product="ZTE WCDMA")
RECIPES = {
    "19d2:2000": "StandardEject=1\n",
    "05c6:1000:uMa=SAMSUNG": "samsung\n",
    "05c6:1000:uMa=Co.,Ltd": "ltd\n",
    "05c6:1000:sVe=GT": "disk\n",
    "1c9e:f000:uMa=USB_Modem": "blank\n",
    "12d1:#android": "no product\n",
    "README": "no recipe\n",
}


class House:
    """A pack, a device in sysfs, and a program that writes down what it was told."""

    def __init__(self, folder: Path) -> None:
        self.own, self.packed = folder / "etc", folder / "share"
        self.own.mkdir()
        self.packed.mkdir()
        with tarfile.open(self.packed / PACK, "w:gz") as pack:
            for name, text in RECIPES.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                pack.addfile(member, io.BytesIO(text.encode()))
        self.places = (self.own, self.packed)
        self.sysfs = folder / "sys"
        self.device = self.sysfs / "1-1"
        self.told = folder / "told"
        self.program = folder / "usb_modeswitch"
        self.plug(STRAY)

    def plug(self, stray: Stray, **attributes: str) -> None:
        self.device.mkdir(parents=True, exist_ok=True)
        ids = {"idVendor": f"{stray.vendor_id:04x}", "idProduct": f"{stray.product_id:04x}"}
        for name, text in {**ids, "busnum": "1", "devnum": "12", **attributes}.items():
            (self.device / name).write_text(f"{text}\n")

    def script(self, text: str) -> None:
        self.program.write_text(f"#!/bin/sh\n{text}\n")
        self.program.chmod(0o755)

    def switch(self, stray: Stray = STRAY, *, deadline: float = 10.0) -> UsbReset:
        return asyncio.run(
            switch(
                7, stray, places=self.places, sysfs=self.sysfs, program=str(self.program), deadline=deadline
            )
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.script(
        f'echo "$@" | sed "s,/proc/self/fd/[0-9]*,FILE," >{made.told}; eval "cat \\${{10}}" >>{made.told}'
    )
    return made


def test_the_names_in_the_pack_are_the_index(house: House) -> None:
    assert known_cd_roms(house.places) == {(0x19D2, 0x2000), (0x05C6, 0x1000), (0x1C9E, 0xF000)}


def test_recipes_that_lie_apart_count_too_and_are_seen_when_they_come(house: House) -> None:
    (house.own / "12d1:1446").write_text("HuaweiNewMode=1\n")
    os.utime(house.own, ns=(1, 1))
    assert (0x12D1, 0x1446) in known_cd_roms(house.places)
    (house.own / "12d1:1f01").write_text("HuaweiNewMode=1\n")
    os.utime(house.own, ns=(2, 2))
    assert (0x12D1, 0x1F01) in known_cd_roms(house.places)


def test_nothing_is_known_where_nothing_is_installed(tmp_path: Path) -> None:
    assert known_cd_roms((tmp_path / "nowhere",)) == frozenset()
    (tmp_path / PACK).write_bytes(b"not a pack")
    assert known_cd_roms((tmp_path,)) == frozenset()


def test_the_program_is_told_which_device_and_given_the_recipe(house: House) -> None:
    assert house.switch() == UsbReset(deed=7)
    assert house.told.read_text() == "-v 19d2 -p 2000 -b 1 -g 12 -c FILE\nStandardEject=1\n"


def test_the_owners_recipe_comes_before_the_packs(house: House) -> None:
    (house.own / "19d2:2000").write_text("mine\n")
    house.switch()
    assert house.told.read_text().endswith("\nmine\n")


@pytest.mark.parametrize(
    ("ids", "attributes", "recipe"),
    [
        ((0x05C6, 0x1000), {"manufacturer": "SAMSUNG Electronics"}, "samsung"),
        ((0x05C6, 0x1000), {"manufacturer": "Some Co.,Ltd of Taiwan"}, "ltd"),
        ((0x1C9E, 0xF000), {"manufacturer": "A USB Modem"}, "blank"),
    ],
)
def test_sticks_that_share_their_ids_are_told_apart(
    house: House, ids: tuple[int, int], attributes: dict[str, str], recipe: str
) -> None:
    stray = Stray(usb_path="1-1", vendor_id=ids[0], product_id=ids[1], product="x")
    house.plug(stray, **attributes)
    assert house.switch(stray).problem is None
    assert house.told.read_text().splitlines()[1] == recipe


def test_some_are_told_apart_by_the_disk_that_they_show(house: House) -> None:
    stray = Stray(usb_path="1-1", vendor_id=0x05C6, product_id=0x1000, product="x")
    house.plug(stray, manufacturer="unheard of")
    assert "usb-modeswitch-data" in (house.switch(stray).problem or "")
    disk = house.device / "1-1:1.0/host0/target0:0:0/0:0:0:0"
    disk.mkdir(parents=True)
    (disk / "vendor").write_text("GT      \n")
    assert house.switch(stray).problem is None
    assert house.told.read_text().splitlines()[1] == "disk"


def test_a_stick_that_nobody_knows_names_the_package(house: House) -> None:
    stray = Stray(usb_path="1-1", vendor_id=0x1234, product_id=0x5678, product="x")
    house.plug(stray)
    answer = house.switch(stray)
    assert "1234:5678" in (answer.problem or "")
    assert "install the package usb-modeswitch-data" in (answer.problem or "")


def test_a_missing_program_names_the_package(house: House) -> None:
    house.program.unlink()
    assert "install the package usb-modeswitch" in (house.switch().problem or "")


def test_a_stick_that_is_another_one_by_now_is_left_alone(house: House) -> None:
    (house.device / "idProduct").write_text("0117\n")
    assert "has left USB 1-1" in (house.switch().problem or "")
    assert not house.told.exists()
    gone = Stray(usb_path="1-2", vendor_id=0x19D2, product_id=0x2000, product="x")
    assert "has left USB 1-2" in (house.switch(gone).problem or "")


def test_a_failure_is_told_in_the_programs_words(house: House) -> None:
    house.script("echo 'Error: can not claim the interface' >&2; exit 1")
    answer = house.switch()
    assert "status 1" in (answer.problem or "")
    assert "can not claim the interface" in (answer.problem or "")


def test_a_program_that_failed_on_a_stick_that_is_gone_has_done_its_work(house: House) -> None:
    house.script(f"echo 13 >{house.device}/devnum; exit 1")
    assert house.switch().problem is None


def test_a_program_that_does_not_end_is_ended(house: House) -> None:
    house.script("exec tail -f /dev/null")
    assert "did not end within 0.2 s" in (house.switch(deadline=0.2).problem or "")
