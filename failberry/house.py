"""The running daemon as its callers see it, and the paths that it uses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from failberry import byhand
from failberry.adapters.history import History
from failberry.adapters.historyfile import HISTORY_FILE
from failberry.adapters.serialport import ModemPorts
from failberry.adapters.store import STATE_FILE, Store
from failberry.adapters.usbpower import UsbPower
from failberry.config import Config
from failberry.configfile import load, pending, show, warnings
from failberry.control.answers import (
    AtAnswer,
    CdromSwitch,
    EventsView,
    PowerPreview,
    SamplesView,
    UsbView,
)
from failberry.control.pastview import events_view, samples_view
from failberry.core.actions import Report
from failberry.core.events import (
    ConfigChanged,
    LineForced,
    PinForgotten,
    RedialRequested,
    UsageCorrected,
)
from failberry.core.history import Wanted
from failberry.core.snapshot import Snapshot, UplinkName
from failberry.core.steps import Rung
from failberry.engine import Engine
from failberry.texting import Texting
from failberry.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Every path the daemon uses; tests use others."""

    config: Path = Path("/etc/failberry/failberry.toml")
    state: Path = STATE_FILE
    history: Path = HISTORY_FILE
    runtime: Path = Path("/run/failberry")
    hook: Path = Path("/usr/lib/failberry/session-hook")
    dns_socket: str = "/run/failberry-dns/socket"
    """Where the child listens that speaks to Route 53."""

    @property
    def control(self) -> Path:
        """The Varlink socket."""
        return self.runtime / "control"

    @property
    def session(self) -> Path:
        """What pppd and we leave for each other."""
        return self.runtime / "session"

    @property
    def usb_lock(self) -> Path:
        """Held by whoever switches power on the USB bus."""
        return self.runtime / "usb.lock"

    @property
    def heartbeat(self) -> Path:
        """What the health server reads."""
        return self.runtime / "health" / "heartbeat"


class House:
    """The running daemon as its callers see it (:class:`failberry.control.service.Appliance`)."""

    def __init__(
        self,
        config: Config,
        places: Places,
        engine: Engine,
        *,
        world: World,
        store: Store,
        ports: ModemPorts,
        power: UsbPower,
        report: Callable[[Report], None],
        history: History,
    ) -> None:
        self.config = self._started = config
        self._places = places
        self._engine = engine
        self._world = world
        self._store = store
        self._ports = ports
        self._bus = byhand.Bus(power)
        self._report = report
        self._texting = Texting(store, ports, report)
        self._history = history

    async def status(self) -> Snapshot:
        """How things are now."""
        return self._engine.snapshot()

    async def configuration(self) -> tuple[str, tuple[str, ...]]:
        """The configuration in force, without secrets."""
        return show(self.config), warnings(self.config, self._places.config)

    async def reload(self) -> tuple[str, ...]:
        """Read the file again; return what of it waits for the Pi's next start.

        Raises ConfigError, and then the old configuration stays.
        """
        config = load(self._places.config)
        self.config = config
        self._world.reconfigure(config)
        self._engine.post(ConfigChanged(config=config))
        return pending(self._started, config)

    async def redial(self) -> None:
        """Hang up and dial, now."""
        self._engine.post(RedialRequested())

    async def forget_pin(self) -> None:
        """Forget which PINs were refused."""
        if (problem := self._store.forget_pins()) is not None:
            raise OSError(problem)
        self._engine.post(PinForgotten())

    async def take_step(self, rung: Rung, *, force: bool) -> None:
        """Begin this step of recovery now."""
        modem = self._engine.appliance.modem
        self._engine.post(await byhand.allow_step(modem, self._bus, self.config, rung, force=force))

    async def correct_usage(self, used: int) -> None:
        """Take the owner's word for the bytes used in this cycle."""
        self._engine.post(UsageCorrected(used=used))

    async def force_line(self, line: UplinkName | None, seconds: float | None) -> None:
        """Use this line, for so long or until further notice; ``None``: choose by itself again."""
        self._engine.post(LineForced(line=line, seconds=seconds))

    async def events(self, wanted: Wanted) -> EventsView:
        """Find events."""
        return events_view(await self._history.events(wanted))

    async def samples(self, line: UplinkName, since: float, step: int) -> SamplesView:
        """Find samples of a line."""
        return samples_view(step, await self._history.samples(line, step, since, self.wall()))

    def history_since(self, step: int) -> float:
        """From when on samples of this step are kept, in seconds since 1970."""
        return self._history.kept_since(step)

    def wall(self) -> float:
        """Now, in seconds since 1970."""
        return time.time()

    def bells(self) -> set[asyncio.Event]:
        """Who wants to be woken by news."""
        return self._history.changed

    async def power_plan(self) -> PowerPreview:
        """What a power cycle of the modem would do."""
        return await byhand.power_plan(self._bus, self.config, self._engine.appliance.modem.usb_path)

    async def usb(self) -> UsbView:
        """The USB bus, and how the modem's power can be cut."""
        return await byhand.look(self._bus, self.config, self._engine.appliance.modem.usb_path)

    async def send_command(self, text: str) -> AtAnswer:
        """Send one AT command to the modem, if it may be sent now."""
        return await byhand.send_command(self._engine.appliance.modem, self._ports, text, report=self._report)

    async def send_sms(self, receiver: str, text: str) -> int:
        """Send a text message to a receiver of the configuration; return how many parts it took."""
        return await self._texting.send(self._engine.appliance.modem, self.config, receiver, text)

    async def disable_cdrom(self, *, confirmed: bool) -> CdromSwitch:
        """Take the stick's CD-ROM away for good; without ``confirmed`` only tell how."""
        modem = self._engine.appliance.modem
        return await byhand.disable_cdrom(modem, self._ports, confirmed=confirmed, report=self._report)
