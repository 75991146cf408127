"""`Job`: blocking work in a thread, which says how far it is and stops when its step is ended."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import TimeoutError as NotYetError
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.engine import Context

_T = TypeVar("_T")
_LOOK_S = 0.2


class JobEndedError(FileError):
    """The step was cancelled, or its time was up. Nobody sees this: whoever waited is gone."""


class Job:
    """Handed to blocking work. `check` raises once the step has been ended; `report` waits while its reader is
    behind."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._loop = ctx.loop
        self._ended = threading.Event()

    def check(self) -> None:
        if self._ended.is_set():
            raise JobEndedError("the step was ended")

    def report(self, delta: Any) -> None:
        """Publish a piece of output or a state of progress, from the thread."""
        if not self._ctx.scope.run.listening:
            return None
        self.check()
        sent = asyncio.run_coroutine_threadsafe(self._ctx.emit(delta), self._loop)
        while True:
            try:
                return sent.result(_LOOK_S)
            except NotYetError:
                if self._ended.is_set() or self._loop.is_closed():
                    sent.cancel()
                    self.check()

    async def run(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, from a thread. When this is cancelled, the work's next `check` ends it."""
        try:
            return await self._ctx.scope.run.engine.threads.run(work)
        except asyncio.CancelledError:
            self._ended.set()
            raise
