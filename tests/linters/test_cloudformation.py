"""lambda/template.yaml, as CloudFormation itself would refuse it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.linters.tree import judge


def test_cfn_lint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    judge([linter, "lambda/template.yaml"], cure="read the rule that it names, and correct the template")
