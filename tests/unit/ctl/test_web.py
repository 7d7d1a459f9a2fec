"""The dashboard's password, set from standard input and at a terminal."""

import io
import stat
import sys
from pathlib import Path

import pytest

from failberry.ctl.__main__ import main
from failberry.web.password import matches

WORD = "four words and more"


def put(path: Path, typed: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return main(["web", "password", "--no-restart", "--file", str(path)])


def test_it_is_hashed_into_a_file_of_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "web.password"
    place.write_text("an older one")
    place.chmod(0o644)
    assert put(place, f"{WORD}\n", monkeypatch) == 0
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert matches(WORD, place.read_text())
    assert [each.name for each in tmp_path.iterdir()] == ["web.password"]


@pytest.mark.parametrize("typed", ["", "short\n", "\n", "a\tb\x07cdefgh\n"])
def test_a_bad_one_changes_nothing(
    tmp_path: Path, typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "web.password"
    assert put(place, typed, monkeypatch) == 1
    assert not place.exists()
    assert "othing was changed" in capsys.readouterr().err


def test_it_is_no_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["web", "password", WORD]) == 64
    assert "unrecognized" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert put(tmp_path / "nowhere" / "web.password", f"{WORD}\n", monkeypatch) == 1
    assert "cannot be written" in capsys.readouterr().err
