import pytest

from failberry.health.heartbeat import REASON_LIMIT, Health
from failberry.health.http import ANSWER_LIMIT, HEAD_LIMIT, Request, Status, parse, respond

CHECKER = (
    b"GET /hc/0123456789abcdef HTTP/1.1\r\nHost: home.example.com:9000\r\nConnection: close\r\n"
    b"User-Agent: Amazon-Route53-Health-Check-Service (ref 01234567-89ab-cdef-0123-456789abcdef; report "
    b"http://amzn.to/1vsZADi)\r\nAccept: */*\r\nAccept-Encoding: *\r\n\r\n"
)


def parsed(received: bytes) -> Request:
    request = parse(received)
    assert isinstance(request, Request), request
    return request


def head(first_line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((first_line, *fields, b"", b""))


def test_a_route_53_check() -> None:
    request = parsed(CHECKER)
    assert (request.path, request.head_only, request.more_follows) == (b"/hc/0123456789abcdef", False, False)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", b"/"),
        (b"/a/b?c=/d", b"/a/b"),
        (b"/?", b"/"),
        (b"http://home:9000/a?b", b"/a"),
        (b"HTTPS://home", b"/"),
        (b"http://home?a/b", b"/"),
        (b"//home/a", b"//home/a"),
    ],
)
def test_forms_of_the_target(target: bytes, path: bytes) -> None:
    assert parsed(head(b"GET %b HTTP/1.1" % target, b"Host: x")).path == path


@pytest.mark.parametrize(
    "received",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\n\n",
        b"GET / HTTP/1.1\nHost: x\r\n\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.7\r\nHOST: x\r\nX-Latin: \xe9\r\n\r\n",
    ],
)
def test_what_is_let_pass(received: bytes) -> None:
    assert parsed(received).path == b"/"


@pytest.mark.parametrize(
    ("received", "refusal"),
    [
        (head(b"GET / HTTP/1.1"), Status.BAD_REQUEST),  # no Host
        (head(b"GET / HTTP/1.0", b"Host: a", b"Host: b"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1", b"Host : x"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1", b"Host: x", b" folded"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1", b"Host: x", b"no colon"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1", b"Host: x", b"A: b\0c"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1", b"Host: x", b"A: b\rc: d"), Status.BAD_REQUEST),
        (head(b"GET  / HTTP/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET /"), Status.BAD_REQUEST),  # HTTP/0.9
        (head(b"GET * HTTP/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET a/b HTTP/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET /#x HTTP/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET http:///a HTTP/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET / http/1.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/1.1x", b"Host: x"), Status.BAD_REQUEST),
        (head(b"GET / HTTP/11.1", b"Host: x"), Status.BAD_REQUEST),
        (head(b"\x16\x03\x01 hello"), Status.BAD_REQUEST),
        (head(b"PRI * HTTP/2.0"), Status.VERSION_NOT_SUPPORTED),
        (head(b"GET / HTTP/0.9"), Status.VERSION_NOT_SUPPORTED),
        (head(b"POST / HTTP/1.1", b"Host: x"), Status.METHOD_NOT_ALLOWED),
        (head(b"get / HTTP/1.1", b"Host: x"), Status.METHOD_NOT_ALLOWED),
        (head(b"OPTIONS * HTTP/1.1", b"Host: x"), Status.METHOD_NOT_ALLOWED),
        (head(b"CONNECT a:80 HTTP/1.1", b"Host: x"), Status.METHOD_NOT_ALLOWED),
        (b"\n" * HEAD_LIMIT, Status.HEAD_TOO_LARGE),
        (b"G" * HEAD_LIMIT, Status.HEAD_TOO_LARGE),
    ],
)
def test_what_is_refused(received: bytes, refusal: Status) -> None:
    assert parse(received) is refusal


def test_the_head_limit_is_exact() -> None:
    filler = HEAD_LIMIT - len(head(b"GET / HTTP/1.1", b"Host: x", b"A: "))
    largest = head(b"GET / HTTP/1.1", b"Host: x", b"A: " + b"a" * filler)
    assert len(largest) == HEAD_LIMIT
    assert isinstance(parse(largest), Request)
    assert parse(head(b"GET / HTTP/1.1", b"Host: x", b"A: " + b"a" * (filler + 1))) is Status.HEAD_TOO_LARGE


def test_an_incomplete_request_is_waited_for_until_the_peer_ends_it() -> None:
    assert parse(CHECKER[:-1]) is None
    assert parse(CHECKER[:-1], ended=True) is Status.BAD_REQUEST
    assert parse(b"", ended=True) is None


@pytest.mark.parametrize(
    ("received", "more"),
    [
        (head(b"GET / HTTP/1.1", b"Host: x"), False),
        (head(b"GET / HTTP/1.1", b"Host: x") + b"GET", True),
        (head(b"GET / HTTP/1.1", b"Host: x", b"Content-Length: 5"), True),
        (head(b"GET / HTTP/1.1", b"Host: x", b"TRANSFER-ENCODING: chunked"), True),
    ],
)
def test_more_input_is_foreseen(received: bytes, more: bool) -> None:  # noqa: FBT001 - a table's column
    assert parsed(received).more_follows is more


OUR_PATH = "/s3cret"
ROOT = parsed(head(b"GET / HTTP/1.1", b"Host: x"))
SECRET = parsed(head(b"GET /s3cret HTTP/1.1", b"Host: x"))


def answer(request: Request | Status, *, health: Health = Health.OK, secret: str | None = OUR_PATH) -> bytes:
    return respond(request, health=health, line="cellular", secret=secret)


def test_the_whole_answer() -> None:
    assert answer(ROOT) == b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\nok cellular\n"


def test_the_answer_to_head_is_that_to_get_without_its_body() -> None:
    head_only = parsed(head(b"HEAD / HTTP/1.1", b"Host: x"))
    assert answer(head_only) + b"ok cellular\n" == answer(ROOT)


def test_an_unknown_line_still_answers() -> None:
    assert respond(ROOT, health=Health.OK, line=None, secret=None).endswith(b"\r\n\r\nok unknown\n")


def test_only_the_secret_of_the_line_answers() -> None:
    assert answer(SECRET).startswith(b"HTTP/1.1 200 OK\r\n")
    for other in ("/s3cre", "/s3cret2", "/S3CRET", None):
        assert answer(SECRET, secret=other).startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize("health", [state for state in Health if state is not Health.OK])
def test_bad_health_is_503_with_the_reason_on_every_path_alike(health: Health) -> None:
    answers = {answer(request, health=health) for request in (ROOT, SECRET)}
    assert len(answers) == 1
    said = answers.pop()
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert said.endswith(f"\r\n\r\n{health}\n".encode())


def test_a_wrong_method_is_told_the_right_ones() -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in answer(Status.METHOD_NOT_ALLOWED)


def test_every_answer_is_small_and_closes() -> None:
    longest = respond(ROOT, health=Health.OK, line="l" * 24, secret=None)
    for said in (longest, *(answer(status) for status in Status), *(answer(ROOT, health=h) for h in Health)):
        assert len(said) < ANSWER_LIMIT
        assert b"\r\nConnection: close\r\n" in said


STANDBY = parsed(head(b"GET /standby HTTP/1.1", b"Host: x"))


@pytest.mark.parametrize("line", ["wired", None])
def test_the_router_is_told_whether_the_mobile_line_is_proven(line: str | None) -> None:
    ready = respond(STANDBY, health=Health.OK, line=line, secret=None, standby=True)
    assert ready.startswith(b"HTTP/1.1 200 OK\r\n")
    assert ready.endswith(b"\r\n\r\nready\n")
    not_ready = respond(
        STANDBY, health=Health.OK, line=line, secret=None, standby=False, standby_reason="no SIM card"
    )
    assert not_ready.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert not_ready.endswith(b"\r\n\r\nno SIM card\n")


def test_a_daemon_that_does_not_beat_promises_nothing() -> None:
    said = respond(STANDBY, health=Health.STALE, line="wired", secret=None, standby=True)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert said.endswith(b"\r\n\r\nstale\n")


@pytest.mark.parametrize(("line", "standby"), [("cellular", True), ("cellular", False), ("wired", None)])
def test_only_the_router_of_this_mode_is_told(line: str, *, standby: bool | None) -> None:
    said = respond(STANDBY, health=Health.OK, line=line, secret=None, standby=standby)
    assert said.startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_the_longest_reason_fits_the_smallest_answer() -> None:
    reason = "a" * REASON_LIMIT
    said = respond(STANDBY, health=Health.OK, line="wired", secret=None, standby=False, standby_reason=reason)
    assert len(said) < ANSWER_LIMIT
