"""Whether the power supply is to blame rather than the modem.

A stick draws up to half an ampere and more at its peaks; weak chargers and long cables make it, or the
Pi, brown out.  What that looks like from here: the firmware's under-voltage flags, over-current events of
the hubs, and a stick that leaves the bus again and again.
"""

from __future__ import annotations

from failberry.core.causes import Fault
from failberry.core.facts import Supply

BLAMED_ON_SUPPLY = frozenset(
    {Fault.HUNG, Fault.CRASHED, Fault.ABSENT, Fault.MISBEHAVES, Fault.STUCK_IN_DATA_MODE, Fault.ENDED}
)
"""Faults that too little power makes."""
MANY_DISCONNECTS = 3
"""In an hour, with under-voltage since boot: together they tell what neither does alone."""


def judge(supply: Supply, *, over_currents: int, disconnects: int) -> str:
    """Say what speaks against the power supply; empty: nothing.

    ``over_currents`` and ``disconnects`` are counts of the last hour.
    """
    if supply.under_voltage:
        return "under-voltage now: the supply or its cable is too weak"
    if over_currents:
        times = "time" if over_currents == 1 else "times"
        return f"a USB hub reported over-current {over_currents} {times} within an hour"
    if supply.under_voltage_before and disconnects >= MANY_DISCONNECTS:
        return (
            f"the modem left the USB bus {disconnects} times within an hour, on a machine that has seen "
            "under-voltage since it booted"
        )
    return ""


ADVICE = (
    "use the board maker's own power supply and a short thick cable, or put the stick on a hub with a supply "
    "of its own"
)
