"""The judge of one line: dead or not, lossy or not, and how it wants to be asked."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest

from failberry.core.detector import Detector, Finding, Limits
from failberry.core.facts import Address
from tests.simulation.pinger import LIMITS, RTT, TARGETS, Pinger, lose, well

ONE, TWO, THREE = TARGETS
STRANGER = ip_address("192.0.2.77")


def volley(detector: Detector, sent: float) -> None:
    for each in detector.limits.targets:
        detector.missed(each, sent=sent, now=sent + 0.2)


def suspected() -> Detector:
    """The same, silent since 100.5, suspected at 101.0."""
    detector = well()
    detector.missed(ONE, sent=100.5, now=100.7)
    volley(detector, 100.7)
    volley(detector, 100.8)
    assert detector.finding is Finding.SUSPECT
    return detector


def dead() -> Detector:
    """The same, down at 105.5."""
    detector = suspected()
    for step in range(1, 10):
        detector.missed(ONE, sent=100.5 + step / 2, now=100.7 + step / 2)
    detector.tick(105.5)
    assert detector.finding is Finding.DOWN
    return detector


def black_hole(seed: int, limits: Limits = LIMITS) -> tuple[float, float, float]:
    """Seconds from the beginning of a black hole to suspicion and to death, and from its end to life."""
    rng = random.Random(seed)  # noqa: S311  fate, not a secret
    begin = 30.0 + rng.uniform(0.0, 3.0)
    end = begin + 8.0 + rng.uniform(0.0, 3.0)
    pinger = Pinger(lambda sent, _peer: None if begin <= sent < end else RTT, limits=limits)
    pinger.run(60.0)
    findings = [finding for _, finding in pinger.turns]
    assert findings == [Finding.UP, Finding.SUSPECT, Finding.DOWN, Finding.UP]
    _, suspect, down, up = (at for at, _ in pinger.turns)
    return suspect - begin, down - begin, up - end


@pytest.mark.parametrize(
    ("targets", "interval", "within"), [(3, 0.5, 1.05), (2, 0.5, 1.05), (1, 0.5, 1.3), (3, 0.2, 0.75)]
)
def test_how_long_a_black_hole_goes_unseen(targets: int, interval: float, within: float) -> None:
    limits = replace(LIMITS, targets=TARGETS[:targets], interval=interval)
    suspect, down, up = (
        sorted(each) for each in zip(*(black_hole(s, limits) for s in range(60)), strict=True)
    )
    print(
        f"{targets} targets every {interval} s: suspect {suspect[30]:.2f} s (p50) {suspect[57]:.2f} s (p95), "
        f"down {down[30]:.2f} {down[57]:.2f}, up again {up[30]:.2f} {up[57]:.2f}"
    )
    assert suspect[57] <= within
    assert LIMITS.confirm <= down[0] <= down[-1] <= LIMITS.confirm + interval + 0.05
    assert up[-1] <= 3 * interval + 0.1


def test_before_anything_is_known() -> None:
    detector = Detector(LIMITS)
    assert (detector.finding, detector.reason) == (Finding.SUSPECT, "not asked yet")
    assert detector.deadline is None
    detector.missed(ONE, sent=1.0, now=1.2)
    assert detector.reason == "1.1.1.1 has not answered 1 ping in 0.2 s"
    assert detector.pace.volley == 1
    detector.answered(TWO, sent=1.2, rtt=0.03, now=1.23)
    assert (detector.finding, detector.since, detector.last_answer) == (Finding.UP, 1.23, 1.23)
    assert detector.reason == "8.8.8.8 answered in 30 ms, 100 % lost in a minute"


def test_a_line_that_never_answered_is_down_after_its_time() -> None:
    pinger = Pinger(lambda _sent, _peer: None)
    pinger.run(20.0)
    assert [finding for _, finding in pinger.turns] == [Finding.DOWN]
    assert pinger.turns[0][0] == pytest.approx(LIMITS.confirm)


def test_the_first_miss_asks_everybody() -> None:
    detector = well()
    detector.missed(ONE, sent=100.5, now=100.7)
    assert detector.pace.volley == 1
    assert detector.silent_since == 100.5
    assert detector.finding is Finding.UP
    assert detector.deadline == pytest.approx(101.0)  # the next volley
    detector.tick(101.0)
    assert detector.pace.volley == 2


def test_five_misses_of_two_targets_within_half_a_second_are_suspect() -> None:
    detector = well()
    detector.missed(ONE, sent=100.5, now=100.7)
    volley(detector, 100.7)
    detector.tick(100.97)
    assert detector.finding is Finding.UP, "four misses"
    detector.missed(ONE, sent=100.8, now=101.0)
    assert (detector.finding, detector.since) == (Finding.SUSPECT, 101.0)
    assert detector.reason == "none of 1.1.1.1, 8.8.8.8, 9.9.9.9 has answered 5 pings in 0.5 s"


def test_one_silent_target_proves_nothing() -> None:
    detector = well()
    for step in range(1, 40):
        detector.missed(ONE, sent=100.0 + step / 4, now=100.2 + step / 4)
    assert detector.finding is Finding.UP
    detector.missed(TWO, sent=110.0, now=110.2)
    assert detector.finding is Finding.DOWN


def test_misses_at_one_instant_wait_for_time_to_pass() -> None:
    detector = well()
    volley(detector, 100.5)
    volley(detector, 100.51)
    assert detector.finding is Finding.UP
    assert detector.deadline == pytest.approx(100.95)
    detector.tick(100.95)
    assert detector.finding is Finding.SUSPECT


def test_a_line_that_loses_much_needs_more_evidence() -> None:
    detector = Detector(LIMITS)
    for step in range(200):
        if step % 5 < 2:
            detector.missed(ONE, sent=step / 2, now=step / 2 + 0.2)
        else:
            detector.answered(TARGETS[step % 3], sent=step / 2, rtt=RTT, now=step / 2 + RTT)
    for step in range(1, 16):
        detector.missed(TARGETS[step % 3], sent=100.0 + step / 20, now=100.2 + step / 20)
    assert detector.finding is Finding.UP
    detector.missed(ONE, sent=100.8, now=101.0)
    assert detector.finding is Finding.SUSPECT


def test_volleys_go_on_while_suspect_and_end_with_death() -> None:
    pinger = Pinger(lambda sent, _peer: RTT if sent < 30.0 else None)
    pinger.run(34.9)
    assert 10 <= pinger.detector.pace.volley <= 14
    pinger.run(36.0)
    assert pinger.detector.finding is Finding.DOWN
    asked = pinger.detector.pace.volley
    pinger.run(100.0)
    assert pinger.detector.pace.volley == asked
    assert pinger.detector.deadline is None


def test_death_needs_its_whole_silence() -> None:
    detector = suspected()
    for step in range(1, 10):
        detector.missed(ONE, sent=100.5 + step / 2, now=100.7 + step / 2)
    detector.tick(105.49)
    assert detector.finding is Finding.SUSPECT
    detector.tick(105.5)
    assert (detector.finding, detector.since, detector.silent_since) == (Finding.DOWN, 105.5, 100.5)


def test_a_late_answer_to_the_first_silent_ping_ends_the_silence() -> None:
    detector = suspected()
    detector.answered(ONE, sent=100.5, rtt=0.9, now=101.4)
    assert detector.silent_since is None
    assert (detector.finding, detector.reason) == (
        Finding.SUSPECT,
        "1.1.1.1 answers again, not steadily yet",
    )
    detector.answered(TWO, sent=100.7, rtt=0.9, now=101.6)
    detector.answered(THREE, sent=100.7, rtt=0.9, now=101.6)
    assert detector.finding is Finding.UP
    assert detector.loss(101.6) == 0.0


def test_an_answer_from_before_the_silence_proves_nothing() -> None:
    detector = suspected()
    before = detector.last_answer
    detector.answered(TWO, sent=100.2, rtt=1.0, now=101.2)
    assert (detector.finding, detector.silent_since) == (Finding.SUSPECT, 100.5)
    assert detector.last_answer == before


def test_a_suspicion_ends_with_the_third_answer() -> None:
    detector = suspected()
    for number, sent in enumerate((101.0, 101.5, 102.0)):
        assert detector.finding is Finding.SUSPECT
        detector.answered(TARGETS[number], sent=sent, rtt=RTT, now=sent + RTT)
    assert (detector.finding, detector.since) == (Finding.UP, 102.0 + RTT)
    assert detector.deadline is None


def test_three_answers_too_far_apart_end_no_suspicion() -> None:
    detector = suspected()
    for sent in (101.0, 103.5, 106.0, 108.5):
        detector.answered(ONE, sent=sent, rtt=RTT, now=sent + RTT)
        detector.missed(TWO, sent=sent + 1.0, now=sent + 1.2)
    assert detector.finding is Finding.SUSPECT


def test_a_dead_line_is_up_with_three_answers_of_two_targets() -> None:
    detector = dead()
    for sent in (200.0, 200.5, 201.0):
        detector.answered(ONE, sent=sent, rtt=RTT, now=sent + RTT)
    assert detector.finding is Finding.DOWN
    assert detector.last_answer == 201.0 + RTT
    detector.answered(TWO, sent=201.5, rtt=RTT, now=201.52)
    assert detector.finding is Finding.UP


def test_the_same_answer_twice_is_one() -> None:
    detector = dead()
    for peer in (ONE, ONE, TWO, TWO, ONE):
        detector.answered(peer, sent=200.0, rtt=RTT, now=200.0 + RTT)
    assert detector.finding is Finding.DOWN


def test_with_one_target_that_one_is_enough() -> None:
    limits = replace(LIMITS, targets=(ONE,))
    suspect, _, up = black_hole(1, limits)
    assert suspect < 1.3
    assert up < 1.6


def test_a_stranger_proves_life_too() -> None:
    detector = suspected()
    for sent in (101.0, 101.5, 102.0):
        detector.answered(STRANGER, sent=sent, rtt=RTT, now=sent + RTT)
    assert detector.finding is Finding.UP
    assert STRANGER not in detector.unreached


def outages(length: float, every: float, count: int) -> Pinger:
    pinger = Pinger(lambda _sent, _peer: RTT)
    pinger.run(60.0)
    for number in range(1, count + 1):
        begin = number * every + 0.1 * (number % 5)
        pinger.skip(int((begin - 10.0 - pinger.regular_at) * 2))
        pinger.fate = lambda sent, _peer, b=begin: None if b <= sent < b + length else RTT
        pinger.run(begin + length + 5.0)
    return pinger


def test_a_line_that_stutters_gets_patience() -> None:
    pinger = outages(2.0, 600.0, 12)
    suspected = [at for at, finding in pinger.turns if finding is Finding.SUSPECT]
    assert len(suspected) == 3
    assert all(finding is not Finding.DOWN for _, finding in pinger.turns)
    # It is never so patient that a dead line is not seen.
    begin = pinger.regular_at + 10.0
    pinger.fate = lambda sent, _peer: None if sent >= begin else RTT
    pinger.run(begin + 20.0)
    (suspect, _), (down, _) = pinger.turns[-2:]
    assert 2.0 < suspect - begin <= 3.6
    assert down - begin <= 5.6


def test_patience_is_forgotten_after_a_good_day() -> None:
    pinger = outages(2.0, 600.0, 6)
    pinger.skip(2 * 86_400)
    begin = pinger.regular_at + 10.0
    pinger.fate = lambda sent, _peer: None if sent >= begin else RTT
    pinger.run(begin + 2.0)
    assert pinger.turns[-1][0] - begin <= 1.05


def test_three_outages_in_a_day_earn_no_patience() -> None:
    pinger = outages(2.0, 8 * 3600.0, 6)
    assert sum(finding is Finding.SUSPECT for _, finding in pinger.turns) == 6


def test_an_upload_that_fills_the_buffer_is_at_most_a_suspicion() -> None:
    pinger = Pinger(lambda sent, _peer: 2.05 if 30.0 <= sent < 90.0 else RTT)
    pinger.run(150.0)
    findings = [finding for _, finding in pinger.turns]
    assert findings == [Finding.UP, Finding.SUSPECT, Finding.UP]
    assert pinger.turns[2][0] - pinger.turns[1][0] < 2.0
    assert not pinger.detector.lossy


def test_who_is_not_reached_while_others_are() -> None:
    detector = well()
    for step in range(1, 140):
        sent, peer = 100.0 + step / 2, TARGETS[step % 3]
        if peer is THREE:
            detector.missed(peer, sent=sent, now=sent + 0.2)
        else:
            detector.answered(peer, sent=sent, rtt=RTT, now=sent + RTT)
        if sent == 120.0:
            assert detector.unreached == ()
    assert (detector.finding, detector.unreached) == (Finding.UP, (THREE,))
    assert not detector.lossy
    detector.answered(THREE, sent=171.0, rtt=RTT, now=171.02)
    assert detector.unreached == ()


def test_who_never_answers_is_not_waited_for() -> None:
    """Two of three targets are blocked: the third alone tells death and life."""
    begin, end = 120.0, 200.0
    pinger = Pinger(lambda sent, peer: RTT if peer is TWO and not begin <= sent < end else None)
    pinger.run(begin)
    pinger.turns.clear()
    assert not pinger.detector.lossy
    assert pinger.detector.unreached == (ONE, THREE)
    volleys = pinger.detector.pace.volley
    pinger.run(begin + 60.0)
    assert [finding for _, finding in pinger.turns] == [Finding.SUSPECT, Finding.DOWN]
    suspect, down = (at for at, _ in pinger.turns)
    assert suspect - begin <= 2.6  # it is asked each 1.5 s
    assert down - begin <= 6.6
    assert pinger.detector.pace.volley < volleys + 20
    pinger.run(end + 6.0)
    assert (pinger.detector.finding, pinger.detector.unreached) == (Finding.UP, (ONE, THREE))


def test_nobody_is_unreached_only_because_the_line_was_dead() -> None:
    detector = dead()
    detector.answered(ONE, sent=500.0, rtt=RTT, now=500.02)
    assert detector.unreached == ()


def test_other_limits_keep_what_is_known() -> None:
    detector = dead()
    detector.retune(replace(LIMITS, targets=(STRANGER, ONE), confirm=30.0))
    assert (detector.finding, detector.silent_since) == (Finding.DOWN, 100.5)
    lose(detector, 106.0, ".....")
    assert detector.finding is Finding.UP


def test_a_line_that_was_gone_begins_anew() -> None:
    detector = dead()
    asked = detector.pace.volley
    detector.forget(300.0)
    assert (detector.finding, detector.since, detector.reason) == (Finding.SUSPECT, 300.0, "not asked yet")
    assert (detector.silent_since, detector.last_answer, detector.pace.volley) == (None, None, asked)
    # What was asked on the old line says nothing of the new one.
    detector.answered(ONE, sent=299.9, rtt=0.2, now=300.1)
    detector.missed(ONE, sent=299.8, now=300.1)
    assert (detector.finding, detector.silent_since) == (Finding.SUSPECT, None)
    detector.answered(ONE, sent=300.2, rtt=RTT, now=300.22)
    assert detector.finding is Finding.UP


def test_what_could_not_be_sent_is_told() -> None:
    detector = well()
    for step in range(1, 4):
        for peer in TARGETS:
            detector.missed(
                peer, sent=100.0 + step / 2, now=100.0 + step / 2, problem="Network is unreachable"
            )
    assert detector.finding is Finding.SUSPECT
    assert detector.reason == (
        "none of 1.1.1.1, 8.8.8.8, 9.9.9.9 has answered 9 pings in 1.0 s: Network is unreachable"
    )


def test_a_stretch_of_answers_is_as_good_as_each() -> None:
    single, stretch = well(), well()
    peers: list[Address] = []
    for step in range(1, 101):
        peers.append(TARGETS[step % 3])
        single.answered(peers[-1], sent=100.0 + step / 2, rtt=0.1, now=100.1 + step / 2)
    stretch.answered(peers[-1], sent=150.0, rtt=0.1, now=150.1, count=100)
    for now in (150.1, 170.0, 200.0, 211.0):
        assert single.loss(now) == stretch.loss(now)
        assert single.rtt(now) == pytest.approx(stretch.rtt(now)) if single.rtt(now) else True
    assert single.pace == stretch.pace
    assert (single.finding, single.last_answer) == (stretch.finding, stretch.last_answer)
