"""`Context`: what a step may ask of its run. A function gets one by a parameter annotated `Context`."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING, Any

from .errors import StepError, SuspendedError
from .events import ApprovalAnswered, ApprovalRequested, CostRecorded, OutputDelta
from .plan import MISSING
from .processes import Completed, run_process
from .scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from codefactory.analyzers.cancellation import Cancellation
    from codefactory.pipelines.models import ModelSource
    from codefactory.pipelines.policy import AccessPolicy

    from .budget import Budget, Reservation
    from .plan import Plan, Step

_POLL_S = 0.25
OUTER = "^"
"""The local name under which a body's scope finds the scope around it."""


class Context:
    """Not for keeping: it is about one step of one run. Methods that say so may be called from threads."""

    __slots__ = ("_loop", "_scope", "_step")

    def __init__(self, scope: Scope, step: Step) -> None:
        self._scope = scope
        self._step = step
        self._loop = asyncio.get_running_loop()

    @property
    def run_id(self) -> str:
        return self._scope.run.id

    @property
    def path(self) -> str:
        """The step's name, with the maps, loops and nested pipelines around it: `each[3]/check`."""
        return self._scope.prefix + self._step.name

    @property
    def attempt(self) -> int:
        """1 for the first."""
        return self._scope.attempts.get(self._step.index, 1) if self._scope.attempts else 1

    @property
    def scope(self) -> Scope:
        return self._scope

    @property
    def step(self) -> Step:
        return self._step

    @property
    def policy(self) -> AccessPolicy:
        """What this run may touch."""
        from codefactory.pipelines.policy import DENY_ALL

        return self._scope.run.policy or DENY_ALL

    async def secret(self, name: str) -> str:
        """The value of a secret. From now on it is masked in all that the run shows and keeps. Raises StepError when
        the policy does not allow it or it cannot be had."""
        from codefactory.pipelines.names import snake
        from codefactory.pipelines.secrets import SecretError

        name = snake(name.removeprefix("secret:"))
        run = self._scope.run
        if refusal := self.policy.refuse_secret(name):
            raise StepError(refusal)
        if run.engine.secrets is None:
            raise StepError(f"the secret `{name}` has no place: this engine was given no secrets")
        try:
            value = await run.engine.secrets.value(name)
        except SecretError as error:
            raise StepError(str(error)) from None
        run.hide(name, value)
        return value

    def secret_blocking(self, name: str) -> str:
        """As `secret`, for steps in a thread."""
        return asyncio.run_coroutine_threadsafe(self.secret(name), self._loop).result()

    async def with_secrets(self, settings: Any) -> Any:
        """`settings` with each `secret:NAME` replaced by its value. Only what stands so in the definition counts: a
        reference that an expression made, of an input or of a step's output, raises StepError."""
        from codefactory.pipelines.secrets.references import filled, names_in

        wanted = set(names_in(settings))
        if foreign := sorted(wanted - self._step.secrets):
            raise StepError(
                f"`secret:{foreign[0]}` does not stand in the definition of this step, an expression made it; "
                "write the reference in the definition"
            )
        return filled(settings, {name: await self.secret(name) for name in sorted(wanted)})

    def audit(self, kind: str, **facts: Any) -> None:
        """Note in the audit log what this step did to the world: `file_written`, `command_run`, `host_reached`,
        `model_asked`, with facts of JSON types. Secrets that the run has used are masked. May be called from threads;
        does not wait."""
        run = self._scope.run
        if run.engine.audit is not None:
            run.engine.audit.note(kind, run=run.id, step=self.path, **self.mask(facts))

    def mask(self, value: Any) -> Any:
        """A text or a value of JSON types without the secrets that this run has used: for prompts, and for whatever
        goes to others."""
        masker = self._scope.run.masker
        return value if masker is None else masker.value(value)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that the run is on: for threads."""
        return self._loop

    @property
    def models(self) -> ModelSource:
        """Where a step gets a model, by name or the user's own."""
        engine = self._scope.run.engine
        if engine.models is None:
            from codefactory.pipelines.models.source import users_models

            engine.models = users_models()
        return engine.models

    @property
    def limits(self) -> Budget:
        """What the run may spend, all together."""
        from .budget import Budget

        run = self._scope.run
        return (run.spending.budget if run.spending is not None else run.plan.budget) or Budget()

    @property
    def body(self) -> Plan | None:
        return self._step.body

    @property
    def cancellation(self) -> Cancellation:
        """Set when the run is cancelled: for blocking work in a thread."""
        return self._scope.run.cancellation

    def idempotency_key(self, key: str = "") -> str:
        """The same for every attempt at this step of this run, also after a crash: for services that take one."""
        return hashlib.sha256(f"{self.run_id}\0{self.path}\0{key}".encode()).hexdigest()[:32]

    def log(self, message: str, level: str = "info") -> None:
        """May be called from threads."""
        self._on_loop(self._scope.run.log, self.path, level, message)

    async def emit(self, delta: Any) -> None:
        """Publish a piece of the output while it is made. Waits while the listener is behind."""
        run = self._scope.run
        if run.listening:
            run.emit(OutputDelta, self.path, delta)
            if run.congested:
                await run.drained()

    def read(self, channel: str) -> Any:
        """A channel as this step sees it: what the steps before it wrote, in the plan's order."""
        return self._scope.read(channel, self._step.index)

    def write(self, channel: str, value: Any) -> None:
        """Write to a channel; kept only if this attempt succeeds. May be called from threads."""
        if channel not in self._scope.plan.channels:
            raise KeyError(f"the pipeline has no channel `{channel}`; add it to its channels")
        self._on_loop(self._scope.write, self._step.index, channel, value)

    @contextmanager
    def reserve(self, **amounts: float) -> Generator[Reservation]:
        """Set aside what the block may spend (tokens, usd, calls, files); `.settle()` what it did spend.

        Raises BudgetExceededError before anything is spent. A block that fails has spent what it settled.
        """
        from .budget import Budget, Spending

        run = self._scope.run
        if run.spending is None:
            run.spending = Spending(run.plan.budget or Budget())
        reservation: Reservation | None = None
        try:
            with run.spending.reserve(**amounts) as reservation:
                yield reservation
        finally:
            spent = {k: v for k, v in ((reservation and reservation.spent) or {}).items() if v}
            if spent:
                self._on_loop(run.emit, CostRecorded, self.path, spent)

    async def once(self, key: str, effect: Callable[..., Any], *arguments: Any) -> Any:
        """Do something to the outside world and keep a receipt with its result. With a receipt, it is not done again.

        A crash between the effect and its receipt leaves it unknown whether it was done: give the other side
        `idempotency_key(key)` where it takes one.
        """
        journal = self._scope.run.journal
        if journal is None:
            done = effect(*arguments)
            return await done if inspect.isawaitable(done) else done
        kept = journal.receipt(self.path, key)
        if kept is not MISSING:
            return kept
        value = effect(*arguments)
        if inspect.isawaitable(value):
            value = await value
        # The effect has happened: a cancellation now must not lose the receipt. It may have used the first secret.
        written = (self._scope.run.journal or journal).put_receipt(self.path, key, value)
        if written is not None:
            await asyncio.shield(written)
        return value

    def once_blocking(self, key: str, effect: Callable[..., Any], *arguments: Any) -> Any:
        """As `once`, for steps in a thread."""
        return asyncio.run_coroutine_threadsafe(self.once(key, effect, *arguments), self._loop).result()

    async def process(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        limit_bytes: int = 10_000_000,
    ) -> Completed:
        """Run a program; cancelling the run kills it with everything it started."""
        return await run_process(arguments, stdin=stdin, cwd=cwd, env=env, limit_bytes=limit_bytes)

    async def ask(
        self,
        question: str,
        choices: Sequence[str],
        *,
        who: Sequence[str] = (),
        deadline_s: float | None = None,
        default: str | None = None,
    ) -> str:
        """A person's choice. Waits for it, over restarts if need be; after the deadline, `default`.

        An answer counts only for this run, this step and this wording. Raises TimeoutError after a deadline without
        a default.
        """
        run, path = self._scope.run, self.path
        # A line each: a question of several lines must not make choices of them.
        text = "\n".join(" ".join(part.splitlines()) for part in (question, *choices))
        put = await run.ask(path, text, who, deadline_s, again=self.attempt > 1)
        deadline, announced = put.deadline, False
        while True:
            found = await run.find_answer(path, text)
            if found is not None:
                complaint = put.complaint(found)
                if complaint is None:
                    run.emit(ApprovalAnswered, path, found.choice, found.who)
                    self.audit("approval", question=question, choice=found.choice, who=found.who)
                    return found.choice
                run.log(path, "warning", f"an answer does not count: {complaint}")
                self.audit("approval_refused", question=question, choice=found.choice, who=found.who, why=complaint)
                await run.forget_answer(path)
            if not announced:
                announced = True
                run.announce(ApprovalRequested, path, question, list(choices), deadline)
            left_s = None if deadline is None else deadline - time()
            if left_s is not None and left_s <= 0:
                if default is None:
                    raise TimeoutError(f"nobody answered within {deadline_s:g} s")
                run.emit(ApprovalAnswered, path, default, "deadline")
                return default
            if not run.wait:
                raise SuspendedError(f"step `{path}` waits for an answer: {question}")
            await run.answered(_POLL_S if left_s is None else min(left_s, _POLL_S))

    async def scoped(self, local: Mapping[str, Any], label: str) -> Scope:
        """Run the step's body once, under the path `label`, with more names. Raises what the body raises."""
        inner = self.within(local, label)
        await inner.execute()
        return inner

    def within(self, local: Mapping[str, Any], label: str = "") -> Scope:
        """The scope of the step's body, not begun."""
        scope = self._scope
        base = scope.state(self._step.index) if scope.plan.channels else None
        names = {**(scope.locals or {}), **local, OUTER: scope}
        return Scope(scope.run, self._need_body(), scope.inputs, f"{label}/", names, base)

    async def nested(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run the step's body as a pipeline of its own, with these inputs; its outputs."""
        inner = Scope(self._scope.run, self._need_body(), inputs, f"{self.path}/")
        await inner.execute()
        return inner.output()

    def _need_body(self) -> Plan:
        if self._step.body is None:
            raise ValueError(f"step `{self.path}` has no body")
        return self._step.body

    def adopt(self, inner: Iterable[Scope]) -> None:
        """Make the channel writes of finished inner scopes this step's own, in the order given."""
        for scope in inner:
            for index in sorted(scope.writes or ()):
                for channel, value in (scope.writes or {})[index]:
                    self._scope.write(self._step.index, channel, value)

    def _on_loop(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            call(*arguments)
        else:
            self._loop.call_soon_threadsafe(call, *arguments)
