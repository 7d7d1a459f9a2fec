"""Which mirror the guest is built from: the Debian archive of this machine's apt, and no other one."""

from pathlib import Path

import pytest

from .cache import LabError
from .mirror import mirror

ONE_LINE = """\
# deb http://commented.invalid/debian bookworm main
deb-src http://source.invalid/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.invalid/debian bookworm main
deb https://other.invalid/apt bookworm-vendor main
deb http://security.invalid/debian-security bookworm-security main
deb [arch=amd64] http://one-line.invalid/debian bookworm main contrib # ours
"""
DEB822 = """\
# A comment, and a vendor's archive that is switched off
Types: deb
URIs: https://disabled.invalid/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
# http://commented.invalid/debian
URIs: http://deb822.invalid/debian
Suites: bookworm
  bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIRROR", raising=False)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.list", ONE_LINE, "http://one-line.invalid/debian"),
        ("sources.list.d/debian.list", ONE_LINE, "http://one-line.invalid/debian"),
        ("sources.list.d/debian.sources", DEB822, "http://deb822.invalid/debian"),
    ],
)
def test_both_notations_are_read(tmp_path: Path, name: str, text: str, expected: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    assert mirror(tmp_path) == expected


def test_none_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="MIRROR="):
        mirror(tmp_path)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR", "http://chosen.invalid/debian")
    (tmp_path / "sources.list").write_text(ONE_LINE)
    assert mirror(tmp_path) == "http://chosen.invalid/debian"
