"""What the tags remember is what is read from them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.core.snapshot import UplinkName
from failberry.dns.records import Alias, CheckSettings, Found, HealthCheck, Record, Role
from failberry.dns.register import CHUNKS, VALUE_LIMIT, Register, identifier, registered, tags
from tests.awskit.strict import TAG_TEXT

PAIR = Record(
    name="home.example.com", type="CNAME", ttl=60, values=("wired.example.com",), check="c1",
    role=Role.PRIMARY, identifier=identifier("pi", UplinkName.WIRED, "CNAME"),
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def read_back(told: dict[str, str]) -> Register:
    check = HealthCheck(
        id="c1",
        reference="failberry:pi:wired:n1",
        version=1,
        settings=CheckSettings(type="HTTP"),
        tags=tuple(told.items()),
    )
    return registered(Found(zone_id="Z1", zone="example.com", records=(PAIR,), checks=(check,)), "pi")


records = st.builds(
    Record,
    name=TEXTS,
    type=st.sampled_from(["A", "TXT"]),
    ttl=st.none() | st.integers(0, 2**31 - 1),
    values=st.lists(TEXTS, max_size=3).map(tuple),
    alias=st.none() | st.builds(Alias, zone_id=TEXTS.filter(bool), name=TEXTS, evaluate=st.booleans()),
    identifier=TEXTS,
    role=st.none() | st.sampled_from(Role),
    check=TEXTS,
    more=TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(
    st.frozensets(st.tuples(TEXTS, st.sampled_from(["A", "AAAA"])), max_size=3),
    st.lists(records, max_size=3, unique_by=lambda each: each.key),
)
def test_what_is_written_is_read(simple: frozenset[tuple[str, str]], before: list[Record]) -> None:
    told = tags("pi", UplinkName.WIRED, "home.example.com", Register(simple=simple, before=tuple(before)))
    assert all(len(each) <= VALUE_LIMIT and TAG_TEXT.fullmatch(each) for each in told.values())
    read = read_back(told)
    kept = len([key for key in told if "register" in key]) <= CHUNKS
    assert not kept or (read.simple, sorted(read.before, key=repr)) == (simple, sorted(before, key=repr))


@settings(max_examples=60, deadline=None)
@given(st.text("ob/+=A0.", max_size=60))
def test_whatever_somebody_writes_there_is_survived(text: str) -> None:
    assert isinstance(read_back({"failberry-register-1": text}), Register)
