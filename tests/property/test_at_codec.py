"""Bytes from a modem are hostile: however they are split, and whatever they are."""

import random
import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.at import commands, parse
from failberry.at.codec import MAX_LINE, MAX_SURPLUS, Codec, FinalResult, Item, ResultKind
from failberry.at.commands import Command
from failberry.at.parse import ParseError
from failberry.at.results import cme, cms_name

COMMANDS = ("AT", "AT+CSQ", "AT+CPIN?", "AT+CGSN", "ATD*99#", "AT+CMGS=9")
FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b">",
            b"> ",
            b"~",
            b"\r\nOK\r\n",
            b"OK+CREG: 1\r\n",
            b"ERROR\r\n",
            b"+CME ERROR: 10\r\n",
            b"+CME ERROR: SIM PIN required\r\n",
            b"NO CARRIER\r\n",
            b"\r\nCONNECT\r\n",
            b"CONNECT 7200000",
            b"\r\nCONNECT~\xff}#\xc0!\r\nOK\r\n",
            b"+CSQ: 15,99\r\n",
            b"\r\n+ZUSIMR:2",
            b"\r\n> ",
            *(command.encode() for command in COMMANDS),
            *(command.encode() + b"\r" for command in COMMANDS),
        ]
    ),
    st.binary(max_size=12),
    st.integers(MAX_LINE - 4, MAX_LINE + 4).map(lambda length: b"x" * length),
    st.integers(MAX_LINE - 4, MAX_LINE + 4).map(lambda length: b" " * length),
    st.just(b"~" * (MAX_SURPLUS + 1)),
)
EXCHANGES = st.lists(
    st.tuples(
        st.sampled_from(("", "abandon", "reset", *COMMANDS)), st.lists(FRAGMENTS, max_size=8).map(b"".join)
    ),
    max_size=4,
)


def play(
    exchanges: Sequence[tuple[str, bytes]], split: Callable[[bytes], list[bytes]]
) -> tuple[list[Item], bytes]:
    codec = Codec()
    items: list[Item] = []
    for command, data in exchanges:
        if command == "abandon":
            codec.abandon()
        elif command == "reset":
            codec.reset()
        elif command and not codec.surplus:
            items += say(codec, command)
        for piece in split(data):
            items += codec.receive(piece)
    return items, codec.surplus


def say(codec: Codec, command: str) -> list[Item]:
    """Send, unless the port is in data mode without a byte of data yet."""
    try:
        codec.send(command, prefixes=("+CSQ:",) if command == "AT+CSQ" else ())
    except RuntimeError:
        return [FinalResult(ResultKind.CONNECT, "still in data mode")]
    return []


def whole(data: bytes) -> list[bytes]:
    return [data]


def single(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@settings(deadline=None)
@given(EXCHANGES, st.randoms(use_true_random=False))
def test_splitting_the_bytes_changes_nothing(exchanges: list[tuple[str, bytes]], dice: random.Random) -> None:
    def anywhere(data: bytes) -> list[bytes]:
        cuts = sorted(dice.randint(0, len(data)) for _ in range(dice.randint(0, 6)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    expected = play(exchanges, whole)
    assert play(exchanges, anywhere) == expected
    if sum(len(data) for _, data in exchanges) < 2 * MAX_LINE:
        assert play(exchanges, single) == expected


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", "AT+CSQ", "AT+CMGS=9"]))
def test_what_follows_any_garbage_is_decoded(garbage: bytes, pending: str) -> None:
    codec = Codec()
    if pending:
        codec.send(pending)
    codec.receive(garbage + b"\r\n")
    codec.send("AT")
    assert codec.receive(b"\r\nOK\r\n") == [FinalResult(ResultKind.OK, "OK")]


GARBAGE = random.Random(36).randbytes(10**6)  # noqa: S311  (the same garbage in each run)


@pytest.mark.parametrize("command", [None, "AT+CSQ", "ATD*99#"])
@pytest.mark.parametrize("alphabet", ["any byte", "no line end", "prompts", "unended"])
def test_a_million_bytes_of_garbage_take_bounded_memory(command: str | None, alphabet: str) -> None:
    garbage = {
        "any byte": GARBAGE,
        "no line end": GARBAGE.translate(None, b"\r\n"),
        "prompts": b">" * 10**6,
        "unended": b"\r\nCONNECT " + b"1" * 10**6,
    }[alphabet]
    codec = Codec()
    if command is not None:
        codec.send(command)
    tracemalloc.start()
    try:
        for start in range(0, len(garbage), 4096):
            codec.receive(garbage[start : start + 4096])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 * (MAX_LINE + MAX_SURPLUS)


EVERY_COMMAND = [value for value in vars(commands).values() if isinstance(value, Command)]
NAMES = sorted({prefix for command in EVERY_COMMAND for prefix in command.prefixes})
PIECES = st.sampled_from(
    [*NAMES, "+CCID:", ",", ",,", '"', " ", "0", "1", "2", "99", "READY", '"SC"', "8F", "²", "٣"]
)
LINE = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=30)


@settings(deadline=None)
@given(st.lists(LINE, max_size=3))
def test_no_answer_makes_a_parser_raise(lines: list[str]) -> None:
    for command in EVERY_COMMAND:
        value = command.parse(lines)
        if isinstance(value, ParseError):
            assert value.problem
    for line in lines:
        parse.parse_registration(line)
        parse.parse_zpas(line)
        parse.parse_sysinfoex(line)
        parse.parse_hcsq(line)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=40), st.integers()))
def test_every_error_has_a_name_a_class_and_advice(said: str | int) -> None:
    error = cme(said)
    assert error.name
    assert error.advice.endswith(".")
    assert cms_name(said)
