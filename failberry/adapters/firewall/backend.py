"""What every firewall back end must do, and the one judge of whether it did.

A back end is a *store* of rules in the kernel: written whole, read back as the same :class:`Rule` values that
were written, and removed.  Everything that decides (is the kernel as wanted? does this store tell the
truth?) is here and works on those values, so both stores are held to the same standard.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

from failberry.adapters.firewall.proof import PROOF
from failberry.config import FirewallBackend
from failberry.core.filter import Chain, Dnat, FilterIntent, Rule
from failberry.errors import AdapterError, AdapterReason

Place = tuple[int, Chain]
"""Address family (4 or 6) and chain."""

FAMILIES = (4, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is in the kernel under our name."""

    rules: Mapping[Place, tuple[Rule, ...]] = field(default_factory=dict)
    strange: tuple[str, ...] = ()
    """Whatever stands there and no rule of ours looks like; evidence for people."""


class RuleStore(Protocol):
    """One named place in the kernel that is ours alone.  Every method may raise AdapterError."""

    def read(self) -> Held:
        """Tell what is there; nothing at all is an empty answer, not an error."""

    def write(self, intent: FilterIntent) -> Held:
        """Make it hold exactly the intent; answers what is there then, as read from the kernel."""

    def remove(self) -> None:
        """Leave nothing of ours; does nothing where nothing is."""


def wanted(intent: FilterIntent) -> dict[Place, tuple[Rule, ...]]:
    """Spell the intent out as the kernel sees it: each family by itself, one ICMP type a rule."""
    places: dict[Place, tuple[Rule, ...]] = {}
    for rule in intent.rules:
        for family in families(rule):
            place = (family, rule.chain)
            for types in tuple((each,) for each in sorted(rule.icmp_types)) or ((),):
                part = replace(rule, family=family, icmp_types=types)
                places[place] = (*places.get(place, ()), part)
    return places


def families(rule: Rule) -> tuple[int, ...]:
    """The address families that the rule can match at all."""
    said = {rule.family, {"icmp": 4, "icmpv6": 6}.get(rule.protocol or "")}
    said |= {network.version for network in (rule.source, rule.destination) if network is not None}
    if isinstance(rule.verdict, Dnat):
        said.add(rule.verdict.address.version)
    return tuple(each for each in FAMILIES if said <= {None, each})


def difference(intent: FilterIntent, held: Held) -> str | None:
    """Say the first way in which the kernel differs from the intent; ``None``: in no way."""
    if held.strange:
        return held.strange[0]
    want = wanted(intent)
    for family, chain in sorted(want.keys() | held.rules.keys()):
        there, here = held.rules.get((family, chain), ()), want.get((family, chain), ())
        if there == here:
            continue
        for number, (one, other) in enumerate(zip(here, there, strict=False), 1):
            for each in fields(Rule):
                asked, got = getattr(one, each.name), getattr(other, each.name)
                if asked != got:
                    return f"IPv{family} {chain} rule {number} has {each.name} {got}, wanted {asked}"
        return f"IPv{family} {chain} has {len(there)} rules, wanted {len(here)}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to write the kernel's packet filter."""

    name: FirewallBackend
    ours: RuleStore
    scratch: RuleStore
    """The same kind of place under another name, for the proof."""

    def prove(self) -> str | None:
        """Write every kind of rule to the scratch place, read it back, compare, remove.

        Answers ``None``, or the reason why this back end cannot be trusted on this machine.  Raises
        AdapterError where the answer may be another one in a minute (a lock, a deadline).
        """
        try:
            found = difference(PROOF, self.scratch.write(PROOF))
            self.scratch.remove()
            left = difference(FilterIntent(), self.scratch.read())
        except AdapterError as error:
            if error.reason in {AdapterReason.TIMEOUT, AdapterReason.BUSY}:
                raise
            return error.evidence
        if found is not None:
            return f"what was written is not what was read back: {found}"
        return f"a removed rule is still there: {left}" if left is not None else None

    def apply(self, intent: FilterIntent) -> bool:
        """Make the kernel hold the intent; answers whether anything had to be written.

        Raises AdapterError; then the kernel holds the old rules, or parts of the new ones.
        """
        if difference(intent, self.ours.read()) is None:
            return False
        found = difference(intent, self.ours.write(intent))
        if found is not None:
            raise AdapterError(AdapterReason.REFUSED, f"after writing, {found}")
        return True


def run(
    command: Sequence[str], *, stdin: str, deadline: float, cure: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, at most ``deadline`` seconds; ``cure`` says what to do if it is missing.

    Raises AdapterError when it cannot be run or is late; its exit status is the caller's to judge.
    """
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        evidence = f"{command[0]} did not finish within {deadline:g} s"
        raise AdapterError(AdapterReason.TIMEOUT, evidence) from error
    except FileNotFoundError as error:
        raise AdapterError(AdapterReason.UNSUPPORTED, f"{command[0]} is not there; {cure}") from error
    except OSError as error:
        raise AdapterError(AdapterReason.DENIED, f"{command[0]} cannot be run: {error.strerror}") from error
