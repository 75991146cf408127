"""What can go wrong in a run.

EngineError
├── PlanError            the pipeline is not valid; carries the findings
├── NotAllowedError      policy or role do not allow it; nothing has run
├── RunError             a run did not succeed
│   ├── StepFailedError  a step failed for good
│   ├── BudgetExceededError
│   ├── RunCancelledError
│   └── SuspendedError   a step waits for an answer
├── UnserialisableError  a value cannot be kept in the store
├── ResumeError          a run cannot be resumed as asked
└── StepError            raised by a step to say what kind of failure it is
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from codefactory.analyzers import Finding

Category = Literal["transient", "rate_limited", "timeout", "invalid_output", "budget", "fatal"]
"""Kinds of failure; a retry policy names the ones it retries."""


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class PlanError(EngineError):
    """The pipeline is not valid. `findings` says where and why; nothing has run."""

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class NotAllowedError(EngineError):
    """Policy or the principal's role do not allow what was asked. Nothing has run."""


class RunError(EngineError):
    """A run did not succeed."""


class StepFailedError(RunError):
    """A step failed for good: retries and error paths are used up."""

    def __init__(self, step: str, category: Category, attempts: int, message: str) -> None:
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        super().__init__(f"step `{step}` failed{tries} ({category}): {message}")
        self.step = step
        self.category: Category = category
        self.attempts = attempts
        self.message = message


class BudgetExceededError(RunError):
    """The run would have spent more than it may. It stopped before spending, and can be resumed with more."""

    def __init__(self, resource: str, limit: float, wanted: float) -> None:
        super().__init__(f"the run's budget of {limit:g} {resource} does not allow {wanted:g}; raise it and resume")
        self.resource = resource
        self.limit = limit


class RunCancelledError(RunError):
    """The run was cancelled. Raised only by `RunResult.unwrap`."""


class SuspendedError(RunError):
    """A step waits for an answer and the run does not: it ends as `waiting`, to be resumed."""


class UnserialisableError(EngineError):
    """A value has no JSON form, so the store cannot keep it."""


class ResumeError(EngineError):
    """The run cannot be resumed or forked as asked. The message says why."""


class StepError(EngineError):
    """A step's failure, with its category. Any other exception is put in one by `categorise`."""

    def __init__(self, message: str, category: Category = "fatal", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.category: Category = category
        self.retry_after_s = retry_after_s


def categorise(error: BaseException) -> Category:
    """The category of an exception: its own `category` if it has one, else by its class."""
    if isinstance(error, StepError):
        return error.category
    if isinstance(error, BudgetExceededError):
        return "budget"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, (ConnectionError, InterruptedError, BlockingIOError)):
        return "transient"
    return "fatal"


def describe(error: BaseException) -> str:
    """The error in one line: its class where the text alone would not tell."""
    text = str(error).strip()
    if isinstance(error, EngineError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
