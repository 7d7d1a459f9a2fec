"""A signed update, and everything that can be wrong with one that is well signed."""

from __future__ import annotations

import pytest
from awsmemory import ELSEWHERE, HOST, NOW, SOURCE, SOURCE6, V6_HOST, Cloud, Request
from ddns.ports import Reached, RecordSet


def simple(name: str, kind: str, value: str, **more: object) -> RecordSet:
    return {"Name": f"{name}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}], **more}


def test_the_reflector_tells_address_and_time_to_anybody() -> None:
    cloud = Cloud()
    get = {
        "rawPath": "/",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "sourceIp": SOURCE}},
    }
    answer = cloud.handle(get)
    assert answer["statusCode"] == 200
    assert answer["body"] == f'{{"ip":"{SOURCE}","time":{NOW},"version":"failberry-ddns/1"}}'
    assert answer["headers"]["cache-control"] == "no-store"
    assert cloud.parameter.reads == 0


def test_a_new_name_points_to_where_the_request_comes_from() -> None:
    cloud = Cloud()
    reply = cloud.update()
    assert (reply.status, reply.told) == (
        200,
        {"status": "changed", "ip": SOURCE, "server_time": NOW, "change_id": "C1"},
    )
    assert reply.genuine
    assert cloud.address() == SOURCE
    assert cloud.lines == [f"changed: {HOST} is {SOURCE}, says key pi1"]


def test_what_is_right_already_is_not_written() -> None:
    cloud = Cloud()
    cloud.zone.records = [simple(HOST, "A", SOURCE)]
    reply = cloud.update()
    assert (reply.status, reply.word, cloud.zone.writes, cloud.lines) == (200, "unchanged", [], [])


def test_the_family_is_that_of_the_connection() -> None:
    cloud = Cloud()
    assert cloud.update(source=SOURCE6).word == "changed"
    assert (cloud.address(kind="AAAA"), cloud.address()) == (SOURCE6, None)


def test_both_families_of_a_name_follow_each_other_at_once() -> None:
    cloud = Cloud()
    assert cloud.update().word == "changed"
    assert cloud.update(source=SOURCE6, ts=NOW + 1).word == "changed"
    assert (cloud.address(), cloud.address(kind="AAAA")) == (SOURCE, SOURCE6)


def test_a_dry_run_tells_what_would_be_done() -> None:
    cloud = Cloud()
    assert cloud.update(dry_run=True).word == "would_change"
    assert cloud.zone.writes == []
    assert cloud.update(dry_run=True).word == "replay"


def test_the_same_request_again_is_a_replay_which_tells_the_newest_time() -> None:
    cloud = Cloud()
    request = Request({})
    assert cloud.send(request).word == "changed"
    again = cloud.send(request, source=ELSEWHERE)
    assert (again.status, again.told) == (
        409,
        {"error": "replay", "ip": ELSEWHERE, "server_time": NOW, "newest": NOW},
    )
    assert again.genuine
    assert cloud.address() == SOURCE


def test_an_older_request_is_a_replay_too_but_not_for_another_name() -> None:
    cloud = Cloud()
    assert cloud.update().word == "changed"
    assert cloud.update(ts=NOW - 1).word == "replay"
    assert cloud.update(ts=NOW - 1, host=V6_HOST).word == "changed"


@pytest.mark.parametrize(
    ("off", "word"), [(-300_001, "clock"), (300_001, "clock"), (-300_000, "changed"), (300_000, "changed")]
)
def test_the_servers_clock_counts(off: int, word: str) -> None:
    cloud = Cloud()
    reply = cloud.update(ts=NOW + off)
    assert (reply.word, reply.told["server_time"], reply.genuine) == (word, NOW, True)
    assert reply.status == (409 if word == "clock" else 200)


def test_a_pi_without_a_clock_learns_the_time_from_a_signed_answer() -> None:
    cloud = Cloud()
    first = cloud.update(ts=1_000)
    assert (first.word, first.genuine) == ("clock", True)
    assert cloud.update(ts=first.told["server_time"]).word == "changed"


def test_a_key_changes_only_its_own_names() -> None:
    cloud = Cloud()
    reply = cloud.update(host="www.example.com")
    assert (reply.status, reply.word, reply.genuine, cloud.zone.lists) == (403, "host", True, 0)


def test_another_address_needs_a_permission() -> None:
    assert Cloud().update(ip=ELSEWHERE).status == 403
    cloud = Cloud(explicit=True)
    assert cloud.update(ip=ELSEWHERE).word == "changed"
    assert cloud.address() == ELSEWHERE


def test_ones_own_address_may_be_named_and_so_bound_into_the_signature() -> None:
    cloud = Cloud()
    stolen = Request({"ip": SOURCE})
    assert cloud.send(stolen, source=ELSEWHERE).word == "explicit"
    assert cloud.send(stolen, source=SOURCE).word == "changed"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("100.64.7.2", "CGNAT"),
        ("10.1.2.3", "private"),
        ("192.168.1.1", "private"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("203.0.113.9", "documentation"),
        ("fe80::1", "not global unicast"),
        ("fd00::1", "not global unicast"),
        ("::1", "not global unicast"),
        ("64:ff9b::101:101", "not global unicast"),
        ("ff02::1", "not global unicast"),
        ("2001:db8::1", "documentation"),
        ("2002:c000:204::1", "6to4"),
        ("2001:0:1::1", "Teredo"),
    ],
)
def test_only_what_the_internet_can_reach_is_published(address: str, why: str) -> None:
    cloud = Cloud(explicit=True)
    for reply in (cloud.update(ip=address), cloud.update(source=address)):
        assert (reply.status, reply.word, reply.genuine) == (422, "address", True)
        assert why in reply.told["reason"]
    assert cloud.zone.lists == 0


def test_a_change_too_soon_is_put_off() -> None:
    cloud = Cloud()
    cloud.update()
    cloud.now += 10_000
    reply = cloud.update(source=ELSEWHERE)
    assert (reply.status, reply.word, reply.told["retry_after"]) == (429, "cooldown", 20.0)
    assert cloud.update(ts=cloud.now + 1).word == "unchanged"
    cloud.now += 20_000
    assert cloud.update(source=ELSEWHERE).word == "changed"


def test_two_requests_that_cross_each_other_are_told() -> None:
    cloud = Cloud()
    cloud.zone.meanwhile = lambda: cloud.update(ts=NOW + 1, source=ELSEWHERE)
    older = cloud.update()
    assert (older.status, older.word) == (409, "overtaken")


@pytest.mark.parametrize("part", ["zone", "ledger"])
def test_a_fault_of_aws_is_told_and_nothing_else(part: str) -> None:
    cloud = Cloud()
    getattr(cloud, part).fault = "Throttling"
    reply = cloud.update()
    assert (reply.status, reply.told, reply.genuine) == (
        503,
        {"error": "cloud", "ip": SOURCE, "server_time": NOW, "reason": "Throttling"},
        True,
    )


def test_a_record_of_a_routing_policy_keeps_everything_but_its_address() -> None:
    cloud = Cloud(hosts={HOST: "failberry-wireless"})
    policy = {"SetIdentifier": "failberry-wireless", "Failover": "SECONDARY", "HealthCheckId": "abc"}
    other = simple(HOST, "A", "198.13.40.1", SetIdentifier="failberry-wired", Failover="PRIMARY")
    cloud.zone.records = [{**simple(HOST, "A", "198.13.32.1", **policy), "TTL": 30}, other]
    assert cloud.update().word == "changed"
    assert cloud.zone.writes == [{**simple(HOST, "A", SOURCE, **policy), "TTL": 30}]
    assert other in cloud.zone.records


@pytest.mark.parametrize(
    ("mark", "there", "why"),
    [
        (None, simple(HOST, "CNAME", "elsewhere.example.net"), "is a CNAME"),
        (None, simple(HOST, "A", "198.13.40.1", SetIdentifier="x", Weight=1), "routing policy"),
        ("ours", simple(HOST, "A", "198.13.40.1"), "no A record with the SetIdentifier ours"),
        ("ours", simple(HOST, "A", "198.13.40.1", SetIdentifier="x", Weight=1), "no A record with"),
        (None, {"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": "a."}}, "is an alias"),
    ],
)
def test_what_is_not_ours_is_left_alone(mark: str | None, there: RecordSet, why: str) -> None:
    cloud = Cloud(hosts={HOST: mark})
    cloud.zone.records = [there]
    reply = cloud.update()
    assert (reply.status, reply.word, cloud.zone.writes) == (409, "record", [])
    assert why in reply.told["reason"]


def test_the_next_record_in_the_zone_is_not_taken_for_the_one_that_is_not_there() -> None:
    cloud = Cloud()
    neighbour = simple("www.example.com", "A", SOURCE)
    cloud.zone.records = [neighbour, simple(HOST, "TXT", '"v=spf1 -all"'), simple(HOST, "AAAA", SOURCE6)]
    assert cloud.update().word == "changed"
    assert [(each["Name"], each["Type"]) for each in cloud.zone.writes] == [(HOST, "A")]
    assert neighbour in cloud.zone.records


def test_the_house_is_asked_back_at_the_callers_own_address() -> None:
    cloud = Cloud(explicit=True)
    reply = cloud.update(probe="/hc/secret")
    assert (reply.told["reachable"], reply.told["probe"]) == (True, "HTTP 200")
    reply = cloud.update(probe="/hc/secret", ip=ELSEWHERE, host=V6_HOST)
    assert reply.told["reachable"] is None
    assert cloud.probe.asked == [(SOURCE, "/hc/secret")]
    assert "/hc/secret" not in "".join(cloud.lines)


def test_an_address_that_nobody_reaches_is_published_unless_wished_otherwise() -> None:
    cloud = Cloud()
    cloud.probe.finds = Reached("no answer in time")
    kept = cloud.update(probe="/", only_reachable=True)
    assert (kept.status, kept.word, kept.told["reachable"], cloud.zone.writes) == (
        200,
        "unreachable",
        False,
        [],
    )
    published = cloud.update(probe="/", ts=NOW + 1)
    assert (published.word, published.told["reachable"]) == ("changed", False)


def test_what_cannot_be_tried_does_not_stand_in_the_way() -> None:
    cloud = Cloud()
    cloud.probe.finds = Reached("no IPv6 here to try it with", reachable=None)
    assert cloud.update(probe="/", only_reachable=True, source=SOURCE6).word == "changed"


def test_a_genuine_answer_does_not_fit_another_request() -> None:
    cloud = Cloud()
    first, second = cloud.update(), cloud.update(ts=NOW + 1)
    second.answer = first.answer
    assert not second.genuine
