"""Completion and man page are fresh from the declarations."""

from pathlib import Path

import pytest

import failberry
from failberry.ctl import manpage, shells

ROOT = Path(failberry.__file__).parents[1]
PLACES = {
    "bash": ROOT / "etc/completion/failberryctl",
    "zsh": ROOT / "etc/completion/_failberryctl",
    "fish": ROOT / "etc/completion/failberryctl.fish",
}


@pytest.mark.parametrize("shell", shells.WRITERS)
def test_what_is_installed_is_fresh(shell: str) -> None:
    printed = shells.WRITERS[shell]()
    cure = f"python3 -m failberry.ctl.shells {shell} >{PLACES[shell].relative_to(ROOT)}"
    assert PLACES[shell].read_text() == printed, cure


def test_the_page_is_fresh() -> None:
    cure = "python3 -m failberry.ctl.manpage >docs/man/failberryctl.1"
    assert (ROOT / "docs/man/failberryctl.1").read_text() == manpage.page(), cure
