"""Whether a line has what it needs at all: link, address, a way out.

Whether it works is another question, which probes answer (:mod:`failberry.core.lines`).
"""

from __future__ import annotations

from dataclasses import dataclass

from failberry.config import Config
from failberry.core.facts import NetworkFacts, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whether a line could carry traffic, and why (not)."""

    usable: bool
    reason: str


def wired_link(config: Config, facts: NetworkFacts, family: int | None = None) -> Link:
    """Judge the wired line by carrier, address and default route, of one family or of any."""
    name = config.wired.interface
    families = (4, 6) if family is None else (family,)
    interface = facts.interface(name)
    if interface is None:
        return Link(usable=False, reason=f"interface {name} does not exist")
    if not interface.up:
        return Link(usable=False, reason=f"interface {name} is switched off")
    if not interface.carrier:
        return Link(usable=False, reason=f"no cable or no link on {name}")
    words = "" if family is None else f" IPv{family}"
    usable = (each for each in interface.addresses if not each.ip.is_link_local)
    if not any(each.version in families for each in usable):
        return Link(usable=False, reason=f"{name} has no{words} address")
    if all(facts.default(name, each) is None for each in families):
        return Link(usable=False, reason=f"no{words} default route through {name}")
    return Link(usable=True, reason=f"{name} has link, address and gateway")


def cellular_link(session: Session | None, facts: NetworkFacts, *, otherwise: str) -> Link:
    """Judge the mobile line by its session; ``otherwise`` says why there is none."""
    if session is None:
        return Link(usable=False, reason=otherwise)
    interface = facts.interface(session.interface)
    if interface is None or not interface.up:
        return Link(usable=False, reason=f"interface {session.interface} is not there yet")
    if session.gateway is not None:
        reason = (
            f"{session.interface} has an address from the stick, a router of its own at {session.gateway}"
        )
        return Link(usable=True, reason=reason)
    return Link(usable=True, reason=f"PPP session up on {session.interface}")


def speaks_ipv6(session: Session | None, facts: NetworkFacts) -> bool:
    """Whether the mobile line has an IPv6 address that the Internet can answer."""
    interface = facts.interface(session.interface) if session is not None else None
    addresses = interface.addresses if interface is not None else ()
    return any(each.version == 6 and each.ip.is_global for each in addresses)
