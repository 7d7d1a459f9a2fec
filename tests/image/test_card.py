"""The card itself, as a person would get it, without booting it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.image.card import BOOT, DATA, MIB, ROOT_A, ROOT_B, Card
from tests.image.conftest import image

LARGEST_ROOT = 1200  # MiB of 1536: what is left is for kernels and updates to come


@pytest.fixture(scope="module")
def card() -> Card:
    return Card(path=image("amd64"))


def test_the_layout_is_the_one_that_is_final(card: Card, tmp_path: Path) -> None:
    # What is not made yet is not in the file, but in the table.
    assert card.path.stat().st_size == ROOT_B * MIB
    with card.path.open("rb") as file:
        table = file.read(512)
    assert int.from_bytes(table[440:444], "little") == 0xFA11BE44
    entries = [table[446 + 16 * number :][:16] for number in range(4)]
    found = [
        (int.from_bytes(e[8:12], "little") // 2048, int.from_bytes(e[12:16], "little") // 2048)
        for e in entries
    ]
    assert found == [(BOOT, 512), (ROOT_A, 1536), (ROOT_B, 1536), (DATA, 128)]
    assert [entry[4] for entry in entries] == [0x0C, 0x83, 0x83, 0x83]


def test_the_first_partition_has_what_the_boot_loader_and_a_person_need(card: Card) -> None:
    names = set(card.names())
    assert {"a", "b", "slot.env", "README.txt", "failberry.toml.sample", "cmdline.txt"} <= names
    assert {"vmlinuz", "initrd.img"} <= set(card.names("a"))
    assert card.names("b") == [], "a folder without a kernel is never booted"
    assert len(card.get("slot.env")) == 512
    assert card.slot_env() == {"slot": "a", "trial": "", "tries": "0", "rolledback": "", "data": "new"}
    assert not card.get("README.txt").replace(b"\r\n", b"").count(b"\n"), "for Notepad"
    assert not card.boot_faults()


@pytest.mark.parametrize(("architecture", "boards"), [
    ("arm64", {"bcm2837-rpi-3-b", "bcm2837-rpi-3-b-plus", "bcm2837-rpi-zero-2-w", "bcm2711-rpi-4-b"}),
    ("armhf", {"bcm2836-rpi-2-b", "bcm2837-rpi-3-b", "bcm2711-rpi-4-b"}),
])  # fmt: skip
def test_the_firmware_finds_each_board(architecture: str, boards: set[str]) -> None:
    card = Card(path=image(architecture))
    names = set(card.names())
    assert {f"{board}.dtb" for board in boards} <= names & set(card.names("a/dtbs"))
    assert {
        "bootcode.bin",
        "start.elf",
        "fixup.dat",
        "start4.elf",
        "fixup4.dat",
        "uboot.env",
        "boot.scr",
    } <= names
    told = card.get("config.txt").decode().splitlines()
    assert "upstream_kernel=1" in told, "it would ask for trees by names that only its own kernels have"
    assert {line.removeprefix("kernel=") for line in told if line.startswith("kernel=")} <= names


def test_the_root_has_no_secret_and_no_identity(card: Card) -> None:
    shadow = card.read_file(ROOT_A, "/etc/shadow").decode()
    secrets = {line.split(":")[0]: line.split(":")[1] for line in shadow.splitlines()}
    assert all(re.match(r"[!*]", secret) for secret in secrets.values()), (
        "somebody can log in with a password"
    )
    assert "owner" in secrets
    assert card.read_file(ROOT_A, "/etc/machine-id") == b""
    assert card.read_file(ROOT_A, "/etc/ssh/ssh_host_ed25519_key") == b""
    assert card.read_file(ROOT_A, "/etc/ssh/sshd_config.d/60-failberry.conf")


def test_what_is_installed_is_told(card: Card) -> None:
    bill = json.loads(card.path.with_suffix(".spdx.json").read_text())
    names = {each["name"] for each in bill["packages"]}
    assert {"failberry", "failberry-image", "systemd", "ppp", "linux-image-amd64"} <= names


def test_the_root_leaves_room_for_updates(card: Card) -> None:
    assert card.path.stat().st_blocks * 512 / MIB < LARGEST_ROOT
