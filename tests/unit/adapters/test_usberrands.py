"""One child for a turn, a fresh one after an order that failed it, and none that outlives its deadline."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from failberry.adapters import usbports, usbpower_errand
from failberry.adapters.usberrands import Errands
from failberry.errors import AdapterError, AdapterReason
from tests.unit.adapters.test_usbpower import Place, plan, script


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, children=True)


def children(place: Place) -> list[int]:
    return [int(line) for line in place.bus.children.read_text().split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def words(place: Place, text: str = "1") -> dict[str, Any]:
    return {"path": str(place.bus.root / "1-1.2" / "authorized"), "text": text}


def test_a_whole_power_cycle_costs_one_child(place: Place) -> None:
    place.cycle()
    assert [order["on"] for order in place.orders()] == [False, True]
    assert len(children(place)) == 1
    place.cycle()
    assert len(children(place)) == 2, "the next turn has its own"
    assert not any(map(alive, children(place)))


def run(place: Place, scene: Coroutine[None, None, None]) -> None:
    asyncio.run(scene)
    assert not any(map(alive, children(place)))
    assert asyncio.run(place.promises.restore())[1] == "", "the lock is free again"


def test_an_order_that_hangs_costs_its_child_and_not_the_turn(place: Place) -> None:
    place.errands = Errands(place.folder / "usb.lock", script=script(place.folder), deadline=1.5)
    place.bus.set(stuck=True)

    async def scene() -> None:
        async with place.errands.turn() as order:
            with pytest.raises(AdapterError) as late:
                await order("switch", {"on": True})
            assert late.value.reason is AdapterReason.TIMEOUT
            place.bus.set()
            assert await order("write", words(place)) == {}
            assert await order("write", words(place)) == {}

    run(place, scene())
    assert len(children(place)) == 2


def test_a_child_that_died_is_told_of_once(place: Place) -> None:
    async def scene() -> None:
        async with place.errands.turn() as order:
            await order("write", words(place))
            os.kill(children(place)[0], signal.SIGKILL)
            with pytest.raises(AdapterError) as dead:
                await order("write", words(place))
            assert dead.value.evidence == "the order to the hub failed (status -9): no word"
            assert await order("write", words(place)) == {}

    run(place, scene())
    assert len(children(place)) == 2


def test_a_child_that_fails_says_why(place: Place) -> None:
    script(place.folder).write_text("input(); raise SystemExit('the sky is falling')")

    async def scene() -> None:
        with pytest.raises(AdapterError) as failed:
            await place.errands.ask("hubs")
        assert failed.value.evidence == "the order to the hub failed (status 1): the sky is falling"

    asyncio.run(scene())


def test_a_problem_is_an_answer_and_its_child_goes_on(place: Place) -> None:
    async def scene() -> None:
        async with place.errands.turn() as order:
            with pytest.raises(AdapterError) as refused:
                await order("write", {"path": str(place.folder / "none"), "text": "1"})
            assert refused.value.evidence == "No such file or directory"
            assert await order("write", words(place)) == {}

    run(place, scene())
    assert len(children(place)) == 1


def test_a_cycle_that_is_cancelled_in_the_midst_of_an_order_gives_power_back(place: Place) -> None:
    place.bus.set(stuck=False)

    async def scene() -> None:
        cycle = asyncio.create_task(place.power.cycle(7, plan(), off_time=60.0, force=False))
        assert await usbports.until(place.bus.children.exists, 5.0)
        cycle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cycle

    run(place, scene())
    assert len(children(place)) == 2, "the answer of the first would have been taken for the second's"
    assert place.healthy()


# --- the child by itself ----------------------------------------------------------------------------


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", str(usbpower_errand.__file__)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def tell(child: subprocess.Popen[str], path: Path, deadline: float) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps({"errand": "write", "path": str(path), "text": "1", "deadline": deadline}))
    child.stdin.write("\n")
    child.stdin.flush()


def test_whoever_waits_for_orders_may_wait_and_ends_with_who_gives_them(
    child: subprocess.Popen[str], tmp_path: Path
) -> None:
    attribute = tmp_path / "attribute"
    attribute.write_text("0")
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(2):
        tell(child, attribute, deadline=0.2)
        assert json.loads(child.stdout.readline()) == {}
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
    child.stdin.close()
    assert child.wait(30.0) == 0


def test_no_order_outlives_its_deadline(child: subprocess.Popen[str], tmp_path: Path) -> None:
    fifo = tmp_path / "attribute"
    os.mkfifo(fifo)  # nobody reads it: the write never begins
    tell(child, fifo, deadline=0.2)
    assert child.wait(30.0) == -signal.SIGALRM
