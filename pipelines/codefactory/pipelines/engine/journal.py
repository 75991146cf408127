"""What the engine asks of a store: one `Journal` a run. `codefactory.pipelines.store` implements it on SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping, Sequence

    from .events import Event, Status
    from .plan import Step

Durability = Literal["full", "normal", "none"]
"""`full`: a finished step survives a power cut. `normal`: it survives the death of the process. `none`: it is written
soon, and nothing waits for it."""


class Audit(Protocol):
    """Where it is noted what runs do to the world."""

    def note(self, kind: str, **facts: Any) -> None:
        """From any thread; does not wait."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody chose. `at` is in seconds since the epoch."""

    choice: str
    who: str
    at: float
    genuine: bool = True
    """Whether it came through a front door: an answer that was written into the database by something else did not."""


class Record(Protocol):
    """A settled step, as an earlier attempt at the run left it."""

    @property
    def skipped(self) -> bool: ...
    @property
    def writes(self) -> list[tuple[str, Any]]: ...
    def value(self, output_type: Any) -> Any: ...


class Journal(Protocol):
    """Everything durable about one run. A future that is returned is done when the entry is as durable as asked."""

    @property
    def restored(self) -> Mapping[str, Record]: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def spent(self) -> Mapping[str, float]: ...

    def finish(
        self,
        path: str,
        step: Step | None,
        value: Any,
        writes: list[tuple[str, Any]] | None,
        started: float,
        finished: float,
        start_seq: int,
        seq: int,
        attempts: int = 1,
        cached: bool = False,
        recovered: str | None = None,
    ) -> Future[None] | None: ...
    def skip(self, path: str, reason: str, at: float, seq: int) -> Future[None] | None: ...
    async def intend(self, path: str) -> None:
        """Note that a step that must not run twice is about to run. Raises ResumeError if it was noted before."""
        ...

    def event(self, event: Event) -> None: ...
    def receipt(self, path: str, key: str) -> Any:
        """What `put_receipt` kept, or MISSING."""
        ...

    def put_receipt(self, path: str, key: str, value: Any) -> Future[None] | None: ...
    def watch(self, cancel: Callable[[str], None]) -> None:
        """Call `cancel` with a reason when somebody outside of this process wants the run to end."""
        ...

    async def asked_at(
        self, path: str, question: str, who: Sequence[str], deadline_s: float | None, *, again: bool
    ) -> float:
        """When this question was first put, in seconds since the epoch; notes it, who may answer and until when, if it
        is new. `again`: it is new in any case, earlier answers do not count."""
        ...

    async def answer(self, path: str, question: str) -> Answer | None:
        """The answer, if somebody has given one to this very question of this run."""
        ...

    def proves(self, path: str) -> bool:
        """Whether the approval at `path` was settled by the engine, and not by something that wrote into the store."""
        ...

    async def forget_answer(self, path: str) -> None:
        """The answer did not count: the question is open again."""
        ...

    def close(
        self, status: Status, error: str | None, outputs: Any, spent: Mapping[str, float], at: float
    ) -> Future[None] | None: ...
