"""The keys: their document, their rotation, and when they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from awsmemory import HOST, NOW, OLD_SECRET, OTHER_SECRET, PASSWORD, SECRET, Cloud, keys
from ddns.keys import KeysError, parse_keys


def test_two_secrets_are_valid_at_once_and_each_answer_is_signed_with_its_own() -> None:
    cloud = Cloud(secrets=[SECRET.hex(), OLD_SECRET.hex()])
    for place, secret in enumerate([OLD_SECRET, SECRET, OLD_SECRET]):
        reply = cloud.update(secret=secret, ts=NOW + place)
        assert (reply.status, reply.genuine) == (200, True)
    assert cloud.update(secret=OTHER_SECRET, ts=NOW + 9).status == 401


def test_a_new_secret_is_found_by_the_first_signature_that_does_not_fit() -> None:
    cloud = Cloud()
    assert cloud.update().status == 200
    cloud.parameter.text = json.dumps(keys(secrets=[OTHER_SECRET.hex(), SECRET.hex()]))
    cloud.now += 60_000
    assert cloud.update(secret=OTHER_SECRET).status == 200
    assert cloud.parameter.reads == 2


def test_bad_signatures_read_the_keys_once_a_minute_at_most() -> None:
    cloud = Cloud()
    for second in range(181):
        cloud.now = NOW + second * 1000
        assert cloud.update(secret=OTHER_SECRET).status == 401
    assert cloud.parameter.reads == 4


def test_a_key_that_was_taken_back_ends_within_five_minutes_though_all_its_signatures_fit() -> None:
    cloud = Cloud()
    assert cloud.update().status == 200
    cloud.parameter.text = json.dumps({"version": 1, "keys": {}})
    cloud.now += 299_999
    assert cloud.update().status == 200
    cloud.now += 1
    assert cloud.update().status == 401


def test_while_ssm_is_away_what_was_read_before_is_valid() -> None:
    cloud = Cloud()
    assert cloud.update().status == 200
    cloud.parameter.fault = "ThrottlingException"
    cloud.now += 3_600_000
    assert cloud.update().status == 200
    assert cloud.lines[-1] == "keys: ThrottlingException"


def test_without_keys_nothing_is_judged_and_aws_is_not_asked_for_each_request() -> None:
    cloud = Cloud()
    cloud.parameter.fault = "ParameterNotFound"
    for key in ("pi1", "pi9"):
        answer = cloud.update(key=key).answer
        assert (answer["statusCode"], answer["body"]) == (503, '{"error":"keys"}')
    assert cloud.parameter.reads == 1
    cloud.parameter.fault = ""
    cloud.now += 5_000
    assert cloud.update().status == 200


DOCUMENT = keys()
PI1 = DOCUMENT["keys"]["pi1"]


def test_what_a_document_says() -> None:
    key = parse_keys(json.dumps(keys(explicit=True, hosts={HOST: "mark"})))["pi1"]
    assert (key.name, key.secrets, key.hosts, key.explicit) == ("pi1", (SECRET,), {HOST: "mark"}, True)
    assert len(key.passwords) == 1


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[",
        "[" * 4000,
        "null",
        [],
        {},
        {"version": 2, "keys": {}},
        {"version": 1, "keys": []},
        {"version": 1, "keys": {"PI": PI1}},
        {"version": 1, "keys": {"pi1": []}},
        {"version": 1, "keys": {"pi1": {"secrets": [SECRET.hex()]}}},
        keys(more=1),
        keys(secrets=[]),
        keys(secrets=[SECRET.hex()] * 3),
        keys(secrets=SECRET.hex()),
        keys(secrets=[SECRET.hex()[2:]]),
        keys(secrets=["g" * 64]),
        keys(secrets=[1]),
        keys(passwords=[PASSWORD]),
        keys(passwords=None),
        keys(hosts=[HOST]),
        keys(hosts={"Wireless.example.com": None}),
        keys(hosts={"wireless.example.com.": None}),
        keys(hosts={"*.example.com": None}),
        keys(hosts={HOST: ""}),
        keys(hosts={HOST: 1}),
        keys(explicit=1),
    ],
)
def test_a_document_that_is_none_is_told_without_its_secrets(document: Any) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(KeysError) as told:
        parse_keys(text)
    for secret in (SECRET.hex(), SECRET.hex()[2:], PASSWORD):
        assert secret not in repr(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None
