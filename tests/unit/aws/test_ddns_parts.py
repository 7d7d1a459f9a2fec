"""Source addresses, events, the body of an update, and the signature of the documented example."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest
from awsmemory import NOW, SOURCE, Request
from ddns.address import source, unpublishable
from ddns.event import Call, Unread, read
from ddns.protocol import answer_message, parse_update, request_message, sign
from functionurl import event


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("198.13.32.5", "198.13.32.5"),
        ("198.13.32.5:443", "198.13.32.5"),
        ("2a00:1450:4001::5", "2a00:1450:4001::5"),
        ("[2a00:1450:4001::5]", "2a00:1450:4001::5"),
        ("[2a00:1450:4001::5]:51000", "2a00:1450:4001::5"),
        ("::ffff:198.13.32.5", "198.13.32.5"),
        ("[::ffff:198.13.32.5]:1", "198.13.32.5"),
        ("fe80::1%eth0", "fe80::1"),
        ("2A00:1450:4001:0:0::5", "2a00:1450:4001::5"),
    ],
)
def test_forms_of_the_source_address(text: str, address: str) -> None:
    assert source(text) == ip_address(address)


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4:", "[]", "[1.2.3.4", "1.2.3.4, 5.6.7.8", "٣.1.1.1", "0" * 99]
)
def test_no_source_address(text: str) -> None:
    assert source(text) is None


@pytest.mark.parametrize(
    "text",
    ["1.1.1.1", "99.255.255.255", "172.15.0.1", "223.255.255.1", "2606:4700::1", "2400::1", "2001:200::1"],
)
def test_what_the_internet_can_reach(text: str) -> None:
    assert unpublishable(ip_address(text)) == ""


def test_a_body_in_base64_is_what_was_sent() -> None:
    for kind in ("application/json", "application/octet-stream"):
        told = event("POST", "/", headers={"Content-Type": kind}, body=b'{"a": 1}', source=SOURCE)
        assert told["isBase64Encoded"] == (kind != "application/json")
        call = read(told)
        assert isinstance(call, Call)
        assert call.body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("changes", "unread"),
    [
        ({"body": "x" * 2048}, None),
        ({"body": "x" * 2049}, Unread.TOO_LARGE),
        ({"body": "ä" * 1025}, Unread.TOO_LARGE),
        ({"body": "A" * 2740, "isBase64Encoded": True}, Unread.TOO_LARGE),
        ({"body": "A===", "isBase64Encoded": True}, Unread.MALFORMED),
        ({"body": "\ud800"}, Unread.MALFORMED),
        ({"body": 1}, Unread.MALFORMED),
        ({"headers": {"a": 1}}, Unread.MALFORMED),
        ({"headers": None}, Unread.MALFORMED),
        ({"isBase64Encoded": None}, Unread.MALFORMED),
        ({"rawQueryString": "x" * 1025}, Unread.TOO_LARGE),
        ({"rawPath": "/" * 257}, Unread.TOO_LARGE),
    ],
)
def test_bounds_of_an_event(changes: dict[str, object], unread: Unread | None) -> None:
    found = read({**event("POST", "/", source=SOURCE), **changes})
    assert found is unread if unread else isinstance(found, Call)


BODY = Request({}).fields


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"key": "Pi1"},
        {"key": ""},
        {"host": "localhost"},
        {"host": "Wireless.example.com"},
        {"host": "wireless.example.com."},
        {"host": "wireless..com"},
        {"host": f"{'a' * 64}.example.com"},
        {"host": ".".join(["a" * 60] * 5)},
        {"ip": ""},
        {"ip": "AUTO"},
        {"ip": "1.2.3.4/32"},
        {"ip": "fe80::1%eth0"},
        {"ip": None},
        {"ts": -1},
        {"ts": 2**53},
        {"ts": 1.5},
        {"ts": True},
        {"ts": str(NOW)},
        {"nonce": "short"},
        {"nonce": "n" * 65},
        {"nonce": "ä" * 16},
        {"dry_run": 1},
        {"probe": "hc"},
        {"probe": "/a b"},
        {"probe": "/a\r\nX: y"},
        {"probe": "/" + "a" * 128},
        {"only_reachable": True},
        {"only_reachable": "yes", "probe": "/"},
        {"unknown": 1},
    ],
)
def test_bodies_that_are_no_update(changes: dict[str, Any]) -> None:
    assert parse_update(json.dumps({**BODY, **changes}).encode()) is None


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"null", b"[]", b"[" * 2048, b'{"v":1}', b'{"ts":' + b"9" * 2000 + b"}"]
)
def test_bytes_that_are_no_update(body: bytes) -> None:
    assert parse_update(body) is None


def test_the_example_of_the_readme() -> None:
    body = (
        b'{"v":1,"key":"pi1","host":"wireless.example.com","ip":"auto",'
        b'"ts":1795000000000,"nonce":"AAAAAAAAAAAAAAAA"}'
    )
    secret = bytes(range(32))
    message = request_message(
        path="/",
        host="abc.lambda-url.eu-west-1.on.aws",
        ts=1_795_000_000_000,
        nonce="AAAAAAAAAAAAAAAA",
        body=body,
    )
    signature = sign(secret, message)
    answer = answer_message(status=200, request_signature=signature, body=b'{"status":"unchanged"}')
    # These are what openssl gives.
    assert signature == "v1=f424d359ee2fd02475726afc40b5c83e4010a223e140f88624a9754f9d6795cf"
    assert sign(secret, answer) == "v1=f1d5c51f2a571f125a7bedb199b761de7f5ea9c29497cbe5d820bf367e626542"
