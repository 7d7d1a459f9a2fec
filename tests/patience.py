"""How much longer than usual a virtual machine may take, because its host has other work, too."""

from __future__ import annotations

import os

import pytest

PATIENCE = float(os.environ.get("FAILBERRY_PATIENCE", "1"))
"""All deadlines of the virtual machines' tests are multiplied by it.

1 where a deadline is part of what is promised (``make soak``); 3 in ``make test``, where a deadline only has
to end a test that would wait for ever.
"""


def patient(item: pytest.Item, default: float) -> None:
    """Multiply a test's own deadline (``pytest.mark.timeout``), or else ``default``, in seconds, by that."""
    marked = item.get_closest_marker("timeout")
    seconds = float(marked.args[0]) if marked else default
    item.add_marker(pytest.mark.timeout(seconds * PATIENCE), append=False)
