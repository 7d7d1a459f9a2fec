"""Whatever is told of the pings, in whatever order: a detector stays within its bounds."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.core.detector import Detector, Finding, Limits
from failberry.core.facts import Address

PEERS: tuple[Address, ...] = tuple(map(ip_address, ("1.1.1.1", "8.8.8.8", "9.9.9.9", "192.0.2.1")))
CONFIRM = 5.0

limits = st.builds(
    Limits,
    targets=st.integers(1, 3).map(lambda count: PEERS[:count]),
    interval=st.sampled_from([0.2, 0.5, 60.0]),
    confirm=st.sampled_from([4.0, CONFIRM, 60.0]),
    loss_limit=st.sampled_from([5.0, 25.0, 90.0]),
    latency_limit=st.sampled_from([0.0, 100.0]),
)
steps = st.tuples(
    st.sampled_from(["answer", "miss", "again", "tick", "stretch", "retune", "forget"]),
    st.sampled_from(PEERS),
    st.sampled_from([0.0, 0.01, 0.1, 0.3, 2.0, 30.0, 5000.0]),  # seconds that pass before
    st.sampled_from([0.0, 0.02, 0.2, 2.0, 9.9, 300.0]),  # seconds ago that it was sent
)


def within_bounds(detector: Detector, now: float) -> None:
    assert 0.2 <= detector.pace.timeout <= 2.0
    assert detector.since <= now
    loss, rtt = detector.loss(now), detector.rtt(now)
    assert loss is None or 0.0 <= loss <= 100.0
    assert rtt is None or rtt >= 0.0
    assert set(detector.unreached) <= set(detector.limits.targets)
    assert detector.reason
    assert detector.silent_since is None or detector.silent_since <= now


@settings(max_examples=150, deadline=None)
@given(start=limits, others=limits, story=st.lists(steps, max_size=40))
def test_any_story(start: Limits, others: Limits, story: list[tuple[str, Address, float, float]]) -> None:
    detector = Detector(start)
    now, told = 1000.0, (PEERS[0], 999.0)
    volleys = 0
    for what, peer, pause, ago in story:
        now += pause
        before = detector.finding
        match what:
            case "answer":
                told = peer, now - ago
                detector.answered(peer, sent=now - ago, rtt=ago, now=now)
            case "miss":
                told = peer, now - ago
                detector.missed(peer, sent=now - ago, now=now)
            case "again":
                detector.answered(told[0], sent=told[1], rtt=now - told[1], now=now)
                detector.missed(told[0], sent=told[1], now=now)
                detector.missed(told[0], sent=told[1], now=now)
            case "stretch":
                detector.answered(peer, sent=now, rtt=0.02, now=now + 0.02, count=100)
                now += 0.02
            case "tick":
                detector.tick(now)
            case "retune":
                detector.retune(others)
            case "forget":
                detector.forget(now)
                assert detector.finding is Finding.SUSPECT
                assert detector.silent_since is None
        within_bounds(detector, now)
        if detector.finding is Finding.DOWN and before is not Finding.DOWN:
            assert detector.silent_since is not None
            assert now >= detector.silent_since + detector.limits.confirm
        assert detector.pace.volley >= volleys
        volleys = detector.pace.volley
        for _ in range(2):
            # What is due by time alone happens at once, and is then over.
            if (deadline := detector.deadline) is not None and deadline <= now:
                detector.tick(now)
                assert detector.deadline is None or detector.deadline > now


@pytest.mark.parametrize("seed", range(4))
def test_no_death_without_its_silence(seed: int) -> None:
    """Pings of which each is lost or not, answers late or not: whoever is down was silent, as told."""
    rng = random.Random(seed)  # noqa: S311  fate, not a secret
    detector = Detector(
        Limits(targets=PEERS[:3], interval=0.5, confirm=CONFIRM, loss_limit=25.0, latency_limit=0.0)
    )
    now, proof, downs = 0.0, 0.0, 0
    loss = 0.5
    for step in range(6_000):
        now += rng.choice([0.05, 0.1, 0.4])
        if step % 50 == 0:
            loss = rng.choice([0.1, 0.5, 0.9, 1.0])
        before, peer = detector.finding, PEERS[step % 3]
        sent = now - rng.choice([0.2, 0.2, 2.0])
        if rng.random() < loss:
            detector.missed(peer, sent=sent, now=now)
        else:
            detector.answered(peer, sent=sent, rtt=now - sent, now=now)
            proof = max(proof, sent)
        detector.tick(now)
        if detector.finding is Finding.DOWN and before is not Finding.DOWN:
            downs += 1
            assert detector.silent_since is not None
            assert detector.silent_since > proof - 2.0
            assert now - detector.silent_since >= CONFIRM
    assert downs > 2


def test_memory_is_bounded() -> None:
    """Everybody answers, late and twice, or not at all; nothing grows without end."""
    rng = random.Random(1)  # noqa: S311  fate, not a secret
    detector = Detector(
        Limits(targets=PEERS[:3], interval=0.5, confirm=CONFIRM, loss_limit=25.0, latency_limit=500.0)
    )
    sizes = []
    for step in range(16_000):
        now = step * 0.01
        peer = ip_address(rng.getrandbits(32))
        sent = now - rng.uniform(0.0, 12.0)
        if rng.random() < (0.9 if step % 4000 < 2000 else 1.0):
            detector.missed(peer, sent=sent, now=now)
        else:
            detector.answered(peer, sent=sent, rtt=now - sent, now=now)
        if step % 400 == 0:
            sizes.append(weight(detector))
    # At most 512 misses of about a dozen values each, and a minute of buckets.
    assert 1000 < max(sizes) < 8000


def weight(part: object, depth: int = 0) -> int:
    """How many values hang on an object, however they are kept."""
    if depth > 8 or isinstance(part, (str, int, float, type(PEERS[0]), type(None))):
        return 1
    if isinstance(part, dict):
        return sum(weight(key, depth + 1) + weight(value, depth + 1) for key, value in part.items())
    if hasattr(part, "__iter__"):
        return 1 + sum(weight(each, depth + 1) for each in part)
    names = list(getattr(type(part), "__slots__", ())) or list(vars(part))
    return 1 + sum(weight(getattr(part, name), depth + 1) for name in names)
