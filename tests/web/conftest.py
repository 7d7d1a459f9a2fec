import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The city is theirs.
sys.path.insert(0, str(Path(__file__).parents[1] / "netns"))

from browser import Browser, browser
from city import INSIDE
from home import Home, home


@pytest.fixture(scope="package")
def house() -> Iterator[Home]:
    with home() as made:
        yield made


@pytest.fixture(scope="package")
def chromium(house: Home) -> Iterator[Browser]:
    with browser(*INSIDE, house.city.client.name) as made:
        yield made
