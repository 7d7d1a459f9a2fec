"""Whether a page is the page."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.adapters.pages import Fetched, judge, parse
from failberry.core.probing import Page

SERVER = ip_address("192.0.2.80")
EMPTY = Page(host="empty.example", port=80, path="/", text="")
TEXT = Page(host="text.example", port=80, path="/", text="success")


def told(page: Page, received: bytes, *, ended: bool) -> Fetched | None:
    return judge(page, SERVER, parse(received, ended=ended), ended=ended)


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


NO_CONTENT = http("204 No Content", "Date: today")
SUCCESS = http("200 OK", "Content-Length: 8", body=b"success\n")
CHUNKED = http("200 OK", "Transfer-Encoding: Chunked", body=b"3;x=y\r\nsuc\r\n5\r\ncess\n\r\n0\r\n\r\n")
NOTHING_CHUNKED = http("200 OK", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("page", "received", "ended"),
    [
        pytest.param(EMPTY, NO_CONTENT, False, id="204"),
        pytest.param(EMPTY, http("200 OK", "Content-Length: 0"), False, id="200 of length 0"),
        pytest.param(EMPTY, http("200 OK"), True, id="200, and nothing more"),
        pytest.param(EMPTY, NOTHING_CHUNKED, False, id="200 of no chunks"),
        pytest.param(TEXT, SUCCESS, False, id="the text"),
        pytest.param(TEXT, CHUNKED, False, id="the text in chunks"),
        pytest.param(TEXT, http("200", body=b"<p>success</p>"), False, id="in the midst, before the end"),
    ],
)
def test_it_is_the_page(page: Page, received: bytes, ended: bool) -> None:  # noqa: FBT001
    assert told(page, received, ended=ended) == Fetched(server=SERVER)


REDIRECT = http("302 Found", "LOCATION:  http://portal.example/?\x07", "Content-Length: 0")


@pytest.mark.parametrize(
    ("page", "received", "problem"),
    [
        pytest.param(EMPTY, REDIRECT, "with a redirect to http://portal.example/??", id="a redirect"),
        pytest.param(TEXT, http("307 x"), "with a redirect to nowhere", id="a redirect that says not where"),
        pytest.param(EMPTY, http("200 OK", body=b"<html>"), "with a text where none should be", id="a text"),
        pytest.param(
            TEXT,
            http("200", "Content-Length: 3", body=b"pay"),
            "with another text than 'success'",
            id="another",
        ),
        pytest.param(TEXT, NO_CONTENT, "with status 204", id="nothing instead of the text"),
        pytest.param(EMPTY, http("511 Login"), "with status 511", id="a portal that says so"),
        pytest.param(EMPTY, http("403 No"), "with status 403", id="a filter"),
    ],
)
def test_somebody_else_speaks_for_it(page: Page, received: bytes, problem: str) -> None:
    verdict = told(page, received, ended=False)
    assert verdict == Fetched(
        server=SERVER, problem=f"192.0.2.80 answered for {page.host} {problem}", portal=True
    )


@pytest.mark.parametrize(
    ("received", "problem"),
    [
        pytest.param(b"", "with no HTTP", id="closed without a word"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", "with no HTTP", id="something else"),
        pytest.param(b"HTTP/1.1 2x4 Odd\r\n\r\n", "with no HTTP", id="no status"),
        pytest.param(http("503 Busy"), "with error 503", id="a server in trouble"),
    ],
)
def test_nobody_speaks_for_it(received: bytes, problem: str) -> None:
    verdict = told(TEXT, received, ended=True)
    assert verdict == Fetched(server=SERVER, problem=f"192.0.2.80 answered for text.example {problem}")


@pytest.mark.parametrize("received", [SUCCESS, CHUNKED])
def test_too_early_to_say(received: bytes) -> None:
    whole = received.index(b"\n", received.index(b"\r\n\r\n") + 8)
    early = [told(TEXT, received[:length], ended=False) for length in range(len(received))]
    first = next(length for length, verdict in enumerate(early) if verdict is not None)
    assert set(early[first:]) == {Fetched(server=SERVER)}
    assert first <= whole or b"5\r\n" in received


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes(rest: bytes, ended: bool) -> None:  # noqa: FBT001
    for received in (rest, b"HTTP/1.1 200 OK\r\n" + rest, CHUNKED[:50] + rest):
        verdict = told(TEXT, received, ended=ended)
        assert verdict is not None or not ended
