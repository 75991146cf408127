"""`Scope`: the steps of one plan at work. A run is a tree of scopes: one for the pipeline, one for each iteration of a
map or loop body and for each nested pipeline.

The scheduler has no queue. A worker runs a step, then one of the steps that this made ready; a further one that became
ready gets a worker (an asyncio task) of its own. So a chain costs no task at all, and nothing polls.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from .attempt import SKIPPED, settle
from .errors import RunError, StepFailedError, SuspendedError, categorise, describe
from .plan import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .plan import Plan, Step
    from .run import Run

_YIELD_EVERY = 64
"""Steps after which a worker lets others have the loop."""


class Scope:
    """`values[i]` is the output of step i. `locals` are names that a body sees: `item`, `index`, `previous`."""

    __slots__ = (
        "_idle",
        "_interrupted",
        "_main",
        "_tasks",
        "_working",
        "attempts",
        "base",
        "error",
        "inputs",
        "locals",
        "missed",
        "pending",
        "plan",
        "prefix",
        "run",
        "skipped",
        "suspended",
        "values",
        "writes",
    )

    def __init__(
        self,
        run: Run,
        plan: Plan,
        inputs: Mapping[str, Any],
        prefix: str = "",
        local: Mapping[str, Any] | None = None,
        base: Mapping[str, Any] | None = None,
    ) -> None:
        self.run = run
        self.plan = plan
        self.inputs = inputs
        self.prefix = prefix
        self.locals = local
        self.base = base
        """State of the channels of the scopes around this one, when it began."""
        self.values: list[Any] = [None] * len(plan.steps)
        self.pending = list(plan.in_degrees)
        self.missed: dict[int, int] | None = None
        """Step → how many of the steps before it were skipped or did not choose it."""
        self.skipped: set[int] | None = None
        self.writes: dict[int, list[tuple[str, Any]]] | None = None
        self.attempts: dict[int, int] | None = None
        self.error: BaseException | None = None
        self.suspended: SuspendedError | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._working = False
        self._interrupted = False

    async def execute(self) -> None:
        """Run every step that is to run. Raises the first failure, after all other steps have ended."""
        ready = self.plan.roots if not self.run.restored else self._restore()
        if not ready:
            return
        for index in ready[1:]:
            self._spawn(index)
        try:
            self._working = True
            await self._work(ready[0])
        except asyncio.CancelledError:
            if not self._interrupted:
                self.abort(RunError("cancelled"))
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=self.run.engine.grace_s)
                raise
        finally:
            self._working = False
        if self._interrupted and self._main is not None:
            await absorb_cancellation(self._main)
        await self._join()
        if self.error is not None:
            raise self.error
        if self.suspended is not None:
            raise self.suspended

    async def _join(self) -> None:
        while self._tasks:
            self._idle = asyncio.get_running_loop().create_future()
            try:
                await self._idle
            except asyncio.CancelledError:
                self.abort(RunError("cancelled"))
                if not self._tasks:
                    raise
                await asyncio.wait(self._tasks, timeout=self.run.engine.grace_s)
                raise

    def _spawn(self, index: int) -> None:
        if self._tasks is None:
            self._tasks = set()
            self._main = asyncio.current_task()
        task = asyncio.get_running_loop().create_task(self._work(index))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        tasks = self._tasks if self._tasks is not None else set[asyncio.Task[None]]()
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.abort(error)
        elif task.cancelled() and self.error is None:
            self.abort(asyncio.CancelledError())
        if not tasks and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def abort(self, error: BaseException) -> None:
        """Stop the other workers because of `error`; the first one is kept."""
        if self.error is not None:
            return
        self.error = error
        for task in self._tasks or ():
            task.cancel()
        if self._working and self._main is not None and self._main is not asyncio.current_task():
            self._interrupted = self._main.cancel()

    async def _work(self, index: int) -> None:
        steps, values, pending, run = self.plan.steps, self.values, self.pending, self.run
        quiet = run.quiet
        turns = 0
        while index >= 0 and self.error is None:
            step = steps[index]
            try:
                if quiet and step.plain and self.missed is None:
                    value = step.call(self)
                    if step.mode == "async":
                        value = await value
                else:
                    value = await settle(self, step)
            except SuspendedError as error:
                # What does not need the answer goes on.
                self.suspended = error
                return
            except RunError as error:
                self.abort(error)
                return
            except Exception as error:  # noqa: BLE001 a step may raise anything; it becomes the run's failure
                failure = StepFailedError(self.prefix + step.name, categorise(error), 1, describe(error))
                failure.__cause__ = error
                self.abort(failure)
                return
            if value is SKIPPED or step.router is not None:
                index = self._take(step, value)
                continue
            values[index] = value
            index = -1
            for after in step.successors:
                left = pending[after] = pending[after] - 1
                if left == 0:
                    if index < 0:
                        index = after
                    else:
                        self._spawn(after)
            turns += 1
            if turns == _YIELD_EVERY:
                turns = 0
                await asyncio.sleep(0)

    def _take(self, step: Step, value: Any) -> int:
        """Release the steps after a skipped or routing one. The next step of this worker, or -1."""
        first = -1
        for after in self.release(step, value):
            if first < 0:
                first = after
            else:
                self._spawn(after)
        return first

    def release(self, step: Step, value: Any) -> list[int]:
        """Note the outcome of a step (SKIPPED is one). The steps that are ready because of it, in order."""
        missing: set[int] = set()
        if value is SKIPPED:
            self.skipped = self.skipped or set()
            self.skipped.add(step.index)
            missing.update(step.successors)
        else:
            self.values[step.index] = value
            if step.router is not None:
                missing = _not_taken(self, step, value)
        if missing:
            counts = self.missed = self.missed if self.missed is not None else {}
            for after in missing:
                counts[after] = counts.get(after, 0) + 1
        ready: list[int] = []
        for after in step.successors:
            self.pending[after] -= 1
            if not self.pending[after]:
                ready.append(after)
        return ready

    def skip_reason(self, step: Step) -> str | None:
        """Why a step is not to run, judging by the steps before it."""
        missed = self.missed.get(step.index, 0) if self.missed else 0
        if not missed:
            return None
        if step.policy.join == "all":
            return "a step before it was skipped" if len(step.needs) > 1 else "the step before it was skipped"
        return "all steps before it were skipped" if missed == len(step.needs) else None

    def _restore(self) -> list[int]:
        """Settle what an earlier attempt at this run has finished; the steps that are ready then."""
        restored = self.run.restored
        ready = list(self.plan.roots)
        waiting: list[int] = []
        while ready:
            index = ready.pop(0)
            step = self.plan.steps[index]
            record = restored.get(self.prefix + step.name)
            if record is None or (step.type == "approval" and not self._proved(step)):
                waiting.append(index)
                continue
            if record.writes:
                self.writes = self.writes if self.writes is not None else {}
                self.writes[index] = record.writes
            value = SKIPPED if record.skipped else record.value(step.output_type)
            ready += self.release(step, value)
        return sorted(waiting)

    def _proved(self, step: Step) -> bool:
        """Whether the store's word for an approval counts. A store is in the workspace, where steps may write."""
        path = self.prefix + step.name
        journal = self.run.journal
        if journal is not None and journal.proves(path):
            return True
        self.run.log(path, "warning", "what the store says of this approval does not count: it is asked again")
        return False

    def write(self, index: int, channel: str, value: Any) -> None:
        """Note that a step wrote `value` to a channel."""
        if self.writes is None:
            self.writes = {}
        self.writes.setdefault(index, []).append((channel, value))

    def read(self, channel: str, index: int | None = None) -> Any:
        """A channel as step `index` sees it; without one, as it is after all steps so far."""
        plan = self.plan
        declared = plan.channels[channel]
        state = self.base.get(channel, declared.initial) if self.base is not None else declared.initial
        if not self.writes:
            return state
        before = plan.ancestors[index] if index is not None and plan.ancestors else -1
        for i in sorted(self.writes):
            if i == index or before >> i & 1:
                for name, value in self.writes[i]:
                    if name == channel:
                        state = declared.reducer(state, value)
        return state

    def state(self, index: int | None = None) -> dict[str, Any]:
        """All channels, as `read`."""
        return {name: self.read(name, index) for name in self.plan.channels}

    def output(self) -> dict[str, Any]:
        """The plan's outputs by name."""
        plan = self.plan
        if plan.outputs is not None:
            return plan.outputs(self)
        skipped = self.skipped or ()
        return {plan.steps[i].name: self.values[i] for i in plan.sinks if i not in skipped}


async def absorb_cancellation(task: asyncio.Task[Any]) -> None:
    """Take back the one cancellation of the current task that was ours, delivered or not. Raises CancelledError if
    somebody else cancelled it, too."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    if task.uncancel() > 0:
        raise asyncio.CancelledError


def _not_taken(scope: Scope, step: Step, value: Any) -> set[int]:
    """The successors that the step's conditional edges do not choose."""
    chosen = step.router(value) if step.router is not None else ()
    labels: list[str] = [str(label) for label in chosen] if isinstance(chosen, (list, tuple, set)) else [str(chosen)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    taken: set[int] = set()
    for label in labels:
        targets = step.routes.get(label, MISSING)
        if targets is MISSING:
            known = ", ".join(f"`{name}`" for name in step.routes)
            message = f"its condition chose `{label}`, which is none of {known}"
            raise StepFailedError(scope.prefix + step.name, "fatal", 1, message)
        taken.update(targets)
    return {target for targets in step.routes.values() for target in targets} - taken
