"""What the wizard writes."""

from pathlib import Path

import pytest

from failberry.ctl.wizard import replace_file


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    assert replace_file(file, "one\n", now=0.0) is None
    first, second = replace_file(file, "two\n", now=0.0), replace_file(file, "three\n", now=0.0)
    assert first is not None
    assert second is not None
    assert (first.read_text(), second.read_text(), file.read_text()) == ("one\n", "two\n", "three\n")
    with pytest.raises(OSError, match=r"Not a directory|No such file"):
        replace_file(tmp_path / "none" / "a.toml", "x\n", now=0.0)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted({file.name, first.name, second.name})
