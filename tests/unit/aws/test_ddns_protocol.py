"""The house's half of failberry-ddns/1: by the published example, and against the real function."""

from __future__ import annotations

import http.client
import json
from ipaddress import ip_address
from typing import Any

import pytest
from awsmemory import ELSEWHERE, HOST, NOW, SECRET, SOURCE, Cloud
from functionurl import FunctionUrl
from hypothesis import given
from hypothesis import strategies as st

from failberry.dns import protocol
from failberry.dns.protocol import Signed, Told, Update

EXAMPLE = (
    b'{"v":1,"key":"pi1","host":"wireless.example.com","ip":"auto",'
    b'"ts":1795000000000,"nonce":"AAAAAAAAAAAAAAAA"}'
)
AUTHORITY = "abc.lambda-url.eu-west-1.on.aws"


def update(**fields: Any) -> Update:
    known = {"key": "pi1", "host": HOST, "address": ip_address(SOURCE), "ts": NOW, "nonce": "n" * 16}
    return Update(**{**known, **fields})


def send(function: FunctionUrl, request: Signed) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(function.url.split("/")[2], timeout=30)
    headers = {"Content-Type": "application/json", "X-Failberry-Signature": request.signature}
    connection.request("POST", "/", body=request.body, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers.get(protocol.SIGNATURE_HEADER, ""), body


def test_the_example_that_is_published() -> None:
    secret = bytes(range(32))
    message = protocol.request_message(
        authority=AUTHORITY.upper(), ts=1_795_000_000_000, nonce="A" * 16, body=EXAMPLE
    )
    signature = protocol.sign(secret, message)
    assert signature == "v1=f424d359ee2fd02475726afc40b5c83e4010a223e140f88624a9754f9d6795cf"
    answered = "v1=f1d5c51f2a571f125a7bedb199b761de7f5ea9c29497cbe5d820bf367e626542"
    request, body = Signed(body=EXAMPLE, signature=signature), b'{"status":"unchanged"}'
    assert protocol.genuine(secret, request, status=200, body=body, signature=answered)
    for status, told, signed in (
        (201, body, answered),
        (200, body + b" ", answered),
        (200, body, answered[:-1] + "3"),
        (200, body, ""),
        (200, body, "é"),
    ):
        assert not protocol.genuine(secret, request, status=status, body=told, signature=signed)


def test_our_requests_are_taken_and_its_answers_are_believed() -> None:
    cloud = Cloud()
    with FunctionUrl(cloud.handle, source=SOURCE) as function:
        authority = function.url.split("/")[2]
        request = protocol.signed(update(probe="/w-1"), secret=SECRET, authority=authority)
        status, signature, body = send(function, request)
        assert protocol.genuine(SECRET, request, status=status, body=body, signature=signature)
        assert protocol.parse_told(body) == Told(
            word="changed", server_time=NOW, reachable=True, probe="HTTP 200"
        )
        assert (cloud.address(), cloud.probe.asked) == (SOURCE, [(SOURCE, "/w-1")])
        again = send(function, request)
        told = protocol.parse_told(again[2])
        assert told is not None
        assert (told.word, told.newest) == ("replay", NOW)
        other = protocol.signed(update(ts=NOW + 1), secret=SECRET, authority=authority)
        assert not protocol.genuine(SECRET, other, status=status, body=body, signature=signature)


@pytest.mark.parametrize(
    ("fields", "source", "word"),
    [
        ({"ts": 1000}, SOURCE, "clock"),
        ({"host": "www.example.com"}, SOURCE, "host"),
        ({}, ELSEWHERE, "explicit"),
        ({"address": ip_address("100.64.0.9")}, "100.64.0.9", "address"),
    ],
)
def test_its_errors_are_read(fields: dict[str, Any], source: str, word: str) -> None:
    with FunctionUrl(Cloud().handle, source=source) as function:
        authority = function.url.split("/")[2]
        request = protocol.signed(update(**fields), secret=SECRET, authority=authority)
        status, signature, body = send(function, request)
    assert protocol.genuine(SECRET, request, status=status, body=body, signature=signature)
    told = protocol.parse_told(body)
    assert told is not None
    assert (told.word, told.server_time) == (word, NOW)


def test_a_wrong_secret_is_answered_without_a_signature() -> None:
    with FunctionUrl(Cloud().handle, source=SOURCE) as function:
        authority = function.url.split("/")[2]
        status, signature, body = send(
            function, protocol.signed(update(), secret=b"\x77" * 32, authority=authority)
        )
    assert (status, signature, json.loads(body)) == (401, "", {"error": "signature"})


def test_the_reflector_is_read() -> None:
    body = b'{"ip":"198.13.32.5","time":1795000000000,"version":"failberry-ddns/1"}'
    assert protocol.parse_reflection(body) == (ip_address(SOURCE), NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"ip":"198.13.32.5"}',
        b'{"ip":"198.13.32.","time":1}',
        b'{"ip":"198.13.32.5","time":true}',
        b'{"ip":"198.13.32.5","time":-1}',
        b'{"ip":16909060,"time":1}',
        b'{"ip":"198.13.32.5","time":1',
    ],
)
def test_what_is_cut_short_or_strange_is_no_address(body: bytes) -> None:
    assert protocol.parse_reflection(body) is None


@given(st.binary(max_size=300))
def test_no_answer_can_break_us(body: bytes) -> None:
    protocol.parse_reflection(body)
    protocol.parse_told(body)


@given(
    st.dictionaries(
        st.sampled_from(["status", "error", "server_time", "newest", "retry_after", "reachable", "probe"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
    )
)
def test_whatever_it_says_is_bounded(document: dict[str, Any]) -> None:
    told = protocol.parse_told(json.dumps(document).encode())
    if told is not None:
        assert len(told.word) <= 100
        assert len(told.probe) <= 100
        assert told.word.isprintable()
        assert told.retry_after is None or 0 <= told.retry_after <= 3600


@pytest.mark.parametrize("text", ["", "11" * 31, "11" * 33, "zz" * 32, "11" * 32 + "x"])
def test_what_is_no_secret(text: str) -> None:
    assert protocol.parse_secret(text) is None


def test_a_secret_may_end_with_a_line_feed() -> None:
    assert protocol.parse_secret("11" * 32 + "\n") == SECRET
