"""Hostile bytes on the control socket: one exception only, the same for any cuts, in bounded memory."""

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.control.framing import MessageError, MessageReader, decode, encode
from failberry.control.varlink import parse_call

LIMIT = 64

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
hostile = st.lists(
    st.one_of(
        st.binary(max_size=2 * LIMIT),
        st.sampled_from([b"\0", b"{}", b'{"method":"a.b.C"}', b"[", b"NaN", b'{"a":Infinity}', b'"\\ud800"']),
        objects.map(encode),
    ),
    max_size=8,
).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[dict[str, Any]], str | None]:
    """Messages before the first fault, and the fault."""
    reader, messages = MessageReader(maximum=LIMIT), []
    try:
        for piece in pieces:
            for message in reader.feed(piece):
                messages.append(message)  # noqa: PERF402  (what came before a fault must be kept)
    except MessageError as fault:
        return messages, str(fault)
    return messages, None


@given(stream=hostile, cuts=st.lists(st.integers(min_value=0), max_size=12))
def test_where_bytes_are_cut_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert read(pieces) == read([stream]) == read([bytes([each]) for each in stream])


@given(message=objects)
def test_what_is_written_is_read(message: dict[str, Any]) -> None:
    written = encode(message)
    assert written.count(0) == 1
    assert list(MessageReader().feed(written)) == [json.loads(json.dumps(message))]


@given(message=objects | st.fixed_dictionaries({"method": json_values, "more": json_values}))
def test_any_object_is_a_call_or_refused(message: dict[str, Any]) -> None:
    try:
        call = parse_call(message)
    except MessageError:
        return
    assert call.method == message["method"]


@pytest.mark.parametrize("text", ["NaN", '{"a":-Infinity}', "7", "[]", "", '{"a":1}{', "9" * 5000])
def test_what_is_not_one_json_object_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        decode(text.encode())


def test_a_million_bytes_in_small_drops_take_little_time_and_memory() -> None:
    reader = MessageReader()
    tracemalloc.start()
    try:
        for _ in range(1 << 14):
            assert list(reader.feed(b"x" * 64)) == []
        with pytest.raises(MessageError, match="longer than"):
            list(reader.feed(b"x"))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
