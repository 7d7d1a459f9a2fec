"""The real handler behind an emulated function URL, asked over HTTP; and what the emulation is true to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from awsmemory import ELSEWHERE, SOURCE, SOURCE6, Cloud, Request
from functionurl import FunctionUrl

Headers = dict[str, str]


def ask(
    function: FunctionUrl,
    method: str = "GET",
    path: str = "/",
    *,
    body: bytes = b"",
    headers: Headers | None = None,
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(host(function), timeout=30)
    connection.request(method, path, body=body or None, headers=headers or {})
    answer = connection.getresponse()
    told = json.load(answer)
    connection.close()
    return answer.status, told


def host(function: FunctionUrl) -> str:
    return function.url.split("/")[2]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def function(cloud: Cloud) -> Iterator[FunctionUrl]:
    with FunctionUrl(cloud.handle, source=SOURCE) as function:
        yield function
    assert function.failures == []


def send(
    function: FunctionUrl, fields: dict[str, Any] | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Send a signed update; headers with underscores instead of hyphens."""
    request = Request(fields or {}, domain=host(function))
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(function, "POST", body=request.body, headers={**request.headers(), **changed})


def test_reflector_then_update_then_replay(cloud: Cloud, function: FunctionUrl) -> None:
    status, told = ask(function)
    assert (status, told["ip"], told["version"]) == (200, SOURCE, "failberry-ddns/1")
    fields = {"ts": told["time"]}
    assert send(function, fields)[1]["status"] == "changed"
    assert cloud.address() == SOURCE
    function.source = ELSEWHERE
    status, told = send(function, fields)
    assert (status, told["error"], cloud.address()) == (409, "replay", SOURCE)


def test_a_body_that_the_service_takes_for_binary(function: FunctionUrl) -> None:
    # urllib's and curl's own type for a body, unless told otherwise; it reaches the function in base64.
    status, told = send(function, Content_Type="application/x-www-form-urlencoded")
    assert (status, told["status"]) == (200, "changed")


def test_the_host_is_bound_into_the_signature(function: FunctionUrl) -> None:
    assert send(function, Host="other.lambda-url.eu-west-1.on.aws") == (401, {"error": "signature"})


def test_the_family_is_that_of_the_connection(cloud: Cloud, function: FunctionUrl) -> None:
    function.source = f"[{SOURCE6}]:50000"
    assert send(function)[1]["ip"] == SOURCE6
    assert cloud.address(kind="AAAA") == SOURCE6


def test_unknown_paths_and_methods(function: FunctionUrl) -> None:
    assert ask(function, path="/nic/update?hostname=x")[0] == 404
    assert ask(function, "DELETE")[0] == 405


def test_a_handler_that_raises_is_a_502() -> None:
    def broken(_event: object, _context: object) -> dict[str, object]:
        raise LookupError

    with FunctionUrl(broken) as function:
        assert ask(function)[0] == 502
        assert [type(failure) for failure in function.failures] == [LookupError]


def test_without_a_source_it_is_the_peers_address() -> None:
    cloud = Cloud()
    with FunctionUrl(cloud.handle) as function:
        assert ask(function)[1]["ip"] == "127.0.0.1"
