"""One AT port of the modem: its settings, its mode, and what it has of an unfinished line."""

from dataclasses import dataclass, field
from enum import StrEnum

from .profiles import Role


class Mode(StrEnum):
    """What a port takes bytes for."""

    COMMAND = "command"
    DIALING = "dialing"
    DATA = "data"
    STUCK = "stuck"  # data mode with no session behind it


@dataclass(slots=True, kw_only=True)
class Port:
    """One AT port. ``cid`` is the session's context, also while the session is on hold after "+++"."""

    number: int
    role: Role
    mode: Mode = Mode.COMMAND
    cid: int | None = None
    generation: int = 0  # timers of an earlier call are void
    busy: bool = False
    line: bytearray = field(default_factory=bytearray)
    inbox: bytearray = field(default_factory=bytearray)
    ppp: bytearray = field(default_factory=bytearray)  # the latest bytes taken in data mode
    last_rx: float = float("-inf")
    pluses: int = 0
    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    cmee: int = 0
    dtr_action: int = 2
    wanted: int | None = None  # octets of a message whose body is awaited
    wanted_then: int | None = None
    reporting: dict[str, int] = field(default_factory=dict)

    def reset_settings(self) -> None:
        """ATZ and AT&F: the factory's settings."""
        self.echo, self.verbose, self.quiet, self.cmee, self.dtr_action = True, True, False, 0, 2
        self.reporting = {}
