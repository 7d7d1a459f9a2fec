"""A stateful USB modem, simulated: the part that decides is pure, the part that touches ttys is thin.

* ``modem.SimModem``: bytes and time in, bytes and deeds out; for unit tests and simulations.
* ``python3 -m tests.modemsim``: the same modem on ptys or on USB gadget ports, with a real pppd behind it.
* ``python3 -m tests.modemsim.ctl``: change the SIM, the network and the faults while it runs.

The directory uses the standard library only and relative imports only, so that it can be copied alone into a
virtual machine and be started there as ``python3 -m modemsim``.
"""

from .model import (
    REMEDIES,
    Appear,
    Faults,
    Network,
    Output,
    PppBytes,
    Reach,
    Shows,
    Sim,
    StartPpp,
    StopPpp,
    Vanish,
    Write,
)
from .modem import SimModem
from .profiles import PROFILES, Profile, Role

__all__ = [
    "PROFILES",
    "REMEDIES",
    "Appear",
    "Faults",
    "Network",
    "Output",
    "PppBytes",
    "Profile",
    "Reach",
    "Role",
    "Shows",
    "Sim",
    "SimModem",
    "StartPpp",
    "StopPpp",
    "Vanish",
    "Write",
]
