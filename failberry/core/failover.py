"""Which line carries new flows.

The rule of each mode, over lines that have what they need (carrier, address, a way out).  Whether a
line that has all this really works is the business of probes, which will speak through ``usable``.
"""

from __future__ import annotations

from dataclasses import dataclass

from failberry.config import Config, Mode
from failberry.core.facts import NetworkFacts, Session
from failberry.core.snapshot import Role, UplinkName


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Whether a line could carry traffic, and why (not)."""

    usable: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The active line, and why."""

    active: UplinkName | None
    reason: str


_WORDS = {UplinkName.WIRED: "wired line", UplinkName.CELLULAR: "mobile line"}


def wired_line(config: Config, facts: NetworkFacts) -> Line:
    """Judge the wired line by carrier, address and default route."""
    name = config.wired.interface
    interface = facts.interface(name)
    if interface is None:
        return Line(usable=False, reason=f"interface {name} does not exist")
    if not interface.up:
        return Line(usable=False, reason=f"interface {name} is switched off")
    if not interface.carrier:
        return Line(usable=False, reason=f"no cable or no link on {name}")
    if not any(not address.ip.is_link_local for address in interface.addresses):
        return Line(usable=False, reason=f"{name} has no address")
    if facts.default(name, 4) is None and facts.default(name, 6) is None:
        return Line(usable=False, reason=f"no default route through {name}")
    return Line(usable=True, reason=f"{name} has link, address and gateway")


def cellular_line(session: Session | None, facts: NetworkFacts, *, otherwise: str) -> Line:
    """Judge the mobile line by its session; ``otherwise`` says why there is none."""
    if session is None:
        return Line(usable=False, reason=otherwise)
    interface = facts.interface(session.interface)
    if interface is None or not interface.up:
        return Line(usable=False, reason=f"interface {session.interface} is not there yet")
    if session.gateway is not None:
        reason = (
            f"{session.interface} has an address from the stick, a router of its own at {session.gateway}"
        )
        return Line(usable=True, reason=reason)
    return Line(usable=True, reason=f"PPP session up on {session.interface}")


def primary(config: Config) -> UplinkName:
    """Return the line that carries traffic by choice while both are usable.

    In standby-gateway mode the router decides which line the house uses; what it sends to the Pi is
    meant for the mobile line, so that is the Pi's own primary.
    """
    return UplinkName.CELLULAR if config.mode is Mode.STANDBY_GATEWAY else UplinkName.WIRED


ROLES = {UplinkName.WIRED: Role.PRIMARY, UplinkName.CELLULAR: Role.BACKUP}
"""In the house, whichever line the Pi itself prefers: the mobile line is the metered backup."""


def choose(config: Config, *, wired: Line, cellular: Line) -> Choice:
    """Choose the line for new flows of, and through, this Pi."""
    lines = {UplinkName.WIRED: wired, UplinkName.CELLULAR: cellular}
    first = primary(config)
    second = UplinkName.WIRED if first is UplinkName.CELLULAR else UplinkName.CELLULAR
    if lines[first].usable:
        return Choice(active=first, reason=f"preferred in {config.mode} mode, and {lines[first].reason}")
    if lines[second].usable:
        return Choice(active=second, reason=f"the {_WORDS[first]} is not usable: {lines[first].reason}")
    reasons = "; ".join(f"{_WORDS[name]}: {lines[name].reason}" for name in (first, second))
    return Choice(active=None, reason=reasons)
