"""What the publisher of the house's names must know of the lines, and what it tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.facts import Address, NetworkFacts, Session
from failberry.core.snapshot import LineState, NameState, UplinkName


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLine:
    """One line as it is now."""

    line: UplinkName
    interface: str
    state: LineState
    addresses: tuple[Address, ...] = ()
    """Of the interface, without link-local ones."""
    servers: tuple[Address, ...] = ()
    """Name servers to ask over it."""
    session: int = 0
    """Another number for each session of the mobile line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesIntent:
    """Have the line's addresses at their names; level-triggered, may be repeated at will."""

    config: Config
    lines: tuple[NamedLine, ...]
    active: UplinkName | None
    forced: UplinkName | None = None
    """The owner's choice of the line."""

    def line(self, name: UplinkName) -> NamedLine | None:
        """That line, if it is known."""
        return next((each for each in self.lines if each.line is name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedName:
    """One line's name, as the publisher knows it; instants are the engine's."""

    line: UplinkName
    name: str
    source: str
    """Who writes it, in the words of the configuration."""
    state: NameState
    reason: str
    since: float
    addresses: tuple[Address, ...] = ()
    """What stands at the name, as far as it is known."""
    reachable: bool | None = None
    next: str = ""
    next_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """All names of the house."""

    name: str
    """The one that follows the living line."""
    lines: tuple[PublishedName, ...]
    moved: UplinkName | None = None
    """The line on which the daemon holds that name, ahead of the health checks."""
    moved_since: float = 0.0
    spent: int = 0
    """Bytes that all this has cost on the mobile line, by known sizes and counters."""


def names_intent(
    config: Config,
    facts: NetworkFacts,
    session: Session | None,
    *,
    wired: LineState,
    mobile: LineState,
    servers: tuple[Address, ...],
    active: UplinkName | None,
    forced: UplinkName | None,
) -> NamesIntent | None:
    """Derive the wish; ``None``: the configuration names none.  ``servers``: those of the wired line."""
    if config.dns is None:
        return None
    anybody = tuple(map(ip_address, config.probe.targets))
    given = () if session is None else (session.local, session.local6)
    granted: tuple[Address, ...] = tuple(each for each in given if each is not None)
    lines = (
        NamedLine(
            line=UplinkName.WIRED,
            interface=config.wired.interface,
            state=wired,
            addresses=_addresses(facts, config.wired.interface, ()),
            servers=servers or anybody,
        ),
        NamedLine(
            line=UplinkName.CELLULAR,
            interface=MOBILE_INTERFACE if session is None else session.interface,
            state=mobile,
            addresses=() if session is None else _addresses(facts, session.interface, granted),
            servers=(() if session is None else session.dns) or anybody,
            session=0 if session is None else session.pid,
        ),
    )
    return NamesIntent(config=config, lines=lines, active=active, forced=forced)


def _addresses(facts: NetworkFacts, name: str, granted: Iterable[Address]) -> tuple[Address, ...]:
    interface = facts.interface(name)
    found = () if interface is None else (each.ip for each in interface.addresses)
    both = (*granted, *found)
    return tuple(dict.fromkeys(each for each in both if not (each.is_link_local or each.is_loopback)))
