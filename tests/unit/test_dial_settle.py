"""A stick that comes back whole is taken at once; one that is still appearing is given a second."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.dial import SETTLE
from failberry.core.facts import ModemHardware
from failberry.core.modem_state import ModemState
from failberry.core.steps import Rung
from tests.modemsim.model import Faults, Shows
from tests.modemsim.modem import SimModem
from tests.simulation.world import World

HERE = ModemHardware(
    usb_path="1-1.3",
    vendor_id=0x19D2,
    product_id=0x0117,
    product="ZTE MF180",
    dial_tty="/dev/ttyUSB2",
    status_tty="/dev/ttyUSB1",
    dial_interface=2,
    status_interface=1,
    chosen_by="table of known modems",
)
RENAMED = replace(HERE, dial_tty="/dev/ttyUSB5", status_tty="/dev/ttyUSB4")
HALF = replace(HERE, status_tty=None, status_interface=None)


class Bus(World):
    """A bus on which this stick is found, while any is."""

    stick = HERE

    def hardware(self) -> ModemHardware:
        return self.stick


def back(first: ModemHardware, then: ModemHardware, *, before: ModemHardware = HERE) -> tuple[float, object]:
    """Cut its power; it comes back in two steps.  Return seconds until it is taken, and what was taken."""
    world = Bus(modem=SimModem(faults=Faults(enumerates_after=4.0)))
    world.stick = before
    world.until(ModemState.CONNECTED, 60)
    world.post(ev.StepRequested(rung=Rung.POWER_CYCLE))
    assert world.run(30, until=lambda: world.modem.shows is Shows.NOTHING)
    world.stick = first
    opened = sum(isinstance(deed, do.OpenPorts) for deed in world.deeds)
    assert world.run(60, until=lambda: world.modem.shows is Shows.MODEM)
    appeared = world.now
    world.later(SETTLE / 2, partial(setattr, world, "stick", then))
    opens = partial(filter, lambda deed: isinstance(deed, do.OpenPorts))
    assert world.run(30, until=lambda: len([*opens(world.deeds)]) > opened)
    return world.now - appeared, [*opens(world.deeds)][opened].hardware


def test_the_same_stick_is_taken_at_once_whatever_its_ports_are_called_now() -> None:
    seconds, taken = back(RENAMED, RENAMED)
    assert taken == RENAMED
    assert seconds < 0.1


@pytest.mark.parametrize(
    ("first", "then", "before"),
    [
        (HALF, RENAMED, HERE),
        # The diagnostic port is not there yet: so the next one is taken for it.
        (replace(RENAMED, status_interface=3), RENAMED, HERE),
        (replace(RENAMED, product_id=0x0016), RENAMED, HERE),
        (replace(RENAMED, usb_path="1-1.2"), RENAMED, HERE),
        # One port may be all that there is, or all that there is yet.
        (HALF, HALF, HALF),
    ],
    ids=["a port is missing", "other ports", "another stick", "another place", "one port"],
)
def test_any_other_is_given_time_to_appear(
    first: ModemHardware, then: ModemHardware, before: ModemHardware
) -> None:
    seconds, taken = back(first, then, before=before)
    assert taken == then
    assert SETTLE < seconds < SETTLE + 0.1
