"""The first back end: one table of our own, replaced whole in one transaction by ``nft``.

The ruleset is written as text, in the very words that a person reviews (:meth:`Nftables.render`), and read
back as JSON (libnftables-json(5)), which :mod:`.nftjson` turns into rules again.  A subprocess costs the
daemon no memory and no dependency, and it runs only when something changes or is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from failberry.adapters.firewall import nftjson
from failberry.adapters.firewall.backend import Held, run
from failberry.core.filter import (
    Accept,
    Chain,
    ClampMss,
    Dnat,
    Drop,
    FilterIntent,
    Masquerade,
    Reject,
    RestoreMark,
    Rule,
    SetConnectionMark,
    SetMark,
    Verdict,
)
from failberry.errors import AdapterError, AdapterReason, InvariantError

DEADLINE = 20.0
"""Seconds for one run of nft; it takes 10 ms on a PC, and a small board can be very busy at boot."""

_HOOKS = {
    Chain.MANGLE_PREROUTING: "type filter hook prerouting priority mangle; policy accept;",
    Chain.MANGLE_FORWARD: "type filter hook forward priority mangle; policy accept;",
    # Only chains of type route make the kernel look for a route again after a mark was changed.
    Chain.MANGLE_OUTPUT: "type route hook output priority mangle; policy accept;",
    Chain.MANGLE_POSTROUTING: "type filter hook postrouting priority mangle; policy accept;",
    Chain.NAT_PREROUTING: "type nat hook prerouting priority dstnat; policy accept;",
    Chain.NAT_POSTROUTING: "type nat hook postrouting priority srcnat; policy accept;",
    Chain.INPUT: "type filter hook input priority filter; policy accept;",
    Chain.FORWARD: "type filter hook forward priority filter; policy accept;",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nftables:
    """One table of family ``inet``."""

    table: str = "failberry"

    def read(self) -> Held:
        """Tell what is there.  Raises AdapterError."""
        answer = self._nft("-j", "list", "table", "inet", self.table, absent_is_fine=True)
        try:
            return nftjson.held(json.loads(answer)) if answer else Held()
        except ValueError as error:
            raise AdapterError(AdapterReason.REFUSED, f"nft wrote no JSON: {error}") from error

    def write(self, intent: FilterIntent) -> Held:
        """Replace the table in one transaction: an error leaves the old one.  Raises AdapterError."""
        # "add" first, so that "delete" finds something.
        emptied = f"add table inet {self.table}\ndelete table inet {self.table}\n"
        self._nft("-f", "-", stdin=emptied + self.render(intent))
        return self.read()

    def remove(self) -> None:
        """Delete the table.  Raises AdapterError."""
        self._nft("delete", "table", "inet", self.table, absent_is_fine=True)

    def render(self, intent: FilterIntent) -> str:
        """The table as ``nft -f`` takes it (nft(8))."""
        lines = [f"table inet {self.table} {{"]
        for chain, rules in groupby(sorted(intent.rules, key=_order), key=lambda rule: rule.chain):
            inside = (_HOOKS[chain], *map(_rule, rules))
            lines += [f"\tchain {chain} {{", *(f"\t\t{each}" for each in inside), "\t}"]
        return "\n".join([*lines, "}", ""])

    def _nft(self, *arguments: str, stdin: str = "", absent_is_fine: bool = False) -> str:
        done = run(["nft", *arguments], stdin=stdin, deadline=DEADLINE, cure="install the package nftables")
        if done.returncode == 0:
            return done.stdout
        if absent_is_fine and "No such file or directory" in done.stderr:
            return ""
        problem = " ".join(done.stderr.split())[:300] or f"nft ended with status {done.returncode}"
        denied = "Operation not permitted" in problem
        raise AdapterError(AdapterReason.DENIED if denied else AdapterReason.REFUSED, problem)


def _order(rule: Rule) -> int:
    return list(Chain).index(rule.chain)


def _rule(rule: Rule) -> str:
    if set(rule.why) & set('"\\\n'):
        raise InvariantError(f"nft has no escape for what this comment holds: {rule.why!r}")
    return " ".join((*_matches(rule), _verdict(rule), f'comment "{rule.why}"'))


def _matches(rule: Rule) -> Iterator[str]:
    if rule.family is not None:
        yield f"meta nfproto ipv{rule.family}"
    if rule.input_interface is not None:
        yield f'iifname "{rule.input_interface}"'
    if rule.output_interface is not None:
        yield f'oifname "{rule.output_interface}"'
    if rule.source_mac is not None:
        yield f"ether saddr {rule.source_mac}"
    for network, field in ((rule.source, "saddr"), (rule.destination, "daddr")):
        if network is not None:
            yield f"{'ip' if network.version == 4 else 'ip6'} {field} {network}"
    yield from _protocol(rule)
    if rule.length is not None:
        # Unlike "ip6 length", which is without the header (RFC 8200 section 3).
        yield f"meta length {rule.length}"
    yield from _connection(rule)
    if rule.mark is not None:
        mark, mask = rule.mark
        yield f"meta mark & {mask:#010x} == {mark:#010x}"


def _connection(rule: Rule) -> Iterator[str]:
    if rule.states:
        yield f"ct state {','.join(sorted(rule.states))}"
    if rule.dnatted:
        yield "ct status dnat"
    if rule.reply:
        yield "ct direction reply"
    if rule.connection_mark is not None:
        mark, mask = rule.connection_mark
        yield f"ct mark & {mask:#010x} == {mark:#010x}"


def _protocol(rule: Rule) -> Iterator[str]:
    if rule.protocol is None:
        return
    if rule.icmp_types:
        yield f"{rule.protocol} type {{ {', '.join(map(str, sorted(rule.icmp_types)))} }}"
    elif rule.ports is not None:
        yield f"{rule.protocol} dport {_range(rule.ports)}"
    elif not rule.tcp_syn and not rule.tcp_midstream:
        yield f"meta l4proto {rule.protocol}"
    if rule.tcp_syn:
        yield "tcp flags & (syn | rst) == syn"
    if rule.tcp_midstream:
        yield "tcp flags & (syn | rst) == 0"


def _range(ports: tuple[int, int]) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"


def _verdict(rule: Rule) -> str:
    verdict: Verdict = rule.verdict
    match verdict:
        case Accept():
            return "accept"
        case Drop():
            return "drop"
        case Reject(reset=reset):
            return "reject with tcp reset" if reset else "reject with icmpx admin-prohibited"
        case Masquerade():
            return "masquerade"
        case Dnat(address=address, ports=ports):
            return f"dnat ip to {address}" + (f":{_range(ports)}" if ports is not None else "")
        case ClampMss():
            return "tcp option maxseg size set rt mtu"
        case SetConnectionMark(mark=mark, mask=mask):
            return f"ct mark set ct mark & {~mask & 0xFFFFFFFF:#010x} | {mark:#010x}"
        case SetMark(mark=mark, mask=mask):
            return f"meta mark set meta mark & {~mask & 0xFFFFFFFF:#010x} | {mark:#010x}"
        case RestoreMark(mask=mask):
            # Kernels before 6.14 cannot combine two marks, but the value is known: it was just matched.
            if rule.connection_mark is None or rule.connection_mark[1] != mask:
                raise InvariantError(f"a mark is restored without being matched: {rule}")
            return f"meta mark set meta mark & {~mask & 0xFFFFFFFF:#010x} | {rule.connection_mark[0]:#010x}"
