"""`map_items()`: one piece of work for each item, a bounded number at a time, results in the order of the items."""

from __future__ import annotations

import asyncio
import inspect
from time import time
from typing import TYPE_CHECKING, Any

from .errors import RunError, StepError, SuspendedError, categorise, describe
from .events import StepFinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from .plan import Step
    from .scope import Scope

_YIELD_EVERY = 64


class _Fanout:
    """The state that the workers of one map share."""

    def __init__(self, scope: Scope, step: Step, apply: Callable[[Any, int], Any], keep: bool) -> None:
        self.scope = scope
        self.step = step
        self.apply = apply
        self.results: list[Any] = []
        self.suspended: SuspendedError | None = None
        self.observed = keep and not scope.run.quiet
        self.path = scope.prefix + step.name

    async def work(self, source: Iterator[Any]) -> None:
        """Take items until there are none left."""
        results, apply, observed, turns = self.results, self.apply, self.observed, 0
        for item in source:
            index = len(results)
            results.append(None)
            try:
                if observed:
                    results[index] = await self._observed(item, index)
                else:
                    value = apply(item, index)
                    if inspect.isawaitable(value):
                        value = await value
                    results[index] = value
            except SuspendedError as error:
                self.suspended = error
            turns += 1
            if turns == _YIELD_EVERY:
                turns = 0
                await asyncio.sleep(0)

    async def work_async(self, source: AsyncIterator[Any], lock: asyncio.Lock) -> None:
        while True:
            async with lock:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
                index = len(self.results)
                self.results.append(None)
            try:
                if self.observed:
                    self.results[index] = await self._observed(item, index)
                else:
                    value = self.apply(item, index)
                    self.results[index] = await value if inspect.isawaitable(value) else value
            except SuspendedError as error:
                self.suspended = error

    def done(self) -> list[Any]:
        """The results. Raises SuspendedError if an item waits for an answer; the others are finished then."""
        if self.suspended is not None:
            raise self.suspended
        return self.results

    async def _observed(self, item: Any, index: int) -> Any:
        """Run one item as a step of its own: restored, checkpointed, published."""
        run, path = self.scope.run, f"{self.path}[{index}]"
        if run.restored and (record := run.restored.get(path)) is not None:
            return record.value(None)
        started, start_seq = time(), run.next_seq()
        try:
            value = self.apply(item, index)
            if inspect.isawaitable(value):
                value = await value
        except RunError:
            raise
        except Exception as error:
            raise StepError(f"item {index}: {describe(error)}", categorise(error)) from error
        finished, seq = time(), run.next_seq()
        if run.journal is not None:
            done = run.journal.finish(path, None, value, None, started, finished, start_seq, seq)
            if done is not None:
                await done
        if run.listening:
            run.publish(StepFinished(run.id, seq, finished, path, finished - started))
            if run.congested:
                await run.drained()
        return value


async def map_items(
    scope: Scope,
    step: Step,
    items: Iterable[Any] | AsyncIterator[Any],
    apply: Callable[[Any, int], Any],
    limit: int,
    *,
    keep: bool = True,
) -> list[Any]:
    """`apply(item, index)` for each item, at most `limit` at once; the first failure cancels the others.

    Items are taken only when there is room, so an endless iterator is fine as long as it ends. `keep`: each item is a
    step of its own in the store and in the events.
    """
    fanout = _Fanout(scope, step, apply, keep)
    if hasattr(items, "__aiter__"):
        lock = asyncio.Lock()
        source: Any = aiter(items)  # pyright: ignore[reportArgumentType] told apart by hasattr
        await _together([fanout.work_async(source, lock) for _ in range(limit)], scope.run.engine.grace_s)
        return fanout.done()
    finite: Any = items
    shared: Iterator[Any] = iter(finite)
    workers = min(limit, len(finite)) if hasattr(finite, "__len__") else limit
    if workers == 1:
        await fanout.work(shared)
    elif workers:
        await _together([fanout.work(shared) for _ in range(workers)], scope.run.engine.grace_s)
    return fanout.done()


async def _together(workers: list[Awaitable[None]], grace_s: float) -> None:
    """All of them; the first failure cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(worker) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    except BaseException as error:
        for task in tasks:
            task.cancel()
        # A failure waits for the others to clean up; a cancellation is in a hurry.
        await asyncio.wait(tasks, timeout=grace_s if isinstance(error, asyncio.CancelledError) else None)
        raise
