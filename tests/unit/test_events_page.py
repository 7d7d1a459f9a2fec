"""The reference of events is fresh."""

from pathlib import Path

import failberry
from failberry.core.kinds import SPECS
from failberry.eventsdoc import page

ROOT = Path(failberry.__file__).parents[1]


def test_the_page_is_fresh_and_tells_every_kind() -> None:
    assert (ROOT / "docs/events.md").read_text() == page(), "python3 -m failberry.eventsdoc > docs/events.md"
    for kind, spec in SPECS.items():
        assert f"### `{kind}`" in page()
        assert spec.message_id in page()
