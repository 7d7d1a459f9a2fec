"""Every action of the core, and the adapter that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import assert_never

from failberry.adapters import flows, modeswitch, pathfinder, pinning, prober, usbbus
from failberry.adapters.dhcp import Lease
from failberry.adapters.firewall import FirewallAdapter
from failberry.adapters.lookout import Lookout
from failberry.adapters.netlink import Netlink
from failberry.adapters.ondemand import OnDemand
from failberry.adapters.pppd import Pppd
from failberry.adapters.reboot import reboot
from failberry.adapters.resolvers import Resolvers
from failberry.adapters.serialport import AtPort, ModemPorts
from failberry.adapters.standby import StandbyOffer
from failberry.adapters.store import Store
from failberry.adapters.wiredresolvers import ResolverWatch
from failberry.config import Config
from failberry.core import actions as do
from failberry.core.events import (
    CommandAnswered,
    CountersRead,
    Event,
    LineProbed,
    ModemLocated,
    PinRecordStored,
    PortsOpened,
    PowerCycled,
    SessionStarted,
    StepStored,
    UsbReset,
)
from failberry.core.facts import PortRole
from failberry.usbdeeds import UsbDeeds


class World:
    """Answers each action with exactly one event; never raises for a failure of the world."""

    def __init__(
        self,
        config: Config,
        *,
        netlink: Netlink,
        firewall: FirewallAdapter,
        ports: ModemPorts,
        pppd: Pppd,
        lease: Lease,
        store: Store,
        usb: UsbDeeds,
        lookout: Lookout,
        standby: StandbyOffer,
        nameservers: ResolverWatch,
        resolvers: Resolvers,
        names: OnDemand,
        complain: Callable[[str], None],
    ) -> None:
        self._config = config
        self._netlink = netlink
        self._firewall = firewall
        self._ports = ports
        self._pppd = pppd
        self._lease = lease
        self._store = store
        self._usb = usb
        self._lookout = lookout
        self._standby = standby
        self._nameservers = nameservers
        self._resolvers = resolvers
        self._names = names
        self._complain = complain

    def reconfigure(self, config: Config) -> None:
        """Do what follows by this configuration."""
        self._config = config
        self._firewall.choose(config.firewall.backend)
        self._standby.reconfigure(config)
        self._nameservers.choose(config.wired.interface)

    def keep(self, action: do.Standing) -> None:
        """Take note of what shall stand until further notice."""
        match action:
            case do.ApplyProbes():
                self._lookout.apply(action.plans)
            case do.ApplyResolvers():
                if (problem := self._resolvers.keep(action.servers)) is not None:
                    self._complain(problem)
            case do.ApplyStandby():
                self._standby.keep(proven=action.proven)
            case do.ApplyNames():
                self._names.keep(action.intent)
            case _:
                assert_never(action)

    async def perform(self, action: do.Wish | do.Deed) -> Event:
        """Do it."""
        match action:
            case do.ApplyRoutes():
                return await self._netlink.apply(action.intent)
            case do.ApplyFilter():
                return await self._firewall.apply(action.intent)
            case do.LocateModem():
                return await self._locate(action.deed)
            case do.SwitchMode() | do.ResetUsb() | do.CyclePower() | do.RebindController():
                return await self._on_bus(action)
            case do.OpenPorts() | do.ReleaseDialPort() | do.ClosePorts():
                return await self._open(action)
            case do.SendCommand() | do.PulseDtr() | do.SendBytes():
                port = self._ports.port(action.port)
                if port is None:
                    return CommandAnswered(deed=action.deed, problem=f"the {action.port} port is not open")
                return await _speak(port, action)
            case do.StorePinRecord() | do.StoreStep():
                return await self._write(action)
            case do.ProbeLine() | do.ReadCounters():
                return await _look_at_line(action)
            case do.Reboot():
                return await reboot(action.deed)
            case do.StartSession() | do.StartLease() | do.StopSession():
                return await self._on_session(action)
            case _:
                return await self._on_lines(action)

    async def _on_lines(
        self, action: do.DropFlows | do.WeighFlows | do.TracePath | do.ProvePinning | do.StoreUsage
    ) -> Event:
        match action:
            case do.DropFlows():
                return await flows.drop_flows(action)
            case do.WeighFlows():
                return await flows.weigh_flows(action)
            case do.TracePath():
                return await pathfinder.trace_path(action)
            case do.ProvePinning():
                return await pinning.prove_pinning(action, self._netlink)
            case do.StoreUsage():
                return await self._store.store_usage(action.deed, action.record)
            case _:
                assert_never(action)

    async def _locate(self, deed: int) -> ModemLocated:
        located = await asyncio.to_thread(_look_for_modem, deed, self._config)
        if located.hardware is not None:
            # For the next daemon. That a disk takes nothing is told where it matters: of steps and of PINs.
            await self._store.remember_usb_path(located.hardware.usb_path)
        return located

    async def _on_bus(
        self, action: do.SwitchMode | do.ResetUsb | do.CyclePower | do.RebindController
    ) -> UsbReset | PowerCycled:
        if isinstance(action, do.SwitchMode):
            return await modeswitch.switch(action.deed, action.stray)
        return await self._usb.perform(action, self._config)

    async def _open(self, action: do.OpenPorts | do.ReleaseDialPort | do.ClosePorts) -> PortsOpened:
        match action:
            case do.OpenPorts():
                return await self._ports.open(action.deed, action.hardware, dial=action.dial)
            case do.ReleaseDialPort():
                await self._ports.release_dial()
            case do.ClosePorts():
                await self._ports.close()
            case _:
                assert_never(action)
        return PortsOpened(deed=action.deed)

    async def _write(self, action: do.StorePinRecord | do.StoreStep) -> PinRecordStored | StepStored:
        if isinstance(action, do.StorePinRecord):
            return await self._store.store_pin(action.deed, action.record)
        return await self._store.store_step(action.deed, action.step)

    async def _on_session(self, action: do.StartSession | do.StartLease | do.StopSession) -> Event:
        match action:
            case do.StartSession():
                return await self._start_session(action)
            case do.StartLease():
                return await self._lease.start(action.deed, action.hardware)
            case do.StopSession():
                worker = self._lease if self._lease.running else self._pppd
                return await worker.stop(action.deed)
            case _:
                assert_never(action)

    async def _start_session(self, action: do.StartSession) -> SessionStarted:
        port = self._ports.port(PortRole.DIAL)
        if port is None:
            return SessionStarted(deed=action.deed, problem="the port was lost after the dial")
        # Where DCD does not rise, pppd's `modem` would wait for it for ever; then hang-ups show in LCP only.
        carrier = self._config.ppp.carrier_detect and await port.carrier_rises()
        return await self._pppd.start(action.deed, self._config, action.hardware.dial_tty, carrier=carrier)


async def _look_at_line(action: do.ProbeLine | do.ReadCounters) -> LineProbed | CountersRead:
    if isinstance(action, do.ProbeLine):
        return await prober.probe_line(action)
    return prober.read_counters(action)


def _look_for_modem(deed: int, config: Config) -> ModemLocated:
    return usbbus.locate(deed, config, cd_roms=modeswitch.known_cd_roms())


async def _speak(port: AtPort, action: do.SendCommand | do.PulseDtr | do.SendBytes) -> CommandAnswered:
    match action:
        case do.SendCommand():
            return await port.ask(action.deed, action.command)
        case do.PulseDtr():
            return await port.pulse_dtr(action.deed, action.seconds)
        case do.SendBytes():
            return await port.send_bytes(action.deed, action.payload, action.silence)
        case _:
            assert_never(action)
