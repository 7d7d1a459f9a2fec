"""The other slot is made with real tools, and whatever kills that leaves the running one as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from failberry.system import slots
from failberry.system.card import Card
from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Slot, SlotEnv
from tests.netns import slotroot
from tests.netns.slotroot import NEW, digest, run

pytestmark = pytest.mark.netns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    slotroot.build(tmp_path)
    return tmp_path


def ledger(folder: Path) -> Ledger:
    return Card(slotroot.places(folder)).ledger()


def env(folder: Path) -> SlotEnv | None:
    return slots.parse((folder / "firmware/slot.env").read_bytes())


def assert_on_trial(folder: Path) -> None:
    other = folder / "partition-3"
    assert env(folder) == SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)
    assert (folder / "systemctl").read_text() == "--no-block reboot\n"
    assert (other / f"boot/vmlinuz-{NEW}").exists()
    assert (folder / "firmware/b/vmlinuz").read_bytes() == (other / f"boot/vmlinuz-{NEW}").read_bytes()
    assert (folder / "firmware/b/initrd.img").exists()
    assert not (other / "usr/sbin/policy-rc.d").exists()
    assert not list(other.glob("var/cache/apt/archives/*.deb"))
    assert not list((folder / "firmware").rglob("*.new"))
    assert (other / "var/lib/dpkg/list").read_text() == "openssl 2\n"
    record = ledger(folder).slots[Slot.B]
    assert (record.verdict, record.kernel, record.failberry) == (Verdict.TRIAL, NEW, "0.2.0")


def test_the_other_slot_is_made_and_the_running_one_is_not_touched(folder: Path) -> None:
    before = digest(folder / "lower"), digest(folder / "firmware/a")
    (folder / "partition-3/left-over").write_text("of an older release")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("trial: "), done.stdout
    assert_on_trial(folder)
    assert not (folder / "partition-3/left-over").exists()
    assert (digest(folder / "lower"), digest(folder / "firmware/a")) == before


@pytest.mark.parametrize(
    "kill_at",
    ["e2fsck", "mount", "rsync", "umount", "lsinitramfs", "systemctl", *slotroot.SLOT_TOOLS],
)
def test_killed_anywhere_the_next_run_ends_well(folder: Path, kill_at: str) -> None:
    before = (
        digest(folder / "lower"),
        digest(folder / "firmware/a"),
        (folder / "firmware/slot.env").read_bytes(),
    )
    killed = run(folder, kill_at=kill_at)
    assert killed.returncode == -9, (killed.stdout, killed.stderr)
    assert (digest(folder / "lower"), digest(folder / "firmware/a")) == before[:2]
    if kill_at != "systemctl":
        # That alone comes after the last step.
        assert (folder / "firmware/slot.env").read_bytes() == before[2]
    (folder / "systemctl").unlink(missing_ok=True)
    done = run(folder)
    assert done.stdout.startswith("trial: "), (done.stdout, done.stderr)
    assert_on_trial(folder)
    assert (digest(folder / "lower"), digest(folder / "firmware/a")) == before[:2]


def test_a_package_that_does_not_install_is_told_and_remembered(folder: Path) -> None:
    (folder / "lower/broken").write_text("")
    done = run(folder)
    assert done.stdout.startswith("failed: installing packages in the other slot: ")
    assert "its script failed" in done.stdout
    assert env(folder) == SlotEnv(slot=Slot.A)
    assert not (folder / "firmware/b/vmlinuz").exists()
    told = ledger(folder)
    assert told.last.reason in done.stdout
    assert told.slots[Slot.B].verdict is Verdict.BAD
    again = run(folder)
    assert again.stdout.startswith("refused: these package versions were tried"), again.stdout


def test_a_slot_that_is_full_is_told_in_the_words_of_what_filled_it(folder: Path) -> None:
    log = folder / "lower/var/log/unattended-upgrades/unattended-upgrades-dpkg.log"
    log.write_text("dpkg: error: of another day\n")
    (folder / "lower/full").write_text("")
    done = run(folder)
    assert done.stdout.endswith("unattended-upgrade: see the log; dpkg: head: No space left on device\n")


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ("kernel", "is no kernel that the boot loader could start"),
        ("initrd", "lacks ext4"),
        ("init", "/sbin/init is missing"),
        ("configuration", "failberryctl"),
    ],
)
def test_what_would_not_start_is_not_tried(folder: Path, breaks: str, words: str) -> None:
    lower = folder / "lower"
    match breaks:
        case "kernel":
            (lower / f"boot/vmlinuz-{slotroot.OLD}").write_bytes(b"no kernel" * 500)
        case "initrd":
            (lower / f"boot/initrd.img-{slotroot.OLD}").write_text("mmc_block.ko\n")
        case "init":
            (lower / "sbin/init").unlink()
        case _:
            (folder / "failberry.toml").write_text("rubbish")
    done = run(folder)
    assert done.stdout.startswith("failed: checking the other slot: "), done.stdout
    assert words in done.stdout
    assert env(folder) == SlotEnv(slot=Slot.A)
    assert not (folder / "firmware/b/vmlinuz").exists()
