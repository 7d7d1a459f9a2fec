"""The second back end: chains of our own in the legacy tables, by python-iptables (iptc).

iptc is only ever imported in a child process, ``python -m failberry.adapters.firewall.iptables``, one for
each address family and errand, with JSON in and out and a deadline.  Measured reasons: it costs 31 MiB and
stays loaded; it calls C by ctypes and has crashed for others; libxtables ends the *process* on what it takes
for errors (loading TCPMSS for both families: ``target "TCPMSS" already registered``, exit); and it keeps
its own copy of every table, so only a fresh process surely sees the kernel.

The kernel replaces a table at a time, so an errand commits each table once, under the lock that the
iptables programs use.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
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
LOCK = Path("/run/xtables.lock")
LOCK_DEADLINE = 10.0

_PACKAGE_ROOT = Path(__file__).parents[3]
_LOADED = {4: "ip_tables_names", 6: "ip6_tables_names"}
_CURE = "install the package python3-iptables"

Tables = dict[str, dict[str, list[XRule]]]
"""Rules by table and built-in chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Iptables:
    """Chains named after the prefix, each reached by one jump from the built-in chain of the same name."""

    prefix: str = "FAILBERRY"

    def read(self) -> Held:
        """Tell what is there.  Raises AdapterError."""
        return held({family: self._errand("read", family) for family in FAMILIES})

    def write(self, intent: FilterIntent) -> None:
        """Make the chains hold the intent, each table in one commit.  Raises AdapterError."""
        for family in FAMILIES:
            self._errand("write", family, _tables(intent, family))

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
        done = run(
            [sys.executable, "-m", __name__],
            stdin=json.dumps({"errand": errand, "family": family, "prefix": self.prefix, "tables": tables}),
            deadline=DEADLINE,
            cure=_CURE,
            folder=_PACKAGE_ROOT,
        )
        if done.returncode != 0:
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


# --- the child ------------------------------------------------------------------------------------


def _serve(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        import iptc
    except (ImportError, OSError) as error:
        return {
            "reason": AdapterReason.UNSUPPORTED,
            "problem": f"python-iptables is not there ({error}); {_CURE}",
        }
    try:
        with _lock():
            if request["errand"] == "write":
                _write(iptc, request["family"], request["prefix"], request["tables"])
            return _read(iptc, request["family"], request["prefix"])
    except TimeoutError as error:
        return {"reason": AdapterReason.BUSY, "problem": str(error)}
    except (iptc.IPTCError, iptc.XTablesError, ValueError, AttributeError, OSError) as error:
        return {
            "reason": AdapterReason.REFUSED,
            "problem": f"python-iptables: {error or type(error).__name__}",
        }


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of the iptables programs (iptables(8), -w), which iptc does not know of."""
    descriptor = os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + LOCK_DEADLINE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(f"another program has held {LOCK} for {LOCK_DEADLINE:g} s") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _open(iptc: Any, family: int, name: str) -> Any:
    table = (iptc.Table if family == 4 else iptc.Table6)(name)
    table.autocommit = False
    return table


def _read(iptc: Any, family: int, prefix: str) -> dict[str, Any]:
    tables: Tables = {}
    strange: list[str] = []
    for name, built_in in PLACES.values():
        table, ours = _open(iptc, family, name), f"{prefix}-{built_in}"
        jumps = list(_jumps(table, built_in, ours))
        if not table.is_chain(ours):
            continue
        rules = iptc.Chain(table, ours).rules
        tables.setdefault(name, {})[built_in] = [_words(iptc, rule, family) for rule in rules]
        if [_words(iptc, jump, family) for jump in jumps] != [{"target": ours}]:
            strange.append(f"IPv{family} {name} {built_in} does not jump to {ours} exactly once")
    return {"tables": tables, "strange": strange}


def _write(iptc: Any, family: int, prefix: str, tables: Tables) -> None:
    opened = {name: _open(iptc, family, name) for name, _ in PLACES.values()}
    for name, built_in in PLACES.values():
        _replace(
            iptc, opened[name], built_in, f"{prefix}-{built_in}", tables.get(name, {}).get(built_in), family
        )
    # Not before every rule was understood, so that a rule which is refused leaves everything as it was.
    for table in opened.values():
        table.commit()
        table.refresh()


def _replace(iptc: Any, table: Any, built_in: str, ours: str, rules: list[XRule] | None, family: int) -> None:
    """Fill our chain and have exactly one jump to it, or with ``None`` remove both."""
    jumps = list(_jumps(table, built_in, ours))
    keep = rules is not None and [_words(iptc, jump, family) for jump in jumps] == [{"target": ours}]
    if not keep:
        for jump in jumps:
            iptc.Chain(table, built_in).delete_rule(jump)
    if table.is_chain(ours):
        table.flush_entries(ours)
        if rules is None:
            table.delete_chain(ours)
    elif rules is not None:
        table.create_chain(ours)
    if rules is None:
        return
    for words in rules:
        iptc.Chain(table, ours).append_rule(iptc.easy.encode_iptc_rule(words, ipv6=family == 6))
    if not keep:
        # First, or rules of others could let pass what ours drop.  Where they put theirs later is their
        # affair: two programs that both insist on being first would never rest.
        iptc.Chain(table, built_in).insert_rule(
            iptc.easy.encode_iptc_rule({"target": ours}, ipv6=family == 6)
        )


def _jumps(table: Any, built_in: str, ours: str) -> Iterator[Any]:
    """The rules that lead to our chain.  Those of others are not decoded: iptc may not know their matches."""
    import iptc

    chain = iptc.Chain(table, built_in)
    entry = table.first_rule(built_in)
    while entry:
        target = table.get_target(entry)
        if target and (target.decode() if isinstance(target, bytes) else target) == ours:
            yield table.create_rule(entry, chain)
        entry = table.next_rule(entry)


def _words(iptc: Any, rule: Any, family: int) -> XRule:
    words: XRule = iptc.easy.decode_iptc_rule(rule, ipv6=family == 6)
    words.pop("counters", None)
    return words


def main() -> None:
    """Do one errand: a JSON request on standard input, its answer on standard output."""
    # Whatever the C libraries print must not end up in the answer.
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(_serve(json.load(sys.stdin)), answer_to)
    answer_to.flush()
    # Without the destructors of iptc, which would have nothing to do but crash.
    os._exit(0)


if __name__ == "__main__":
    main()
