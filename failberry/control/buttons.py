"""What the dashboard may change: the few things that come back by themselves, and lock nobody out.

Judged here, in the daemon, and not in the process that answers browsers: whoever takes that process over
can press these buttons, and nothing else.

* A line is forced for a time, a day at most; afterwards the daemon chooses by itself again.
* A dial, and a power cycle that the plan allows: ``force`` would cut what else hangs on the same ports,
  such as the LAN, or the disk that we run from.

Never: PINs, AT commands, the configuration, a reboot, the count of what was used.
"""

from __future__ import annotations

import pwd

from failberry.control import INTERFACE
from failberry.control.varlink import Call
from failberry.core.steps import Rung

USER = "failberry-web"
LONGEST_FORCED = 86_400.0
"""Seconds for which a line may be forced from the page."""


def is_button(call: Call) -> bool:
    """Whether this call is one that the page may make.  Pure."""
    parameters = call.parameters
    match call.method.removeprefix(f"{INTERFACE}."):
        case "Redial":
            return True
        case "TakeStep":
            return parameters.get("rung") == Rung.POWER_CYCLE and not parameters.get("force")
        case "ForceLine":
            seconds = parameters.get("seconds")
            if parameters.get("line") is None:
                return True
            return (
                isinstance(seconds, int | float)
                and not isinstance(seconds, bool)
                and 0 < seconds <= LONGEST_FORCED
            )
        case _:
            return False


def user(name: str = USER) -> int | None:
    """Look up the dashboard's user, or another; ``None``: there is none on this machine."""
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, OSError):
        return None
