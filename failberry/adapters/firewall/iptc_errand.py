"""One errand to the legacy tables: a JSON request on standard input, its answer on standard output.

The only importer of python-iptables (iptc).  A script of its own, which :mod:`.iptables` runs for one address
family at a time; nothing of the daemon is imported.  The request::

    {"errand": "read" or "write", "family": 4 or 6, "prefix": "FAILBERRY",
     "places": [["filter", "INPUT"], …], "tables": {"filter": {"INPUT": [rule, …]}}}

holds every place where chains of ours may be, and for ``write`` the rules of those that shall be there, as
dictionaries of ``iptc.easy``.  The answer has the same ``tables``, read from the kernel, and ``strange``; or
a ``problem`` and its ``reason``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LOCK = "/run/xtables.lock"
LOCK_DEADLINE = 10.0

Rule = dict[str, Any]
Tables = dict[str, dict[str, list[Rule]]]


def serve(request: Any) -> dict[str, Any]:
    """Do what is asked; every failure of the world is in the answer."""
    try:
        import iptc
    except (ImportError, OSError) as error:
        problem = f"python-iptables is not there ({error}); install the package python3-iptables"
        return {"reason": "unsupported", "problem": problem}
    errand = Errand(iptc=iptc, family=request["family"], prefix=request["prefix"], places=request["places"])
    try:
        with locked():
            if request["errand"] == "write":
                errand.write(request["tables"])
            return errand.read()
    except TimeoutError as error:
        return {"reason": "busy", "problem": str(error)}
    except (iptc.IPTCError, iptc.XTablesError, ValueError, AttributeError, OSError) as error:
        return {"reason": "refused", "problem": f"python-iptables: {error}"}


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold the lock of the iptables programs (iptables(8), -w), which iptc does not know of."""
    try:
        descriptor = os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        # Neither there nor to be made: no iptables program has run yet, so there is nobody to wait for.
        yield
        return
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Reads and writes the chains with our prefix, in one address family."""

    iptc: Any
    family: int
    prefix: str
    places: list[tuple[str, str]]

    def read(self) -> dict[str, Any]:
        """What is in the kernel under our prefix, and whether it is reached."""
        tables: Tables = {}
        strange: list[str] = []
        for name, built_in in self.places:
            table, ours = self._table(name), f"{self.prefix}-{built_in}"
            if not table.is_chain(ours):
                continue
            rules = self.iptc.Chain(table, ours).rules
            tables.setdefault(name, {})[built_in] = [self._decoded(rule) for rule in rules]
            if not self._reached(table, built_in, ours):
                strange.append(f"IPv{self.family} {name} {built_in} does not jump to {ours} exactly once")
        return {"tables": tables, "strange": strange}

    def write(self, tables: Tables) -> None:
        """Make our chains hold exactly these rules; a place without rules loses its chain."""
        opened = {name: self._table(name) for name, _ in self.places}
        for name, built_in in self.places:
            rules = tables.get(name, {}).get(built_in)
            if rules is None:
                self._clear(opened[name], built_in)
            else:
                self._fill(opened[name], built_in, rules)
        # Not before every rule was understood, so that a rule which is refused leaves everything as it was.
        for table in opened.values():
            table.commit()
            table.refresh()

    def _fill(self, table: Any, built_in: str, rules: list[Rule]) -> None:
        ours = f"{self.prefix}-{built_in}"
        if not table.is_chain(ours):
            table.create_chain(ours)
        table.flush_entries(ours)
        for rule in rules:
            self.iptc.Chain(table, ours).append_rule(self._encoded(rule))
        if not self._reached(table, built_in, ours):
            self._unhook(table, built_in, ours)
            # First, or rules of others could let pass what ours drop.  Where they put theirs later is their
            # affair: two programs that both insist on being first would never rest.
            self.iptc.Chain(table, built_in).insert_rule(self._encoded({"target": ours}))

    def _clear(self, table: Any, built_in: str) -> None:
        ours = f"{self.prefix}-{built_in}"
        if table.is_chain(ours):
            self._unhook(table, built_in, ours)
            table.flush_entries(ours)
            table.delete_chain(ours)

    def _unhook(self, table: Any, built_in: str, ours: str) -> None:
        for jump in list(self._jumps(table, built_in, ours)):
            self.iptc.Chain(table, built_in).delete_rule(jump)

    def _reached(self, table: Any, built_in: str, ours: str) -> bool:
        return [self._decoded(jump) for jump in self._jumps(table, built_in, ours)] == [{"target": ours}]

    def _jumps(self, table: Any, built_in: str, ours: str) -> Iterator[Any]:
        """The rules that lead to our chain.  Others are not decoded: iptc may not know what they match."""
        entry = table.first_rule(built_in)
        while entry:
            if table.get_target(entry) == ours.encode():
                yield table.create_rule(entry, self.iptc.Chain(table, built_in))
            entry = table.next_rule(entry)

    def _table(self, name: str) -> Any:
        # iptc has one object for each table of a process, so this is always the same one.
        table = (self.iptc.Table if self.family == 4 else self.iptc.Table6)(name)
        table.autocommit = False
        return table

    def _encoded(self, rule: Rule) -> Any:
        return self.iptc.easy.encode_iptc_rule(rule, ipv6=self.family == 6)

    def _decoded(self, rule: Any) -> Rule:
        words: Rule = self.iptc.easy.decode_iptc_rule(rule, ipv6=self.family == 6)
        words.pop("counters", None)
        return words


def main() -> None:
    """Do one errand."""
    # Whatever the C libraries print must not end up in the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(serve(json.load(sys.stdin)), answer)
    answer.flush()
    # Without the destructors of iptc, which would have nothing to do but crash.
    os._exit(0)


if __name__ == "__main__":
    main()
