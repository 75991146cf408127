"""Slots: how many steps may be under way at once, shared between runs by priority and then fairly."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Claimant(Protocol):
    """A run, as the slots see it."""

    priority: int
    served: int
    """Slots it has been given so far: who has had the fewest is next."""


class Slots:
    def __init__(self, limit: int, parent: Slots | None = None) -> None:
        self.limit = limit
        self.free = limit
        self._parent = parent
        self._waiting: list[tuple[int, int, int, asyncio.Future[None], Claimant]] = []
        self._order = count()

    @asynccontextmanager
    async def held(self, run: Claimant) -> AsyncGenerator[None]:
        """A slot for the block; the narrower limit first, so that a waiting run takes nothing from the others."""
        await self._acquire(run)
        try:
            if self._parent is None:
                yield
            else:
                async with self._parent.held(run):
                    yield
        finally:
            self._release()

    async def _acquire(self, run: Claimant) -> None:
        run.served += 1
        if self.free > 0 and not self._waiting:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-run.priority, run.served, next(self._order), turn, run))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[3]
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
