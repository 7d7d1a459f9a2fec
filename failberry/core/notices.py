"""What a person should know, with the cure, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from failberry.core import lease
from failberry.core.causes import Fault
from failberry.core.snapshot import LineState, LineView, Notice, Reachability
from failberry.core.steps import Rung
from failberry.core.supply import ADVICE as SUPPLY_ADVICE

if TYPE_CHECKING:
    from failberry.core.modem import Modem
    from failberry.core.view import ApplianceView


def advice(modem: Modem) -> str:
    """What a person should do about the modem; empty: nothing."""
    if modem.supply_trouble:
        return SUPPLY_ADVICE
    if modem.cause is not None and modem.cause.fault is Fault.NOT_SWITCHED:
        return ""
    if modem.known.missing:
        return "plug the modem in; if it is, look at its power supply"
    if modem.known.blocked and modem.foreign:
        return 'wait for the home network, or set cellular.roaming = "allow" if you know what it costs'
    return modem.cause.advice if modem.cause is not None else ""


def notices(view: ApplianceView, wired: LineView, cellular: LineView, now: float) -> Iterator[Notice]:
    """Everything that needs attention."""
    yield from _of_lines(view, wired, cellular, now)
    yield from _of_modem(view)
    yield from _of_kernel(view, cellular)
    yield from view.advice


def _of_lines(view: ApplianceView, wired: LineView, cellular: LineView, now: float) -> Iterator[Notice]:
    if wired.state is LineState.DOWN:
        where = f"; it breaks {wired.where}" if wired.where else ""
        text = f"the wired line is down: {wired.reason}{where}"
        yield Notice(code="wired-down", text=text, cure="look at cable, router and provider")
    if wired.degraded:
        text = f"the wired line is not well: {wired.degraded}"
        yield Notice(code="wired-degraded", text=text, cure="ask the provider; nothing to do here")
    if view.failover.stranded(now):
        yield Notice(
            code="stranded",
            text="the house is back on the wired line, and the mobile line goes on carrying traffic",
            cure="look for a client that was told to use the Pi: its own route, or an ICMP redirect",
        )
    if view.pinning:
        text = f"probes may go astray: {view.pinning}"
        yield Notice(code="pinning", text=text, cure="see `journalctl -u failberry` and docs/howto")
    if cellular.state is LineState.DOWN and not view.modem.standing_by:
        text = f"the mobile line is down: {cellular.reason}"
        yield Notice(
            code="cellular-down", text=text, cure=advice(view.modem) or "nothing to do: it is being handled"
        )


def _of_modem(view: ApplianceView) -> Iterator[Notice]:
    modem = view.modem
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


def _of_kernel(view: ApplianceView, cellular: LineView) -> Iterator[Notice]:
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
            + (". And let the stick forward the ports, on its own web page" if _routed(view) else ""),
        )


def _routed(view: ApplianceView) -> bool:
    session = view.modem.known.session
    return session is not None and session.gateway is not None
