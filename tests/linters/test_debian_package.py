"""lintian, and what the package must agree with."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from failberry import __version__
from failberry.aws import archive
from tests.linters.deb import image_package, package, unpack, unpack_image
from tests.linters.tree import ROOT, judge, tracked


def test_lintian_finds_nothing() -> None:
    judge(
        ["lintian", "--allow-root", "--fail-on=error,warning", package(), image_package()],
        cure="`lintian-explain-tags TAG`; an override in debian/PACKAGE.lintian-overrides needs a reason",
    )


def test_each_file_of_the_image_is_in_its_package(tmp_path: Path) -> None:
    unpack_image(tmp_path)
    wanted = [path.relative_to("image/root") for path in tracked("image/root/*")]
    assert wanted, "image/root has no files: this test looks in the wrong place"
    absent = [path for path in wanted if not os.path.lexists(tmp_path / path)]
    assert not absent, f"not in {image_package().name}: {absent}"


def test_the_program_needs_nothing_of_the_image() -> None:
    told = subprocess.run(
        ["dpkg-deb", "--field", package(), "Depends"], capture_output=True, text=True, check=True, timeout=30
    ).stdout  # fmt: skip
    assert "failberry-image" not in told


def test_the_changelog_has_this_version() -> None:
    newest = (ROOT / "debian" / "changelog").read_text().partition("\n")[0]
    assert f"({__version__})" in newest, f"{newest}: failberry/__init__.py says {__version__} (cure: dch)"


def test_it_depends_on_what_is_imported() -> None:
    wanted = re.findall(r"\[(python3-[a-z0-9-]+)\]", (ROOT / "pyproject.toml").read_text())
    told = subprocess.run(
        ["dpkg-deb", "--field", package(), "Depends", "Suggests"],
        capture_output=True, text=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    assert wanted, "pyproject.toml names no Debian packages: this test looks in the wrong place"
    missing = [name for name in wanted if name not in told]
    assert not missing, f"debian/control lacks {missing}, which pyproject.toml names"


def test_it_has_all_of_the_program_and_nothing_else_in_python(tmp_path: Path) -> None:
    unpack(tmp_path)
    installed = tmp_path / "usr/lib/python3/dist-packages"
    there = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    here = {path.relative_to(ROOT) for path in (ROOT / "failberry").rglob("*") if path.is_file()}
    assert there == {path for path in here if path.suffix != ".pyc"}


def test_the_folder_of_the_secrets_is_roots_alone(tmp_path: Path) -> None:
    unpack(tmp_path)
    assert (tmp_path / "etc/failberry").stat().st_mode & 0o777 == 0o700
    files = [each for each in (tmp_path / "etc/failberry").rglob("*") if not each.is_dir()]
    assert not files, "a package that configures itself would dial"


def test_it_has_what_aws_deploy_sends(tmp_path: Path) -> None:
    unpack(tmp_path)
    assert archive.read(tmp_path / archive.INSTALLED.relative_to("/")) == archive.read(ROOT / "lambda")
