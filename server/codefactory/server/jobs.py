"""Jobs: work that takes long, started by a command that returns at once, and ended by its id.

pygls cannot cancel a running command, and a client's patience with one is short. A job tells how it goes by
`codefactory/job` notifications and, where the client shows it, by work-done progress with a Cancel of its own.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

State = Literal["running", "done", "failed", "cancelled"]
log = logging.getLogger(__name__)


class Observer(Protocol):
    """Who is told about jobs: the client."""

    def job_changed(self, job: Job) -> None: ...


@dataclass(slots=True)
class Job:
    """One piece of work. `result` is JSON."""

    id: str
    title: str
    uri: str | None = None
    state: State = "running"
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "uri": self.uri,
            "state": self.state,
            "message": self.message,
            "result": self.result,
        }


class Jobs:
    """For the event loop only."""

    def __init__(self, observer: Observer) -> None:
        self._running: dict[str, Job] = {}
        self.listeners: list[Callable[[Job], None]] = [observer.job_changed]

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(self._running.values())

    def start(
        self, title: str, work: Callable[[Job], Coroutine[Any, Any, dict[str, Any]]], uri: str | None = None
    ) -> Job:
        """Start `work`; what it returns becomes the job's result, with its "message" as the last word."""
        job = Job(uuid.uuid4().hex[:12], title, uri)
        self._running[job.id] = job
        job.task = asyncio.get_running_loop().create_task(self._run(job, work))
        return job

    def report(self, job: Job, message: str) -> None:
        job.message = message
        self._tell(job)

    async def cancel(self, job_id: str) -> bool:
        """End a job and the processes it started; they have ended on return. False if it was not running."""
        job = self._running.get(job_id)
        if job is None or job.task is None:
            return False
        job.task.cancel()
        await asyncio.wait([job.task])
        return job.state == "cancelled"

    async def cancel_all(self) -> None:
        for job_id in tuple(self._running):
            await self.cancel(job_id)

    def _tell(self, job: Job) -> None:
        for listener in self.listeners:
            listener(job)

    async def _run(self, job: Job, work: Callable[[Job], Coroutine[Any, Any, dict[str, Any]]]) -> None:
        self.report(job, "Started")
        try:
            job.result = await work(job)
            job.state, job.message = "done", str(job.result.get("message", "Done"))
        except asyncio.CancelledError:
            job.state, job.message = "cancelled", "Cancelled"
        except Exception as error:
            log.exception("job %s (%s) failed", job.id, job.title)
            job.state, job.message = "failed", f"{type(error).__name__}: {error}"
        finally:
            self._running.pop(job.id, None)
            self._tell(job)
