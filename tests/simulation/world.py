"""A world for the core, in virtual time: modem, SIM, carrier, pppd, kernel and disk, without I/O.

The real core, the real codec and the modem simulator run against each other; only adapters and clock
are replaced.  ``run(seconds)`` takes milliseconds of real time for minutes of virtual time, and the
same seed replays exactly.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface

from failberry.at.codec import Codec, FinalResult, InfoLine, Urc
from failberry.config import MOBILE_INTERFACE, Cellular, Config, Mode, Wired
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.appliance import Appliance
from failberry.core.facts import (
    Interface,
    ModemHardware,
    NetworkFacts,
    PortRole,
    Session,
)
from failberry.core.filter import FilterIntent
from failberry.core.intent import RouteIntent
from failberry.core.modem_state import ModemState
from failberry.core.pin import PinRecord
from failberry.core.steps import Step
from tests.modemsim import model
from tests.modemsim.modem import SimModem
from tests.modemsim.profiles import Role
from tests.simulation import outside
from tests.simulation.outside import USB_PATH, Hub
from tests.simulation.street import Street

BASE = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), cellular=Cellular(apn="internet"))
NEGOTIATION = 1.5
"""Virtual seconds that LCP and IPCP take."""
ECHO_DEATH = 60.0
"""Virtual seconds until pppd gives up a modem that answers no echo requests (15 s, four times)."""


@dataclass
class Port:
    """The host's end of one AT port."""

    number: int
    codec: Codec = field(default_factory=Codec)
    lines: list[str] = field(default_factory=list)
    deed: int | None = None


@dataclass
class World:
    """Everything outside the core."""

    config: Config = BASE
    modem: SimModem = field(default_factory=SimModem)
    seed: int = 1
    records: dict[tuple[str, str], PinRecord] = field(default_factory=dict)
    disk_problem: str | None = None
    plugged: bool = True
    hub: Hub = Hub.SWITCHES
    can_switch_mode: bool = True
    uptime: float = 86_400.0
    six: bool = False
    """Whether the wired line has IPv6."""

    def __post_init__(self) -> None:
        self.now = 1000.0
        self.reports: list[do.Report] = []
        self.check: Callable[[], None] = lambda: None
        self.ours = RouteIntent()
        self.filter: FilterIntent | None = None
        self.roaming_since = 0.0
        self.sessions = 0
        self.deeds: list[do.Deed] = []
        self.taken: list[tuple[float, do.Deed]] = []
        """Deeds that touch hardware, with their instants."""
        self.steps: list[tuple[float, Step]] = []
        """What the disk remembers of recovery."""
        self.traffic = False
        """Whether the house sends something over the mobile line all the time."""
        self.booted = self.now - self.uptime
        self.last_usb_path: str | None = None
        self.ports: dict[PortRole, Port] = {}
        self.session: Session | None = None
        self.life = 0
        self.down = False
        """Whether this machine is rebooting: nobody is there to hear."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.street = Street(self, six=self.six)
        if self.plugged:
            self.tell_modem(self.modem.power_on(self.now))
        self.boot()

    # --- the daemon's life ---------------------------------------------------------------------

    def boot(self, *, adopt: bool = False) -> None:
        """Start the daemon anew; what it had scheduled is gone, what the world has scheduled is not."""
        self.life = next(self.order)
        self.down = False
        self.ports = {}
        session = self.session if adopt else None
        self.session = session
        self.appliance = Appliance(self.config, seed=self.seed)
        self.post(
            ev.Started(
                pin_records=tuple(self.records.values()),
                pin_records_problem=self.disk_problem,
                session=session,
                uptime=self.now - self.booted,
                steps=tuple(replace(step, age=self.now - at) for at, step in self.steps),
                last_usb_path=self.last_usb_path,
            )
        )
        self.street.boot()
        self.post(ev.NetworkObserved(facts=self.facts()))

    def post(self, event: ev.Event) -> None:
        """Hand the event to the core now, if there is one."""
        if self.down:
            return
        for action in self.appliance.handle(event, self.now):
            self._perform(action)
        self.check()

    def later(self, seconds: float, call: Callable[[], None], *, daemon: bool = False) -> None:
        """Schedule something; ``daemon``: it dies with the daemon that asked for it."""
        generation = self.life

        def guarded() -> None:
            if not daemon or generation == self.life:
                call()

        heapq.heappush(self._heap, (self.now + seconds, next(self.order), guarded))

    def answer(self, seconds: float, event: ev.Event) -> None:
        self.later(seconds, lambda: self.post(event), daemon=True)

    def run(self, seconds: float, *, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; stop early when ``until`` holds.  Returns whether it did."""
        end = self.now + seconds
        steps_now, before = 0, self.now
        while until is None or not until():
            event = self._heap[0][0] if self._heap else end
            deadline, timer = self._deadline(), self.modem.next_deadline(self.now)
            due = min(each for each in (end, event, deadline, timer) if each is not None)
            self.now = max(self.now, due)
            steps_now, before = (steps_now + 1, before) if self.now == before else (0, self.now)
            assert steps_now < 5000, f"no time passes at {self.now}: {self.told()[-2000:]}"
            if self._heap and event <= self.now:
                heapq.heappop(self._heap)[2]()
            elif timer is not None and timer <= self.now:
                self.tell_modem(self.modem.tick(self.now))
            elif deadline is not None and deadline <= self.now:
                self.post(ev.Tick())
            elif self.now >= end:
                return until is None
        return True

    def _deadline(self) -> float | None:
        return None if self.down else self.appliance.next_deadline()

    def until(self, state: ModemState, seconds: float = 300.0) -> None:
        """Run until the modem machine is in that state, or fail."""
        assert self.run(seconds, until=lambda: self.state is state), f"stayed {self.state}: {self.told()}"

    @property
    def state(self) -> ModemState:
        return self.appliance.modem.state

    def told(self) -> str:
        """The story so far."""
        return "\n".join(f"{each.what}: {each.why} ({each.next})" for each in self.reports)

    # --- what happens to the world -------------------------------------------------------------

    def unplug(self) -> None:
        self.plugged = False
        self.tell_modem(self.modem.power_off(self.now))

    def plug(self) -> None:
        self.plugged = True
        self.tell_modem(self.modem.power_on(self.now))
        self.post(ev.UsbChanged())

    def change(self, **fields: object) -> None:
        self.tell_modem(self.modem.change(fields, self.now))
        session = self.session
        if self.modem.faults.silent and session is not None:
            self.later(ECHO_DEATH, lambda: self._echo_died(session))

    def _echo_died(self, session: Session) -> None:
        if self.session is not None and self.session.pid == session.pid and self.modem.faults.silent:
            self.end_session(15, "No response to 4 echo-requests")

    def hang_up(self) -> None:
        self.tell_modem(self.modem.hang_up(self.now))

    def kill_pppd(self) -> None:
        if self.session is not None:
            self.end_session(None, "")

    def cut_wired(self, *, carrier: bool) -> None:
        self.street.change(carrier=carrier)

    def facts(self) -> NetworkFacts:
        """What netlink would tell."""
        wired, defaults = self.street.facts()
        interfaces = [wired]
        if self.session is not None and self.session.local is not None:
            address = IPv4Interface(f"{self.session.local}/32")
            interfaces.append(
                Interface(index=7, name=MOBILE_INTERFACE, up=True, carrier=True, addresses=(address,))
            )
        return NetworkFacts(interfaces=tuple(interfaces), defaults=defaults, ours=self.ours)

    # --- deeds ---------------------------------------------------------------------------------

    def _perform(self, action: do.Action) -> None:  # noqa: C901  one case for each action
        match action:
            case do.Report():
                self.reports.append(action)
                return
            case do.ApplyRoutes():
                self.ours = action.intent
                self.answer(0.01, ev.RoutesApplied())
                self.later(0.02, lambda: self.post(ev.NetworkObserved(facts=self.facts())), daemon=True)
                return
            case do.ApplyFilter():
                changed, self.filter = self.filter != action.intent, action.intent
                self.answer(0.05, ev.FilterApplied(backend="nftables", changed=changed))
                return
            case do.ApplyProbes() | do.ApplyResolvers() | do.ApplyStandby() | do.ApplyNames():
                self.street.take(action)
                return
        self.deeds.append(action)
        if self.street.take(action):
            return
        match action:
            case do.LocateModem():
                self.answer(0.01, outside.sight(self, action.deed))
            case do.OpenPorts():
                self._open(action)
            case do.SendCommand():
                self._command(action)
            case do.PulseDtr():
                self._dtr(action)
            case do.SendBytes():
                self._bytes(action)
            case do.StorePinRecord():
                if self.disk_problem is None:
                    self.records[action.record.sim, action.record.pin] = action.record
                self.answer(0.02, ev.PinRecordStored(deed=action.deed, problem=self.disk_problem))
            case do.StartSession():
                self._start_session(action)
            case do.ReleaseDialPort():
                self.ports.pop(PortRole.DIAL, None)
                self.answer(0.0, ev.PortsOpened(deed=action.deed))
            case do.StopSession():
                self._stop_session(action)
            case do.StoreStep():
                outside.store(self, action)
            case _:
                outside.heal(self, action)

    def hardware(self) -> ModemHardware:
        roles = self.modem.profile.roles
        vendor, product = self.modem.profile.usb_id
        dial = roles.index(Role.MODEM)
        status = next((n for n, role in enumerate(roles) if role is Role.AT), None)
        return ModemHardware(
            usb_path=USB_PATH,
            vendor_id=vendor,
            product_id=product,
            product=f"{self.modem.profile.maker} {self.modem.profile.model}",
            dial_tty=f"/dev/ttyUSB{dial}",
            status_tty=None if status is None else f"/dev/ttyUSB{status}",
            dial_interface=dial,
            status_interface=status,
            chosen_by="table of known modems",
        )

    def _open(self, action: do.OpenPorts) -> None:
        if not self.plugged or self.modem.shows is not model.Shows.MODEM:
            self.answer(0.01, ev.PortsOpened(deed=action.deed, problem="gone"))
            return
        self.ports = {}
        if action.dial:
            self.ports[PortRole.DIAL] = Port(number=action.hardware.dial_interface)
        if action.hardware.status_interface is not None:
            self.ports[PortRole.STATUS] = Port(number=action.hardware.status_interface)
        self.answer(0.01, ev.PortsOpened(deed=action.deed))

    def _command(self, action: do.SendCommand) -> None:
        port = self.ports.get(action.port)
        if port is None:
            self.answer(0.0, ev.CommandAnswered(deed=action.deed, problem="not open"))
            return
        if port.deed is not None:
            self.answer(0.0, ev.CommandAnswered(deed=port.deed, problem="another command took its place"))
        port.deed, port.lines = action.deed, []
        if port.codec.surplus:
            port.codec.reset()
        payload = port.codec.send(action.command.text, prefixes=action.command.prefixes)
        self.later(action.command.timeout, lambda: self._silence(port, action.deed), daemon=True)
        self.tell_modem(self.modem.receive(port.number, payload, self.now))

    def _silence(self, port: Port, deed: int) -> None:
        if port.deed == deed:
            port.codec.abandon()
            self._answered(port, None)

    def _answered(self, port: Port, result: FinalResult | None) -> None:
        deed, port.deed = port.deed, None
        if deed is not None:
            self.answer(0.0, ev.CommandAnswered(deed=deed, lines=tuple(port.lines), result=result))

    def _dtr(self, action: do.PulseDtr) -> None:
        port = self.ports.get(action.port)
        if port is not None:
            self.tell_modem(self.modem.dtr(port.number, up=False, now=self.now))
            self.later(
                action.seconds, lambda: self.tell_modem(self.modem.dtr(port.number, up=True, now=self.now))
            )
        self.answer(action.seconds, ev.CommandAnswered(deed=action.deed))

    def _bytes(self, action: do.SendBytes) -> None:
        port = self.ports.get(action.port)
        if port is not None:
            number = port.number
            self.later(
                action.silence, lambda: self.tell_modem(self.modem.receive(number, action.payload, self.now))
            )
        self.answer(2 * action.silence, ev.CommandAnswered(deed=action.deed))

    def _start_session(self, action: do.StartSession) -> None:
        self.sessions += 1
        number, dial = self.sessions, action.hardware.dial_interface
        self.session = Session(pid=number, tty=action.hardware.dial_tty, interface=MOBILE_INTERFACE)
        self.answer(0.05, ev.SessionStarted(deed=action.deed))

        def negotiated() -> None:
            if self.session is None or self.session.pid != number or self.modem.ports[dial].cid is None:
                return
            self.session = replace(
                self.session,
                local=IPv4Address(self.modem.network.address),
                dns=tuple(IPv4Address(each) for each in self.modem.network.dns),
            )
            self.post(ev.SessionUp(session=self.session))
            self.post(ev.NetworkObserved(facts=self.facts()))

        self.later(NEGOTIATION, negotiated)

    def _stop_session(self, action: do.StopSession) -> None:
        def stopped() -> None:
            if self.session is not None:
                self.end_session(5, "Terminating on signal 15")
            self.post(ev.SessionStopped(deed=action.deed))

        self.later(1.0, stopped, daemon=True)

    def end_session(self, code: int | None, evidence: str, *, port_gone: bool = False) -> None:
        assert self.session is not None
        self.session = None
        for port in self.modem.ports:
            if port.cid is not None:
                self.tell_modem(self.modem.ppp_ended(port.number, self.now))
        self.post(ev.SessionEnded(exit_code=code, port_gone=port_gone, evidence=evidence))
        self.post(ev.NetworkObserved(facts=self.facts()))

    def _vanished(self) -> None:
        roles, self.ports = list(self.ports), {}
        for role in roles:
            self.post(ev.PortLost(port=role, problem="gone"))
        if self.session is not None:
            self.end_session(16, "Modem hangup", port_gone=True)
        self.post(ev.UsbChanged())

    # --- what the modem says -------------------------------------------------------------------

    def tell_modem(self, outputs: list[model.Output]) -> None:
        for output in outputs:
            match output:
                case model.Write():
                    self._heard(output)
                case model.StopPpp():
                    if self.session is not None:
                        self.later(0.1, self._network_ended)
                case model.Vanish():
                    self.later(0.0, self._vanished)
                case model.Appear():
                    self.later(0.0, lambda: self.post(ev.UsbChanged()))
                case _:
                    pass

    def _network_ended(self) -> None:
        if self.session is not None:
            self.end_session(16, "Modem hangup")

    def _heard(self, output: model.Write) -> None:
        for role, port in list(self.ports.items()):
            if port.number != output.port:
                continue
            for item in port.codec.receive(output.data):
                match item:
                    case InfoLine():
                        port.lines.append(item.text)
                    case Urc():
                        self.answer(0.0, ev.UrcReceived(port=role, text=item.text))
                    case FinalResult():
                        self._answered(port, item)
                    case _:
                        pass
