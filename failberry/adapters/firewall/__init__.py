"""The packet filter: one intent, two back ends, and the choice between them.

See ``docs/adr/0001-firewall-back-ends.md`` for why there are two and why neither is believed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence

from failberry.adapters.firewall.backend import Backend
from failberry.adapters.firewall.iptables import Iptables
from failberry.adapters.firewall.nftables import Nftables
from failberry.config import FirewallBackend
from failberry.core.events import FilterApplied
from failberry.core.filter import FilterIntent
from failberry.errors import AdapterError, AdapterReason

NFTABLES = Backend(name=FirewallBackend.NFTABLES, ours=Nftables(), scratch=Nftables(table="failberry_proof"))
IPTABLES = Backend(name=FirewallBackend.IPTABLES, ours=Iptables(), scratch=Iptables(prefix="FAILBERRY-PROOF"))
BACKENDS = (NFTABLES, IPTABLES)
"""In order of preference."""


class FirewallAdapter:
    """Applies filter intents by the first back end that proves itself.

    All work is done in a thread, where every program that is run has a deadline.
    """

    def __init__(self, choice: FirewallBackend, backends: Sequence[Backend] = BACKENDS) -> None:
        self._backends = tuple(backends)
        self._choice = choice
        self._chosen: Backend | None = None
        self._alone = False
        """Whether what the other back ends wrote in an earlier life is gone."""
        self._refused: dict[FirewallBackend, str] = {}
        # Not asyncio's: a cancelled task would give it back while its thread still writes.
        self._lock = threading.Lock()

    async def apply(self, intent: FilterIntent) -> FilterApplied:
        """Reconcile the kernel with the intent, read back and compare; the answer holds what was refused."""
        return await asyncio.to_thread(self._apply, intent)

    def choose(self, choice: FirewallBackend) -> None:
        """Follow a changed configuration: the next apply proves and takes another back end, if need be."""
        with self._lock:
            if choice is not self._choice:
                self._choice = choice
                self._chosen = None

    @staticmethod
    async def remove_all() -> None:
        """Leave nothing of ours in the kernel, whichever back end wrote it.  Raises AdapterError."""
        await asyncio.to_thread(_remove, BACKENDS)

    def _apply(self, intent: FilterIntent) -> FilterApplied:
        changed, problem = False, None
        with self._lock:
            try:
                backend = self._proven()
                changed = backend.apply(intent)
                if not self._alone:
                    # Old rules of ours would go on filtering beside the new ones, with forwards closed since.
                    _remove([each for each in self._backends if each is not backend])
                    self._alone = True
            except AdapterError as error:
                problem = error.evidence
            return FilterApplied(
                backend=self._chosen.name if self._chosen is not None else "none",
                changed=changed,
                problem=problem,
                refused=tuple(f"{name}: {reason}" for name, reason in self._refused.items()),
            )

    def _proven(self) -> Backend:
        """The back end in use; as long as none can be trusted, each call tries anew.  Raises AdapterError."""
        if self._chosen is not None:
            return self._chosen
        self._alone = False
        self._refused.clear()
        for backend in self._backends:
            if self._choice not in {FirewallBackend.AUTO, backend.name}:
                continue
            reason = backend.prove()
            if reason is None:
                self._chosen = backend
                return backend
            self._refused[backend.name] = reason
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self._refused.items())
        raise AdapterError(AdapterReason.UNSUPPORTED, f"no packet filter can be written: {reasons}")


def _remove(backends: Iterable[Backend]) -> None:
    """Remove what these back ends may ever have written, as far as possible; then raise AdapterError."""
    problems = []
    for backend in backends:
        for store in (backend.ours, backend.scratch):
            try:
                store.remove()
            except AdapterError as error:
                # What cannot run here has not written here.
                if error.reason is not AdapterReason.UNSUPPORTED:
                    problems.append(f"{backend.name}: {error.evidence}")
    if problems:
        raise AdapterError(AdapterReason.REFUSED, f"old rules cannot be removed: {'; '.join(problems)}")
