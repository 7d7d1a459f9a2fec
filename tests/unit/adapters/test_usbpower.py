"""Power is cut, seen to be gone, and given back: with the adapter's own children, files and database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from failberry.adapters import usbports, usbpromises
from failberry.adapters.store import Owed, Promise, Store
from failberry.adapters.usberrands import Answer, Errands, Order
from failberry.adapters.usbpower import UsbPower
from failberry.adapters.usbpromises import Promises
from failberry.core.events import PowerCycled
from failberry.core.power import Casualty, HubPort, PlanBasis, PowerOutcome, PowerPlan
from failberry.errors import AdapterError, AdapterReason
from tests.unit.adapters import usb_kernel
from tests.unit.adapters.usb_kernel import Bus

MODEM = "1-1.2"
ALONE = (HubPort(hub="1-1", port=2),)
SEVERAL = (HubPort(hub="1-1", port=2), HubPort(hub="1-1", port=3))
HALVES = (HubPort(hub="1-1", port=2), HubPort(hub="2-1", port=2, superspeed=True))


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here takes its time but children: look at once again."""
    monkeypatch.setattr(usbports, "_POLL", 0.01)
    monkeypatch.setattr(usbpromises, "SUPERSPEED_REST", 0.01)


class Place:
    """A house with a modem on a hub, which may have two halves."""

    def __init__(self, folder: Path, *, children: bool, halves: bool = False, switch: bool = True) -> None:
        self.folder = folder
        self.bus = Bus(folder / "devices")
        self.store = Store(folder / "state.sqlite")
        self.bus.hub("1-1", (1, 2, 3), switch=switch)
        if halves:
            self.bus.hub("2-1", (1, 2, 3), switch=switch, superspeed=True)
        self.bus.device(MODEM)
        self.errands = Errands(folder / "usb.lock", script=script(folder), deadline=5.0, turn=2.0)
        if not children:
            self.errands = InProcess(self.bus)  # type: ignore[assignment]  # the same turn() and order()
        self.promises = Promises(self.store, self.errands, self.bus.root)
        self.power = UsbPower(self.promises, self.errands, self.bus.root, vanish=0.05)

    def cycle(self, ports: tuple[HubPort, ...] = ALONE, *, force: bool = False, **fields: Any) -> PowerCycled:
        return asyncio.run(self.power.cycle(7, plan(ports, **fields), off_time=0.0, force=force))

    def orders(self) -> list[dict[str, Any]]:
        if not self.bus.orders.exists():
            return []
        return [json.loads(line) for line in self.bus.orders.read_text().splitlines()]

    def healthy(self) -> bool:
        """Nothing is off, nothing is owed, nothing is forbidden."""
        authorized = {each.read_text().strip() for each in self.bus.root.glob("*/authorized")}
        return all(self.bus.ports().values()) and authorized == {"1"} and self.store.promises() == ((), None)


def script(folder: Path) -> Path:
    """The child: our kernel, told where its bus is."""
    path = folder / "errand.py"
    path.write_text(
        f"import os, sys\nos.environ['BUS'] = {str(folder / 'devices')!r}\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from tests.unit.adapters import usb_kernel\nusb_kernel.main()\n"
    )
    return path


class InProcess:
    """The same errands without a process for each, for tests that look at many."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Order]:
        yield self.order

    async def order(self, errand: str, words: dict[str, Any]) -> Answer:
        answer = usb_kernel.serve(self.bus, {"errand": errand, **words})
        if "problem" in answer:
            raise AdapterError(AdapterReason.REFUSED, answer["problem"])
        return answer

    async def ask(self, errand: str) -> Answer:
        return await self.order(errand, {})


def plan(ports: tuple[HubPort, ...] = ALONE, **fields: Any) -> PowerPlan:
    return PowerPlan(**{"target": MODEM, "ports": ports, "basis": PlanBasis.HUB, "words": "so", **fields})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, children=False)


# --- a cycle --------------------------------------------------------------------------------------


def test_the_modem_goes_and_comes_back(tmp_path: Path) -> None:
    place = Place(tmp_path, children=True)
    done = place.cycle()
    assert (done.deed, done.outcome) == (7, PowerOutcome.CYCLED), done.words
    words = "1-1:2 switched off by the kernel, 1-1.2 went away, 0 s without power; power is on again"
    assert done.words == words
    assert [order["on"] for order in place.orders()] == [False, True]
    assert MODEM in place.bus.devices()
    assert place.healthy()


def test_usb_2_goes_first_and_comes_last(tmp_path: Path) -> None:
    place = Place(tmp_path, children=False, halves=True)
    assert place.cycle(HALVES).outcome is PowerOutcome.CYCLED
    told = [(Path(order["disable"]).parent.name, order["on"]) for order in place.orders()]
    assert told == [("1-1-port2", False), ("2-1-port2", False), ("2-1-port2", True), ("1-1-port2", True)]


def test_a_plan_that_refuses_itself_touches_nothing(place: Place) -> None:
    harm = (Casualty(usb_path="1-1.3", product="A disk", harm="carries /"),)
    done = place.cycle(casualties=harm)
    assert (done.outcome, done.words) == (PowerOutcome.REFUSED, "A disk at USB 1-1.3 carries /")
    assert place.orders() == []
    assert place.cycle(casualties=harm, force=True).outcome is PowerOutcome.CYCLED
    done = place.cycle((), impossible="nothing switches it", force=True)
    assert (done.outcome, done.words) == (PowerOutcome.REFUSED, "nothing switches it")


def test_nothing_is_cut_that_the_disk_does_not_promise(place: Place) -> None:
    (place.folder / "state.sqlite").mkdir()
    done = place.cycle()
    assert done.outcome is PowerOutcome.FAILED
    assert "nothing was touched" in done.words
    assert not [order for order in place.orders() if not order["on"]]


# --- hubs that do not switch ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moods", "words"),
    [
        ({"dumb": True}, "1-1.2 stayed: this hub does not switch power"),
        (
            {"dumb": True, "mute": True},
            "the hub says that it still has power: this hub does not switch power",
        ),
    ],
)
@pytest.mark.parametrize("switch", [True, False], ids=["sysfs", "pyusb"])
def test_a_hub_that_claims_to_switch_is_found_out(
    tmp_path: Path, moods: dict[str, bool], words: str, *, switch: bool
) -> None:
    place = Place(tmp_path, children=False, switch=switch)
    place.bus.set(**moods)
    done = place.cycle()
    assert done.outcome is PowerOutcome.NOT_SWITCHED
    assert words in done.words
    assert place.healthy()


def test_a_device_that_comes_back_by_itself_was_not_switched(place: Place) -> None:
    look = place.power._lit

    async def look_too_early(*arguments: Any) -> str:
        seen = await look(*arguments)
        if MODEM not in place.bus.devices():
            place.bus.device(MODEM)
        return seen

    place.power._lit = look_too_early  # type: ignore[method-assign]
    done = place.cycle()
    assert done.outcome is PowerOutcome.NOT_SWITCHED
    assert "1-1.2 came back while 1-1:2 was off" in done.words


@pytest.mark.parametrize("switch", [True, False], ids=["sysfs", "pyusb"])
def test_a_device_that_the_kernel_keeps_on_its_books_is_dark_if_it_does_not_answer(
    tmp_path: Path, *, switch: bool
) -> None:
    place = Place(tmp_path, children=False, switch=switch)
    place.bus.set(blind=True)
    done = place.cycle()
    assert done.outcome is PowerOutcome.CYCLED, done.words
    assert place.healthy()


# --- other ways, and other things that happen -----------------------------------------------------


@pytest.mark.parametrize("superspeed", [False, True])
def test_hubs_are_asked_where_the_kernel_has_no_switch(tmp_path: Path, *, superspeed: bool) -> None:
    place = Place(tmp_path, children=False, switch=False, halves=superspeed)
    hub = "2-1" if superspeed else "1-1"
    place.bus.device(f"{hub}.3")
    done = place.cycle((HubPort(hub=hub, port=3, superspeed=superspeed),), target=f"{hub}.3")
    assert done.outcome is PowerOutcome.CYCLED, done.words
    assert "switched off by its hub" in done.words
    assert place.healthy()


def test_a_switch_of_the_kernel_that_fails_is_not_the_end(place: Place) -> None:
    place.bus.set(broken=True)
    done = place.cycle()
    assert done.outcome is PowerOutcome.CYCLED, done.words
    assert "switched off by its hub" in done.words
    assert place.healthy()


def test_a_device_behind_a_dumb_hub_may_be_used_again(tmp_path: Path) -> None:
    place = Place(tmp_path, children=False, switch=False)
    place.bus.set(dumb=True)
    assert place.cycle().outcome is PowerOutcome.NOT_SWITCHED
    assert (place.bus.root / MODEM / "authorized").read_text() == "1"
    assert (place.bus.root / f"{MODEM}:1.0").exists()


def test_a_device_that_its_owner_forbade_stays_forbidden(tmp_path: Path) -> None:
    place = Place(tmp_path, children=False, switch=False)
    place.bus.set(dumb=True)
    (place.bus.root / MODEM / "authorized").write_text("0\n")
    place.cycle()
    assert (place.bus.root / MODEM / "authorized").read_text().strip() == "0"


def test_an_absent_modem_is_judged_by_the_hub_and_by_its_coming(place: Place) -> None:
    place.bus.set(arrives="1-1.3")
    done = place.cycle((HubPort(hub="1-1", port=3),), target="1-1.3")
    assert done.outcome is PowerOutcome.CYCLED
    assert "1-1.3, which was absent before, is there" in done.words


def test_an_order_that_hangs_is_ended_and_power_comes_back(tmp_path: Path) -> None:
    place = Place(tmp_path, children=True)
    place.errands = Errands(tmp_path / "usb.lock", script=script(tmp_path), deadline=1.0, turn=2.0)
    place.promises = Promises(place.store, place.errands, place.bus.root)
    place.power = UsbPower(place.promises, place.errands, place.bus.root, vanish=0.05)
    place.bus.set(stuck=False)
    done = place.cycle()
    assert done.outcome is PowerOutcome.FAILED
    assert "did not obey within 1 s: a driver does not let go" in done.words
    assert place.healthy()


def test_a_cycle_that_is_cancelled_gives_power_back_first(place: Place) -> None:
    async def run() -> None:
        cycle = asyncio.create_task(place.power.cycle(7, plan(), off_time=60.0, force=False))
        assert await usbports.until(lambda: MODEM not in place.bus.devices(), 5.0)
        cycle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cycle

    asyncio.run(run())
    assert place.healthy()


def test_a_hub_that_went_away_is_owed_its_power_until_it_is_back(place: Place) -> None:
    asyncio.run(place.promises.make(Promise(what=Owed.POWER, subject="1-2:1")))
    (_, problem) = asyncio.run(place.promises.restore())
    assert problem == "power of 1-2:1 is not back: there is no hub 1-2 on the bus"
    assert place.promises.open
    place.bus.hub("1-2", (1,))
    assert asyncio.run(place.promises.restore()) == (("power of 1-2:1",), "")
    assert not place.promises.open
    assert place.healthy()


# --- whoever dies -----------------------------------------------------------------------------------


class Dead(BaseException):
    """The daemon was killed: nothing of it does anything from now on."""


class Mortal(InProcess):
    """Errands of a daemon that dies at a given step."""

    def __init__(self, bus: Bus, store: Store, steps: int) -> None:
        super().__init__(bus)
        self.steps = steps
        for name in ("promise", "promise_kept"):
            setattr(store, name, self.mortal(getattr(store, name)))

    def mortal(self, act: Any) -> Any:
        async def dying(*arguments: Any) -> Any:
            self.step()
            done = await act(*arguments)
            self.step()
            return done

        return dying

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Dead

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Order]:
        async with super().turn() as order:
            yield self.mortal(order)


@contextlib.contextmanager
def memory() -> Iterator[Path]:
    """A folder in which syncing costs nothing: what a power cut leaves on a disk is not the question here."""
    tmpfs = Path("/dev/shm")  # noqa: S108 (the folder in it has a name of its own)
    with tempfile.TemporaryDirectory(dir=tmpfs if tmpfs.is_dir() else None) as folder:
        yield Path(folder)


def lives(folder: Path, *, switch: bool) -> Iterator[tuple[int, bool]]:
    """A cycle that dies at its first step, its second, and so on, each followed by a new daemon."""
    for steps in range(1000):
        place = Place(folder / str(steps), children=False, switch=switch)
        errands = Mortal(place.bus, place.store, steps)
        promises = Promises(place.store, errands, place.bus.root)  # type: ignore[arg-type]
        power = UsbPower(promises, errands, place.bus.root, vanish=0.05)  # type: ignore[arg-type]
        died = False
        try:
            asyncio.run(power.cycle(7, plan(SEVERAL), off_time=0.0, force=False))
        except Dead:
            died = True
        place.store = Store(place.folder / "state.sqlite")
        fresh = Promises(place.store, InProcess(place.bus), place.bus.root)  # type: ignore[arg-type]
        assert asyncio.run(fresh.restore())[1] == ""
        assert place.healthy(), f"after {steps} steps: {place.bus.ports()}"
        assert MODEM in place.bus.devices()
        yield steps, died
        if not died:
            return


@pytest.mark.parametrize("switch", [True, False], ids=["sysfs", "pyusb"])
def test_whenever_it_dies_the_next_start_gives_power_back(*, switch: bool) -> None:
    with memory() as folder:
        deaths = [steps for steps, died in lives(folder, switch=switch) if died]
    assert len(deaths) >= 14, "before and after each write to the disk and each order"


@pytest.mark.parametrize("kills", [False, True], ids=["while off", "while on"])
def test_a_daemon_that_is_killed_leaves_an_order_that_cannot_undo_the_next_ones(
    tmp_path: Path, *, kills: bool
) -> None:
    place = Place(tmp_path, children=True)
    place.bus.set(kills=kills)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from pathlib import Path\nfrom tests.unit.adapters.test_usbpower import Place, again\n"
        f"again(Path({str(tmp_path)!r})).cycle()"
    )
    done = subprocess.run([sys.executable, "-c", code, *sys.path], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    place.bus.set()
    assert place.store.promises()[0]
    # The order of the dead one still runs: the lock is waited for.
    assert asyncio.run(place.promises.restore())[1] == ""
    assert place.healthy()
    assert MODEM in place.bus.devices()


def again(folder: Path) -> Place:
    """The same house for another process."""
    place = object.__new__(Place)
    place.folder, place.bus = folder, Bus(folder / "devices")
    place.store = Store(folder / "state.sqlite")
    place.errands = Errands(folder / "usb.lock", script=script(folder), deadline=5.0, turn=2.0)
    place.promises = Promises(place.store, place.errands, place.bus.root)
    place.power = UsbPower(place.promises, place.errands, place.bus.root, vanish=0.05)
    return place


def test_two_never_have_their_turn_at_once(tmp_path: Path) -> None:
    one = Errands(tmp_path / "usb.lock", turn=0.0)
    two = Errands(tmp_path / "usb.lock", turn=0.0)
    place = Place(tmp_path, children=True)

    async def run() -> tuple[tuple[str, ...], str]:
        await place.promises.make(Promise(what=Owed.POWER, subject="1-1:2"))
        async with one.turn():
            return await Promises(place.store, two, place.bus.root).restore()

    assert asyncio.run(run()) == ((), "an earlier order to a USB hub has not ended for 0 s")


# --- what hubs say --------------------------------------------------------------------------------------


def test_every_hub_is_asked_in_one_child(place: Place) -> None:
    place.bus.hub("usb1", (1,))
    place.bus.hub("2-1", (1, 2), superspeed=True)
    claims, problem = asyncio.run(place.power.hubs())
    assert problem == ""
    assert {each.hub: (each.ports, each.superspeed, each.status) for each in claims} == {
        "usb1": (1, False, (0x0100,)),
        "1-1": (3, False, (0x0100,) * 3),
        "2-1": (2, True, (0x0200,) * 2),
    }
    assert {each.characteristics for each in claims} == {0x09}
    assert {each.power_good for each in claims} == {0.1}
    assert len(place.orders()) == 1
