"""Cards to test, and machines with one in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from failberry import __version__
from tests.image.card import SIZE, Card, scratch
from tests.image.machine import ROOT, Machine
from tests.patience import patient

HERE = Path(__file__).parent
SCENARIO_DEADLINE = 1500
IMAGES = Path(os.environ.get("FAILBERRY_IMAGES", ROOT / "build/image"))

OWNERS_FILE = """\
mode = "standby-gateway"

[wired]
interface = "onboard0"

[modem]
usb_path = "1-1.2"

[cellular]
apn = "internet"

[system]
hostname = "garden"
"""

Flash = Callable[..., Machine]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("image")
            patient(item, SCENARIO_DEADLINE)


def image(architecture: str) -> Path:
    """The card of ``architecture`` that ``make image`` has built."""
    path = IMAGES / f"failberry-{__version__}-{architecture}.img"
    assert path.is_file(), f"there is no {path}: `make image ARCH={architecture}` builds it"
    return path


@pytest.fixture
def flash() -> Iterator[Flash]:
    """Write an image to a new card, put it into a new machine, and leave that off.

    ``used``: a copy of that card, as its last machine has left it.
    """
    with flashing() as made:
        yield made


@contextmanager
def flashing() -> Iterator[Flash]:
    """The same for whoever keeps a machine longer than one test."""
    with ExitStack() as stack:

        def made(
            architecture: str = "amd64",
            *,
            owners_file: str = OWNERS_FILE,
            size: int = SIZE,
            used: Path | None = None,
            **more: object,
        ) -> Machine:
            folder = scratch()
            machine = Machine(
                card=Card.flashed(used or image(architecture), folder, size=size),
                architecture=architecture,
                folder=folder,
                **more,  # type: ignore[arg-type]
            )
            stack.enter_context(machine)
            if owners_file:
                machine.card.put("failberry.toml", owners_file)
            return machine

        yield made
