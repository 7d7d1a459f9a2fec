"""An appliance without a daemon, on a real socket."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from failberry.control.answers import (
    AtAnswer,
    CdromSwitch,
    EventsView,
    EventView,
    PowerPreview,
    RefusedError,
    SamplesView,
    SampleView,
    UsbView,
)
from failberry.control.server import ControlServer, listen
from failberry.control.service import Service
from failberry.core.actions import Severity
from failberry.core.history import Wanted
from failberry.core.snapshot import Snapshot, UplinkName
from failberry.core.steps import Rung
from failberry.errors import ConfigError
from tests.unit.ctl.bus import AT_ERROR, AT_SIGNAL, CDROM, USB
from tests.unit.ctl.scenarios import ALL_WELL

DEADLINE = 60.0
"""Seconds after which a test that waits has failed."""


@dataclass
class SimulatedAppliance:
    """Remembers what it was asked for; ``faults`` is what the next reload finds."""

    snapshot: Snapshot = ALL_WELL
    toml: str = 'mode = "standby-gateway"\n'
    warnings: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    faults: ConfigError | None = None
    disk: OSError | None = None
    """What the disk says to a change."""
    asked: list[str] = field(default_factory=list)
    refusal: str = ""
    """Why the next request is refused."""
    bus: UsbView = USB
    past: list[EventView] = field(default_factory=list)
    history: str = "a"
    hour: dict[UplinkName, tuple[SampleView, ...]] = field(default_factory=dict)
    """Samples of each line."""
    clock: Callable[[], float] = lambda: 1_800_000_000.0
    ringing: set[asyncio.Event] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None
    """The daemon's, where it runs on a thread."""
    on_step: Callable[[], None] = lambda: None
    """What else happens when a step, or a dial, is asked for; in the daemon's loop."""

    async def status(self) -> Snapshot:
        return self.snapshot

    async def configuration(self) -> tuple[str, tuple[str, ...]]:
        return self.toml, self.warnings

    async def reload(self) -> tuple[str, ...]:
        if self.faults is not None:
            raise self.faults
        self.asked.append("reload")
        return self.pending

    async def redial(self) -> None:
        self.asked.append("redial")
        self.on_step()

    async def forget_pin(self) -> None:
        if self.disk is not None:
            raise self.disk
        self.asked.append("forget_pin")

    async def take_step(self, rung: Rung, *, force: bool) -> None:
        self._refuse()
        self.asked.append(f"{rung} {force=}")
        self.on_step()

    async def correct_usage(self, used: int) -> None:
        self.asked.append(f"{used=}")

    async def force_line(self, line: UplinkName | None, seconds: float | None) -> None:
        self._refuse()
        self.asked.append(f"{line} for {seconds}")

    async def events(self, wanted: Wanted) -> EventsView:
        found = [each for each in self.past if _holds(each, wanted)]
        chosen = found[: wanted.limit] if wanted.after is not None else found[len(found) - wanted.limit :]
        newest = max((each.id for each in self.past), default=0)
        cut = wanted.after is not None and len(found) > wanted.limit
        last = chosen[-1].id if cut else newest
        return EventsView(history=self.history, events=tuple(chosen), last=last)

    async def samples(self, line: UplinkName, since: float, step: int) -> SamplesView:
        self.asked.append(f"{line} since {since} by {step}")
        return SamplesView(step=step, samples=self.hour.get(line, ()))

    def history_since(self, step: int) -> float:
        return self.wall() - {60: 2.0, 300: 10.0}.get(step, 400.0) * 86_400

    def wall(self) -> float:
        return self.clock()

    def bells(self) -> set[asyncio.Event]:
        return self.ringing

    def happens(self, *events: EventView) -> None:
        """Tell whoever reads along; in the daemon's loop."""
        self.past += events
        for each in self.ringing:
            each.set()

    async def power_plan(self) -> PowerPreview:
        if self.bus.power is None:
            raise RefusedError("it is not known where the modem is")
        return self.bus.power

    async def usb(self) -> UsbView:
        return self.bus

    async def send_command(self, text: str) -> AtAnswer:
        self._refuse()
        self.asked.append(text)
        return AT_SIGNAL if text == "AT+CSQ" else AT_ERROR

    async def send_sms(self, receiver: str, text: str) -> int:
        self._refuse()
        self.asked.append(f"sms to {receiver}: {text}")
        return 1

    async def disable_cdrom(self, *, confirmed: bool) -> CdromSwitch:
        self._refuse()
        self.asked.append(f"cdrom {confirmed=}")
        return replace(CDROM, answer=AT_SIGNAL if confirmed else None)

    def _refuse(self) -> None:
        if self.refusal:
            raise RefusedError(self.refusal)


def _holds(each: EventView, wanted: Wanted) -> bool:
    worst = list(Severity)
    return (
        (wanted.after is None or each.id > wanted.after)
        and (wanted.before is None or each.id < wanted.before)
        and (wanted.since is None or each.time >= wanted.since)
        and (wanted.kinds is None or each.kind in wanted.kinds)
        and worst.index(each.severity) >= worst.index(wanted.severity)
    )


@contextlib.asynccontextmanager
async def serving(
    path: Path, appliance: SimulatedAppliance, *, trusted: frozenset[int] | None = None
) -> AsyncIterator[Service]:
    """A real server on a real socket at ``path``."""
    service = Service(appliance)
    async with asyncio.timeout(DEADLINE):
        server = asyncio.create_task(ControlServer(service, trusted=trusted).serve(listen(str(path))))
        try:
            yield service
        finally:
            server.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await server


@contextlib.contextmanager
def daemon(
    path: Path, appliance: SimulatedAppliance, *, trusted: frozenset[int] | None = None
) -> Iterator[Callable[[], None]]:
    """A real server on a thread, for callers that block; gives what says that something changed."""
    service = Service(appliance)
    listener = listen(str(path))
    loop = appliance.loop = asyncio.new_event_loop()
    server = loop.create_task(ControlServer(service, trusted=trusted).serve(listener))
    server.add_done_callback(lambda _: loop.stop())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def changed() -> None:
        loop.call_soon_threadsafe(service.changed)

    try:
        yield changed
    finally:
        loop.call_soon_threadsafe(server.cancel)
        thread.join(DEADLINE)
        loop.close()


class Client:
    """A caller that can do everything right or wrong."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, path: Path) -> "Client":
        return cls(*await asyncio.open_unix_connection(str(path), limit=1 << 24))

    def send(self, method: str, **members: Any) -> None:
        self.writer.write(json.dumps({"method": method, **members}).encode() + b"\0")

    async def receive(self) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads((await self.reader.readuntil(b"\0"))[:-1])
        return reply

    async def call(self, method: str, **members: Any) -> dict[str, Any]:
        self.send(method, **members)
        return await self.receive()

    async def closed(self) -> bool:
        """Wait until the server hangs up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass
        return True

    def close(self) -> None:
        self.writer.close()


def run(scenario: Callable[[], Any]) -> None:
    """Run an asynchronous test with a deadline."""

    async def limited() -> None:
        async with asyncio.timeout(DEADLINE):
            await scenario()

    asyncio.run(limited())
