"""lambda/ping against peers of every kind, on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest
from httpserver import Peer, Talk, hear, says, silent, trickling
from ping import handler, metrics
from ping.endpoints import EventError, read
from ping.fetch import ask_all

OK = says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok wired\n")


class CloudWatch:
    """What was written."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Sequence[metrics.Datum]]] = []

    def put(self, namespace: str, figures: Sequence[metrics.Datum]) -> None:
        self.calls.append((namespace, figures))

    def figures(self, namespace: str = metrics.NAMESPACE) -> dict[tuple[str, str], float]:
        """By metric and endpoint; the latency only as being there."""
        found: dict[tuple[str, str], float] = {}
        for called, figures in self.calls:
            for each in figures if called == namespace else ():
                dimensions: Any = each["Dimensions"]
                assert [dimension["Name"] for dimension in dimensions] == ["Endpoint"]
                metric, value = str(each["MetricName"]), float(str(each["Value"]))
                if metric == "Latency":
                    assert each["Unit"] == "Milliseconds"
                    assert 0 < value < 5000
                    value = 1.0
                found[metric, dimensions[0]["Value"]] = value
        return found


def run(event: object, **more: Any) -> tuple[CloudWatch, dict[str, Any]]:
    cloudwatch = CloudWatch()
    return cloudwatch, dict(handler.run(event, put=cloudwatch.put, pause=0.01, **more))


def endpoint(peer: Peer, **more: object) -> dict[str, object]:
    return {"endpoints": [{"name": "line", "url": f"{peer.url}/hc/secret", "timeout": 1, **more}]}


UP = {("Up", "line"): 1, ("StatusCode", "line"): 200, ("Latency", "line"): 1}


def test_the_originals_event_and_the_originals_answer() -> None:
    with Peer(OK) as peer:
        cloudwatch, told = run([f"{peer.url}/hc/secret"])
    assert told.keys() == {f"{peer.url}/hc/secret"}
    result = told[f"{peer.url}/hc/secret"]
    assert (result["HTTPError"], result["statusCode"], result["up"]) == (None, 200, True)
    assert isinstance(result["durationMS"], int)
    # The dimension holds no path, which may be secret.
    name = f"127.0.0.1:{peer.port}"
    assert cloudwatch.figures() == {("Up", name): 1, ("StatusCode", name): 200, ("Latency", name): 1}


def test_all_endpoints_of_a_run_are_written_in_one_call() -> None:
    with Peer(OK) as one, Peer(says("HTTP/1.1 503 x\r\n\r\n")) as other:
        cloudwatch, told = run(
            {"endpoints": [{"name": "one", "url": one.url}, {"name": "other", "url": other.url}]}
        )
    assert len(cloudwatch.calls) == 1
    assert cloudwatch.figures() == {
        ("Up", "one"): 1, ("StatusCode", "one"): 200, ("Latency", "one"): 1,
        ("Up", "other"): 0, ("StatusCode", "other"): 503,
    }  # fmt: skip
    assert told["other"]["HTTPError"] == "status"
    assert other.connections == 1, "an answer is an answer"


def test_the_question() -> None:
    heard: list[bytes] = []

    def talk(theirs: socket.socket) -> None:
        heard.append(hear(theirs))
        theirs.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with Peer(talk) as peer:
        _, told = run([f"{peer.url}/a/b?c=d#e"])
    assert [result["statusCode"] for result in told.values()] == [204]
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /a/b?c=d HTTP/1.1"
    assert set(lines[1:-2]) == {
        f"Host: 127.0.0.1:{peer.port}", "Accept-Encoding: identity",
        "User-Agent: failberry-ping", "Connection: close",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("talk", "wish", "figures", "error"),
    [
        (OK, {"expect_body": "ok wired"}, UP, None),
        (OK, {"expect_body": "ok wireless"}, {("Up", "line"): 0, ("StatusCode", "line"): 200}, "body"),
        (OK, {"expect_status": 204}, {("Up", "line"): 0, ("StatusCode", "line"): 200}, "status"),
        (OK, {"expect_status": [200, 204]}, UP, None),
        (
            says("HTTP/1.1 404 Not Found\r\n\r\n"),
            {"expect_status": 404},
            {("Up", "line"): 1, ("StatusCode", "line"): 404, ("Latency", "line"): 1},
            None,
        ),
        (
            says("HTTP/1.1 200 OK\r\n\r\n" + "x" * 5120 + "late"),
            {"expect_body": "late"},
            {("Up", "line"): 0, ("StatusCode", "line"): 200},
            "body",
        ),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok"), {"expect_body": "ok"}, UP, None),
        (silent, {"timeout": 0.05}, {("Up", "line"): 0}, "ETIMEDOUT"),
        (trickling, {"timeout": 0.05}, {("Up", "line"): 0}, "ETIMEDOUT"),
        (says("SSH-2.0-OpenSSH_9.2\r\n"), {}, {("Up", "line"): 0}, "EPROTO"),
        (says("HTTP/1.1 200 OK\r\nX: " + "x" * 99_999), {}, {("Up", "line"): 0}, "EPROTO"),
        (says(""), {}, {("Up", "line"): 0}, "EPROTO"),
    ],
)
def test_what_is_up(
    talk: Talk, wish: dict[str, object], figures: dict[tuple[str, str], float], error: str | None
) -> None:
    with Peer(talk) as peer:
        cloudwatch, told = run(endpoint(peer, **wish))
    assert told["line"]["HTTPError"] == error
    assert cloudwatch.figures() == figures


def test_nobody_there_is_tried_three_times() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    (result,) = ask_all(read([f"http://127.0.0.1:{port}"]).endpoints, pause=0.01)
    assert (result.up, result.error, result.status, result.tries) == (False, "ECONNREFUSED", 0, 3)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_first_try_that_is_lost_does_not_flap(lost: int) -> None:
    def dropped(theirs: socket.socket) -> None:
        # A reset, as of a port that opens just now.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        theirs.close()

    with Peer(*[dropped] * lost, OK) as peer:
        cloudwatch, _ = run(endpoint(peer))
    assert cloudwatch.figures() == UP
    assert peer.connections == lost + 1


def test_a_line_that_answers_is_asked_once() -> None:
    with Peer(OK) as peer:
        run(endpoint(peer))
    assert peer.connections == 1


def test_everything_is_over_in_time() -> None:
    with Peer(silent) as one, Peer(trickling) as other:
        start = time.monotonic()
        event = {
            "endpoints": [
                {"name": "one", "url": one.url, "timeout": 15},
                {"name": "other", "url": other.url, "timeout": 15},
            ]
        }
        cloudwatch, _ = run(event, seconds=0.3)
        assert time.monotonic() - start < 2
    assert cloudwatch.figures() == {("Up", "one"): 0, ("Up", "other"): 0}


def redirect(place: str) -> Talk:
    return says(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n")


def test_a_redirect_on_the_same_host_is_followed() -> None:
    with Peer(redirect("/there"), OK) as peer:
        cloudwatch, _ = run(endpoint(peer))
        assert peer.connections == 2
    assert cloudwatch.figures() == UP


@pytest.mark.parametrize(
    "place",
    [
        "http://localhost:{port}/",
        "http://127.0.0.1:1/",
        "//[bad",
        "ftp://127.0.0.1/",
        "http://a@127.0.0.1:{port}/",
    ],
)
def test_a_redirect_to_another_host_is_not_followed(place: str) -> None:
    with Peer(OK) as peer:
        talk = redirect(place.format(port=peer.port))
        with Peer(talk) as sender:
            cloudwatch, _ = run(endpoint(sender))
        assert peer.connections == 0
    assert cloudwatch.figures()["Up", "line"] == 0


def test_redirects_in_a_circle_end() -> None:
    with Peer(redirect("/again")) as peer:
        cloudwatch, told = run(endpoint(peer))
        assert peer.connections == 4
    assert cloudwatch.figures() == {("Up", "line"): 0, ("StatusCode", "line"): 302}
    assert told["line"]["HTTPError"] == "status"


def test_a_redirect_that_is_expected_is_not_followed() -> None:
    with Peer(redirect("/there")) as peer:
        cloudwatch, _ = run(endpoint(peer, expect_status=302))
        assert peer.connections == 1
    assert cloudwatch.figures()["Up", "line"] == 1


def test_ipv6_where_there_is_some() -> None:
    with Peer(OK, address="::1") as peer:
        cloudwatch, _ = run(endpoint(peer))
    assert cloudwatch.figures() == UP


@pytest.fixture
def no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Lambda outside a subnet with IPv6: the socket cannot even be made."""
    real = socket.socket.__init__

    def lambdas(ours: socket.socket, family: int = -1, *more: Any, **named: Any) -> None:
        if family == socket.AF_INET6 and "fileno" not in named:
            raise OSError(97, "Address family not supported by protocol")
        real(ours, family, *more, **named)

    monkeypatch.setattr(socket.socket, "__init__", lambdas)


@pytest.mark.usefixtures("no_ipv6")
def test_ipv6_where_there_is_none_is_unsupported_and_not_down() -> None:
    event = {"endpoints": [{"name": "line", "url": "http://[2606:4700::1]:9000/"}], "metrics_compat": True}
    cloudwatch, told = run(event)
    assert cloudwatch.calls == []
    assert told == {"line": {"HTTPError": "EAFNOSUPPORT", "statusCode": 0, "durationMS": 0, "up": None}}


@pytest.mark.usefixtures("no_ipv6")
def test_a_name_with_both_families_is_down_when_its_ipv4_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_more: both)
    cloudwatch, told = run({"endpoints": [{"name": "line", "url": "http://house.example/"}]})
    assert (told["line"]["HTTPError"], cloudwatch.figures()) == ("ECONNREFUSED", {("Up", "line"): 0})


def test_the_originals_figures_on_request() -> None:
    with Peer(OK) as up, Peer(says("HTTP/1.1 500 x\r\n\r\n")) as broken:
        urls = [f"{up.url}/a", f"{broken.url}/b"]
        cloudwatch, _ = run(urls, compat=True)
    assert [namespace for namespace, _ in cloudwatch.calls] == [metrics.NAMESPACE, metrics.COMPAT_NAMESPACE]
    assert cloudwatch.figures(metrics.COMPAT_NAMESPACE) == {
        ("StatusCode", urls[0]): 200,
        ("Latency", urls[0]): 1,
        ("StatusCode", urls[1]): 500,
    }


def test_only_trouble_is_logged_and_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with Peer(OK) as peer:
        run([f"{peer.url}/hc/secret"])
        assert capsys.readouterr().out == ""
    with Peer(says("HTTP/1.1 500 x\r\n\r\n")) as peer:
        run([f"{peer.url}/hc/secret"])
    assert capsys.readouterr().out == f"127.0.0.1:{peer.port}: down after 1 tries, status\n"


URL = "http://house.example/"


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "http://house.example/",
        [1],
        [URL] * 33,
        ["ftp://house.example/"],
        ["http:///x"],
        ["http://user@house.example/"],
        ["http://house.example:0/"],
        ["http://house.example:99999/"],
        ["http://[bad/"],
        ["http://house.example/a b"],
        ["http://house.example/\r\nX: y"],
        ["http://h\u00e4user.example/"],
        ["http://house.example/" + "x" * 500],
        {"endpoints": []},
        {"endpoints": [URL]},
        {"endpoints": [{"name": "a"}]},
        {"endpoints": [{"name": "", "url": URL}]},
        {"endpoints": [{"name": ":a", "url": URL}]},
        {"endpoints": [{"name": " ", "url": URL}]},
        {"endpoints": [{"name": "a", "url": URL, "more": 1}]},
        {"endpoints": [{"name": "a", "url": URL}] * 2},
        {"endpoints": [{"name": "a", "url": URL, "timeout": 0}]},
        {"endpoints": [{"name": "a", "url": URL, "timeout": True}]},
        {"endpoints": [{"name": "a", "url": URL, "timeout": float("nan")}]},
        {"endpoints": [{"name": "a", "url": URL, "timeout": 16}]},
        {"endpoints": [{"name": "a", "url": URL, "expect_status": "200"}]},
        {"endpoints": [{"name": "a", "url": URL, "expect_status": []}]},
        {"endpoints": [{"name": "a", "url": URL, "expect_status": True}]},
        {"endpoints": [{"name": "a", "url": URL, "expect_body": 1}]},
        {"endpoints": [{"name": "a", "url": URL, "expect_body": "\ud800"}]},
        {"endpoints": [{"name": "a", "url": URL}], "metrics_compat": "on"},
        {"endpoints": [{"name": "a", "url": URL}], "more": 1},
    ],
)
def test_events_that_say_nothing_to_ask(event: object) -> None:
    with pytest.raises(EventError):
        read(event)


def test_urls_of_one_host_have_different_names() -> None:
    assert [each.name for each in read([f"{URL}a", f"{URL}b", "http://other.example/"]).endpoints] == [
        "house.example",
        "house.example 2",
        "other.example",
    ]
