"""What needs nothing of AWS starts where boto3 is not installed: the package only suggests it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("boto3", "botocore"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import importlib
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except ImportError as missing:
        print(module, missing)
"""
MODULES = [
    "failberry.ctl.__main__", "failberry.ctl.doctor", "failberry.ctl.report", "failberry.daemon",
    "failberry.notify.service", "failberry.ctl.wizard",
]  # fmt: skip


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    """By module, why it does not start; one interpreter for all, since none can hide what another lacks."""
    command = [sys.executable, "-c", HIDDEN, *MODULES, "failberry.aws.session"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return dict(line.split(" ", 1) for line in told.splitlines())


@pytest.mark.parametrize("module", MODULES)
def test_it_starts(module: str, failures: dict[str, str]) -> None:
    assert module not in failures, failures[module]


def test_what_is_hidden_is_hidden(failures: dict[str, str]) -> None:
    assert "boto3" in failures["failberry.aws.session"]
