"""The line of a stick that is a router of its own: it dials by itself, and hands out an address by DHCP.

There is nothing to ask it: no signal, no operator, no SIM, no PIN.  What is known of its line is what passes
over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from failberry.config import Config
from failberry.core.actions import StartLease
from failberry.core.ask import Dialog
from failberry.core.causes import Cause, Remedy
from failberry.core.dialogue import Wait
from failberry.core.events import SessionEnded, SessionStarted, SessionUp
from failberry.core.facts import NetworkFacts, Session
from failberry.core.modem_known import Desk, Failed, Next, Outcome
from failberry.core.modem_state import ModemState

LEASE_TIMEOUT = 60.0
"""Seconds for an address: a stick that has just got its power serves DHCP after 20 to 40."""


def connect_ether(desk: Desk) -> Dialog[Outcome]:
    """Start a DHCP client on the stick's interface and wait for the address."""
    hardware = desk.known.hardware
    assert hardware is not None  # noqa: S101  (connecting follows locating)
    started = yield StartLease(hardware=hardware)
    if not isinstance(started, SessionStarted) or started.problem is not None:
        why = started.problem if isinstance(started, SessionStarted) and started.problem else "unknown"
        return Failed(cause=Cause(remedy=Remedy.HOST, why=f"no DHCP client on the stick's interface: {why}"))
    if desk.known.session is None:
        yield Wait(seconds=LEASE_TIMEOUT, until=(SessionUp,))
    session = desk.known.session
    if session is None:
        why = f"the stick gave no address by DHCP within {LEASE_TIMEOUT:.0f} s"
        return Failed(cause=Cause(remedy=Remedy.MODEM, why=why))
    return Next(
        state=ModemState.CONNECTED,
        why=f"the stick granted {session.local}; it is a router of its own at {session.gateway}",
    )


def cause_of_end(event: SessionEnded) -> Cause:
    """Name the cause of a lease's end; the client's own exit status says nothing."""
    if event.port_gone:
        why = "the stick's network interface vanished from the USB bus"
        return Cause(remedy=Remedy.DEVICE, why=why, evidence=event.evidence)
    why = event.evidence or "the DHCP client was killed or died"
    return Cause(remedy=Remedy.ENDED, why=why, evidence=event.evidence)


def alike(config: Config, facts: NetworkFacts, session: Session) -> Iterator[tuple[str, IPv4Network]]:
    """Yield each network of the house, with its interface, in which the stick's own addresses lie, too."""
    for name in dict.fromkeys((config.lan_interface, config.wired.interface)):
        interface = facts.interface(name)
        for address in interface.addresses if interface is not None else ():
            network = address.network
            if isinstance(network, IPv4Network) and any(
                each is not None and each in network for each in (session.local, session.gateway)
            ):
                yield name, network
