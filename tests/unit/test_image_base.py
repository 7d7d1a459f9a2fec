"""What Debian's part of a card needs of the machine that builds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.base import _runs_here
from image.steps import BuildError


@pytest.mark.parametrize("code", [0, 1])
def test_a_processor_that_cannot_be_imitated_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    program = tmp_path / "arch-test"
    program.write_text(f'#!/bin/sh\ntest "$1" = armhf && exit {code}\nexit 2\n')
    program.chmod(0o755)
    monkeypatch.setattr("image.steps.environment", lambda: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    if code:
        with pytest.raises(BuildError, match=r"programs for armhf do not run .*`mount -t binfmt_misc"):
            _runs_here("armhf")
    else:
        _runs_here("armhf")
