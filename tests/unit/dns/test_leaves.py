"""Whose the addresses at the lines' own names are: what the daemon wrote goes, what was before comes back."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from failberry.dns.desired import Desired, Source
from failberry.dns.messages import (
    ApplyRequest,
    DestroyRequest,
    DoneResult,
    KeptAddress,
    PlanRequest,
    PlanResult,
)
from tests.awskit.account import simple
from tests.awskit.strict import Document
from tests.unit.dns.wishes import WISH, wired
from tests.unit.dns.world import World

LEAF = "cellular.example.com"
BOTH = wired(source=Source.DAEMON, addresses=())
OURS, NEWER, THEIRS = "62.7.40.5", "62.7.40.6", "9.8.7.6"
TEXT = simple(LEAF, "TXT", '"hello"')


def said(*texts: str, name: str = LEAF) -> tuple[KeptAddress, ...]:
    """What the daemon says of itself."""
    return tuple(KeptAddress(name=name, address=ip_address(each)) for each in texts)


class House(World):
    """With a daemon that says what it keeps at the lines' names."""

    def __init__(self, *records: Document) -> None:
        super().__init__(*records)
        self.notes: tuple[str, ...] = ()

    def daemon(self, address: str, name: str = LEAF) -> None:
        """It writes, as it does whatever stands there."""
        self.publish(ip_address(address), name=name)

    def set_up(self, kept: tuple[KeptAddress, ...] = (), wish: Desired = WISH) -> None:
        shown = self.do(PlanRequest(wish=wish, nonce="n1", kept=kept), PlanResult)
        self.notes = shown.notes
        done = ApplyRequest(wish=wish, nonce="n1", fingerprint=shown.fingerprint, kept=kept)
        self.do(done, DoneResult)
        again = self.do(PlanRequest(wish=wish, nonce="n2", kept=kept), PlanResult)
        assert (again.steps, again.notes) == ((), ()), "what was told once is known"

    def take_away(self, kept: tuple[KeptAddress, ...] = (), wish: Desired = WISH) -> dict[str, str]:
        """What is left at the lines' names then."""
        shown = self.do(PlanRequest(wish=wish, nonce="n3", removal=True, kept=kept), PlanResult)
        self.notes = shown.notes
        self.do(DestroyRequest(wish=wish, fingerprint=shown.fingerprint, kept=kept), DoneResult)
        assert self.api.checks == {}
        leaves = {wish.wired.name, LEAF}
        return {
            kind: record["ResourceRecords"][0]["Value"]
            for (name, kind, _), record in self.api.records.items()
            if name in leaves and kind != "TXT"
        }


def test_what_the_daemon_writes_after_the_set_up_goes() -> None:
    house = House(TEXT)
    house.set_up()
    for address in (OURS, "2a00::1", NEWER):
        house.daemon(address)
    assert house.take_away() == {}
    assert (LEAF, "TXT", "") in house.api.records


def test_what_the_daemon_wrote_before_the_set_up_goes() -> None:
    house = House(TEXT)
    house.daemon(OURS)
    house.daemon("2a00::1")
    house.set_up(said(OURS, "2a00::1"))
    assert house.notes[0] == (
        f"A {OURS} of {LEAF} is what the daemon keeps there: it counts as ours, and `dns destroy` deletes it"
    )
    house.daemon(NEWER)
    assert house.take_away() == {}
    assert (LEAF, "TXT", "") in house.api.records


def test_what_somebody_else_had_there_comes_back() -> None:
    house = House(simple(LEAF, "A", THEIRS))
    house.set_up(said(OURS))
    assert house.notes == (
        f"A {THEIRS} of {LEAF} is not known to be the daemon's: it is remembered, and `dns destroy` brings "
        "it back; if you know that it is ours, delete it first",
    )
    house.daemon(OURS)
    assert house.take_away(said(OURS)) == {"A": THEIRS}


def test_what_the_daemon_would_never_have_written_is_somebody_elses() -> None:
    # The line's own address, with a TTL of its owner's liking.
    house = House(simple(LEAF, "A", OURS, ttl=300))
    house.set_up(said(OURS))
    assert house.take_away(said(OURS)) == {"A": OURS}


def test_without_the_daemons_word_nothing_is_taken() -> None:
    house = House()
    house.daemon(OURS)
    house.set_up()
    assert house.take_away() == {"A": OURS}


def test_a_name_that_was_never_set_up() -> None:
    house = House()
    house.daemon(OURS)
    assert house.take_away(()) == {"A": OURS}
    assert house.notes == (
        f"A {OURS} of {LEAF} stays: nothing tells that it is ours; if the daemon wrote it, delete it by hand",
    )
    assert house.take_away(said(OURS)) == {}
    assert house.notes == ()


@pytest.mark.parametrize("wish", [WISH, wired(source=Source.ELSEWHERE, addresses=())])
def test_what_is_said_of_a_name_that_the_daemon_does_not_keep_counts_for_nothing(wish: Desired) -> None:
    house = House(simple("wired.example.com", "A", "1.2.3.4", ttl=60))
    kept = said("1.2.3.4", name="wired.example.com")
    house.set_up(kept, wish)
    assert house.take_away(kept, wish) == {"A": "1.2.3.4"}


def test_both_lines_are_kept_by_the_daemon() -> None:
    house = House()
    house.daemon(OURS)
    house.daemon(NEWER, "wired.example.com")
    house.set_up((*said(OURS), *said(NEWER, name="wired.example.com")), BOTH)
    assert house.take_away(wish=BOTH) == {}


def test_who_was_set_up_before_there_was_such_a_rule_is_asked_once_more() -> None:
    house = House()
    house.set_up()
    for told in house.api.tags.values():
        told["failberry-register-1"] = "o/wired.example.com/A"
    house.daemon(OURS)
    house.set_up(said(OURS))
    assert house.take_away() == {}


def test_who_is_applied_with_another_word_than_was_planned_is_refused() -> None:
    house = House()
    house.daemon(OURS)
    shown = house.do(PlanRequest(wish=WISH, nonce="n1", kept=said(OURS)), PlanResult)
    other = house.do(PlanRequest(wish=WISH, nonce="n1"), PlanResult)
    assert shown.fingerprint != other.fingerprint
