"""Messages to the child and back: every kind survives the way, and nothing else gets through."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns import messages
from failberry.dns.desired import Source
from failberry.dns.messages import (
    ApplyRequest,
    DestroyRequest,
    DnsAnswer,
    DoneResult,
    KeptAddress,
    LineStanding,
    MessageError,
    MoveRequest,
    MoveResult,
    PlanRequest,
    PlanResult,
    Progress,
    PublishRequest,
    PublishResult,
    Refusal,
    Request,
    StatusRequest,
    StatusResult,
    Step,
)
from failberry.errors import AdapterReason, Problem
from tests.awskit.lives import dice_of, wish
from tests.unit.dns.wishes import WISH

FOUR, SIX = ip_address("1.2.3.4"), ip_address("2a00::1")
KEPT = (KeptAddress(name="wired.example.com", address=FOUR), KeptAddress(name="a.example.com", address=SIX))
REQUESTS: list[Request] = [
    PlanRequest(wish=WISH, nonce="n1", removal=True, kept=KEPT),
    ApplyRequest(wish=WISH, nonce="n1", fingerprint="f", adopt=True, kept=KEPT),
    DestroyRequest(wish=WISH, fingerprint="f", kept=KEPT),
    StatusRequest(wish=WISH),
    PublishRequest(zone="example.com", name="wired.example.com", ttl=60, addresses=(FOUR, SIX)),
    MoveRequest(wish=WISH, forced=UplinkName.CELLULAR),
    MoveRequest(wish=WISH, forced=None),
]
FAULT = Problem(key="dns.name", line=None, problem="is bad", hint="mend it")
LINE = LineStanding(
    line=UplinkName.WIRED, name="wired.example.com", addresses=(FOUR, SIX), check="c1", asked="type HTTP"
)
ANSWERS: list[tuple[type[Request], Any]] = [
    (PlanRequest, Progress(progress="reading example.com")),
    (PlanRequest, Refusal(reason=AdapterReason.DENIED, evidence="no key")),
    (
        PlanRequest,
        PlanResult(
            fingerprint="f",
            steps=(Step(headline="change", details=("+ a",)),),
            problems=(FAULT,),
            notes=("n",),
        ),
    ),
    (ApplyRequest, DoneResult(changes=5)),
    (
        StatusRequest,
        StatusResult(
            zone_id="Z1",
            servers=("ns.example",),
            pair=("home",),
            forced=None,
            lines=(LINE,),
            answers=(DnsAnswer(type="CNAME", code="NOERROR", values=("wired.example.com.",)),),
            due=0,
            problems=(FAULT,),
        ),
    ),
    (PublishRequest, PublishResult(changed=True, change="C1")),
    (MoveRequest, MoveResult(changed=False)),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_requests_survive_the_way(request_: Request) -> None:
    line = messages.encode_request(request_)
    assert line.count(b"\n") == 1
    assert messages.decode_request(line) == request_


@pytest.mark.parametrize(("asked", "answer"), ANSWERS, ids=lambda each: getattr(each, "__name__", "x"))
def test_answers_survive_the_way(asked: type[Request], answer: Any) -> None:
    assert messages.decode_answer(messages.encode_answer(answer), asked) == answer


def test_every_wish_survives_the_way() -> None:
    sources = set()
    for seed in range(60):
        wanted = wish(dice_of(seed))
        sources |= {wanted.wired.source, wanted.cellular.source}
        assert messages.decode_request(messages.encode_request(StatusRequest(wish=wanted))).wish == wanted  # type: ignore[union-attr]
    assert sources == set(Source)


def changed(*path: str | int, to: Any) -> bytes:
    """A good request with one thing wrong; ``...`` takes it out."""
    document: Any = json.loads(messages.encode_request(PlanRequest(wish=WISH, nonce="n1")))
    here = document
    for each in path[:-1]:
        here = here[each]
    here[path[-1]] = to
    if to is ...:
        del here[path[-1]]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\xff\n", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b" " * (messages.REQUEST_LIMIT + 1), "longer than"),
        (changed("v", to=2), "version 1"),
        (changed("do", to="delete"), "none of plan, apply"),
        (changed("do", to=["plan"]), "none of plan, apply"),
        (changed("nonce", to=...), "$ has other members than a PlanRequest"),
        (changed("more", to=1), "$ has other members than a PlanRequest"),
        (changed("adopt", to=1), "$.adopt is not of type bool"),
        (changed("wish", to="x"), "$.wish is not an object"),
        (changed("wish", "ttl", to=True), "$.wish.ttl is not of type int"),
        (changed("wish", "pair", to="srv"), "$.wish.pair is none of cname, alias"),
        (changed("wish", "pair", to=[]), "$.wish.pair is none of cname, alias"),
        (changed("wish", "wired", "addresses", to="1.2.3.4"), "$.wish.wired.addresses is not a list"),
        (changed("wish", "wired", "addresses", 0, to=16909060), "addresses[0] is not an IP address"),
        (changed("wish", "wired", "check", "kind", to="tcp"), "$.wish.wired.check is of no kind"),
        (changed("wish", "wired", "check", "alarm", to="x"), "has other members than a HttpCheck"),
    ],
)
def test_what_is_no_request_is_refused_and_not_quoted(line: bytes, words: str) -> None:
    with pytest.raises(MessageError) as told:
        messages.decode_request(line)
    assert words in str(told.value)
    assert "w-5f0c7e" not in str(told.value)
    assert told.value.__cause__ is None


def test_what_is_no_answer_is_refused() -> None:
    for line in (b"{}", b'{"result":{}}', b'{"result":{"changes":1},"problem":{}}', b'{"progress":1}', b""):
        with pytest.raises(MessageError):
            messages.decode_answer(line, ApplyRequest)


def test_a_request_that_the_child_would_not_read_is_not_sent() -> None:
    addresses = (FOUR,) * 9000
    with pytest.raises(MessageError, match="bytes"):
        messages.encode_request(PublishRequest(zone="z", name="n", ttl=1, addresses=addresses))
