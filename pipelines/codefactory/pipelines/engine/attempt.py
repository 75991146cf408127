"""`settle()`: bring one step to its end, with everything its policy asks for.

Order: skip? → cache → slot → attempts (breaker, timeout, retry) → error path → checkpoint → events. The plain case is
short-cut in `Scope`.
"""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Any

from .errors import BudgetExceededError, RunError, StepError, StepFailedError, categorise, describe
from .events import AttemptFailed, OutputDelta, StateChanged, StepFailed, StepFinished, StepSkipped, StepStarted

if TYPE_CHECKING:
    from .plan import Step
    from .scope import Scope


class _Skipped:
    __slots__ = ()

    def __repr__(self) -> str:
        return "SKIPPED"


SKIPPED: Any = _Skipped()
"""The outcome of a step that did not run."""


async def settle(scope: Scope, step: Step) -> Any:
    """The step's output, or SKIPPED. Raises RunError when the step failed for good or the run must stop."""
    run = scope.run
    policy = step.policy
    path = scope.prefix + step.name
    if reason := scope.skip_reason(step) or _condition(scope, step, path):
        await _skipped(scope, step, path, reason)
        return SKIPPED
    started, start_seq = time(), run.next_seq()
    if run.listening:
        run.publish(StepStarted(run.id, start_seq, started, path))
    journal = run.journal
    if not policy.rerun and journal is not None:
        await journal.intend(path)
    cached = False
    recovered: str | None = None
    attempts = 1
    key = run.engine.cache_key(run, scope, step) if policy.cache is not None else None
    try:
        if step.plain and run.slots is None and run.spending is None:
            value = step.call(scope)
            if step.mode == "async":
                value = await value
        elif key is not None and policy.cache is not None:
            value, cached = await run.engine.cache.get_or_compute(
                key, lambda: _attempts(scope, step, path), policy.cache.ttl_s, run.plan.name, path, step.output_type
            )
        else:
            value = await _attempts(scope, step, path)
        if scope.attempts:
            attempts = scope.attempts.get(step.index, 1)
    except RunError as error:
        if isinstance(error, StepFailedError):
            _failed(scope, path, error)
            if policy.on_error is None or error.category == "budget":
                raise
            value, recovered = await _recover(scope, step, path)
            attempts = error.attempts
        else:
            raise
    except Exception as error:
        failure = StepFailedError(path, categorise(error), 1, describe(error))
        failure.__cause__ = error
        _failed(scope, path, failure)
        raise failure from error
    if run.masker is not None:
        value = run.masker.value(value)
        run.flush(path)
        journal = run.journal  # the step may have used the run's first secret
    for channel in step.writes:
        scope.write(step.index, channel, value)
    writes = scope.writes.get(step.index) if scope.writes is not None else None
    finished, seq = time(), run.next_seq()
    if journal is not None and step.mode != "stream":
        done = journal.finish(path, step, value, writes, started, finished, start_seq, seq, attempts, cached, recovered)
        # Nothing comes after a last step but the end of the run, which is committed together with it.
        if done is not None and (step.successors or scope.prefix or run.listening):
            await done
    if run.listening:
        for channel, _ in writes or ():
            run.emit(StateChanged, path, channel, scope.read(channel, step.index))
        run.publish(StepFinished(run.id, seq, finished, path, finished - started, attempts, cached, recovered))
        if run.congested:
            await run.drained()
    return value


def _condition(scope: Scope, step: Step, path: str) -> str | None:
    when = step.policy.when
    if when is None:
        return None
    try:
        return None if when(scope) else "its condition is false"
    except Exception as error:
        failure = StepFailedError(path, "fatal", 1, f"its condition cannot be evaluated: {describe(error)}")
        _failed(scope, path, failure)
        raise failure from error


async def _skipped(scope: Scope, step: Step, path: str, reason: str) -> None:
    run = scope.run
    now, seq = time(), run.next_seq()
    if run.journal is not None and (done := run.journal.skip(path, reason, now, seq)) is not None:
        await done
    if run.listening:
        run.publish(StepSkipped(run.id, seq, now, path, reason))


def _failed(scope: Scope, path: str, error: StepFailedError) -> None:
    scope.run.flush(path)
    scope.run.emit(StepFailed, path, error.category, error.message, error.attempts)


async def _attempts(scope: Scope, step: Step, path: str) -> Any:
    """Try until it works or the retry policy ends. Raises StepFailedError, or the run's own errors as they are."""
    run, policy = scope.run, step.policy
    breaker = run.engine.breakers.of(policy.resource) if policy.resource is not None else None
    attempt = 0
    while True:
        attempt += 1
        if attempt > 1:
            scope.attempts = scope.attempts if scope.attempts is not None else {}
            scope.attempts[step.index] = attempt
        try:
            if breaker is not None:
                breaker.admit()
            # What only waits, for its body or for a person, takes no slot from those that work.
            if run.slots is not None and step.body is None and step.type != "approval":
                async with run.slots.held(run):
                    value = await _attempt(scope, step, path)
            else:
                value = await _attempt(scope, step, path)
            _check_output(step, value)
        except Exception as error:
            if scope.writes is not None:
                scope.writes.pop(step.index, None)
            # A nested step that failed has used up its own retries; the step around it may still have some.
            if isinstance(error, RunError) and not isinstance(error, StepFailedError):
                raise
            category = error.category if isinstance(error, StepFailedError) else categorise(error)
            if breaker is not None:
                breaker.failed(category)
            if attempt >= policy.retry.attempts or category not in policy.retry.on:
                failure = StepFailedError(path, category, attempt, describe(error))
                failure.__cause__ = error
                raise failure from error
            delay_s = policy.retry.delay_s(attempt, getattr(error, "retry_after_s", None), run.engine.rng)
            run.flush(path)
            run.emit(AttemptFailed, path, attempt, category, describe(error), delay_s)
            await asyncio.sleep(delay_s)
        else:
            if breaker is not None:
                breaker.succeeded()
            # Before the cache keeps it.
            return value if run.masker is None else run.masker.value(value)


def _check_output(step: Step, value: Any) -> None:
    if step.output_check is not None and (complaint := step.output_check(value)):
        raise StepError(f"its output {complaint}", "invalid_output")


async def _attempt(scope: Scope, step: Step, path: str) -> Any:
    timeout_s = step.policy.timeout_s
    if timeout_s is None:
        return await _call(scope, step, path)
    timer = asyncio.timeout(timeout_s)
    try:
        async with timer:
            return await _call(scope, step, path)
    except TimeoutError as error:
        if timer.expired():
            raise StepError(f"it did not end within {timeout_s:g} s", "timeout") from error
        raise


async def _call(scope: Scope, step: Step, path: str) -> Any:
    run = scope.run
    if run.spending is not None:
        run.spending.check()
    match step.mode:
        case "async":
            value = await step.call(scope)
        case "thread":
            value = await run.engine.threads.run(step.call(scope))
        case "pieces":
            value = await _collect(scope, path, step.call(scope))
        case _:
            value = step.call(scope)
    return value


async def _collect(scope: Scope, path: str, chunks: Any) -> Any:
    """Read an async generator to its end, publishing each piece: text joined, anything else as a list."""
    run = scope.run
    pieces: list[Any] = []
    async for piece in chunks:
        pieces.append(piece)
        if run.listening:
            run.emit(OutputDelta, path, piece)
            if run.congested:
                await run.drained()
    if pieces and all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    return pieces


async def _recover(scope: Scope, step: Step, path: str) -> tuple[Any, str]:
    """The step's error path: a default, or another step in its place."""
    on_error = step.policy.on_error
    if on_error is None or on_error.fallback is None:
        return None if on_error is None else on_error.default, "default"
    plan = scope.plan
    other = plan.fallbacks[on_error.fallback]
    if other.plain:
        value = await _fallback(scope, other)
    else:
        value = await _attempts(scope, other, f"{scope.prefix}{other.name}")
    return value, other.name


async def _fallback(scope: Scope, step: Step) -> Any:
    try:
        return await _call(scope, step, scope.prefix + step.name)
    except BudgetExceededError:
        raise
    except Exception as error:
        failure = StepFailedError(scope.prefix + step.name, categorise(error), 1, describe(error))
        raise failure from error
