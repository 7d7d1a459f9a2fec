"""Completion in real shells, and the man page as man shows it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import failberry
from failberry.ctl import EXIT_CODES, shells
from failberry.ctl.arguments import COMMANDS, COMMON, OPTIONS
from tests.terminal.terminal import Terminal
from tests.unit.ctl.test_shells import PLACES

ROOT = Path(failberry.__file__).parents[1]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "TERM": "xterm",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "PS1": "@> ",
}
ASKED = [
    # What is typed, what is offered at least, what must not be.
    ("failberryctl ", {"status", "modem", "doctor", "usage", "version"}, {"power-cycle", "signal"}),
    ("failberryctl mod", {"modem"}, {"version"}),
    ("failberryctl modem ", {"status", "at", "power-cycle"}, {"version"}),
    ("failberryctl modem power-cycle --d", {"--dry-run"}, {"--json"}),
    ("failberryctl usage s", {"set"}, {"status"}),
    ("failberryctl failover force ", {"wired", "cellular", "auto"}, {"status"}),
    ("failberryctl --socket /x modem si", {"signal"}, {"version"}),
    ("failberryctl aws policy --role ", {"daemon", "lambda", "deployer"}, {"status"}),
    ("failberryctl config check fail", {"failberry.toml"}, set()),
    ("failberryctl status --config fail", {"failberry.toml"}, {"--json"}),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "failberry.toml").touch()
    return tmp_path


@pytest.mark.parametrize(("typed", "offered", "others"), ASKED)
def test_bash_offers(typed: str, offered: set[str], others: set[str], folder: Path) -> None:
    # The words and the function's answer, as readline hands them over.
    words = typed.split(" ")
    script = (
        f"source {PLACES['bash']}; COMP_WORDS=({' '.join(each or chr(39) * 2 for each in words)}); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _failberryctl; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    told = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    answer = set(told.stdout.split())
    assert offered <= answer
    assert not others & answer
    assert told.stderr == ""


@pytest.mark.parametrize(("typed", "offered", "others"), ASKED)
def test_fish_offers(typed: str, offered: set[str], others: set[str], folder: Path) -> None:
    script = f"source {PLACES['fish']}; complete -C {shells._fish_word(typed)}"
    home = ENVIRONMENT | {"HOME": str(folder)}
    told = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=folder,
        env=home,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = {line.partition("\t")[0] for line in told.stdout.splitlines()}
    assert offered <= answer
    assert not others & answer


def test_a_real_bash_completes_what_is_typed(folder: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], ENVIRONMENT) as bash:
        bash.hear("@> ")
        bash.type(f"cd {folder}; source {PLACES['bash']}; echo rea''dy\n")
        bash.hear("ready")
        bash.type("failberryctl mod\t")
        bash.hear(r"failberryctl modem ")
        bash.type("pow\t")
        bash.hear(r"power-cycle ")
        bash.type("--dr\t")
        bash.hear(r"--dry-run ")
        bash.type("\x15failberryctl config check fail\t")
        bash.hear(r"check failberry\.toml")


def test_a_real_zsh_completes_what_is_typed(folder: Path) -> None:
    functions = folder / "functions"
    functions.mkdir()
    shutil.copy(PLACES["zsh"], functions)
    with Terminal(["zsh", "-f", "-i"], ENVIRONMENT | {"HOME": str(folder)}) as zsh:
        zsh.type(
            f"PS1='@> '; unsetopt prompt_sp; fpath=({functions} $fpath); autoload -U compinit; compinit "
            "-u -D; "
            f"cd {folder}; echo rea''dy\n"
        )
        zsh.hear("\nready")
        zsh.type("failberryctl mod\t")
        zsh.hear(r"failberryctl mod(?:em )")
        zsh.type("pow\t")
        zsh.hear(r"power-cycle ")
        zsh.type("--dr\t")
        zsh.hear(r"--dry-run ")


def test_man_shows_all_of_it_without_a_complaint() -> None:
    page = ROOT / "docs/man/failberryctl.1"
    environment = ENVIRONMENT | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    told = subprocess.run(
        ["man", "--warnings", "--no-hyphenation", "--no-justification", "-l", str(page)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stderr == ""
    shown = " ".join(re.sub(".\x08", "", told.stdout).split())
    for words in COMMANDS:
        assert f" {words} " in shown, words
    for name, details in (*COMMON, *(each for taken in OPTIONS.values() for each in taken)):
        if name.startswith("-"):
            assert name in shown
        assert " ".join(str(details.get("help", "")).split())[:20].lower() in shown.lower()
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning[0].upper()}{meaning[1:]}." in shown
