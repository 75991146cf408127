"""`SilenceTimer`: ends a wait at a deadline that moves with every piece of a stream.

As `asyncio.timeout`, but moving the deadline costs an assignment, not a timer; and what goes on between two waits, when
a generator has yielded, is none of its business.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SilenceTimer:
    """A context; `deadline_s` is in the event loop's time."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[Any] | None = None
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def allow(self, seconds: float) -> None:
        """From now on."""
        self.deadline_s = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self.deadline_s:
            self._timer.cancel()
            self._timer = None

    async def next(self, source: AsyncIterator[bytes]) -> bytes | None:
        """The next piece; None at the end. Raises TimeoutError at the deadline."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can wait")
        if self._timer is None:
            self._timer = self._loop.call_at(self.deadline_s, self._fired)
        cancelling = task.cancelling()
        self._waiting = task
        try:
            return await anext(source, None)
        except asyncio.CancelledError:
            if self._expired and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def _fired(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self.deadline_s:
            self._timer = self._loop.call_at(self.deadline_s, self._fired)
            return
        self._expired = True
        self._waiting.cancel()
