"""The publisher of the house's names, loaded when there are names: without ``[dns]`` nobody carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from failberry.core.names import NamesIntent


class Keeper(Protocol):
    """What does the work (:class:`failberry.adapters.names.Names`)."""

    def keep(self, intent: NamesIntent | None) -> None:
        """Go by this from now on."""

    async def attend(self) -> None:
        """Carry it out; runs until cancelled."""

    async def prove_alive(self) -> bool:
        """Whether it still turns."""


class OnDemand:
    """Passes on what is wished, and makes a keeper for the first wish that is one."""

    def __init__(self, make: Callable[[], Keeper]) -> None:
        self._make = make
        self._keeper: Keeper | None = None
        self._bell = asyncio.Event()

    def keep(self, intent: NamesIntent | None) -> None:
        """Go by this from now on; cheap, but for the first."""
        if self._keeper is None and intent is not None:
            self._keeper = self._make()
            self._bell.set()
        if self._keeper is not None:
            self._keeper.keep(intent)

    async def attend(self) -> None:
        """Sleep until there are names, then attend to them; runs until cancelled."""
        await self._bell.wait()
        assert self._keeper is not None  # noqa: S101  (for mypy: he rang)
        await self._keeper.attend()

    async def prove_alive(self) -> bool:
        """Whether it still turns; who sleeps for want of work does."""
        return self._keeper is None or await self._keeper.prove_alive()
