"""What happens in a run, as one typed stream.

Each event has the run's id, a sequence number (1, 2, … without gaps within a run, resumed ones included) and a time in
seconds since the epoch. A run kept in a store can be replayed as the same stream: see `store.replay`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

Status = Literal["running", "waiting", "succeeded", "failed", "stopped", "cancelled"]
"""`waiting`: for a person's answer. `stopped`: by a budget. Both, and `failed` and `cancelled`, can be resumed."""


@dataclass(slots=True)
class Event:
    kind: ClassVar[str] = "event"
    run_id: str
    seq: int
    at: float

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}


@dataclass(slots=True)
class RunStarted(Event):
    kind: ClassVar[str] = "run_started"
    pipeline: str
    version: str
    """The plan's content hash."""
    steps: int
    resumed: bool = False
    expected_s: float | None = None
    """Median duration of earlier runs of the same plan, where the store knows any."""


@dataclass(slots=True)
class RunFinished(Event):
    kind: ClassVar[str] = "run_finished"
    status: Status
    duration_s: float
    error: str | None = None


@dataclass(slots=True)
class StepEvent(Event):
    step: str
    """The step's path: `name`, or `map[3]/name` inside a map, loop or nested pipeline."""


@dataclass(slots=True)
class StepStarted(StepEvent):
    kind: ClassVar[str] = "step_started"


@dataclass(slots=True)
class StepFinished(StepEvent):
    kind: ClassVar[str] = "step_finished"
    duration_s: float
    attempts: int = 1
    cached: bool = False
    recovered: str | None = None
    """How an error was dealt with: `default`, or the name of the fallback step."""


@dataclass(slots=True)
class StepSkipped(StepEvent):
    kind: ClassVar[str] = "step_skipped"
    reason: str


@dataclass(slots=True)
class StepFailed(StepEvent):
    kind: ClassVar[str] = "step_failed"
    category: str
    message: str
    attempts: int


@dataclass(slots=True)
class AttemptFailed(StepEvent):
    kind: ClassVar[str] = "attempt_failed"
    attempt: int
    category: str
    message: str
    retry_in_s: float


@dataclass(slots=True)
class OutputDelta(StepEvent):
    kind: ClassVar[str] = "output_delta"
    delta: Any


@dataclass(slots=True)
class StateChanged(StepEvent):
    kind: ClassVar[str] = "state_changed"
    channel: str
    value: Any


@dataclass(slots=True)
class CostRecorded(StepEvent):
    kind: ClassVar[str] = "cost_recorded"
    amounts: dict[str, float]


@dataclass(slots=True)
class LogWritten(StepEvent):
    kind: ClassVar[str] = "log_written"
    level: str
    message: str


@dataclass(slots=True)
class ApprovalRequested(StepEvent):
    kind: ClassVar[str] = "approval_requested"
    question: str
    choices: list[str]
    deadline: float | None = None


@dataclass(slots=True)
class ApprovalAnswered(StepEvent):
    kind: ClassVar[str] = "approval_answered"
    choice: str
    who: str


EVENTS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted,
        RunFinished,
        StepStarted,
        StepFinished,
        StepSkipped,
        StepFailed,
        AttemptFailed,
        OutputDelta,
        StateChanged,
        CostRecorded,
        LogWritten,
        ApprovalRequested,
        ApprovalAnswered,
    )
}


def event_from_json(data: dict[str, Any]) -> Event:
    values = {k: v for k, v in data.items() if k != "kind"}
    return EVENTS[data["kind"]](**values)
