"""What apt says, and what is made of it."""

from __future__ import annotations

import pytest

from failberry.system import ledger as ledgers
from failberry.system import updateplan
from failberry.system.ledger import Ledger, Verdict
from failberry.system.slots import Slot
from failberry.system.updateplan import Offer, Why, in_window, lines
from tests.unit.ctl.scenarios import ALL_WELL

SIMULATION = """\
Reading package lists...
The following NEW packages will be installed:
  linux-image-6.12.107+deb13-arm64
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [arm64])
Inst linux-image-6.12.107+deb13-arm64 (6.12.107-1 Debian:13.2/stable [arm64])
Inst tzdata [2026a-1] (2026b-0+deb13u1 Debian:13.2/stable, Debian-Security:13/stable-security [all])
Inst failberry [0.1.0] (0.2.0 Failberry:stable [all])
Remv oldlib [1.0]
Conf libssl3t64 (3.5.1-1+deb13u1 Debian-Security:13/stable-security [arm64])
"""
URIS = """\
After this operation, 12.3 MB of additional disk space will be used.
'http://mirror/libssl3t64_3.5.1-1+deb13u1_arm64.deb' libssl3t64_3.5.1-1+deb13u1_arm64.deb 2345678 SHA256:ab
'http://mirror/pool/tzdata_2026b-0+deb13u1_all.deb' tzdata_2026b-0+deb13u1_all.deb 1000 MD5Sum:cd
"""
INSTALLED = "libssl3t64 3.5.1-1\ntzdata 2026a-1\nfailberry 0.1.0\noldlib 1.0\nbase-files 13\n"


def test_what_is_new() -> None:
    offer = updateplan.offered(INSTALLED, SIMULATION, URIS)
    assert [(each.name, each.version, each.security) for each in offer.packages] == [
        ("libssl3t64", "3.5.1-1+deb13u1", True),
        ("linux-image-6.12.107+deb13-arm64", "6.12.107-1", False),
        ("tzdata", "2026b-0+deb13u1", True),
        ("failberry", "0.2.0", False),
    ]
    assert offer.octets == 2_346_678
    assert not offer.security_only
    assert offer.words == ("libssl3t64, linux-image-6.12.107+deb13-arm64, tzdata, failberry (2.3 MB)")


def test_the_hash_is_of_what_will_be_there() -> None:
    offer = updateplan.offered(INSTALLED, SIMULATION, URIS)
    after = {
        "libssl3t64": "3.5.1-1+deb13u1",
        "linux-image-6.12.107+deb13-arm64": "6.12.107-1",
        "tzdata": "2026b-0+deb13u1",
        "failberry": "0.2.0",
        "base-files": "13",
    }
    assert offer.packages_hash == updateplan.packages_hash(after)
    assert offer.packages_hash != updateplan.packages_hash(after | {"tzdata": "2026c"})
    nothing = updateplan.offered(INSTALLED, "Reading package lists...\n", "")
    assert nothing.packages == ()
    assert nothing.security_only


@pytest.mark.parametrize(
    ("window", "minute", "inside"),
    [
        ((180, 300), 180, True),
        ((180, 300), 299, True),
        ((180, 300), 300, False),
        ((180, 300), 0, False),
        ((1380, 60), 1390, True),
        ((1380, 60), 10, True),
        ((1380, 60), 700, False),
    ],
)
def test_the_window(window: tuple[int, int], minute: int, *, inside: bool) -> None:
    assert in_window(window, minute) is inside


DUMP = 'APT "";\nAPT::Architecture "arm64";\nAcquire::AllowInsecureRepositories "{}";\n'


def test_signed_sources_only() -> None:
    signed = {"/etc/apt/a.sources": "Types: deb\nSigned-By: /usr/share/keyrings/k.gpg\n"}
    assert updateplan.unsigned(DUMP.format("false"), signed) is None


@pytest.mark.parametrize("word", ["true", "1", "yes"])
def test_apt_that_takes_what_is_unsigned(word: str) -> None:
    refusal = updateplan.unsigned(DUMP.format(word), {})
    assert refusal is not None
    assert refusal.why is Why.UNSIGNED
    assert "Acquire::AllowInsecureRepositories" in refusal.reason


@pytest.mark.parametrize(
    "text",
    [
        "deb [trusted=yes] http://x y main\n",
        "deb [arch=arm64 allow-insecure=yes] http://x y main\n",
        "Types: deb\nTrusted: yes\n",
        "types: deb\ntrusted: yes\n",
        "Types: deb\nAllow-Weak: yes\n",
    ],
)
def test_a_source_that_is_trusted_blindly(text: str) -> None:
    refusal = updateplan.unsigned("", {"/etc/apt/x.list": text})
    assert refusal is not None
    assert "/etc/apt/x.list" in refusal.reason


def test_what_apt_complains_of() -> None:
    said = "Get:1 x\nW: a warning\nE: The repository 'http://x y Release' is not signed.\nE: gone\nN: a note"
    assert updateplan.complaint(said) == "The repository 'http://x y Release' is not signed.; gone"
    assert updateplan.looks_unsigned(said)
    assert updateplan.complaint("one\ntwo\n") == "two"
    dpkg = "dpkg: error processing package x (--configure):\n installed x script returned 3\nmore\n"
    assert updateplan.complaint(dpkg) == (
        "dpkg: error processing package x (--configure): installed x script returned 3"
    )
    full = f"Setting up x\nhead: error writing 'standard output': No space left on device\n{dpkg}"
    assert updateplan.complaint(full) == "head: error writing 'standard output': No space left on device"
    assert updateplan.complaint("") == "it said nothing"


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (
            ["vmlinuz-6.12.9-1", "initrd.img-6.12.9-1", "vmlinuz-6.12.10-1", "initrd.img-6.12.10-1"],
            "6.12.10-1",
        ),
        (["vmlinuz-6.12.9", "initrd.img-6.12.9", "vmlinuz-6.12.10"], "6.12.9"),
        (
            ["vmlinuz-6.9+x", "initrd.img-6.9+x", "vmlinuz-6.107+x", "initrd.img-6.107+x"],
            "6.107+x",
        ),
        (["config-6.12"], None),
    ],
)
def test_the_newest_kernel_that_has_its_initrd(names: list[str], newest: str | None) -> None:
    assert updateplan.newest_kernel(names) == newest


def test_kernels_are_known_by_their_magic() -> None:
    assert updateplan.is_kernel(bytes(56) + b"ARM\x64" + bytes(100))
    assert updateplan.is_kernel(bytes(36) + (0x016F2818).to_bytes(4, "little") + bytes(100))
    assert updateplan.is_kernel(bytes(514) + b"HdrS")
    assert not updateplan.is_kernel(bytes(1024))
    assert not updateplan.is_kernel(b"")


def test_what_an_initrd_lacks() -> None:
    listing = "usr/lib/modules/6/mmc/core/mmc_block.ko.xz\nscripts/init-bottom/overlayroot\nx/ext4.ko\n"
    assert updateplan.missing_from_initrd(listing, ["mmc-block", "ext4", "overlayroot"]) == []
    assert updateplan.missing_from_initrd(listing, ["virtio_blk", "ext4"]) == ["virtio_blk"]


def test_the_daemon_s_status_as_lines() -> None:
    from failberry.control.document import encode

    told = lines(encode(ALL_WELL))
    assert told.active == ALL_WELL.active
    assert told.wired_for == ALL_WELL.wired.state_for
    assert not told.capped
    assert lines({}).active is None


def test_the_ledger_is_read_as_it_was_written() -> None:
    ledger = Ledger().with_slot(Slot.A, verdict=Verdict.GOOD, kernel="6.12", packages_hash="o")
    ledger = ledger.with_slot(Slot.B, packages_hash="n").judged(
        Slot.B, Verdict.BAD, at="now", outcome="gave-up", reason="no line\nworks"
    )
    assert ledgers.parse(ledgers.render(ledger)) == ledger
    assert ledger.refused is not None
    assert ledger.last.reason == "no line works"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": 2}',
        '{"schema": 1, "slots": 5}',
        '{"schema": 1, "slots": {"a": 7, "b": {}}}',
    ],
)
def test_a_damaged_ledger_counts_as_never_written(text: str) -> None:
    assert ledgers.parse(text) == Ledger()


def test_a_ledger_of_any_words() -> None:
    text = (
        '{"schema": 1, "slots": {"a": {"verdict": "odd", "kernel": 5}}, "last": [], "refused": {"at": "x"}}'
    )
    assert ledgers.parse(text) == Ledger()


def test_what_does_not_fit() -> None:
    assert updateplan.lacks_room(needed=10, free=10, where="x") is None
    refusal = updateplan.lacks_room(needed=74_000_000, free=1_000_000, where="on the first partition")
    assert refusal is not None
    assert refusal.why is Why.ROOM
    assert "74 MB are needed, 1.0 MB are free" in refusal.reason


def test_a_short_list_of_words() -> None:
    many = Offer(packages=updateplan.simulated(SIMULATION) * 2, octets=5)
    assert many.words.endswith("failberry and 4 more (5 B)")
