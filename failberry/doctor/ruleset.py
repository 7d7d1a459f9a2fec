"""The packet filters of other programs, as far as they can take our packets.  Pure.

Read from ``nft -j list ruleset`` (libnftables-json(5)), which shows ``iptables-nft``'s tables, too, and from
``iptables-legacy-save`` where a program still writes the old tables.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

OWN_TABLES = ("failberry", "failberry_proof")
_OWN_CHAINS = "FAILBERRY"
_ENDS = frozenset({"accept", "drop", "reject", "masquerade", "snat", "dnat", "redirect", "jump", "goto"})
_TARGETS = {"MASQUERADE", "SNAT", "DNAT", "REDIRECT", "REJECT"}
"""Of xtables, which nft shows as ``xt``."""
DEEP = 12
"""Chains below one another that are followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRule:
    """One rule, as far as it matters here."""

    verdict: str
    """As nft calls it: ``accept``, ``drop``, ``reject``, ``jump``, ``masquerade``, ``dnat``…"""
    chain: str
    """Where it stands."""
    target: str = ""
    """Of a jump."""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    """Destination ports, as ranges."""
    conditions: int = 0
    """How many others it has: addresses, states, sets…"""

    @property
    def always(self) -> bool:
        """Whether it is for every packet."""
        return not (self.inputs or self.outputs or self.ports or self.conditions)

    def names(self, interface: str) -> bool:
        """Whether it is about this interface."""
        return any(_fits(each, interface) for each in (*self.inputs, *self.outputs))

    def takes(self, port: int) -> bool:
        """Whether this port is one of those that it is for."""
        return any(first <= port <= last for first, last in self.ports)


def _fits(pattern: str, interface: str) -> bool:
    wild = pattern.endswith(("*", "+"))
    return interface.startswith(pattern[:-1]) if wild else pattern == interface


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChain:
    """One chain that the kernel asks, with every rule that can be reached from it."""

    family: str
    table: str
    name: str
    hook: str
    """``forward``, ``prerouting``, ``postrouting``, ``input``…"""
    policy: str = "accept"
    rules: tuple[ForeignRule, ...] = ()
    chains: tuple[str, ...] = field(default=())
    """Names of the chains below it."""

    @property
    def place(self) -> str:
        """As ``nft list chain`` takes it."""
        return f"{self.family} {self.table} {self.name}"


def foreign(document: Any) -> tuple[BaseChain, ...]:
    """Read what nft wrote; our own table and chains are left out."""
    heads: dict[tuple[str, str, str], dict[str, Any]] = {}
    rules: dict[tuple[str, str, str], list[ForeignRule]] = {}
    for each in document.get("nftables", ()):
        match each:
            case {"chain": {"family": family, "table": table, "name": name}}:
                heads[family, table, name] = each["chain"]
            case {"rule": {"family": family, "table": table, "chain": chain, "expr": list(words)}}:
                rules.setdefault((family, table, chain), []).extend(_rules(words, chain))
    found = []
    for (family, table, name), head in heads.items():
        if "hook" not in head or table in OWN_TABLES:
            continue
        below = {key[2]: each for key, each in rules.items() if key[:2] == (family, table)}
        base = BaseChain(
            family=family,
            table=table,
            name=name,
            hook=str(head["hook"]),
            policy=str(head.get("policy", "accept")),
        )
        found.append(_whole(base, below))
    return tuple(found)


def _whole(base: BaseChain, below: Mapping[str, list[ForeignRule]]) -> BaseChain:
    reached: list[ForeignRule] = []
    seen: list[str] = []
    _follow(base.name, below, reached, seen, always=True, depth=0)
    return replace(base, rules=tuple(reached), chains=tuple(seen[1:]))


def _follow(
    name: str,
    below: Mapping[str, list[ForeignRule]],
    reached: list[ForeignRule],
    seen: list[str],
    *,
    always: bool,
    depth: int,
) -> None:
    """Collect the rules of a chain and of those that it calls; what a condition leads to has one, too."""
    if name in seen or name.startswith(_OWN_CHAINS) or depth > DEEP:
        return
    seen.append(name)
    for rule in below.get(name, ()):
        reached.append(rule if always else replace(rule, conditions=rule.conditions + 1))
        if rule.verdict in ("jump", "goto"):
            _follow(rule.target, below, reached, seen, always=always and rule.always, depth=depth + 1)


def _rules(words: list[Any], chain: str) -> Iterator[ForeignRule]:
    rule = ForeignRule(verdict="", chain=chain)
    for word in words:
        rule = _with(rule, word)
    if rule.verdict:
        yield rule


def _with(rule: ForeignRule, word: Any) -> ForeignRule:
    """Add what one expression says."""
    match word:
        case {"match": {"op": "==" | "in", "left": {"meta": {"key": "iifname" | "iif"}}, "right": right}}:
            return replace(rule, inputs=tuple(_names(right)))
        case {"match": {"op": "==" | "in", "left": {"meta": {"key": "oifname" | "oif"}}, "right": right}}:
            return replace(rule, outputs=tuple(_names(right)))
        case {"match": {"op": "==" | "in", "left": {"payload": {"field": "dport"}}, "right": right}}:
            return replace(rule, ports=tuple(_ports(right)))
        case {"match": {"left": {"meta": {"key": "l4proto"}}}}:
            return rule  # said by the ports already
        case {"match": {"left": {"payload": {"field": "protocol" | "nexthdr"}}}}:
            return rule
        case {"jump": {"target": str(goal)}}:
            return replace(rule, verdict="jump", target=goal)
        case {"goto": {"target": str(goal)}}:
            return replace(rule, verdict="goto", target=goal)
        case {"xt": {"type": "target", "name": str(name)}}:
            return replace(rule, verdict=name.lower()) if name in _TARGETS else rule
        case {"match": _} | {"vmap": _} | {"limit": _} | {"xt": _}:
            return replace(rule, conditions=rule.conditions + 1)
        case dict():
            end = next(iter(word), "")
            return replace(rule, verdict=end) if end in _ENDS else rule
        case _:
            return rule


def _names(right: Any) -> Iterator[str]:
    match right:
        case str():
            yield right
        case {"set": list(members)}:
            yield from (each for each in members if isinstance(each, str))


def _ports(right: Any) -> Iterator[tuple[int, int]]:
    match right:
        case int():
            yield right, right
        case {"range": [int(first), int(last)]}:
            yield first, last
        case {"set": list(members)}:
            for each in members:
                yield from _ports(each)


# --- the old tables --------------------------------------------------------------------------------

_HOOKS = {
    "FORWARD": "forward",
    "PREROUTING": "prerouting",
    "POSTROUTING": "postrouting",
    "INPUT": "input",
    "OUTPUT": "output",
}


def saved(text: str, family: str = "legacy") -> tuple[BaseChain, ...]:
    """Read what ``iptables-legacy-save`` wrote (iptables-save(8))."""
    table, found = "", []
    policies: dict[str, str] = {}
    rules: dict[str, list[ForeignRule]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table, policies, rules = line[1:].strip(), {}, {}
        elif begun := re.match(r":(\S+) (\S+)", line):
            policies[begun[1]] = begun[2]
        elif line.startswith("-A "):
            rule = _saved_rule(shlex.split(line, comments=False))
            if rule is not None:
                rules.setdefault(rule.chain, []).append(rule)
        elif line.startswith("COMMIT"):
            for name, hook in _HOOKS.items():
                if name in policies:
                    base = BaseChain(
                        family=family, table=table, name=name, hook=hook, policy=policies[name].lower()
                    )
                    found.append(_whole(base, rules))
    return tuple(found)


def _saved_rule(words: list[str]) -> ForeignRule | None:
    chain, told, conditions, negated = words[1], {}, 0, False
    flags: Iterable[tuple[str, str]] = zip(words[2:], [*words[3:], ""], strict=True)
    for flag, value in flags:
        if flag == "!":
            negated = True
        elif flag in ("-i", "-o", "-j", "-g", "--dport", "--dports") and not negated:
            told[flag] = value
        elif flag in ("-m", "-p", "--comment"):
            continue
        elif flag.startswith("-") and flag not in ("--to-destination", "--to-source", "--reject-with"):
            conditions, negated = conditions + 1, False
    goal = told.get("-j") or told.get("-g", "")
    if not goal:
        return None
    verdict = goal.lower() if goal in {*_TARGETS, "ACCEPT", "DROP"} else "jump"
    ports = told.get("--dport") or told.get("--dports", "")
    ranges = [each.partition(":") for each in ports.split(",") if each]
    return ForeignRule(
        verdict=verdict,
        chain=chain,
        target=goal if verdict == "jump" else "",
        inputs=(told["-i"],) if "-i" in told else (),
        outputs=(told["-o"],) if "-o" in told else (),
        ports=tuple((int(a), int(b or a)) for a, _, b in ranges if a.isdigit()),
        conditions=conditions,
    )
