"""What a browser is told: everything, once, in order, from wherever it was."""

import asyncio
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.web.news import PAGE, REFRESH, RING, News, piece
from failberry.web.stream import told


def event(number: int, kind: str = "verdict") -> dict[str, Any]:
    return {"id": number, "kind": kind}


def ids(text: bytes) -> list[int]:
    return [json.loads(each)["id"] for each in re.findall(rb'data: (\{"id.*\})', text)]


def read(news: News, place: int, everything: list[int]) -> list[int]:
    """Read to the end, with the daemon's history at hand."""
    found: list[int] = []
    while place < news.last:
        answer = news.after(place)
        if answer is None:
            late = [each for each in everything if each > place][:50]
            found, place = found + late, late[-1]
        else:
            text, place = answer
            found += ids(text)
    return found


@given(
    gaps=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    start=st.integers(0, 20),
    places=st.lists(st.integers(0, 700), max_size=6),
)
def test_from_any_place_nothing_is_left_out_or_told_twice(
    gaps: list[int], start: int, places: list[int]
) -> None:
    everything = list(itertools.accumulate(gaps, initial=1))
    news = News()
    # The first answer holds the last ones only.
    first = everything[start:] or everything[-1:]
    news.take_events("a", [event(each) for each in first], everything[-1])
    for place in places:
        assert read(news, place, everything) == [each for each in everything if each > place]


def test_the_ring_is_bounded_and_pages_are() -> None:
    news = News()
    everything = list(range(1, 3 * RING))
    for start in range(0, len(everything), 100):
        part = everything[start : start + 100]
        news.take_events("a", [event(each) for each in part], part[-1])
    assert news.after(0) is None
    answer = news.after(everything[-1] - RING)
    assert answer is not None
    assert len(ids(answer[0])) == PAGE
    assert read(news, 10, everything) == everything[10:]


def test_what_is_told_again_after_a_lost_stream_is_told_once() -> None:
    news = News()
    news.take_events("a", [event(1), event(2)], 2)
    news.take_events("a", [event(2), event(3)], 3)
    assert news.after(0) == (piece("a", event(1)) + piece("a", event(2)) + piece("a", event(3)), 3)
    assert news.seen == {"verdict": 3}


def test_figures_that_change_all_the_time_are_no_news_at_once() -> None:
    news = News()
    line = {"state": "up", "state_for": 1.0, "rtt": 20.0}
    news.take_status({"wired": line}, 0.0)
    version = news.version
    news.take_status({"wired": {**line, "rtt": 30.0, "state_for": 2.0}}, 1.0)
    assert news.version == version
    news.take_status({"wired": {**line, "rtt": 30.0}}, REFRESH)
    assert news.version == version + 1
    news.take_status({"wired": {**line, "state": "down"}}, REFRESH + 0.1)
    assert news.version == version + 2
    news.lose("it does not run")
    assert news.version == version + 3
    news.take_status({"wired": {**line, "state": "down"}}, REFRESH + 0.2)
    assert (news.version, news.lost) == (version + 4, "")


async def pieces(news: News, place: str, count: int, *, remembered: list[int] | None = None) -> bytes:
    """Read so many pieces of a stream."""

    async def remember(after: int) -> tuple[bytes, int]:
        found = [each for each in remembered or [] if each > after]
        return b"".join(piece("a", event(each)) for each in found), found[-1]

    stream = told(news, place, remember=remember, allowed=lambda: True)
    try:
        async with asyncio.timeout(30):
            return b"".join([await anext(stream) for _ in range(count)])
    finally:
        await stream.aclose()


def present() -> News:
    news = News()
    news.take_status({"active": "wired"}, 0.0)
    news.take_events("a", [event(each) for each in range(50, 60)], 59)
    return news


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("a-55", [56, 57, 58, 59]),
        ("a-59", []),
        ("", []),
        ("nonsense", []),
        ("b-55", []),
        ("a-48", [49, *range(50, 60)]),
    ],
)
def test_a_stream_goes_on_where_it_was(place: str, expected: list[int]) -> None:
    said = asyncio.run(pieces(present(), place, 2, remembered=list(range(1, 60))))
    assert ids(said) == expected
    assert said.count(b"event: present") == 1
    assert (b"event: anew" in said) == (place == "b-55")


def test_news_wake_every_reader_and_wait_for_none() -> None:
    async def scenario() -> None:
        news = present()
        streams = [
            told(news, "a-59", remember=lambda _: asyncio.sleep(0, (b"", 0)), allowed=lambda: True)
            for _ in range(20)
        ]
        for each in streams:
            await anext(each)
            await anext(each)
        waiting = [asyncio.ensure_future(anext(each)) for each in streams[1:]]
        await asyncio.sleep(0)
        for number in range(60, 100):
            news.take_events("a", [event(number)], number)
        for each in waiting:
            assert ids(await each) == list(range(60, 100))
        # The first has not read for all that time, and has missed nothing.
        assert ids(await anext(streams[0])) == list(range(60, 100))
        for each in streams:
            await each.aclose()

    asyncio.run(scenario())


def test_a_stream_ends_with_its_session() -> None:
    async def scenario() -> None:
        news = present()
        may = [True]
        stream = told(news, "", remember=lambda _: asyncio.sleep(0, (b"", 0)), allowed=lambda: may[0])
        await anext(stream)
        await anext(stream)
        may[0] = False
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(scenario())
