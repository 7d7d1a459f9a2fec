"""The page about notifications keeps to what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

import failberry
from failberry.configfile import config_from_mapping
from failberry.notify.messages import TOPIC_WORDS, Topic
from failberry.notify.reference import PAGE, fresh
from failberry.notifychecks import TOPICS

ROOT = Path(failberry.__file__).parents[1]
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_its_tables_are_fresh() -> None:
    assert fresh(TEXT) == TEXT, "run: python3 -m failberry.notify.reference"


def test_topics_are_declared_once() -> None:
    assert {each.value for each in Topic} - {"test"} == set(TOPICS)
    assert TOPIC_WORDS.keys() == set(Topic)


@pytest.mark.parametrize("example", EXAMPLES)
def test_its_examples_can_be_used(example: str) -> None:
    document = {"mode": "standby-gateway", "wired": {"interface": "eth0"}} | tomllib.loads(example)
    [receiver] = config_from_mapping(document, path="page").receiver
    assert receiver.via.value in example


def test_there_is_one_for_each_way() -> None:
    assert len(EXAMPLES) == 5
