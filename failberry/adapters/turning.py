"""One task that keeps all times of an adapter: it sleeps until something is due, or somebody rings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

PROOF_TIMEOUT = 5.0
"""Seconds that the task may take to show that it still turns."""


class Turning:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()
        self._turned = asyncio.Event()

    def ring(self) -> None:
        """Have the next turn come now; cheap, and may be repeated at will."""
        self._bell.set()

    async def run(self, turn: Callable[[float], float | None]) -> None:
        """Turn again and again; runs until cancelled.

        ``turn`` is given the loop's time, and returns when it wants to be called again; ``None``: when
        somebody rings.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._bell.clear()
            due = turn(loop.time())
            self._turned.set()
            timer = loop.call_at(due, self.ring) if due is not None else None
            await self._bell.wait()
            if timer is not None:
                timer.cancel()

    async def prove_alive(self) -> bool:
        """Whether the task still turns."""
        self._turned.clear()
        self.ring()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROOF_TIMEOUT):
                return await self._turned.wait()
        return False
