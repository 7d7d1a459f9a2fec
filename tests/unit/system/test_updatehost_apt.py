"""What is new, asked by the real apt of a real archive: signed, unsigned, or trusted blindly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.system.card import Card, Places
from failberry.system.updatehost import Host
from failberry.system.updateplan import Why
from failberry.system.updatesteps import WorldError
from tests.unit.system.archive import Archive, Keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with Keys(tmp_path_factory.mktemp("archive") / "keys") as made:
        yield made


@pytest.fixture
def archive(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Archive:
    made = Archive(tmp_path, keys)
    monkeypatch.setenv("APT_CONFIG", str(made.configuration))
    monkeypatch.setenv("DPKG_ADMINDIR", str(made.apt / "var/lib/dpkg"))
    made.installed(openssl="1", tzdata="1", **{"base-files": "1"})
    return made


@pytest.fixture
def host(archive: Archive, tmp_path: Path) -> Host:
    places = Places(state=tmp_path / "state", runtime=tmp_path / "run", apt=archive.sources)
    return Host(Card(places), socket=str(tmp_path / "no-daemon"))


def test_what_is_new_where_it_comes_from_and_how_much_it_is(archive: Archive, host: Host) -> None:
    archive.serve("trixie", "Debian", tzdata="2", nano="7")
    archive.serve("trixie-security", "Debian-Security", openssl="1.1")
    offer = host.look(security_only=False)
    assert {(each.name, each.version, each.security) for each in offer.packages} == {
        ("tzdata", "2", False),
        ("openssl", "1.1", True),
    }
    assert offer.octets == len("tzdata 2") * 100 + len("openssl 1.1") * 100
    assert host.look(security_only=False) == offer


def test_over_the_mobile_line_only_the_security_archive_is_asked(archive: Archive, host: Host) -> None:
    archive.serve("trixie", "Debian", tzdata="2")
    archive.serve("trixie-security", "Debian-Security", openssl="1.1")
    # Were it asked, there would be an error.
    (archive.folder / "dists/trixie/InRelease").unlink()
    (archive.folder / "dists/trixie/Release").unlink()
    offer = host.look(security_only=True)
    assert [each.name for each in offer.packages] == ["openssl"]
    assert offer.security_only


def test_nothing_new(archive: Archive, host: Host) -> None:
    archive.serve("trixie", "Debian", tzdata="1", openssl="0.9")
    assert host.look(security_only=False).packages == ()


@pytest.mark.parametrize("damage", ["unsigned", "changed", "another's key"])
def test_what_is_not_signed_is_refused_with_apt_s_own_words(
    archive: Archive, host: Host, tmp_path: Path, damage: str
) -> None:
    archive.serve("trixie", "Debian", signed=damage != "unsigned", tzdata="2")
    inrelease = archive.folder / "dists/trixie/InRelease"
    if damage == "changed":
        inrelease.write_text(inrelease.read_text().replace("Label: Debian", "Label: Dobian"))
    if damage == "another's key":
        with Keys(tmp_path / "other") as others:
            archive.keyring.write_bytes(others.public)
    with pytest.raises(WorldError) as refused:
        host.look(security_only=False)
    assert refused.value.why is Why.UNSIGNED
    assert "apt-get" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/apt/apt.conf.d/99x", 'Acquire::AllowInsecureRepositories "true";\n'),
        ("etc/apt/apt.conf.d/99x", 'APT::Get::AllowUnauthenticated "1";\n'),
        ("etc/apt/sources.list.d/x.list", "deb [trusted=yes] file:/nowhere x main\n"),
        ("etc/apt/sources.list.d/x.sources", "Types: deb\nURIs: file:/x\nSuites: x\nTrusted: yes\n"),
    ],
)
def test_whoever_told_apt_to_trust_blindly_is_named(
    archive: Archive, host: Host, name: str, text: str
) -> None:
    archive.serve("trixie", "Debian", signed=False, tzdata="2")
    (archive.apt / name).write_text(text)
    with pytest.raises(WorldError, match="unsigned") as refused:
        host.look(security_only=False)
    assert refused.value.why is Why.UNSIGNED


def test_an_archive_that_is_not_there_is_a_failure_and_no_refusal(archive: Archive, host: Host) -> None:
    archive.serve("trixie", "Debian", tzdata="2")
    for path in (archive.folder / "dists/trixie").iterdir():
        if path.is_file():
            path.unlink()
    source = archive.sources / "sources.list.d/trixie.sources"
    source.write_text(source.read_text().replace(str(archive.folder), f"{archive.folder}/gone"))
    with pytest.raises(WorldError) as failed:
        host.look(security_only=False)
    assert failed.value.why in (Why.FAILED, Why.UNSIGNED)
    assert "Release" in str(failed.value)


def test_a_daemon_that_is_not_there_is_told_by_nothing(host: Host) -> None:
    assert host.lines() is None


def test_the_configuration_s_window(host: Host, tmp_path: Path) -> None:
    rules = host.rules()
    assert rules.updates
    assert rules.window == (180, 300)
