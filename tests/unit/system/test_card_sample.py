"""The sample on the card."""

from __future__ import annotations

import re
from pathlib import Path

from failberry.configfile import config_from_text, sample
from failberry.system.cardsample import PATH, card_sample
from failberry.system.firstboot_judge import Memory, Outcome, judge
from failberry.system.firstboot_reading import Found, Kind

ROOT = Path(__file__).parents[3]


def test_it_is_fresh() -> None:
    command = f"run: python -m failberry.system.cardsample > {PATH}"
    assert (ROOT / PATH).read_text() == card_sample(), command


def test_every_editor_can_read_it() -> None:
    assert card_sample().isascii()
    assert max(map(len, card_sample().splitlines())) <= 100


def test_copied_as_it_is_it_is_good() -> None:
    found = Found(name="failberry.toml", content=card_sample().replace("\n", "\r\n").encode())
    ruling = judge({Kind.CONFIG: found}, Memory())
    assert ruling.of(Kind.CONFIG).outcome is Outcome.TAKEN
    assert ruling.of(Kind.CONFIG).notes == ()
    assert ruling.in_force.config.wired.interface == "onboard0"
    assert ruling.rewrites == {}


def test_it_says_all_that_the_other_one_says() -> None:
    names = re.compile(r"(?m)^#?\[?\[?[a-z_]+(?=\]| = )")
    assert sorted(names.findall(card_sample())) == sorted(names.findall(sample()))
    headings = re.findall(r"(?m)^#?\[+([a-z_]+)\]", card_sample())
    assert headings[:4] == ["wired", "cellular", "system", "lan"]


def test_every_setting_can_be_switched_on() -> None:
    everything = re.sub(r"(?m)^#(?=\S)", "", card_sample()).replace('"standby-gateway"', '"dual-wan-router"')
    everything = everything.replace('url = ""', 'url = "https://abc.lambda-url.eu-central-1.on.aws/"')
    assert config_from_text(everything, path="sample").lan is not None
