"""Ten thousand requests of somebody who has seen everything but the secret."""

from __future__ import annotations

import base64
import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from awsmemory import ELSEWHERE, HOST, NOW, OTHER_SECRET, PASSWORD, SECRET, SOURCE, Cloud, Request
from functionurl import event

ROUNDS = 10_000
SEED = 20_261_122
REFUSALS = {400, 401, 404, 405, 409, 413, 422}

Event = dict[str, Any]
Forge = Callable[[random.Random, Event], object]


def stranger(chance: random.Random, _seen: Event) -> Event:
    """Sign with a secret of one's own, for a key that there is or is not."""
    key = chance.choice(["pi1", "pi2", "pi3", "admin", "x" * 32])
    request = Request({"key": key, "ts": NOW + chance.randrange(1, 9999)}, secret=chance.randbytes(32))
    return request.event(source=ELSEWHERE)


def other_key(chance: random.Random, _seen: Event) -> Event:
    """Sign for pi1 with the secret of pi2."""
    return Request({"ts": NOW + chance.randrange(1, 9999)}, secret=OTHER_SECRET).event(source=ELSEWHERE)


def replayed(chance: random.Random, seen: Event) -> Event:
    """Send what was seen again, from anywhere, in another dress."""
    told = copy.deepcopy(seen)
    told["requestContext"]["http"]["sourceIp"] = chance.choice(
        [ELSEWHERE, "[2a00:1450::9]:443", "100.64.0.9"]
    )
    if chance.random() < 0.5:
        told |= {"body": base64.b64encode(told["body"].encode()).decode(), "isBase64Encoded": True}
    if chance.random() < 0.5:
        told["headers"] = {name.title(): value for name, value in told["headers"].items()}
    return told


def shifted(chance: random.Random, seen: Event) -> Event:
    """Give what was seen another time, nonce, name or address; the signature stays."""
    told = copy.deepcopy(seen)
    body = json.loads(told["body"])
    name, value = chance.choice(
        [
            ("ts", NOW + chance.randrange(-(10**9), 10**9)),
            ("nonce", f"{chance.getrandbits(100):025x}"),
            ("host", "wired.example.com"),
            ("ip", ELSEWHERE),
            ("key", "pi2"),
            ("dry_run", True),
            ("v", chance.choice([0, 2, True, "1"])),
        ]
    )
    told["body"] = json.dumps({**body, name: value})
    return told


def truncated(chance: random.Random, seen: Event) -> Event:
    """Cut the body, the signature or the whole event short."""
    told = copy.deepcopy(seen)
    match chance.randrange(3):
        case 0:
            told["body"] = told["body"][: chance.randrange(len(told["body"]))]
        case 1:
            signature = told["headers"]["x-failberry-signature"]
            told["headers"]["x-failberry-signature"] = signature[: chance.randrange(len(signature))]
        case _:
            del told[chance.choice(sorted({"rawPath", "headers", "requestContext", "body"}))]
    return told


def oversized(chance: random.Random, seen: Event) -> Event:
    """Make something far too long."""
    told = copy.deepcopy(seen)
    size = chance.choice([2049, 4096, 100_000])
    match chance.randrange(5):
        case 0:
            told["body"] += " " * size
        case 1:
            told["body"] = "[" * size
        case 2:
            told["rawPath"] = "/" * size
        case 3:
            told |= {"body": base64.b64encode(b" " * size).decode(), "isBase64Encoded": True}
        case _:
            told["headers"]["x-failberry-signature"] = "v1=" + "0" * size
    return told


def elsewhere(chance: random.Random, seen: Event) -> Event:
    """Ask another path, another host or by another method."""
    told = copy.deepcopy(seen)
    match chance.randrange(3):
        case 0:
            told["rawPath"] = chance.choice(["//", "/.", "/nic/update", "/%2f", "", "/?", "/\x00", "/ä"])
        case 1:
            told["headers"]["host"] = chance.choice(
                ["", "other.lambda-url.eu-west-1.on.aws", "\ud800", "a\nb"]
            )
        case _:
            told["requestContext"]["http"]["method"] = chance.choice(["PUT", "DELETE", "HEAD", "post", ""])
    return told


JUNK: list[object] = [
    None,
    True,
    0,
    -1,
    2**70,
    1e400,
    "",
    "x",
    "\ud800",
    [],
    {},
    [[]],
    {"": None},
    "\x00" * 99,
]


def fuzzed(chance: random.Random, seen: Event) -> object:
    """Put junk anywhere: in the event, in the fields of the body, in its bytes."""
    told = copy.deepcopy(seen)
    junk = chance.choice(JUNK)
    match chance.randrange(6):
        case 0:
            return junk
        case 1:
            told[chance.choice(sorted(told))] = junk
        case 2:
            told["requestContext"]["http"][chance.choice(["method", "sourceIp"])] = junk
        case 3:
            body = json.loads(told["body"])
            body[chance.choice([*sorted(body), "more"])] = junk
            told["body"] = json.dumps(body)
        case 4:
            raw = bytearray(told["body"].encode())
            for _ in range(chance.randrange(1, 9)):
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            told |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
        case _:
            told["headers"][chance.choice(sorted(told["headers"]))] = junk
    return told


def basic(chance: random.Random, _seen: Event) -> Event:
    """Guess at the other door."""
    login = chance.choice([b"pi1:", b"pi1:x", b":", b"pi9:" + PASSWORD.encode(), chance.randbytes(20), b""])
    token = base64.b64encode(login).decode() if chance.random() < 0.9 else "!"
    return event(
        "GET",
        "/nic/update",
        query=f"hostname={HOST}&myip={ELSEWHERE}",
        headers={"Authorization": f"{chance.choice(['Basic', 'basic', 'Bearer', ''])} {token}"},
        source=ELSEWHERE,
    )


FORGERIES: list[Forge] = [
    stranger, other_key, replayed, shifted, truncated, oversized, elsewhere, fuzzed, basic
]  # fmt: skip


def test_of_ten_thousand_forgeries_none_is_accepted_and_none_crashes() -> None:
    chance = random.Random(SEED)  # noqa: S311 - forgeries that can be made again
    cloud = Cloud(dyndns2=True)
    seen = Request({}).event()
    assert cloud.handle(seen)["statusCode"] == 200
    before = copy.deepcopy((cloud.zone.records, cloud.ledger.entries))
    calls, statuses = cloud.zone.lists, Counter[int]()
    for number in range(ROUNDS):
        forged = FORGERIES[number % len(FORGERIES)](chance, seen)
        answer = cloud.handle(forged)
        # A flip of bits, or junk in a place that nobody reads, can leave the request as it was: a replay.
        assert answer["statusCode"] in REFUSALS, (number, forged, answer)
        statuses[answer["statusCode"]] += 1
        json.dumps(answer)
    assert (cloud.zone.records, cloud.ledger.entries) == before
    assert cloud.zone.lists == calls
    assert statuses.keys() == REFUSALS
    print(f"{ROUNDS} forgeries, seed {SEED}, by status:", dict(sorted(statuses.items())))
    assert len(cloud.lines) < 5, "sparse"
    assert cloud.parameter.reads <= 2, "the keys are read again once a minute at most"
    assert cloud.send(Request({"ts": NOW + 1})).word == "unchanged", "the owner is not locked out"


def lines_run(work: Callable[[], object]) -> list[tuple[str, int]]:
    """Each line of ours that runs, in order."""
    run: list[tuple[str, int]] = []

    def trace(frame: FrameType, what: str, _argument: object) -> Any:
        if "/lambda/ddns/" in frame.f_code.co_filename:
            if what == "line":
                run.append((frame.f_code.co_filename, frame.f_lineno))
            return trace
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return run


@pytest.mark.parametrize("rotation", [[SECRET.hex()], [SECRET.hex(), OTHER_SECRET.hex()]])
def test_an_unknown_key_and_a_bad_signature_are_the_same(rotation: list[str]) -> None:
    answers, paths = [], []
    for key in ("pi1", "pi9"):
        cloud = Cloud(secrets=rotation)
        cloud.update(host="not.ours.example")
        cloud.now += 120_000
        reads = cloud.parameter.reads
        forged = Request({"key": key, "ts": cloud.now}, secret=b"\x99" * 32).event()
        paths.append(lines_run(lambda c=cloud, f=forged: answers.append(c.handle(f))))  # type: ignore[misc]
        assert cloud.parameter.reads == reads + 1
    assert answers[0] == answers[1]
    assert (answers[0]["statusCode"], answers[0]["body"]) == (401, '{"error":"signature"}')
    assert "x-failberry-signature" not in answers[0]["headers"]
    assert paths[0] == paths[1]
    assert len(paths[0]) > 50


def test_an_unknown_name_and_a_bad_password_are_the_same() -> None:
    answers, paths = [], []
    for login in (b"pi1:wrong", b"pi9:wrong"):
        cloud = Cloud(dyndns2=True)
        token = base64.b64encode(login).decode()
        asked = event(
            "GET",
            "/nic/update",
            query=f"hostname={HOST}",
            headers={"Authorization": f"Basic {token}"},
            source=SOURCE,
        )
        paths.append(lines_run(lambda c=cloud, a=asked: answers.append(c.handle(a))))  # type: ignore[misc]
    assert answers[0] == answers[1]
    assert answers[0]["statusCode"] == 401
    assert paths[0] == paths[1]


def test_no_secret_is_ever_written_down() -> None:
    cloud = Cloud(dyndns2=True)
    told = [cloud.update().answer, cloud.update(secret=OTHER_SECRET, ts=NOW + 1).answer]
    cloud.parameter.text = cloud.parameter.text.replace('"version": 1', '"version": 2')
    cloud.now += 301_000
    told.append(cloud.update(probe="/hc/planted-secret").answer)
    written = json.dumps([told, cloud.lines]) + repr(cloud.endpoint._ring._keys)
    assert "the keys are not" in written
    for secret in (SECRET.hex(), OTHER_SECRET.hex(), PASSWORD, "planted-secret", repr(SECRET)):
        assert secret not in written
