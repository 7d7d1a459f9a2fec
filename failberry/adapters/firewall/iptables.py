"""The second back end: chains of our own in the legacy tables, by python-iptables (iptc).

iptc is imported in a child process only, the script :mod:`.iptc_errand`, one for each address family and
errand, with JSON in and out and a deadline.  Measured reasons: it costs 31 MiB and stays loaded; it calls C
by ctypes and has crashed for others; libxtables ends the *process* on what it takes for errors (loading
TCPMSS for both families: ``target "TCPMSS" already registered``, exit); and it keeps its own copy of every
table, so only a fresh process surely sees the kernel.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failberry.adapters.firewall.backend import FAMILIES, Held, Place, run, wanted
from failberry.adapters.firewall.xtables import PLACES, XRule, decode, encode, line
from failberry.core.filter import Chain, FilterIntent, Rule
from failberry.errors import AdapterError, AdapterReason

DEADLINE = 40.0
"""Seconds for one errand; the import alone takes 2 s on a small board."""

_ERRAND = Path(__file__).with_name("iptc_errand.py")
_LOADED = {4: "ip_tables_names", 6: "ip6_tables_names"}

Tables = dict[str, dict[str, list[XRule]]]
"""Rules by table and built-in chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Iptables:
    """Chains named after the prefix, each reached by one jump from the built-in chain of the same name."""

    prefix: str = "FAILBERRY"

    def read(self) -> Held:
        """Tell what is there.  Raises AdapterError."""
        return held({family: self._errand("read", family) for family in FAMILIES})

    def write(self, intent: FilterIntent) -> Held:
        """Make the chains hold the intent, each table in one commit.  Raises AdapterError."""
        return held({family: self._errand("write", family, _tables(intent, family)) for family in FAMILIES})

    def remove(self) -> None:
        """Delete our jumps and chains; does not even start python-iptables where there are no tables.

        Raises AdapterError.
        """
        for family in FAMILIES:
            # Of this thread, because each network namespace has its own.
            loaded = Path("/proc/thread-self/net", _LOADED[family])
            with contextlib.suppress(FileNotFoundError):
                if loaded.read_text().strip():
                    self._errand("write", family, {})

    def render(self, intent: FilterIntent) -> str:
        """The same as ``iptables-restore --noflush`` takes it, IPv4 and then IPv6 (iptables-save(8))."""
        return "\n".join(line for family in FAMILIES for line in self._lines(intent, family))

    def _lines(self, intent: FilterIntent, family: int) -> Iterator[str]:
        yield f"# IPv{family}"
        for table, chains in _tables(intent, family).items():
            yield f"*{table}"
            yield from (f":{self.prefix}-{built_in} - [0:0]" for built_in in chains)
            yield from (f"-I {built_in} -j {self.prefix}-{built_in}" for built_in in chains)
            for built_in, rules in chains.items():
                yield from (f"-A {self.prefix}-{built_in} {line(words)}" for words in rules)
            yield "COMMIT"
        yield ""

    def _errand(self, errand: str, family: int, tables: Tables | None = None) -> dict[str, Any]:
        places = list(PLACES.values())
        request = {
            "errand": errand,
            "family": family,
            "prefix": self.prefix,
            "places": places,
            "tables": tables,
        }
        # By its path and isolated, so that it imports nothing but iptc.
        command = [sys.executable, "-I", str(_ERRAND)]
        done = run(command, stdin=json.dumps(request), deadline=DEADLINE, cure="set the path of Python right")
        # libxtables ends the process as it likes, with a status that tells nothing.
        if done.returncode != 0 or not done.stdout:
            words = " ".join(done.stderr.split())[-300:] or "no word"
            evidence = f"python-iptables crashed (status {done.returncode}): {words}"
            raise AdapterError(AdapterReason.REFUSED, evidence)
        answer: dict[str, Any] = json.loads(done.stdout)
        if "problem" in answer:
            raise AdapterError(AdapterReason(answer["reason"]), answer["problem"])
        return answer


def _tables(intent: FilterIntent, family: int) -> Tables:
    tables: Tables = {}
    places = wanted(intent)
    for chain, (table, built_in) in PLACES.items():
        rules = places.get((family, chain))
        if rules:
            tables.setdefault(table, {})[built_in] = [encode(rule) for rule in rules]
    return tables


def held(answers: Mapping[int, Mapping[str, Any]]) -> Held:
    """Turn the answers of the child, one for each family, into rules."""
    rules: dict[Place, tuple[Rule, ...]] = {}
    strange: list[str] = []
    for family, answer in answers.items():
        strange += answer["strange"]
        for chain, (table, built_in) in PLACES.items():
            there = answer["tables"].get(table, {}).get(built_in)
            if there is not None:
                rules[family, chain] = tuple(_decoded(chain, family, there, strange))
    return Held(rules=rules, strange=tuple(strange))


def _decoded(chain: Chain, family: int, rules: list[XRule], strange: list[str]) -> Iterator[Rule]:
    for words in rules:
        try:
            yield decode(chain, family, words)
        except ValueError as error:
            strange.append(f"IPv{family} {chain}: {error}")
