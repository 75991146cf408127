"""`Graphs`: one dependency graph for each workspace folder, current with what is typed, saved, renamed and checked out.

Each folder has a thread of its own on which its graph is built, changed and asked, in that order: a question that is
asked now is answered with everything that was typed before. One change is under way at a time; those that come
meanwhile are taken together as the next. The event loop never waits for a graph.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from codefactory.analyzers import Snapshot

from .analyses import moved
from .serial_thread import SerialThread
from .session import key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from codefactory.analyzers import Finding
    from codefactory.analyzers.worker import WorkerPool

    from .configuration import Configuration, Folder
    from .folder_graph import FolderGraph
    from .session import Session

T = TypeVar("T")
State = Literal["building", "ready", "off", "too-large", "failed"]
log = logging.getLogger(__name__)
MANY = 500
"""Changed files that are not looked at one by one on the event loop: the whole folder is read again."""
TYPING_PAUSE_S = 0.15
"""Without a keystroke, before the graph looks at a text unasked. Until then the analyzers have the machine."""
REFRESH_PAUSE_S = 10.0
"""Between two looks at all files, for clients that do not tell which have changed."""


@dataclass(slots=True)
class _Lane:
    """One folder. `thread` is None where no graph is wanted."""

    folder: Folder
    root: Path
    max_files: int
    state: State = "building"
    message: str = ""
    graph: FolderGraph | None = None
    thread: SerialThread | None = None
    pending: dict[str, Snapshot | None] = field(default_factory=dict[str, "Snapshot | None"])
    """Path → the document that is open, or None for what is on the disk."""
    stale: bool = False
    """All files are to be looked at again."""
    under_way: int = 0
    refreshed_at: float = 0.0
    timer: asyncio.TimerHandle | None = None
    """Runs while somebody types."""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    """Path of an open document → number of files that use it, as last told."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a document's imports were found to be like, and in which version."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one change came to, for the documents that are open."""

    known: Mapping[str, _Known]
    counts: Mapping[str, int]


class Graphs:
    """For the event loop only. What is passed to `ask` runs on a folder's thread."""

    def __init__(self, session: Session, configuration: Configuration, on_problem: Callable[[str], None]) -> None:
        self._session = session
        self._configuration = configuration
        self._on_problem = on_problem
        self._lanes: dict[str, _Lane] = {}
        self._known: dict[str, _Known] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._workers: WorkerPool | None = None
        self._closed = False
        self.finding_listeners: list[Callable[[str], None]] = []
        """Called with the URI of an open document that has other import findings now."""
        self.count_listeners: list[Callable[[], None]] = []
        """Called when the number of files that use an open document is another."""

    async def synchronize(self) -> None:
        """Folders or settings are different: build what is missing, look at what is open again."""
        generation = self._configuration.generation
        folders = {folder.uri: folder for folder in self._configuration.folders if folder.path is not None}
        limits = dict(zip(folders, await asyncio.to_thread(self._limits, list(folders.values())), strict=True))
        if self._closed or self._configuration.generation != generation:  # then a later call is under way
            return
        for uri in list(self._lanes):
            if uri not in folders or self._lanes[uri].max_files != limits[uri]:
                self._end(self._lanes.pop(uri))
        for uri, folder in folders.items():
            lane = self._lanes.get(uri)
            if lane is None:
                self._begin(folder, limits[uri])
            elif lane.state == "ready":
                self._flush(lane, always=True)

    def touch(self, uri: str) -> None:
        """A document was opened, changed or closed."""
        snapshot = self._session.snapshot(uri)
        if snapshot is None:
            self._known.pop(key(uri), None)
        for lane, path in self._places(uri):
            lane.pending[path] = snapshot
            if lane.timer is not None:
                lane.timer.cancel()
            lane.timer = asyncio.get_running_loop().call_later(TYPING_PAUSE_S, self._advance, lane)

    def files_changed(self, uris: Iterable[str], *, watching: bool = True) -> None:
        """Files were saved, came, went or were renamed. Without `watching` there may be others."""
        uris = tuple(uris)
        for lane in self._lanes.values():
            due = not watching and time.monotonic() - lane.refreshed_at > REFRESH_PAUSE_S
            lane.stale = lane.stale or due or len(uris) > MANY
        for uri in uris if len(uris) <= MANY else ():
            for lane, path in self._places(uri):
                open_one = self._session.snapshot(uri)
                lane.pending.setdefault(path, open_one)
        for lane in self._lanes.values():
            self._advance(lane)

    async def ask(
        self, uri: str, question: Callable[[FolderGraph, str], T], timeout_s: float | None = None
    ) -> T | None:
        """The answer of the graph of the innermost folder that `uri` is in; `question` gets its path there.

        It has seen all that happened before this call. None where there is no graph, while it is being built, and
        after `timeout_s`.
        """
        place = self._innermost(uri)
        if place is None:
            return None
        return await self.ask_folder(place[0].folder.uri, lambda graph: question(graph, place[1]), timeout_s)

    async def ask_folder(
        self, folder_uri: str, question: Callable[[FolderGraph], T], timeout_s: float | None = None
    ) -> T | None:
        """As `ask`, about a folder as a whole."""
        lane = self._lanes.get(folder_uri)
        if lane is None or lane.state != "ready" or lane.graph is None or lane.thread is None:
            return None
        if lane.pending or lane.stale:
            self._flush(lane)
        graph = lane.graph
        answer = asyncio.wrap_future(lane.thread.submit(lambda: question(graph)))
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            return None

    def locate(self, uri: str) -> tuple[str, str] | None:
        """The URI of the innermost folder that a file is in, and its path there; None for one in no folder."""
        place = self._innermost(uri)
        return None if place is None else (place[0].folder.uri, place[1])

    async def built(self) -> None:
        """Wait until no graph is being built."""
        while any(lane.state == "building" for lane in self._lanes.values()) and self._tasks:
            await asyncio.wait(tuple(self._tasks), return_when=asyncio.FIRST_COMPLETED)

    def findings(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        """What is known to be wrong with the imports of an open document, where it is in this version."""
        known = self._known.get(key(snapshot.uri))
        if known is None or self._session.snapshot(snapshot.uri) is not snapshot:
            return ()
        steps = self._session.since(known.snapshot)
        return () if steps is None else moved(known.findings, known.snapshot, steps, snapshot)

    def state(self, folder_uri: str) -> tuple[State, str]:
        """Of a workspace folder, and what there is to say about it."""
        lane = self._lanes.get(folder_uri)
        return ("building", "") if lane is None else (lane.state, lane.message)

    def close(self) -> None:
        """End everything, the worker processes included. Quick, from any thread."""
        self._closed = True
        if self._workers is not None:
            self._workers.close()
        for lane in tuple(self._lanes.values()):
            self._end(lane)

    def _limits(self, folders: Iterable[Folder]) -> list[int]:
        anywhere = [Snapshot(f"{folder.uri.rstrip('/')}/pyproject.toml", "", "toml") for folder in folders]
        return [self._configuration.project(snapshot).settings.graph.max_files for snapshot in anywhere]

    def _begin(self, folder: Folder, max_files: int) -> None:
        root = folder.path
        if root is None:
            return
        lane = self._lanes[folder.uri] = _Lane(folder, root, max_files)
        if not max_files:
            lane.state, lane.message = "off", "codefactory.graph.maxFiles is 0."
            return
        lane.thread = SerialThread(f"graph-{folder.name}")
        buffers: dict[str, Snapshot] = {}
        for snapshot in self._session.snapshots:
            buffers |= {path: snapshot for place, path in self._places(snapshot.uri) if place is lane}
        self._spawn(self._build(lane, lane.thread, buffers))

    async def _build(self, lane: _Lane, thread: SerialThread, buffers: Mapping[str, Snapshot]) -> None:
        def build() -> FolderGraph:
            from codefactory.analyzers.worker import WorkerPool

            from .folder_graph import FolderGraph

            self._workers = self._workers or WorkerPool(2)
            if self._closed:
                self._workers.close()
            graph = FolderGraph(lane.root, lane.max_files, self._workers)
            graph.build({path: snapshot.text for path, snapshot in buffers.items()})
            return graph

        try:
            lane.graph = await asyncio.wrap_future(thread.submit(build))
        except Exception as error:  # noqa: BLE001  (logged and told there)
            self._failed(lane, error)
            return
        lane.state, lane.refreshed_at = "ready", time.monotonic()
        self._flush(lane, always=True)

    def _end(self, lane: _Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
        if lane.thread is not None:
            lane.thread.close()
        lane.graph, lane.state = None, "off"

    def _failed(self, lane: _Lane, error: Exception) -> None:
        from .folder_graph import TooManyFilesError

        if isinstance(error, TooManyFilesError):
            lane.state, lane.message = "too-large", str(error)
        else:
            log.error("the dependency graph of %s failed", lane.root, exc_info=error)
            lane.state = "failed"
            lane.message = f"The dependency graph of {lane.root} failed ({type(error).__name__}); see the log."
        lane.graph = None
        if not self._closed:
            self._on_problem(lane.message)

    def _advance(self, lane: _Lane) -> None:
        if lane.state == "ready" and not lane.under_way and (lane.pending or lane.stale):
            self._flush(lane)

    def _flush(self, lane: _Lane, *, always: bool = False) -> None:
        """Send what is pending to the folder's thread now."""
        graph, thread = lane.graph, lane.thread
        if graph is None or thread is None:
            return
        changes, stale = lane.pending, lane.stale
        lane.pending, lane.stale = {}, False
        if stale:
            lane.refreshed_at = time.monotonic()
        documents = self._documents(lane)
        lane.under_way += 1

        def work() -> _Looked | None:
            texts = {path: snapshot.text if snapshot else None for path, snapshot in changes.items()}
            affected = graph.refresh(texts) if stale else graph.apply(texts)
            return self._look(graph, documents) if affected or always else None

        self._spawn(self._finish(lane, asyncio.wrap_future(thread.submit(work))))

    async def _finish(self, lane: _Lane, work: asyncio.Future[_Looked | None]) -> None:
        try:
            looked = await work
        except Exception as error:  # noqa: BLE001  (logged and told there)
            self._failed(lane, error)
            return
        finally:
            lane.under_way -= 1
        self._advance(lane)
        if looked is None or self._lanes.get(lane.folder.uri) is not lane:
            return
        for name, known in looked.known.items():
            now = self._session.snapshot(name)
            if now is None or self._session.since(known.snapshot) is None:
                continue
            before = self.findings(now)
            self._known[name] = known
            if self.findings(now) != before:
                for listener in self.finding_listeners:
                    listener(known.snapshot.uri)
        if looked.counts != lane.counts:
            lane.counts = dict(looked.counts)
            for notify in self.count_listeners:
                notify()

    def _look(self, graph: FolderGraph, documents: Mapping[str, Snapshot]) -> _Looked:
        """On the folder's thread."""
        from codefactory.analyzers.finding import fingerprinted

        settings = {p: self._configuration.project(s).settings.graph for p, s in documents.items()}
        cycles = any(s.cycles != "off" for s in settings.values())
        known = {
            key(snapshot.uri): _Known(snapshot, fingerprinted(graph.findings(path, cycles=cycles), snapshot.lines))
            for path, snapshot in documents.items()
        }
        return _Looked(known, {path: len(graph.graph.dependents(path)) for path in documents})

    def _documents(self, lane: _Lane) -> dict[str, Snapshot]:
        """What is open and belongs to this folder more than to any other, by path."""
        places = [(self._innermost(snapshot.uri), snapshot) for snapshot in self._session.snapshots]
        return {place[1]: snapshot for place, snapshot in places if place is not None and place[0] is lane}

    def _places(self, uri: str) -> list[tuple[_Lane, str]]:
        """The folders a file is in, outermost first, and its path in each."""
        located = Snapshot(uri, "", "").path
        if located is None:
            return []
        path = Path(located)
        return [
            (lane, path.relative_to(lane.root).as_posix())
            for lane in sorted(self._lanes.values(), key=lambda lane: len(lane.root.parts))
            if path.is_relative_to(lane.root)
        ]

    def _innermost(self, uri: str) -> tuple[_Lane, str] | None:
        places = self._places(uri)
        return places[-1] if places else None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
