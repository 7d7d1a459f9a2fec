"""What the build of the card decides without building anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from image import card, mirror, recipe


@pytest.mark.parametrize("architecture", recipe.architectures())
def test_each_architecture_has_all_that_every_card_needs(architecture: str) -> None:
    found = recipe.read(architecture)
    assert {"systemd-sysv", "openssh-server", "ppp", "unattended-upgrades", found.kernel} <= set(
        found.packages
    )
    assert {"ext4", "vfat", "overlay"} <= set(found.must_have)
    assert len(set(found.packages)) == len(found.packages), "a package is named twice"


def test_the_boards_get_firmware_and_the_test_flavour_none() -> None:
    assert (
        recipe.read("arm64").boot_packages
        == recipe.read("armhf").boot_packages
        == ("raspi-firmware", "u-boot-rpi")
    )
    assert not recipe.read("amd64").boot_packages


def test_what_changes_the_slow_part_changes_its_name_in_the_cache() -> None:
    names = {recipe.read(architecture).key for architecture in recipe.architectures()}
    assert len(names) == len(recipe.architectures())


def test_the_partitions_follow_each_other_and_fit_a_card_of_4_gb() -> None:
    ends = [part.start + part.size for part in card.PARTITIONS]
    assert [part.start for part in card.PARTITIONS[1:]] == ends[:-1]
    assert ends[-1] * card.MIB < 3_999_000_000
    assert len(card.SLOT_ENV) < card.SLOT_ENV_SIZE


def test_neither_rw_nor_ro_is_said_to_the_kernel() -> None:
    words = card.command_line().split()
    assert "overlayroot=tmpfs:recurse=0" in words
    assert not {"rw", "ro"} & set(words), "rw writes to the root, ro makes the overlay read-only"


def test_the_security_archive_is_found_beside_the_main_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MIRROR", "SECURITY_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "sources.list").write_text(
        "deb http://a.invalid/debian bookworm main\ndeb http://b.invalid/security bookworm-security main\n"
    )
    assert mirror.mirror(tmp_path) == "http://a.invalid/debian"
    assert mirror.security_mirror(tmp_path) == "http://b.invalid/security"
    monkeypatch.setenv("SECURITY_MIRROR", "none")
    assert mirror.security_mirror(tmp_path) == ""
