"""ruff and mypy, as pyproject.toml sets them up."""

from __future__ import annotations

import sys

from tests.linters.tree import judge

PYTHON = [sys.executable, "-m"]


def test_ruff_finds_nothing() -> None:
    judge(
        [*PYTHON, "ruff", "check", "--output-format=concise", "."], cure="make it so, or `ruff check --fix`"
    )


def test_everything_is_formatted() -> None:
    judge([*PYTHON, "ruff", "format", "--check", "--exclude=*.md", "."], cure=".venv/bin/ruff format FILE")


def test_types_are_complete() -> None:
    judge([*PYTHON, "mypy", "--strict"], cure="give it the type it has; `type: ignore` needs a reason")
