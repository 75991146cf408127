"""`Analyses`: the current analysis of each open document.

Each document has a lane for ruff and one for what runs in a worker process, so that a fast tool's findings never wait
for a slow one's. A lane has one analysis in flight; when that ends and the text has changed meanwhile, the latest
version is next, and those between are never analyzed. There is no delay before a start. While a lane is behind, its
last findings stay, moved along with what is typed, so that nothing flickers.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Analysis, Analyzers, Cancellation
from codefactory.analyzers import CancelledError as AnalysisCancelledError

from .session import key
from .tracking import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from codefactory.analyzers import Finding, Options, Snapshot
    from codefactory.pipelines.project import Project

    from .configuration import Configuration
    from .session import Session
    from .tracking import Replacement

log = logging.getLogger(__name__)
LANES = (("ruff",), ("syntax", "bandit"))
FEW = 200
"""Findings that are dealt with in a millisecond or two, so that another thread would only cost time."""
WORKERS = 2
"""Worker processes: one for what is typed, one for a repair beside it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known about a document now."""

    snapshot: Snapshot
    analysis: Analysis
    project: Project
    complete: bool
    """Whether all of it was found in this very version."""


@dataclass(slots=True)
class _Lane:
    analyzers: tuple[str, ...]
    result: Analysis | None = None
    base: Snapshot | None = None
    """What `result` was found in."""
    generation: int = -1
    """Of the configuration that `result` was made with."""
    task: asyncio.Task[None] | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)


@dataclass(frozen=True, slots=True)
class _Part:
    """A lane's result, and what was typed since."""

    analysis: Analysis
    base: Snapshot
    steps: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """All that a `Checked` is worked out from, frozen, so that a thread can do it: a text may have thousands of
    findings to move."""

    snapshot: Snapshot
    project: Project
    parts: tuple[_Part, ...]
    complete: bool

    def __eq__(self, other: object) -> bool:
        """By identity of what it is made of, which is quick and enough."""
        return (
            isinstance(other, _View)
            and self.snapshot is other.snapshot
            and self.project is other.project
            and self.complete == other.complete
            and len(self.parts) == len(other.parts)
            and all(a.analysis is b.analysis for a, b in zip(self.parts, other.parts, strict=True))
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]  (it is compared only)

    @property
    def size(self) -> int:
        return sum(len(part.analysis.findings) * (1 + len(part.steps)) for part in self.parts)

    def checked(self) -> Checked:
        parts = [
            replace(part.analysis, findings=moved(part.analysis.findings, part.base, part.steps, self.snapshot))
            if part.steps
            else part.analysis
            for part in self.parts
        ]
        return Checked(self.snapshot, Analysis.merge(parts), self.project, self.complete)


class Analyses:
    """For the event loop only. `updated` is called with a document's URI after each result."""

    def __init__(self, session: Session, configuration: Configuration, updated: Callable[[str], None]) -> None:
        self.analyzers = Analyzers(WORKERS, standby=True)
        self._session = session
        self._configuration = configuration
        self._updated = updated
        self._lanes: dict[str, tuple[_Lane, ...]] = {}
        self._projects: dict[str, Project] = {}
        self._views: dict[str, tuple[_View, Checked]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()

    def start(self) -> None:
        """Settings are known: analyze from now on, what is open already included."""
        self._ready.set()

    async def ready(self) -> None:
        """Wait for the settings: nothing may be done under other ones."""
        await self._ready.wait()

    def touch(self, uri: str) -> None:
        """The document was opened or changed, or its settings were."""
        name = key(uri)
        lanes = self._lanes.setdefault(name, tuple(_Lane(analyzers) for analyzers in LANES))
        for lane in lanes:
            if lane.task is None:
                lane.task = self._spawn(self._run(name, lane))

    def touch_all(self) -> None:
        for snapshot in self._session.snapshots:
            self.touch(snapshot.uri)

    def forget(self, uri: str) -> None:
        """The document was closed."""
        for lane in self._lanes.pop(key(uri), ()):
            lane.cancellation.cancel()
        self._projects.pop(key(uri), None)
        self._views.pop(key(uri), None)

    async def current(self, uri: str) -> Checked | None:
        """What is known now; None for a document that is not open or that nothing is known of yet."""
        view = self._view(uri)
        if view is None:
            return None
        known = self._views.get(key(uri))
        if known is not None and known[0] == view:
            return known[1]
        checked = view.checked() if view.size <= FEW else await asyncio.to_thread(view.checked)
        if key(uri) in self._lanes:
            self._views[key(uri)] = view, checked
        return checked

    async def complete(self, uri: str, timeout_s: float | None = None) -> Checked | None:
        """Wait until the latest version has been analyzed; after `timeout_s`, what is known then."""
        try:
            async with asyncio.timeout(timeout_s):
                while tasks := [lane.task for lane in self._lanes.get(key(uri), ()) if lane.task]:
                    await asyncio.wait(tasks)
        except TimeoutError:
            pass
        return await self.current(uri)

    async def first(self, uri: str) -> None:
        """Wait until one lane, the fast one as a rule, has analyzed the latest version."""
        while True:
            snapshot, lanes = self._session.snapshot(uri), self._lanes.get(key(uri), ())
            tasks = [lane.task for lane in lanes if lane.task]
            if snapshot is None or not tasks or any(self._is_current(lane, snapshot) for lane in lanes):
                return
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def close(self) -> None:
        """End everything, the worker processes included. Quick, from any thread."""
        for lanes in tuple(self._lanes.values()):
            for lane in lanes:
                lane.cancellation.cancel()
        self.analyzers.close()

    async def _run(self, name: str, lane: _Lane) -> None:
        """Analyze until the lane is up to date, or the document is closed."""
        try:
            await self._ready.wait()
            retried = False
            while (snapshot := self._session.snapshot(name)) and not self._is_current(lane, snapshot):
                generation = self._configuration.generation
                project = await self._project(name, snapshot)
                analysis = await self._analyze(lane, snapshot, project)
                if name not in self._lanes:
                    return
                if not retried and any(p.kind == "crash" for p in analysis.problems):
                    retried = True  # the process was killed from outside, or this text kills it: the next try tells
                    continue
                lane.result, lane.base, lane.generation = analysis, snapshot, generation
                if self._is_current(lane, snapshot) and self._session.snapshot(name) is snapshot:
                    self._updated(snapshot.uri)
        except AnalysisCancelledError:
            pass
        except Exception:
            log.exception("the %s lane failed", " and ".join(lane.analyzers))
        finally:
            lane.task = None

    async def _project(self, name: str, snapshot: Snapshot) -> Project:
        project = self._configuration.known(snapshot)
        if project is None:
            project = await asyncio.to_thread(self._configuration.project, snapshot)
        self._projects[name] = project
        return project

    async def _analyze(self, lane: _Lane, snapshot: Snapshot, project: Project) -> Analysis:
        options = options_for(project, snapshot)
        chosen = tuple(n for n in options.enabled if n in lane.analyzers)
        futures = self.analyzers.start(snapshot, replace(options, enabled=chosen), lane.cancellation)
        return Analysis.merge([await asyncio.wrap_future(future) for future in futures])

    def _is_current(self, lane: _Lane, snapshot: Snapshot) -> bool:
        return lane.base is snapshot and lane.generation == self._configuration.generation

    def _view(self, uri: str) -> _View | None:
        snapshot, project = self._session.snapshot(uri), self._projects.get(key(uri))
        lanes = self._lanes.get(key(uri))
        if snapshot is None or lanes is None or project is None:
            return None
        parts = [
            _Part(lane.result, lane.base, steps)
            for lane in lanes
            if lane.result is not None
            and lane.base is not None
            and (steps := self._session.since(lane.base)) is not None
        ]
        return _View(snapshot, project, tuple(parts), all(self._is_current(lane, snapshot) for lane in lanes))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def options_for(project: Project, snapshot: Snapshot) -> Options:
    from pathlib import Path

    return project.options(Path(snapshot.path) if snapshot.path else None)


def moved(
    findings: Sequence[Finding], before: Snapshot, steps: Sequence[Replacement], after: Snapshot
) -> tuple[Finding, ...]:
    """Findings of `before` where they are in `after`. A finding whose code was replaced as a whole is gone; its own
    fix is left out, since it may not fit any more."""
    places = [(finding, follow(finding.span, before.lines, steps, after.lines)) for finding in findings]
    return tuple(replace(finding, span=span, fix=None) for finding, span in places if span is not None)
