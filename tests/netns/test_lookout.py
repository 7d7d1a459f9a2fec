"""The lookout asks over the line it is meant to, as it is told, and tells what comes, however late."""

from __future__ import annotations

import asyncio
import itertools
import select
from ipaddress import ip_address
from pathlib import Path

import pytest
from house import until
from twins import (
    CANARY,
    GATEWAY,
    MOBILE,
    MOBILE6,
    TARGETS,
    TARGETS6,
    WIRED,
    WIRED6,
    plan,
    some,
    twins,
    watching,
)

from failberry.adapters import icmp
from failberry.adapters.echoes import MOST, Echoes
from failberry.adapters.pinned import Line
from failberry.core.events import ProbeAnswered, ProbeMissed
from failberry.core.snapshot import UplinkName

pytestmark = pytest.mark.netns
BOTH = (*TARGETS, *TARGETS6)
QUICK = 0.05
NEVER = 60.0


@pytest.fixture(scope="module")
def shared():
    """Lines that a test leaves as they were."""
    with twins() as made:
        yield made


@pytest.fixture
def lines(shared):
    for far in (shared.wired, shared.mobile):
        far.came.clear()
        far.delay = lambda _: 0.0
    return shared


def open_files():
    return set(Path("/proc/self/fd").iterdir())


def addresses(found):
    return {str(each.peer) for each in found}


def test_each_line_is_judged_by_its_own_answers(lines):
    lines.wired.delay = lambda _: None

    async def test():
        plans = [
            plan(line, targets=BOTH, interval=QUICK, timeout=QUICK)
            for line in (UplinkName.WIRED, UplinkName.CELLULAR)
        ]
        async with watching(lines, *plans) as (_, told):
            await some(told, ProbeMissed, least=12)
            return told

    told = lines.pi.run(test)
    assert {(type(each), each.line) for each in told} == {
        (ProbeMissed, UplinkName.WIRED),
        (ProbeAnswered, UplinkName.CELLULAR),
    }
    assert {who for _, who, _, _ in lines.wired.came} == {WIRED, WIRED6}
    assert {who for _, who, _, _ in lines.mobile.came} == {MOBILE, MOBILE6}
    assert {each.problem for each in told if isinstance(each, ProbeMissed)} == {""}


def test_targets_take_turns_in_each_family_and_a_filter_can_know_our_pings(lines):
    async def test():
        async with watching(lines, plan(targets=BOTH, interval=QUICK, timeout=1.0)) as (_, told):
            found = await some(told, ProbeAnswered, least=12)
            now = asyncio.get_running_loop().time()
            assert all(0 < each.rtt < 0.5 and each.sent + each.rtt <= now for each in found)

    lines.pi.run(test)
    for targets, size in ((TARGETS, 37), (TARGETS6, 57)):
        came = [each for each in lines.wired.came if each[2] in targets][:6]
        assert [whom for _, _, whom, _ in came] == [*targets, *targets]
        assert {each[3] for each in came} == {size}
        paces = [later[0] - earlier[0] for earlier, later in itertools.pairwise(came)]
        assert QUICK * 0.5 < sum(paces) / 5 < QUICK * 2
    assert lines.mobile.came == []


@pytest.mark.parametrize("target", [TARGETS[0], TARGETS6[0]])
def test_an_answer_that_comes_late_is_told_after_its_miss(lines, target):
    lines.wired.delay = lambda _: 0.3

    async def test():
        async with watching(lines, plan(targets=[target], interval=NEVER, timeout=0.1)) as (_, told):
            await some(told, ProbeAnswered)
            return told

    missed, answered = lines.pi.run(test)
    assert (type(missed), type(answered)) == (ProbeMissed, ProbeAnswered)
    assert missed.sent == answered.sent
    assert str(missed.peer) == str(answered.peer) == target
    assert 0.3 <= answered.rtt < 0.6


def test_a_volley_goes_to_all_at_once_and_again_and_the_turns_go_on(lines):
    async def test():
        loop, still = asyncio.get_running_loop(), plan(targets=BOTH, interval=NEVER, timeout=1.0, volley=7)
        async with watching(lines, still) as (lookout, told):
            await some(told, ProbeAnswered, least=2)
            before = len(lines.wired.came)
            begin = loop.time()
            lookout.apply([plan(targets=BOTH, interval=NEVER, timeout=1.0, volley=8)])
            await some(told, ProbeAnswered, least=12)
            lookout.apply([plan(targets=BOTH, interval=NEVER, timeout=1.0, volley=8)])
            lookout.apply([plan(targets=BOTH, interval=NEVER, timeout=0.9, volley=8)])
            assert await lookout.prove_alive()
            return before, [(at - begin, whom) for at, _, whom, _ in lines.wired.came[before:]]

    before, came = lines.pi.run(test)
    assert before == 2
    assert sorted(whom for _, whom in came[:6]) == sorted(whom for _, whom in came[6:]) == sorted(BOTH)
    assert came[5][0] < 0.08
    assert 0.1 <= came[6][0] <= came[11][0] < 0.2
    assert len(came) == 12


def test_a_plan_changes_on_the_fly_and_what_it_leaves_goes_on(lines):
    lines.wired.delay = lambda whom: 0.3 if whom in TARGETS[:2] else None

    async def test():
        async with watching(lines, plan(targets=TARGETS[:2], interval=NEVER, timeout=NEVER)) as (
            lookout,
            told,
        ):
            await until(lambda: len(lines.wired.came) == 1)
            handles = open_files()
            # The ping that is under way is missed by the new patience, its answer heard by the old socket.
            lookout.apply([plan(targets=TARGETS[:2], interval=NEVER, timeout=QUICK)])
            assert len(await some(told, ProbeAnswered)) == 1
            lookout.apply([plan(targets=TARGETS[2:], interval=QUICK, timeout=QUICK)])
            await some(told, ProbeMissed, least=3)
            assert open_files() == handles
            lookout.apply([])
            assert await lookout.prove_alive()
            silent = len(told), len(lines.wired.came)
            lookout.apply([])
            assert await lookout.prove_alive()
            assert silent == (len(told), len(lines.wired.came))
            return told

    told = lines.pi.run(test)
    assert [type(each) for each in told[:3]] == [ProbeMissed, ProbeAnswered, ProbeMissed]
    assert [str(each.peer) for each in told[:3]] == [TARGETS[0], TARGETS[0], TARGETS[2]]


def test_what_is_no_longer_wanted_is_not_told(lines):
    lines.wired.delay = lambda whom: 0.1 if whom == TARGETS[0] else 0.2

    async def test():
        async with watching(lines, plan(targets=TARGETS[:1], interval=NEVER, timeout=NEVER)) as (
            lookout,
            told,
        ):
            await until(lambda: bool(lines.wired.came))
            lookout.apply([plan(targets=TARGETS[1:2], interval=QUICK, timeout=NEVER)])
            return await some(told, ProbeAnswered)

    assert addresses(lines.pi.run(test)) == {TARGETS[1]}


def test_of_the_canary_only_answers_are_told(lines):
    lines.wired.delay = lambda whom: None if whom == CANARY else 0.0
    settings = {"targets": TARGETS[:1], "interval": QUICK, "timeout": QUICK, "canary": ip_address(CANARY)}

    async def test():
        async with watching(lines, plan(**settings)) as (lookout, told):
            await some(told, ProbeAnswered, least=5)
            assert CANARY in {whom for _, _, whom, _ in lines.wired.came}
            assert {(str(each.peer), type(each)) for each in told} == {(TARGETS[0], ProbeAnswered)}
            lines.wired.delay = lambda _: 0.0
            await until(lambda: any(getattr(each, "canary", False) for each in told))
            lookout.apply([])
            return told

    told = lines.pi.run(test)
    assert {str(each.peer) for each in told if each.canary} == {CANARY}
    assert not any(each.canary for each in told if str(each.peer) != CANARY)


def test_an_interface_that_goes_and_comes_back_is_asked_again():
    async def gone_and_back(lines):
        async with watching(lines, plan(targets=BOTH, interval=QUICK, timeout=0.5)) as (_, told):
            await some(told, ProbeAnswered, least=4)
            lines.pi.ip("link del eth0")
            lines.wired.came.clear()
            missed = [each for each in await some(told, ProbeMissed, least=8) if each.problem]
            assert {each.problem for each in missed} == {"there is no interface eth0"}
            assert lines.wired.came == []
            lines.plug("eth0", lines.wired.namespace, WIRED, WIRED6)
            await until(lambda: {each[1] for each in lines.wired.came} == {WIRED, WIRED6})
            assert len(await some(told, ProbeAnswered, least=4)) >= 4
            lines.pi.ip(f"addr del {WIRED}/24 dev eth0", f"route add {TARGETS[0]} dev eth0")
            missed = [each for each in await some(told, ProbeMissed, least=4) if each.peer.version == 4]
            assert missed[-1].problem == "nothing could be sent over eth0: eth0 has no IPv4 address"
            lines.pi.ip("addr add 10.0.0.77/24 dev eth0", f"route add default via {GATEWAY} dev eth0")
            await until(lambda: any(who == "10.0.0.77" for _, who, _, _ in lines.wired.came))
            # No storm: as many misses as pings would have been.
            times = [
                each.sent for each in told if isinstance(each, ProbeMissed) and str(each.peer) == TARGETS[0]
            ]
            assert all(later - earlier > QUICK for earlier, later in itertools.pairwise(times))
        assert lines.mobile.came == []

    with twins() as lines:
        lines.pi.run(lambda: gone_and_back(lines))


def test_it_leaves_nothing_behind(lines):
    def held():
        watched = asyncio.get_running_loop()._selector.get_map()
        return open_files(), set(watched), asyncio.all_tasks()

    async def test():
        before = held()
        async with watching(lines, plan(targets=BOTH, interval=QUICK, timeout=1.0)) as (_, told):
            await some(told, ProbeAnswered, least=4)
        assert held() == before

    lines.pi.run(test)


# --- one socket ----------------------------------------------------------------------------------


def echoes(heard, version=4):
    return Echoes(Line(interface="eth0"), version, lambda ping, now: heard.append((ping, now)))


@pytest.mark.parametrize(("version", "target"), [(4, TARGETS[0]), (6, TARGETS6[0])])
def test_a_standstill_of_ours_is_no_miss(lines, version, target):
    async def test():
        heard = []
        ours = echoes(heard, version)
        with lines.wired.at_home():
            ours.send(ip_address(target))
            await until(lambda: bool(lines.wired.came))
        # The answer lies in the socket, and the loop has not come to it yet.
        assert heard or select.select([ours._socket], [], [], 5)[0]
        assert ours.misses(asyncio.get_running_loop().time() + 9, 0.5) == ()
        assert len(heard) == 1
        ours.close()

    lines.pi.run(test)


FALSE = {
    "of another identifier": lambda message: message[:4] + b"\0\0" + message[6:],
    "of another number": lambda message: message[:6] + bytes((message[6] ^ 1, message[7])) + message[8:],
    "with another payload": lambda message: message[:-1] + bytes((message[-1] ^ 1,)),
    "with less": lambda message: message[:-1],
    "with more": lambda message: message + b"\0",
    "with nothing": lambda message: message[:8],
}


@pytest.mark.parametrize(("version", "target", "other"), [(4, *TARGETS[:2]), (6, *TARGETS6[:2])])
def test_only_the_true_answer_counts_and_no_flood_hides_it(lines, version, target, other):
    async def test():
        heard, loop = [], asyncio.get_running_loop()
        ours = echoes(heard, version)
        honest = lines.wired.reply

        def flood(raw, version, source, to, message):
            for change in FALSE.values():
                for _ in range(20):
                    honest(raw, version, source, to, change(message))
            honest(raw, version, other, to, message)
            assert heard == []
            loop.call_later(0.05, honest, raw, version, source, to, message)

        lines.wired.reply = flood
        try:
            with lines.wired.at_home():
                ours.send(ip_address(target))
                await until(lambda: bool(heard))
        finally:
            lines.wired.reply = honest
        ((ping, now),) = heard
        assert now - ping.sent >= 0.05
        ours.close()

    lines.pi.run(test)


def test_the_kernel_itself_turns_strangers_away(lines):
    async def test():
        ours = echoes([])
        honest = lines.wired.reply

        def flood(raw, version, source, to, message):
            for _ in range(50):
                honest(raw, version, source, to, FALSE["of another identifier"](message))
            honest(raw, version, source, to, message)

        lines.wired.reply = flood
        try:
            with lines.wired.at_home():
                ours.send(ip_address(TARGETS[0]))
                mine = ours._socket
                asyncio.get_running_loop().remove_reader(mine)
                await until(lambda: bool(select.select([mine], [], [], 0)[0]))
        finally:
            lines.wired.reply = honest
        first = icmp.parse(4, mine.recv(2048))
        assert (first.kind, first.identifier) == (icmp.ECHO_REPLY[4], ours._identifier)
        with pytest.raises(BlockingIOError):
            mine.recv(2048)
        ours.close()

    lines.pi.run(test)


def test_what_is_remembered_has_a_bound(lines):
    lines.wired.delay = lambda _: None

    async def test():
        ours = echoes([])
        for _ in range(MOST + 40):
            ours.send(ip_address(TARGETS[0]))
        now = asyncio.get_running_loop().time()
        assert len(ours.misses(now + 1, 0.5)) == MOST
        assert ours.misses(now + 1, 0.5) == ()
        ours.send(ip_address(TARGETS[0]))
        assert len(ours._missed) + len(ours._waiting) == MOST
        ours.misses(now + 12, 0.5)
        assert len(ours._missed) + len(ours._waiting) <= 1
        ours.close()

    lines.pi.run(test)
