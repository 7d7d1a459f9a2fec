"""Devices and controllers are taken and given back, whatever happens; and a reboot is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from failberry.adapters import usbports
from failberry.adapters.reboot import reboot
from failberry.adapters.store import Owed, Promise, Store
from failberry.adapters.usberrands import Errands
from failberry.adapters.usbpromises import Promises
from failberry.adapters.usbreset import UsbResetter
from failberry.core.power import Casualty
from failberry.core.powerplan import ControllerPlan
from failberry.core.usbtree import Controller
from tests.unit.adapters.test_usbpower import MODEM, Dead, Mortal, Place, memory, script


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbports, "_POLL", 0.01)


class Bench:
    """A modem on its hub, and its controller's driver, in files."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder, children=False)
        self.bus = self.place.bus
        self.driver = folder / "buses" / "platform" / "drivers" / "xhci-hcd"
        (self.driver / "xhci-hcd.0").mkdir(parents=True)
        for name in ("bind", "unbind"):
            (self.driver / name).write_text("")
        self.resetter = self.with_errands(self.place.errands)

    def with_errands(self, errands: Errands) -> UsbResetter:
        return UsbResetter(
            Promises(self.place.store, errands, self.bus.root),
            errands,
            self.bus.root,
            nodes=Path("/dev/bus/usb"),
            buses=self.driver.parents[2],
            let_go=0.05,
            come_back=0.05,
        )

    def rebind(self, *, force: bool = False, **fields: object) -> str | None:
        plan = ControllerPlan(
            **{  # type: ignore[arg-type]
                "target": MODEM,
                "controller": Controller(name="xhci-hcd.0", subsystem="platform", driver="xhci-hcd"),
                "words": "so",
                **fields,
            }
        )
        return asyncio.run(self.resetter.rebind(7, plan, force=force)).problem

    def reset(self) -> str | None:
        return asyncio.run(self.resetter.reset(7, MODEM)).problem

    def configured(self) -> bool:
        return (self.bus.root / f"{MODEM}:1.0").exists()

    def errands(self) -> list[str]:
        return [order["errand"] for order in self.place.orders()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_reset_configures_the_device_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    errands = Errands(tmp_path / "usb.lock", script=script(tmp_path), deadline=5.0)
    bench.resetter = bench.with_errands(errands)
    assert bench.reset() is None
    texts = [(Path(order["path"]).name, order["text"]) for order in bench.place.orders()]
    assert texts == [("authorized", "0"), ("authorized", "1")]
    assert bench.configured()
    assert bench.place.healthy()


def test_a_device_that_does_not_come_back_is_reset_on_the_bus(bench: Bench) -> None:
    bench.bus.set(asleep=True)
    assert bench.reset() is None
    number = int((bench.bus.root / MODEM / "devnum").read_text())
    assert bench.place.orders()[-1] == {"errand": "reset", "path": f"/dev/bus/usb/001/{number:03}"}
    assert bench.configured()


def test_a_device_that_stays_away_is_told_of(bench: Bench) -> None:
    bench.bus.set(asleep=True, dead=True)
    assert bench.reset() == "the device at USB 1-1.2 was reset twice and is still not configured"
    assert (bench.bus.root / MODEM / "authorized").read_text() == "1"


def test_an_absent_device_is_told_of(bench: Bench) -> None:
    (problem,) = {asyncio.run(bench.resetter.reset(7, "1-1.4")).problem}
    assert problem == "there is no device at USB 1-1.4"
    assert bench.errands() == []


def test_whenever_a_reset_is_killed_the_device_is_authorized_again() -> None:
    with memory() as folder:
        assert deaths(folder) >= 8


def deaths(folder: Path) -> int:
    """Resets that die at their first step, their second, and so on; each is followed by a new daemon."""
    for steps in range(20):
        bench = Bench(folder / str(steps))
        resetter = bench.with_errands(Mortal(bench.bus, bench.place.store, steps))  # type: ignore[arg-type]
        died = dies(resetter)
        bench.place.store = Store(bench.place.folder / "state.sqlite")
        fresh = Promises(bench.place.store, bench.place.errands, bench.bus.root)
        assert asyncio.run(fresh.restore())[1] == ""
        assert bench.place.healthy(), f"after {steps} steps"
        if not died:
            return steps
    raise AssertionError("a reset never ends")


def dies(resetter: UsbResetter) -> bool:
    try:
        asyncio.run(resetter.reset(7, MODEM))
    except Dead:
        return True
    return False


def test_a_controller_is_taken_from_its_driver_and_given_back(bench: Bench) -> None:
    assert bench.rebind() is None
    texts = [(Path(order["path"]).name, order["text"]) for order in bench.place.orders()]
    assert texts == [("unbind", "xhci-hcd.0"), ("bind", "xhci-hcd.0")]
    assert (bench.driver / "xhci-hcd.0").is_dir()
    assert bench.place.store.promises() == ((), None)


def test_a_controller_that_carries_others_is_left_alone(bench: Bench) -> None:
    harm = (Casualty(usb_path="1-1.3", product="A disk", harm="carries /"),)
    assert bench.rebind(casualties=harm) == "A disk at USB 1-1.3 carries /"
    assert bench.rebind(controller=None, impossible="no host controller", force=True) == "no host controller"
    assert bench.errands() == []
    assert bench.rebind(casualties=harm, force=True) is None


def test_a_controller_that_was_left_without_a_driver_gets_it_at_the_next_start(bench: Bench) -> None:
    owed = Promise(what=Owed.DRIVER, subject=f"{bench.driver} xhci-hcd.0")
    asyncio.run(bench.place.promises.make(owed))
    (bench.driver / "xhci-hcd.0").rmdir()
    assert asyncio.run(bench.place.promises.restore()) == ((f"driver of {owed.subject}",), "")
    assert (bench.driver / "xhci-hcd.0").is_dir()


def test_systemd_is_asked_to_reboot(tmp_path: Path) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" >{tmp_path}/asked\n')
    program.chmod(0o755)
    assert asyncio.run(reboot(7, program=str(program))).problem is None
    assert (tmp_path / "asked").read_text() == "--no-ask-password reboot "


def test_a_reboot_that_is_refused_is_told_of(tmp_path: Path) -> None:
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\necho "Failed to reboot: Access denied" >&2\nexit 1\n')
    program.chmod(0o755)
    answer = asyncio.run(reboot(7, program=str(program)))
    assert answer.problem == "systemd refused to reboot: Failed to reboot: Access denied"
    missing = asyncio.run(reboot(7, program=str(tmp_path / "none")))
    assert missing.problem == f"{tmp_path}/none cannot be run: No such file or directory"
