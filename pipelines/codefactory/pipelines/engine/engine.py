"""`Engine`: runs plans. It holds what runs share: the store, slots, circuit breakers, the cache, threads.

The module's functions (`run`, `stream`, `run_sync`) use one engine without a store.
"""

from __future__ import annotations

import asyncio
import os
import random
import time as clock
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from .breaker import Breakers
from .budget import Budget, Spending, narrower
from .cache import Cache, cache_key
from .door import budget_of, inside, permitted, refuse_beyond_policy, refuse_from_within, still_allowed
from .errors import (
    BudgetExceededError,
    NotAllowedError,
    ResumeError,
    RunCancelledError,
    RunError,
    StepFailedError,
    SuspendedError,
)
from .events import RunFinished, RunStarted
from .processes import Threads
from .run import Feed, Run, RunResult
from .scope import Scope, absorb_cancellation
from .slots import Slots

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping

    from codefactory.pipelines.models import ModelSource
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.principal import Action, Principal
    from codefactory.pipelines.secrets import Secrets
    from codefactory.pipelines.store import Store

    from .events import Event, Status
    from .journal import Audit, Durability, Journal
    from .plan import Plan, Step

_T = TypeVar("_T")


def new_run_id() -> str:
    """26 hexadecimal digits that sort by time of creation."""
    return f"{clock.time_ns() // 1_000_000:012x}{_ids.getrandbits(56):014x}"


_ids = random.Random(os.urandom(16))  # noqa: S311 names, not secrets
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _ids.seed(os.urandom(16)))


class Engine:
    def __init__(
        self,
        store: Store | None = None,
        *,
        concurrency: int | None = None,
        threads: int = 32,
        cache: Cache | None = None,
        breakers: Breakers | None = None,
        grace_s: float = 0.05,
        rng: random.Random | None = None,
        policy: AccessPolicy | None = None,
        secrets: Secrets | None = None,
        audit: Audit | None = None,
        models: ModelSource | None = None,
        principal: Principal | None = None,
    ) -> None:
        """`concurrency`: steps of all runs that may be under way at once; None: no limit. `grace_s`: how long a
        cancelled step may take to end before the run ends without it. `policy`: what steps may touch where a run is
        not given its own; None: nothing. Functions of the caller's own are not held by it. `models`: where steps get
        a model; None: from the user's settings. `principal`: who runs, where that is not said; None: the local user,
        who may do everything."""
        self.store = store
        self.slots = Slots(concurrency) if concurrency is not None else None
        self.threads = Threads(threads)
        self.cache = cache or Cache(backing=store)
        self.breakers = breakers or Breakers()
        self.grace_s = grace_s
        self.rng = rng
        self.policy = policy
        self.secrets = secrets
        self.audit = audit
        self.models = models
        self.principal = principal
        self._runs: dict[str, Run] = {}

    async def run(
        self,
        plan: Plan,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        durability: Durability = "normal",
        budget: Budget | None = None,
        policy: AccessPolicy | None = None,
        principal: Principal | None = None,
        priority: int = 0,
        wait: bool = True,
        on_event: Callable[[Event], None] | None = None,
        feed: Feed | None = None,
    ) -> RunResult:
        """Run a plan to its end. A run that fails is a result, not an exception: see `RunResult.unwrap`.

        `policy`: what its steps may touch; without one, what the engine's says. `wait`: whether to wait for people's
        answers, or end as `waiting`. Raises PlanError for wrong inputs, NotAllowedError when the policy does not give
        what a step needs, or the principal may not start runs.
        """
        principal = self._permit(principal, "start")
        policy = policy or self.policy
        refuse_beyond_policy(plan, policy)
        bound = plan.bind(inputs or {})
        fresh = run_id is None
        run_id = run_id or new_run_id()
        journal: Journal | None = None
        if self.store is not None:
            kept = None if policy is None else policy.text
            owner = None if principal is None else principal.to_json()
            journal = await self.store.begin(run_id, plan, bound, durability, fresh=fresh, policy=kept, principal=owner)
        access = (policy, principal)
        return await self._execute(plan, run_id, bound, journal, access, budget, priority, wait, on_event, feed)

    async def resume(
        self,
        run_id: str,
        plan: Plan | None = None,
        *,
        durability: Durability = "normal",
        budget: Budget | None = None,
        policy: AccessPolicy | None = None,
        principal: Principal | None = None,
        priority: int = 0,
        wait: bool = True,
        on_event: Callable[[Event], None] | None = None,
        feed: Feed | None = None,
    ) -> RunResult:
        """Go on with a run: what is finished stays, the rest runs. Without a plan, the one the store kept with the run.

        `policy`, or the engine's, counts as far as the run had it when it began: it can be narrowed, never widened. (A
        store may have come with a workspace: what it says of a policy is a bound, not a grant.) Raises ResumeError if
        there is no such run, it has succeeded, it is alive elsewhere, or the plan is another; NotAllowedError as `run`.
        """
        store = self._need_store()
        kept = await store.find_run(run_id)
        principal = self._permit(principal, "resume", lambda: kept.owner_name)
        plan = plan or await store.plan_of(kept)
        if plan.version != kept.version:
            raise ResumeError(
                f"run {kept.id} was made by version {kept.version} of `{kept.pipeline}`, the plan given is version "
                f"{plan.version}; fork the run to go on with another version"
            )
        policy = still_allowed(kept, policy or self.policy)
        refuse_beyond_policy(plan, policy)
        journal = await store.reopen(kept, durability)
        inputs = plan.bind(kept.inputs)
        access = (policy, principal)
        return await self._execute(plan, kept.id, inputs, journal, access, budget, priority, wait, on_event, feed)

    async def fork(
        self,
        run_id: str,
        *,
        at: str | None = None,
        edit: Mapping[str, Any] | None = None,
        plan: Plan | None = None,
        inputs: Mapping[str, Any] | None = None,
        policy: AccessPolicy | None = None,
        principal: Principal | None = None,
        **options: Any,
    ) -> RunResult:
        """A new run from a checkpoint of another: everything after step `at` runs again, all else is taken over.

        `edit` replaces outputs of finished steps; what comes after them runs again. Without `at` and `edit`, only what
        had not finished runs. Approvals of the other run do not count for this one. `policy`: as of a new run; without
        one, what the other run had and the engine's policy allows.
        """
        store = self._need_store()
        kept = await store.find_run(run_id)
        principal = self._permit(principal, "edit" if edit else "fork", lambda: kept.owner_name)
        plan = plan or await store.plan_of(kept)
        for name in edit or {}:
            if name in plan.index and plan.steps[plan.index[name]].type == "approval":
                raise NotAllowedError(f"`{name}` is an approval: it can be answered, not edited")
        new_id = new_run_id()
        bound = plan.bind({**kept.inputs, **(inputs or {})})
        policy = policy or still_allowed(kept, self.policy)
        refuse_beyond_policy(plan, policy)
        text = None if policy is None else policy.text
        owner = None if principal is None else principal.to_json()
        await store.fork(kept, new_id, plan, bound, at, edit or {}, policy=text, principal=owner)
        return await self.resume(new_id, plan, policy=policy, principal=principal, **options)

    async def stream(
        self, plan: Plan | None, inputs: Mapping[str, Any] | None = None, *, buffer: int = 1000, **options: Any
    ) -> AsyncGenerator[Event]:
        """The events of a run as they happen. The run waits while `buffer` are unread, and is cancelled when the
        reader stops. `resume=RUN_ID` goes on with a run instead of beginning one."""
        feed = Feed(buffer)
        resumed: str | None = options.pop("resume", None)

        async def work() -> RunResult:
            try:
                if resumed is not None:
                    return await self.resume(resumed, plan, feed=feed, **options)
                if plan is None:
                    raise ValueError("give a plan, or `resume`")
                return await self.run(plan, inputs, feed=feed, **options)
            finally:
                feed.put(None)

        task = asyncio.ensure_future(work())
        try:
            while (event := await feed.get()) is not None:
                yield event
            await task
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def cancel(self, run_id: str, reason: str = "cancelled", principal: Principal | None = None) -> bool:
        """End a run of this engine with everything it started; False if there is none. From the loop's thread.

        Raises NotAllowedError if the principal's role does not allow it.
        """
        run = self._runs.get(run_id)
        if run is None:
            return False
        self._permit(principal, "cancel", lambda: run.owner)
        run.cancel(RunCancelledError(reason))
        return True

    def answer(self, run_id: str, step: str, choice: str, who: str | Principal) -> bool:
        """Answer the question of a step, in this process; False if no such run is under way here. A name is vouched
        for by the caller.

        Raises NotAllowedError if the answer does not count: it comes from a step, from somebody who was not asked or
        whose role does not allow it, after the deadline, or is none of the choices.
        """
        run = self._runs.get(run_id)
        if run is None:
            return False
        refuse_from_within("answer")
        run.answer(step, choice, permitted(who, "answer", run.owner))
        return True

    def questions(self, run_id: str) -> Mapping[str, str]:
        """What a run of this engine asks: step path → question and choices, one a line."""
        return self._runs[run_id].open_questions if run_id in self._runs else {}

    @property
    def active(self) -> tuple[str, ...]:
        """The ids of the runs under way here."""
        return tuple(self._runs)

    def close(self) -> None:
        """Cancel what runs and let the threads go. The store is closed by whoever opened it."""
        for run_id in self.active:
            self.cancel(run_id, "the engine was closed")
        self.threads.close()

    def cache_key(self, run: Run, scope: Scope, step: Step) -> str | None:
        """The key of a step's result, or None where what it depends on cannot be told."""
        policy = step.policy.cache
        if policy is None or step.arguments is None:
            return None
        version = f"{step.version}:{step.policy.retry.on}:{step.body.version if step.body else ''}"
        return cache_key(step.type, version, step.arguments(scope), policy.depends_on)

    def _permit(
        self, principal: Principal | None, action: Action, owner: Callable[[], str] | None = None
    ) -> Principal | None:
        """The principal, or the engine's. Raises NotAllowedError if the role does not allow the action to a run of
        `owner`; None: to a new run."""
        principal = principal or self.principal
        if principal is not None:
            permitted(principal, action, None if owner is None else owner())
        return principal

    def _need_store(self) -> Store:
        if self.store is None:
            raise ResumeError("this engine has no store, so nothing can be resumed; give it one: Engine(store)")
        return self.store

    async def _execute(
        self,
        plan: Plan,
        run_id: str,
        inputs: Mapping[str, Any],
        journal: Journal | None,
        access: tuple[AccessPolicy | None, Principal | None],
        budget: Budget | None,
        priority: int,
        wait: bool,
        on_event: Callable[[Event], None] | None,
        feed: Feed | None,
    ) -> RunResult:
        if run_id in self._runs:
            raise ResumeError(f"run {run_id} is under way in this engine already")
        policy, principal = access
        limits = narrower(plan.budget, budget)
        if policy is not None:
            limits = narrower(limits, budget_of(policy))
        spending = Spending(limits, journal.spent if journal else None) if limits is not None else None
        slots = Slots(plan.concurrency, self.slots) if plan.concurrency is not None else self.slots
        run = Run(self, plan, run_id, inputs, journal, on_event, feed, slots, spending, priority, wait)
        run.policy, run.principal = policy, principal
        run.task = asyncio.current_task()
        self._runs[run_id] = run
        started = time()
        if journal is not None:
            journal.watch(lambda reason: run.cancel(RunCancelledError(reason)))
        if self.audit is not None:
            kind = "run_resumed" if run.restored else "run_started"
            what = {"pipeline": plan.name, "version": plan.version, "policy": None if policy is None else policy.text}
            self.audit.note(kind, run=run_id, who=run.owner, role=run.role, **what)
        if not run.quiet:
            expected_s = await self.store.expected_s(plan) if self.store is not None and run.listening else None
            run.emit(RunStarted, plan.name, plan.version, len(plan.steps), bool(run.restored), expected_s)
        timer = None
        if limits is not None and limits.wall_s is not None:
            over = BudgetExceededError("seconds", limits.wall_s, limits.wall_s)
            timer = asyncio.get_running_loop().call_later(limits.wall_s, run.cancel, over)
        scope = Scope(run, plan, inputs)
        outside = inside.set(run_id)
        try:
            status, error = await self._outcome(run, scope)
            result = _result(run, scope, status, error, started)
        finally:
            if timer is not None:
                timer.cancel()
            inside.reset(outside)
            del self._runs[run_id]
        if run.journal is not None:
            spent = run.spending.spent if run.spending is not None else {}
            done = run.journal.close(result.status, _text(result.error), result.outputs, spent, time())
            if done is not None:
                await done
        if self.audit is not None:
            self.audit.note("run_finished", run=run_id, status=result.status, error=_text(result.error))
        if not run.quiet:
            run.emit(RunFinished, result.status, result.duration_s, _text(result.error))
        return result

    async def _outcome(self, run: Run, scope: Scope) -> tuple[Status, RunError | None]:
        """How the run ended. A cancellation of ours ends here, even one that a step has swallowed."""
        try:
            status, error = await self._end_of(scope)
        except asyncio.CancelledError:
            if run.stop is None:
                self._abandon(run)
                raise
            status, error = "cancelled", run.stop
        if run.stop is not None and run.task is not None:
            try:
                await absorb_cancellation(run.task)
            except asyncio.CancelledError:
                self._abandon(run)
                raise
            if status != "succeeded":
                status = "stopped" if isinstance(run.stop, BudgetExceededError) else "cancelled"
                error = run.stop
        return status, error

    async def _end_of(self, scope: Scope) -> tuple[Status, RunError | None]:
        try:
            await scope.execute()
        except SuspendedError as error:
            return "waiting", error
        except RunError as error:
            stopped = isinstance(error, BudgetExceededError) or (
                isinstance(error, StepFailedError) and error.category == "budget"
            )
            return ("stopped" if stopped else "failed"), error
        return "succeeded", None

    def _abandon(self, run: Run) -> None:
        """The task around the run was cancelled by somebody else: leave a record and let the cancellation go on."""
        run.stop = RunCancelledError("the task that ran it was cancelled")
        if "cancellation" in run.__dict__:
            run.cancellation.cancel()
        if run.journal is not None:
            run.journal.close("cancelled", "the task that ran it was cancelled", {}, {}, time())


def _text(error: BaseException | None) -> str | None:
    return None if error is None else str(error)


def _result(run: Run, scope: Scope, status: Status, error: RunError | None, started: float) -> RunResult:
    outputs: dict[str, Any] = {}
    if status == "succeeded":
        try:
            outputs = scope.output()
        except Exception as failure:  # noqa: BLE001 an expression of the pipeline's may raise anything
            message = f"the outputs of `{run.plan.name}` cannot be made: {failure}"
            status, error = "failed", StepFailedError("outputs", "fatal", 1, message)
    state = scope.state() if run.plan.channels else {}
    if run.masker is not None:
        outputs, state = run.masker.value(outputs), run.masker.value(state)
        if error is not None:
            from codefactory.pipelines.secrets.errors import redact

            redact(error, run.masker)
    spent = run.spending.spent if run.spending is not None else {}
    return RunResult(run.id, status, outputs, state, error, time() - started, spent)


_default: Engine | None = None


def default_engine() -> Engine:
    """The engine of the module's functions: no store, no limits."""
    global _default
    if _default is None:
        _default = Engine()
    return _default


async def run(plan: Plan, inputs: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
    """Run a plan without a store. Options as `Engine.run`."""
    return await default_engine().run(plan, inputs, **options)


def stream(plan: Plan, inputs: Mapping[str, Any] | None = None, **options: Any) -> AsyncGenerator[Event]:
    """The events of a run without a store. Options as `Engine.stream`."""
    return default_engine().stream(plan, inputs, **options)


def run_sync(plan: Plan, inputs: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
    """`run`, for callers without an event loop."""
    return sync(run(plan, inputs, **options))


def sync(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of any of the engine's coroutines, for callers without an event loop.

    Raises RuntimeError inside of one: there, `await` it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError("this blocks, and an event loop is running here: await the coroutine instead")
