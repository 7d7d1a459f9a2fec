"""Whole screens, and one part of them, as the reader sees them: the house's names."""

import json
from dataclasses import replace

from failberry.control.document import decode, encode
from failberry.core.snapshot import NameState, NamesView, NameView, Snapshot, UplinkName
from tests.unit.ctl.painting import painted
from tests.unit.ctl.scenarios import ALL, ALL_WELL

MOBILE = NameView(
    line=UplinkName.CELLULAR,
    name="mobile.example.com",
    source="lambda",
    addresses=("198.13.32.6",),
    state=NameState.PUBLISHED,
    state_for=3600.0,
    reason="198.13.32.6 stands there",
    reachable=True,
    next="look whether it still stands there",
    next_in=430.0,
)
WIRED = NameView(
    line=UplinkName.WIRED,
    name="wired.example.com",
    source="elsewhere",
    addresses=(),
    state=NameState.OTHERS,
    state_for=7200.0,
    reason="kept by somebody else",
)
NAMES = NamesView(name="home.example.com", lines=(WIRED, MOBILE))
NAMED = replace(ALL_WELL, names=NAMES)


def names_of(status: Snapshot) -> str:
    lines = painted(status)[1].splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("Names"))
    end = next(number for number, line in enumerate(lines) if number > begin and not line.startswith("  "))
    return "\n".join(lines[begin:end])


def test_without_names_not_a_word_of_them() -> None:
    assert all("Names" not in painted(each)[1] for each in ALL.values())


def test_all_is_well() -> None:
    code, text = painted(NAMED)
    assert code == 0
    assert text.startswith("All is well.")
    assert (
        names_of(NAMED)
        == """\
Names    wired.example.com: kept by somebody else
         mobile.example.com -> 198.13.32.6, reached from the Internet
         home.example.com follows the living line"""
    )


def test_an_address_that_could_not_be_written() -> None:
    line = replace(
        MOBILE,
        state=NameState.FAILED,
        reason="abc.lambda-url.eu-central-1.on.aws over fbcell0: no answer in 25 s",
        next="write the address",
        next_in=37.2,
    )
    assert (
        names_of(replace(NAMED, names=replace(NAMES, lines=(line,))))
        == """\
Names    mobile.example.com -> 198.13.32.6, failed:
         abc.lambda-url.eu-central-1.on.aws over fbcell0: no answer in 25 s;
         write the address in 38 s
         home.example.com follows the living line"""
    )


def test_a_name_that_is_held_and_an_address_that_nobody_reaches() -> None:
    line = replace(MOBILE, reachable=False)
    names = replace(NAMES, lines=(line,), moved=UplinkName.CELLULAR, moved_for=125.0)
    assert (
        names_of(replace(NAMED, names=names))
        == """\
Names    mobile.example.com -> 198.13.32.6, not reached from the Internet
         home.example.com is held on the mobile line by this Pi, since 07:57 (2
         min 5 s)"""
    )


def test_the_document_comes_back_unchanged() -> None:
    assert decode(Snapshot, json.loads(json.dumps(encode(NAMED)))) == NAMED
