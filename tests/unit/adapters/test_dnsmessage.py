"""DNS messages, true and false."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.adapters.dnsmessage import Answer, Kind, answers, parse, question

ASKED = question(0x1234, "www.Example.com", Kind.A)
QUESTION = ASKED[12:]
HERE = b"\xc0\x0c"
"""A pointer to the name in the question."""


def record(owner: bytes, kind: int, value: bytes, *, where: int = 1, length: int | None = None) -> bytes:
    return owner + struct.pack("!HHIH", kind, where, 60, len(value) if length is None else length) + value


def answer(*records: bytes, flags: int = 0x8180, number: int = 0x1234, asked: bytes = QUESTION) -> bytes:
    return struct.pack("!6H", number, flags, 1, len(records), 0, 0) + asked + b"".join(records)


def address(text: str, owner: bytes = HERE) -> bytes:
    packed = ip_address(text).packed
    return record(owner, 1 if len(packed) == 4 else 28, packed)


def test_a_question_is_as_the_standard_draws_it() -> None:
    assert ASKED == b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7Example\3com\0\0\1\0\1"
    assert question(1, ".", Kind.A)[12:] == b"\0\0\1\0\1"
    assert question(1, "a.b.", Kind.AAAA)[12:] == b"\1a\1b\0\0\x1c\0\1"


@pytest.mark.parametrize("name", ["a..b", "a" * 64 + ".b", ".".join(["a" * 60] * 5), "ä.de"])
def test_no_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        question(1, name, Kind.A)


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        pytest.param(
            answer(address("192.0.2.1"), address("192.0.2.2")), ["192.0.2.1", "192.0.2.2"], id="two"
        ),
        pytest.param(answer(address("192.0.2.1", b"\3WWW\7example\3COM\0")), ["192.0.2.1"], id="other case"),
        pytest.param(
            answer(asked=QUESTION.lower(), flags=0x8580),
            [],
            id="none, from who is responsible, in small letters",
        ),
        pytest.param(
            answer(record(HERE, 5, b"\5alias\xc0\x10"), address("192.0.2.1", b"\5alias\7example\3com\0")),
            ["192.0.2.1"],
            id="by an alias",
        ),
        pytest.param(
            answer(address("192.0.2.1", b"\1b\0"), record(b"\1a\0", 5, b"\1b\0"), record(HERE, 5, b"\1a\0")),
            ["192.0.2.1"],
            id="by two aliases, in whatever order",
        ),
        pytest.param(answer(address("192.0.2.1", b"\1x\0")), [], id="somebody else's"),
        pytest.param(answer(record(HERE, 5, HERE)), [], id="an alias of itself"),
        pytest.param(answer(record(HERE, 1, b"\1\2\3\4", where=3)), [], id="of another class"),
        pytest.param(answer(address("2001:db8::1")), [], id="of another type"),
        pytest.param(answer(record(HERE, 46, b"x" * 40), address("192.0.2.1")), ["192.0.2.1"], id="signed"),
    ],
)
def test_addresses_of_the_name(packet: bytes, said: list[str]) -> None:
    told = parse(packet, ASKED)
    assert (told.rcode, [str(each) for each in told.addresses]) == (0, said)


def test_addresses_of_ipv6() -> None:
    asked = question(7, "example.com", Kind.AAAA)
    packet = answer(address("2001:db8::1"), number=7, asked=asked[12:])
    assert parse(packet, asked).addresses == (ip_address("2001:db8::1"),)


@pytest.mark.parametrize(
    ("code", "knows"), [(0, True), (1, False), (2, False), (3, True), (5, False), (9, False)]
)
def test_what_the_code_says(code: int, knows: bool) -> None:  # noqa: FBT001  (a parameter of pytest)
    assert parse(answer(flags=0x8180 | code), ASKED).knows is knows


def test_a_refusal_need_not_repeat_the_question() -> None:
    refusal = struct.pack("!6H", 0x1234, 0x8185, 0, 0, 0, 0)
    assert parse(refusal, ASKED) == Answer(5)
    with pytest.raises(ValueError, match="question is missing"):
        parse(struct.pack("!6H", 0x1234, 0x8180, 0, 0, 0, 0), ASKED)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(answer(number=0x1235), id="another number"),
        pytest.param(answer(flags=0x0100), id="a question"),
        pytest.param(answer(flags=0xA000), id="a notification"),
        pytest.param(answer(asked=question(1, "www.example.org", Kind.A)[12:]), id="another name"),
        pytest.param(answer(asked=question(1, "www.example.com", Kind.AAAA)[12:]), id="another type"),
    ],
)
def test_no_answer_to_this_question(packet: bytes) -> None:
    assert not answers(packet, ASKED)
    with pytest.raises(ValueError, match="not an answer"):
        parse(packet, ASKED)


RING = answer(record(HERE, 5, b"\1a" + struct.pack("!H", 0xC000 | len(ASKED) + 12)))
FORWARDS = answer(record(b"\xc0\xff", 1, b"\1\2\3\4"))


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(RING, id="a ring of pointers"),
        pytest.param(FORWARDS, id="a pointer forwards"),
        pytest.param(answer(address("192.0.2.1"))[:-1], id="cut short"),
        pytest.param(answer(address("192.0.2.1"))[:-8], id="cut in the record's head"),
        pytest.param(answer(record(HERE, 1, b"\1\2\3")), id="an address of three bytes"),
        pytest.param(answer(record(HERE, 1, b"\1\2\3\4", length=400)), id="longer than it is"),
        pytest.param(answer(record(b"\x41a\0", 1, b"\1\2\3\4")), id="a label of an unknown kind"),
        pytest.param(answer(record((b"\x3f" + b"a" * 63) * 5 + b"\0", 1, b"")), id="a name too long"),
    ],
)
def test_broken(packet: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|too long|forwards|b'"):
        parse(packet, ASKED)


GOOD = answer(record(HERE, 5, b"\5alias\xc0\x10"), address("192.0.2.1", b"\5alias\7example\3com\0"))


@given(
    st.lists(st.tuples(st.integers(12, len(GOOD) - 1), st.integers(0, 255)), max_size=6), st.integers(0, 200)
)
def test_whatever_comes_it_ends_and_raises_nothing_else(changes: list[tuple[int, int]], length: int) -> None:
    packet = bytearray(GOOD)
    for at, value in changes:
        packet[at] = value
    try:
        said = parse(bytes(packet[:length]), ASKED)
    except ValueError:
        return
    assert len(said.addresses) <= 1


@given(st.binary(max_size=120))
def test_any_records(rest: bytes) -> None:
    packet = struct.pack("!6H", 0x1234, 0x8180, 1, 0xFFFF, 0, 0) + QUESTION + rest
    with pytest.raises(ValueError, match=r"."):  # so many records have no room in it
        parse(packet, ASKED)


def test_who_is_responsible_for_a_zone() -> None:
    asked = question(7, "example.com", Kind.NS)
    here = record(HERE, 2, b"\3ns1\3AWS\0")
    other = record(b"\5other\0", 2, b"\3ns9\3aws\0")
    told = parse(answer(here, other, record(HERE, 2, b"\3ns2\3aws\0"), number=7, asked=asked[12:]), asked)
    assert (told.names, told.addresses) == (("ns1.aws", "ns2.aws"), ())


def test_where_a_name_leads() -> None:
    chain = record(HERE, 5, b"\5Wired\xc0\x10"), record(b"\5wired\7example\3com\0", 5, b"\3dyn\3net\0")
    told = parse(answer(*chain, address("192.0.2.1", b"\3dyn\3net\0")), ASKED)
    assert told.aliases == ("wired.example.com", "dyn.net")
    assert [str(each) for each in told.addresses] == ["192.0.2.1"]
