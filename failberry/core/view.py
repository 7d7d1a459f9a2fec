"""The appliance in words: from what the machines know to the one document that everybody reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from failberry.config import MOBILE_INTERFACE, Config, Mode
from failberry.core.facts import Address, NetworkFacts
from failberry.core.failover import ROLES
from failberry.core.modem_state import ModemState
from failberry.core.nameview import names_view
from failberry.core.notices import advice, notices
from failberry.core.recovery import HOUR
from failberry.core.snapshot import (
    ForcedView,
    KernelView,
    LineState,
    LineView,
    ModemView,
    Notice,
    Reachability,
    RecoveryView,
    RouterView,
    SignalView,
    Snapshot,
    StepView,
    SupplyView,
    UplinkName,
    UsageView,
)
from failberry.core.steps import Rung

if TYPE_CHECKING:
    from failberry.core.failover import Failover, Mobile
    from failberry.core.lines import WiredLine
    from failberry.core.modem import Modem
    from failberry.core.names import PublishedNames
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
    wired: WiredLine
    failover: Failover
    mobile: Mobile
    usage: UsageView
    mobile_for: float
    running_for: float
    routes: Reconciler[Any]
    filter: Reconciler[Any]
    backend: str | None
    refused: tuple[str, ...]
    pinning: str
    standby_proven: bool
    names: PublishedNames | None
    advice: tuple[Notice, ...]


def snapshot(view: ApplianceView, now: float) -> Snapshot:
    """Compose the document."""
    wired, cellular = _wired(view, now), _cellular(view, now)
    chosen = view.failover
    follows, follows_in = chosen.next(view.wired.verdict, now)
    return Snapshot(
        failberry=view.version,
        mode=view.config.mode,
        running_for=view.running_for,
        active=_working(view),
        active_for=now - chosen.since,
        active_reason=chosen.reason,
        active6=chosen.active6,
        next=follows,
        next_in=follows_in,
        forced=_forced(chosen, now),
        router=_router(view, now),
        usage=view.usage,
        names=names_view(view.names, now),
        wired=wired,
        cellular=cellular,
        modem=_modem(view.modem, now),
        recovery=_recovery(view.modem, now),
        supply=_supply(view.modem, now),
        routes=KernelView(state=view.routes.state, problem=view.routes.problem),
        firewall=KernelView(
            state=view.filter.state, problem=view.filter.problem, backend=view.backend, refused=view.refused
        ),
        warnings=tuple(notices(view, wired, cellular, now)),
    )


def _working(view: ApplianceView) -> UplinkName | None:
    """The active line, unless nothing passes over it: the wired one stays active for want of a better."""
    dead = view.wired.verdict.state is LineState.DOWN and not view.mobile.link.usable
    return None if dead else view.failover.active


def _forced(chosen: Failover, now: float) -> ForcedView | None:
    if chosen.forced is None:
        return None
    until = chosen.forced_until
    return ForcedView(line=chosen.forced, left=None if until is None else max(0.0, until - now))


def _router(view: ApplianceView, now: float) -> RouterView | None:
    if view.config.mode is not Mode.STANDBY_GATEWAY:
        return None
    return RouterView(uses_us=view.wired.router_uses_us(now), standby_offered=view.standby_proven)


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


def _wired(view: ApplianceView, now: float) -> LineView:
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
    verdict, verdict6 = view.wired.verdict, view.wired.verdict6
    family = view.wired.families.get(4)
    detector = family.detector if family is not None else None
    follows, follows_in = _next_verdict(view, now)
    return LineView(
        role=ROLES[UplinkName.WIRED],
        state=verdict.state,
        state_for=now - verdict.since,
        reason=verdict.reason,
        where=verdict.where,
        degraded=verdict.degraded,
        state6=verdict6.state if verdict6 is not None else None,
        reason6=verdict6.reason if verdict6 is not None else "",
        loss=detector.loss(now) if detector is not None else None,
        rtt=detector.rtt(now) if detector is not None else None,
        proven_age=_age(detector.last_answer if detector is not None else None, now),
        next=follows,
        next_in=follows_in,
        interface=name,
        addresses=tuple(str(each) for each in addresses),
        gateway=str(default.gateway) if default is not None and default.gateway is not None else None,
        dns=tuple(str(each) for each in view.wired.servers),
        reachability=kind,
        reachability_text=text,
    )


def _cellular(view: ApplianceView, now: float) -> LineView:
    session = view.modem.known.session
    granted = [each for each in (session.local, session.local6) if each is not None] if session else []
    interface = view.facts.interface(session.interface) if session else None
    if interface is not None:
        granted += [each.ip for each in interface.addresses if each.ip not in granted]
    kind = reachability(granted)
    gateway = session.gateway if session else None
    resting = view.modem.standing_by
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
        role=ROLES[UplinkName.CELLULAR],
        state=LineState.UP if view.mobile.link.usable else LineState.DOWN,
        state_for=view.mobile_for,
        reason=view.mobile.link.reason,
        proven_age=_age(view.modem.standby.proven_at if resting else view.mobile.proven, now),
        interface=session.interface if session else MOBILE_INTERFACE,
        addresses=tuple(str(each) for each in granted),
        gateway=str(gateway) if gateway is not None else None,
        dns=tuple(str(each) for each in session.dns) if session else (),
        reachability=kind,
        reachability_text=text,
    )


def _next_verdict(view: ApplianceView, now: float) -> tuple[str, float | None]:
    """What would change the verdict on the wired line."""
    verdict = view.wired.verdict
    if verdict.state is LineState.SUSPECT and verdict.silent_since is not None:
        confirm = verdict.silent_since + view.config.failover.confirm
        return "called dead if the silence lasts", max(0.0, confirm - now)
    if verdict.state is LineState.DOWN:
        if view.wired.router_uses_us(now):
            return "up when the router sends its traffic over the wired line again", None
        return "up at the third answer", None
    return "", None


def _age(instant: float | None, now: float) -> float | None:
    return None if instant is None else max(0.0, now - instant)


def _modem(modem: Modem, now: float) -> ModemView:
    known, hardware, signal = modem.known, modem.known.hardware, modem.known.signal
    dbm = signal.dbm
    deadline = modem.retry_at if modem.state is ModemState.UNKNOWN else None
    return ModemView(
        state=modem.state,
        state_for=now - modem.since,
        reason=known.missing or known.blocked or modem.reason,
        advice=advice(modem),
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
