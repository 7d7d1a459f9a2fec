"""The other end of a SimModem's ports, with its own clock: for tests and for simulations of a host."""

from collections.abc import Iterable

from .model import Output, Write
from .modem import SimModem
from .profiles import Role


class Host:
    """Talks to one port of a modem that is powered on at once.

    ``deeds`` collects all output since then but bytes.
    """

    def __init__(self, modem: SimModem, *, port: int | None = None) -> None:
        self.modem = modem
        self.port = modem.profile.roles.index(Role.MODEM) if port is None else port
        self.now = 0.0
        self.deeds: list[Output] = []
        self.take(modem.power_on(self.now))
        self.deeds.clear()

    def take(self, outputs: Iterable[Output]) -> bytes:
        """Return the bytes for this port, and keep the deeds."""
        heard = b""
        for output in outputs:
            if not isinstance(output, Write):
                self.deeds.append(output)
            elif output.port == self.port:
                heard += output.data
        return heard

    def send(self, line: str) -> bytes:
        """Send one line; return what comes back in no time."""
        return self.raw(line.encode() + b"\r")

    def raw(self, data: bytes) -> bytes:
        """Send bytes; return what comes back in no time."""
        return self.take(self.modem.receive(self.port, data, self.now))

    def wait(self, seconds: float) -> bytes:
        """Let time pass as an event loop would, from deadline to deadline; return what came."""
        until, heard = self.now + seconds, b""
        while (due := self.modem.next_deadline(self.now)) is not None and due <= until:
            self.now = due
            heard += self.take(self.modem.tick(due))
        self.now = until
        return heard + self.take(self.modem.tick(until))
