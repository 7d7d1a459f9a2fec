"""Whether a text message may be sent now, and on which port.  Pure.

It must not disturb a dial, nor a session, nor a SIM that waits for its PIN: on the second port while a
session is up or begins, on the dial port only while nobody else talks to the modem.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from failberry.core.causes import Fault
from failberry.core.facts import PortRole
from failberry.core.modem_state import ModemState
from failberry.core.permission import QUIET_STATES, SESSION_STATES, Denied, port_for

_UNFIT = {
    ModemState.INITIALIZING: "the modem is being prepared",
    ModemState.LOCKED: "the SIM waits for its PIN",
    ModemState.DISABLED: "the radio is off",
    ModemState.ENABLING: "the radio is being switched on",
}


def texting_port(
    state: ModemState, fault: Fault | None, *, stepping: bool, open_ports: AbstractSet[PortRole]
) -> PortRole | Denied:
    """The port for a text message; or why there is none, in words."""
    if stepping:
        return Denied(why="A step of recovery is under way; it is tried again.")
    if state in _UNFIT:
        return Denied(why=f"No text message can be sent now: {_UNFIT[state]}.")
    if fault is Fault.SIM:
        return Denied(why="No text message can be sent: the SIM is missing, locked or failing.")
    port = port_for(state, open_ports & {PortRole.STATUS} if state not in QUIET_STATES else open_ports)
    if isinstance(port, Denied) and state not in QUIET_STATES | SESSION_STATES:
        return Denied(why=f"The modem's only port is in use ({state}); it is tried again.")
    return port
