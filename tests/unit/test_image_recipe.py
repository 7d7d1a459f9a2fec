"""What the build of the card decides without building anything."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from image import __main__ as builder
from image import card, mirror, recipe, release

ROOT = Path(card.__file__).with_name("root")


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


def test_of_the_backports_only_the_kernel_is_taken_and_goes_on_being_taken() -> None:
    pi5 = recipe.read("arm64-pi5")
    assert pi5.architecture == "arm64"
    assert pi5.backports
    assert pi5.backports.suite == f"{pi5.suite}-backports"
    everything, named = pi5.backports.preferences.strip().split("\n\n")
    pin = f"Pin: release n={pi5.suite}-backports"
    assert everything.splitlines() == ["Package: *", pin, "Pin-Priority: -1"]
    assert named.splitlines() == [
        "Package: src:linux src:linux-signed-arm64 src:linux-base", pin, "Pin-Priority: 990",
    ]  # fmt: skip
    assert f'codename={pi5.suite}-backports,label=Debian Backports";' in pi5.backports.upgrades
    assert [name for name in recipe.architectures() if recipe.read(name).backports] == ["arm64-pi5"]


def test_where_the_backports_are_asked_the_card_asks_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIRROR", "MIRROR_IN_IMAGE"):
        monkeypatch.setenv(name, "http://a.invalid/debian")
    monkeypatch.setenv("SECURITY_MIRROR_IN_IMAGE", "http://b.invalid/security")
    stable = ["trixie", "trixie-updates"]
    security = ("http://b.invalid/security", ["trixie-security"])
    assert builder.archives(recipe.read("arm64")) == [("http://a.invalid/debian", stable), security]
    assert builder.archives(recipe.read("arm64-pi5")) == [
        ("http://a.invalid/debian", [*stable, "trixie-backports"]), security,
    ]  # fmt: skip


def test_the_pi_5_has_what_leads_to_its_card_and_its_ports() -> None:
    pi5 = recipe.read("arm64-pi5")
    assert set(pi5.drivers) <= set(pi5.must_have)
    assert {"sdhci_brcmstb", "irq_bcm2712_mip", "rp1_pci", "macb", "xhci_plat_hcd"} <= set(pi5.must_have)
    assert not pi5.initramfs, "a list would leave out all else"
    assert "[pi5]\nenable_uart=0" in (card.BOOT / "config.txt").read_text()


def test_each_pi_takes_over_its_watchdog_before_its_root_is_there() -> None:
    """Else boot.cmd's would end each trial; and a Linux that panics could not restart the board."""
    for name in recipe.architectures():
        if (pi := recipe.read(name)).u_boot:
            assert "bcm2835_wdt" in pi.drivers
            assert "bcm2835_wdt" in pi.must_have


@pytest.mark.parametrize(
    "path",
    [
        "platform-3f980000.usb-usb-0:1.1:1.0",
        "platform-3f980000.usb-usb-0:1.1.1:1.0",
        "platform-fd580000.ethernet",
        # Pi 5: of the Raspberry Pi's own kernel, and of Linux, whose RP1 is a device on PCI.
        "platform-1f00100000.ethernet",
        "platform-1000120000.pcie-pci-0002:01:00.0-platform-1f00100000.ethernet",
    ],
)
def test_the_port_on_the_board_has_a_name_of_its_own(path: str) -> None:
    text = (ROOT / "usr/lib/systemd/network/10-failberry-onboard.link").read_text()
    globs = next(line for line in text.splitlines() if line.startswith("Path=")).removeprefix("Path=")
    assert any(fnmatch.fnmatchcase(path, each) for each in globs.split())
    assert not any(
        fnmatch.fnmatchcase("platform-xhci-hcd.0.auto-usb-0:1:1.0", each) for each in globs.split()
    )


@pytest.mark.parametrize("name", recipe.architectures())
def test_device_trees_that_are_looked_for_are_kept(name: str) -> None:
    trees = recipe.read(name).device_trees
    kept = recipe.read(name).keep
    assert not trees or any(pattern.endswith(trees.removesuffix(".dtb")) for pattern in kept)


def test_imager_knows_for_which_boards_a_card_is() -> None:
    for_boards = {name for name in recipe.architectures() if recipe.read(name).u_boot}
    assert set(release.DEVICES) == set(release.NAMES) == for_boards
    assert set(release.IMAGER) == {recipe.read(name).architecture for name in for_boards}


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
