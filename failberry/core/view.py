"""The appliance in words: from what the machines know to the one document that everybody reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from failberry.config import MOBILE_INTERFACE, Config
from failberry.core import failover, lease
from failberry.core.causes import Fault
from failberry.core.facts import Address, NetworkFacts
from failberry.core.modem_state import ModemState
from failberry.core.recovery import HOUR
from failberry.core.snapshot import (
    KernelView,
    LineState,
    LineView,
    ModemView,
    Notice,
    Reachability,
    RecoveryView,
    SignalView,
    Snapshot,
    StepView,
    SupplyView,
    UplinkName,
)
from failberry.core.steps import Rung
from failberry.core.supply import ADVICE as SUPPLY_ADVICE

if TYPE_CHECKING:
    from failberry.core.modem import Modem
    from failberry.core.reconcile import Reconciler

STEPS_SHOWN = 10
_SHARED = IPv4Network("100.64.0.0/10")
_PRIVATE: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv6Network("fc00::/7"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplianceView:
    """What :func:`snapshot` reads."""

    version: str
    config: Config
    facts: NetworkFacts
    modem: Modem
    wired: failover.Line
    wired_for: float
    cellular: failover.Line
    cellular_for: float
    choice: failover.Choice
    active_for: float
    running_for: float
    routes: Reconciler[Any]
    filter: Reconciler[Any]
    backend: str | None
    refused: tuple[str, ...]


def snapshot(view: ApplianceView, now: float) -> Snapshot:
    """Compose the document."""
    wired, cellular = _wired(view), _cellular(view)
    return Snapshot(
        failberry=view.version,
        mode=view.config.mode,
        running_for=view.running_for,
        active=view.choice.active,
        active_for=view.active_for,
        active_reason=view.choice.reason,
        wired=wired,
        cellular=cellular,
        modem=_modem(view.modem, now),
        recovery=_recovery(view.modem, now),
        supply=_supply(view.modem, now),
        routes=KernelView(state=view.routes.state, problem=view.routes.problem),
        firewall=KernelView(
            state=view.filter.state, problem=view.filter.problem, backend=view.backend, refused=view.refused
        ),
        warnings=tuple(_notices(view, wired, cellular)),
    )


def reachability(addresses: Iterable[Address]) -> Reachability:
    """Classify a line by its best address (RFC 1918, RFC 6598, RFC 4193)."""
    addresses = tuple(addresses)
    # Health checks, VPN clients and port forwards come by IPv4, where there is any.
    if any(each.version == 4 for each in addresses):
        addresses = tuple(each for each in addresses if each.version == 4)
    best = Reachability.NONE
    order = (Reachability.NONE, Reachability.PRIVATE, Reachability.CGNAT, Reachability.PUBLIC)
    for address in addresses:
        if address.is_link_local or address.is_loopback:
            continue
        if address in _SHARED:
            kind = Reachability.CGNAT
        elif any(address in network for network in _PRIVATE):
            kind = Reachability.PRIVATE
        else:
            kind = Reachability.PUBLIC
        best = max(best, kind, key=order.index)
    return best


def _wired(view: ApplianceView) -> LineView:
    name = view.config.wired.interface
    interface = view.facts.interface(name)
    addresses = interface.addresses if interface is not None else ()
    default = view.facts.default(name, 4) or view.facts.default(name, 6)
    kind = reachability(each.ip for each in addresses)
    text = {
        Reachability.PUBLIC: "public address: reachable from outside, unless filtered on the way",
        Reachability.CGNAT: "shared address (CGNAT): not reachable from outside",
        Reachability.PRIVATE: "private address: reachable from outside only by a port forward of the router",
        Reachability.NONE: "no address",
    }[kind]
    return LineView(
        role=failover.ROLES[UplinkName.WIRED],
        state=LineState.UP if view.wired.usable else LineState.DOWN,
        state_for=view.wired_for,
        reason=view.wired.reason,
        interface=name,
        addresses=tuple(str(each) for each in addresses),
        gateway=str(default.gateway) if default is not None and default.gateway is not None else None,
        dns=(),
        reachability=kind,
        reachability_text=text,
    )


def _cellular(view: ApplianceView) -> LineView:
    session = view.modem.known.session
    granted = [each for each in (session.local, session.local6) if each is not None] if session else []
    interface = view.facts.interface(session.interface) if session else None
    if interface is not None:
        granted += [each.ip for each in interface.addresses if each.ip not in granted]
    kind = reachability(granted)
    gateway = session.gateway if session else None
    text = {
        Reachability.PUBLIC: "public address: reachable from outside, unless the carrier filters",
        Reachability.CGNAT: "shared address (CGNAT): not reachable from outside; ask for a public APN",
        Reachability.PRIVATE: "private address: not reachable from outside; ask for a public APN",
        Reachability.NONE: "no address",
    }[kind]
    if gateway is not None and kind is not Reachability.PUBLIC:
        text = (
            "address of the stick, which translates it: not reachable from outside, unless the stick forwards"
        )
    return LineView(
        role=failover.ROLES[UplinkName.CELLULAR],
        state=LineState.UP if view.cellular.usable else LineState.DOWN,
        state_for=view.cellular_for,
        reason=view.cellular.reason,
        interface=session.interface if session else MOBILE_INTERFACE,
        addresses=tuple(str(each) for each in granted),
        gateway=str(gateway) if gateway is not None else None,
        dns=tuple(str(each) for each in session.dns) if session else (),
        reachability=kind,
        reachability_text=text,
    )


def _modem(modem: Modem, now: float) -> ModemView:
    known, hardware, signal = modem.known, modem.known.hardware, modem.known.signal
    dbm = signal.dbm
    deadline = modem.retry_at if modem.state is ModemState.UNKNOWN else None
    return ModemView(
        state=modem.state,
        state_for=now - modem.since,
        reason=known.missing or known.blocked or modem.reason,
        advice=_advice(modem),
        next=modem.next_step,
        next_in=max(0.0, deadline - now) if deadline is not None else None,
        usb_path=hardware.usb_path if hardware else None,
        product=hardware.product if hardware else None,
        dial_tty=(hardware.dial_tty or None) if hardware else None,
        status_tty=hardware.status_tty if hardware else None,
        chosen_by=hardware.chosen_by if hardware else None,
        sim=known.iccid[-4:] if known.iccid else None,
        pin_tries=known.pin_tries.pin if known.pin_tries else None,
        signal=SignalView(
            operator=signal.operator,
            technology=signal.technology,
            registration=signal.registration.stat.value if signal.registration else None,
            dbm=dbm,
            percent=max(0, min(100, round((dbm + 113) * 100 / 62))) if dbm is not None else None,
            age=now - signal.heard if signal.heard is not None else None,
        ),
        dials=modem.dials,
        sessions=modem.sessions,
        failures=modem.failures,
        fault=modem.fault,
    )


def _recovery(modem: Modem, now: float) -> RecoveryView:
    ladder, waits = modem.ladder, modem.state is ModemState.UNKNOWN and modem.retry_at is not None
    due = None
    if waits and modem.cause is not None and not modem.healing:
        due = modem.plan.rung if modem.plan is not None else Rung.REDIAL
    under_way = ladder.under_way
    return RecoveryView(
        rung=under_way.rung if under_way is not None else None,
        next=due,
        next_in=max(0.0, modem.retry_at - now) if due is not None and modem.retry_at is not None else None,
        held_back=modem.held_back if modem.cause is not None else "",
        switches_power=ladder.switches_power,
        steps=tuple(
            StepView(
                rung=each.step.rung,
                cause=each.step.cause,
                why=each.step.why,
                result=each.step.result,
                age=max(0.0, now - each.at),
            )
            for each in list(ladder.taken)[: -STEPS_SHOWN - 1 : -1]
        ),
    )


def _supply(modem: Modem, now: float) -> SupplyView:
    trouble = modem.supply_trouble
    return SupplyView(
        good=not trouble,
        reason=trouble,
        under_voltage=modem.supply.under_voltage,
        under_voltage_before=modem.supply.under_voltage_before,
        over_current=modem.supply.over_current,
        disconnects=sum(1 for each in modem.disconnects if each > now - HOUR),
    )


def _advice(modem: Modem) -> str:
    if modem.supply_trouble:
        return SUPPLY_ADVICE
    if modem.cause is not None and modem.cause.fault is Fault.NOT_SWITCHED:
        return ""
    if modem.known.missing:
        return "plug the modem in; if it is, look at its power supply"
    if modem.known.blocked and modem.foreign:
        return 'wait for the home network, or set cellular.roaming = "allow" if you know what it costs'
    return modem.cause.advice if modem.cause is not None else ""


def _notices(view: ApplianceView, wired: LineView, cellular: LineView) -> Iterable[Notice]:
    modem = view.modem
    if wired.state is LineState.DOWN:
        text = f"the wired line is down: {wired.reason}"
        yield Notice(code="wired-down", text=text, cure="look at cable, router and provider")
    if cellular.state is LineState.DOWN:
        text = f"the mobile line is down: {cellular.reason}"
        advice = _advice(modem)
        yield Notice(code="cellular-down", text=text, cure=advice or "nothing to do: it is being handled")
    if trouble := modem.supply_trouble:
        yield Notice(code="power-supply", text=f"the power supply is too weak: {trouble}", cure=SUPPLY_ADVICE)
    if Rung.POWER_CYCLE in modem.ladder.unusable:
        why, _ = modem.ladder.unusable[Rung.POWER_CYCLE]
        yield Notice(
            code="no-power-switch",
            text=f"the modem's power cannot be cut: {why}",
            cure="see `failberryctl usb`; a hub that switches power, between the Pi and the stick, helps",
        )
    if modem.known.session is not None and modem.known.session.bogus_dns:
        yield Notice(
            code="bogus-dns",
            text="the stick handed out placeholder name servers, which are not used",
            cure="nothing to do; a redial usually brings the real ones",
        )
    session = modem.known.session
    routed = session is not None and session.gateway is not None
    if session is not None and routed:
        for name, network in lease.alike(view.config, view.facts, session):
            yield Notice(
                code="stick-overlaps",
                text=f"the stick uses the network of {name}, {network}: who has the address "
                f"{session.local} behind {name} cannot be reached",
                cure="give the stick another network, on its own web page",
            )
    for name, state in (("routes", view.routes), ("firewall", view.filter)):
        if state.problem is not None:
            yield Notice(
                code=f"{name}-failed",
                text=f"the kernel did not take our {name}: {state.problem}",
                cure="what stood before still stands; look at `journalctl -u failberry`",
            )
    if view.config.port_forward and cellular.reachability in (Reachability.CGNAT, Reachability.PRIVATE):
        yield Notice(
            code="forwards-unreachable",
            text="port forwards are configured, but the mobile address cannot be reached from outside",
            cure="ask the carrier for a public address; often that is another APN"
            + (". And let the stick forward the ports, on its own web page" if routed else ""),
        )
