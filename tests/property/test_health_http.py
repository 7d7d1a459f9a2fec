"""Any bytes, any split: one well-formed answer, under 150 bytes, the same however they came."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from failberry.health.heartbeat import Health
from failberry.health.http import ANSWER_LIMIT, HEAD_LIMIT, Request, Status, parse, respond

ANSWER = re.compile(
    rb"HTTP/1\.1 [245]\d\d [A-Za-z ]+\r\n"
    rb"(Allow: GET, HEAD\r\n)?Connection: close\r\nContent-Length: (\d+)\r\n\r\n"
    rb"([a-z0-9 -]*\n)?"
)
PIECES = [
    *(b"GET", b"HEAD", b"POST", b" ", b"/", b"/secret", b"*", b"http://h/", b"?q"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"\r\n", b"\n", b"\r", b"\r\n\r\n"),
    *(b"Host: x", b"A:", b"Content-Length: 9", b"\0", b"\xff", b"a" * 700),
]
almost_requests = st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join)
well_formed = st.builds(
    b"%b %b HTTP/1.%d\r\nHost: x\r\n\r\n%b".__mod__,
    st.tuples(
        st.sampled_from([b"GET", b"HEAD", b"PUT"]),
        st.sampled_from([b"/", b"/secret", b"/other?x"]),
        st.integers(0, 9),
        st.binary(max_size=8),
    ),
)
streams = st.binary(max_size=200) | almost_requests | well_formed


def conversation(pieces: list[bytes]) -> bytes:
    """Feed pieces as the server does, the end included; return the answer, empty if there is none."""
    received = b""
    request: Request | Status | None = None
    for piece in pieces:
        received += piece[: HEAD_LIMIT - len(received)]
        if piece and (request := parse(received)):
            break
    else:
        request = parse(received, ended=True)
    if request is None:
        return b""
    return respond(request, health=Health.OK, line="cellular", secret="/secret")  # noqa: S106 - a test's path


@settings(deadline=None)
@given(stream=streams, health=st.sampled_from(Health), line=st.sampled_from(["cellular", "w" * 24, None]))
@example(stream=b"\n" * HEAD_LIMIT, health=Health.OK, line=None)
def test_every_answer_is_well_formed_and_small(stream: bytes, health: Health, line: str | None) -> None:
    request = parse(stream, ended=True)
    assert (request is None) == (stream == b"")
    if request is None:
        return
    answer = respond(request, health=health, line=line, secret="/secret")  # noqa: S106 - a test's path
    assert len(answer) < ANSWER_LIMIT
    found = ANSWER.fullmatch(answer)
    assert found, answer
    body_announced, body = int(found[2]), found[3] or b""
    head_only = isinstance(request, Request) and request.head_only
    assert body == b"" if head_only else len(body) == body_announced


@settings(deadline=None)
@given(stream=streams, data=st.data())
def test_the_split_changes_nothing(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert (
        conversation(pieces)
        == conversation([stream])
        == conversation([stream[i : i + 1] for i in range(len(stream))])
    )


@settings(deadline=None)
@given(almost_requests | well_formed)
def test_a_verdict_is_final(stream: bytes) -> None:
    verdicts = [parse(stream[:length]) for length in range(len(stream) + 1)]
    kinds = [v if isinstance(v, Status) else v and (v.path, v.head_only) for v in verdicts]
    decided = [kind for kind in kinds if kind is not None]
    assert len(set(decided)) <= 1
    assert kinds == [None] * (len(kinds) - len(decided)) + decided
