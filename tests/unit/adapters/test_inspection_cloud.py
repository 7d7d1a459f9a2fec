"""What the doctor asks of AWS from the Pi itself, where no line leads anywhere."""

from dataclasses import replace
from pathlib import Path

from failberry.adapters.inspection import cloud
from failberry.aws.settings import Settings
from failberry.config import Wired
from tests.unit.doctor.houses import CONFIG, NAMED

NOWHERE = replace(NAMED, url="https://127.0.0.1:1/")
CONFIGURED = replace(CONFIG, wired=Wired(interface="none0"), dns=NOWHERE)


def test_without_a_name_nothing_is_asked(tmp_path: Path) -> None:
    assert cloud.ask(tmp_path / "none.key", CONFIG) is None
    assert cloud.ask(tmp_path / "none.key", None) is None


def test_a_key_that_is_missing_broken_or_good(tmp_path: Path) -> None:
    file = tmp_path / "ddns.key"
    problem, secret = cloud._key(file)
    assert "ddns.key is missing" in problem
    assert secret is None
    file.write_text("no key at all\n")
    problem, secret = cloud._key(file)
    assert problem
    assert secret is None
    file.write_text("ab" * 32 + "\n")
    assert cloud._key(file) == ("", "ab" * 32)


def test_lines_without_an_interface_are_told_as_unknown_and_nothing_of_the_stack() -> None:
    told = list(cloud._remote(cloud._asked(Settings(config=CONFIGURED, dns=NOWHERE), "ab" * 32)))
    assert told
    assert all(each.unknown and not each.bad for each in told)
    assert not any("stack" in each.what for each in told)
    assert cloud._asked(Settings(config=CONFIGURED, dns=replace(NOWHERE, url="")), None) == []
