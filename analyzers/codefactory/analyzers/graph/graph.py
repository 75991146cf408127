"""`DependencyGraph`: which file imports which, kept right file by file."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from codefactory.analyzers.finding import Problem

from . import algorithms, extraction
from .extraction import Trees, content_key, extract_many, extract_one, without_bom
from .imports import FileImports, ImportKind
from .index import split
from .languages import is_configuration, rules_for
from .links import ALL_KINDS, Edge, Links
from .rules import Reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from codefactory.analyzers.document import Snapshot
    from codefactory.analyzers.finding import ProblemKind
    from codefactory.analyzers.text import Position
    from codefactory.analyzers.worker import WorkerPool

    from .cache import GraphCache
    from .filesystem import FileSystem

LOAD_TIME = frozenset({ImportKind.IMPORT, ImportKind.REEXPORT})
"""The kinds that take effect when the importing file is loaded, so that a cycle of them can break a program."""


class GraphState(NamedTuple):
    """What can be compared between two moments."""

    files: frozenset[str]
    edges: frozenset[tuple[str, str, ImportKind]]


class GraphDiff(NamedTuple):
    """What one state has and the other has not."""

    added_files: frozenset[str]
    removed_files: frozenset[str]
    added_edges: frozenset[tuple[str, str, ImportKind]]
    removed_edges: frozenset[tuple[str, str, ImportKind]]

    def __bool__(self) -> bool:
        return any(self)


def diff(before: GraphState, after: GraphState) -> GraphDiff:
    return GraphDiff(
        after.files - before.files, before.files - after.files, after.edges - before.edges, before.edges - after.edges
    )


class DependencyGraph:
    """The files of a `FileSystem`, what each imports, and which file that is.

    Paths are the file system's: relative, with "/". All methods may be called from any thread; those that change the
    graph block while they read and parse, so a server calls them off its event loop.
    """

    def __init__(self, files: FileSystem, workers: WorkerPool | None = None) -> None:
        """An empty graph; `build` makes a full one."""
        self._files = files
        self._workers = workers
        self._lock = threading.RLock()
        self._links = Links(files.read)
        self._trees = Trees()
        self._cache_problem: Problem | None = None
        self._clock = count(1)
        self._changed_at: dict[str, int] = {}
        """When each file that was updated or removed was: what was read before that must not replace it."""

    @classmethod
    def build(
        cls, files: FileSystem, cache: GraphCache | None = None, workers: WorkerPool | None = None
    ) -> DependencyGraph:
        """The graph of all files that `files` lists.

        `cache` spares parsing what has not changed since `save`; `workers` parse side by side, without holding this
        process's GIL.
        """
        graph = cls(files, workers)
        if workers is not None and (cache is None or not cache.path.exists()):
            extraction.start(workers)
        graph.refresh(cache)
        return graph

    def refresh(self, cache: GraphCache | None = None) -> frozenset[str]:
        """Look at all files again: after a `git checkout`, or when events may have been lost.

        Returns the files that came, went or have another content.
        """
        started = next(self._clock)
        listed = self._files.list()
        sources = sorted(path for path in listed if rules_for(path) is not None)
        known = {} if cache is None and not self._links.nodes else self._unchanged(sources, cache)
        parsed = extract_many([p for p in sources if p not in known], self._files, self._workers)
        read = known | {path: item for path, item in parsed if item is not None}
        with self._lock:
            index = self._links.index
            configurations = {path for path in listed if is_configuration(path)}
            for path in set(index.configurations) - configurations:
                index.remove_configuration(path)
            for path in configurations:
                index.add_configuration(path)
            newer = {path for path, changed_at in self._changed_at.items() if changed_at > started}
            changed = {path for path in index if path not in read} - newer
            for path in changed.copy():
                self._links.drop(path)
                self._trees.forget(path)
            for path in sources:
                if path not in read:
                    continue
                key, found = read[path]
                node = self._links.node(path)
                if path not in newer and (node is None or node.key != key):
                    self._links.put(path, key, found)
                    changed.add(path)
            self._links.forget(configuration=True)
            self._links.resolve(range(len(self._links.nodes)))
            if cache is not None:
                self._cache_problem = cache.problem
        return frozenset(changed)

    def save(self, cache: GraphCache) -> None:
        """Write what extraction found, for the next start. Raises OSError."""
        with self._lock:
            nodes = [node for node in self._links.nodes if node is not None and not node.found.problem]
            entries = {node.key: node.found for node in nodes}
        cache.save(entries)

    def update(self, path: str, text: str | None = None) -> frozenset[str]:
        """A file has a new content, or is new. `text` is an editor's buffer; None means: read it again.

        Returns the files whose edges may differ now: `path`, and, when it is new, those that import it.
        """
        if is_configuration(path):
            return self._reconfigure(path)
        if rules_for(path) is None:
            return frozenset()
        started = next(self._clock)
        try:
            source = without_bom(self._files.read(path) if text is None else text.encode("utf-8", "replace"))
        except OSError:
            return self.remove(path)
        with self._lock:
            node = self._links.node(path)
            if node is not None and node.key == content_key(path, source):
                self._changed_at[path] = max(started, self._changed_at.get(path, 0))
                return frozenset()
        key, found = extract_one(path, source, self._trees, self._workers)
        with self._lock:
            if self._changed_at.get(path, 0) > started:  # another thread was given a newer text meanwhile
                return frozenset()
            self._changed_at[path] = started
            index = self._links.index
            node = self._links.node(path)
            facts = node.found.facts if node is not None else ()
            is_new = node is None
            new_folder = node is None and split(path)[0] not in index.folders
            unresolved = self._links.put(path, key, found)
            affected = {index.ids[path]}
            if is_new or facts != found.facts:
                self._links.forget(configuration=False)
                words = {fact.rpartition(" ")[2] for fact in {*facts} ^ {*found.facts}}
                affected |= self._links.who_may_mean(path, everything=new_folder, words=words)
                unresolved = True
            if unresolved:
                self._links.resolve(sorted(affected))
            return frozenset(self._links.paths(affected))

    def remove(self, path: str) -> frozenset[str]:
        """A file is gone. Returns the files whose edges may differ now."""
        if is_configuration(path):
            return self._reconfigure(path)
        with self._lock:
            index = self._links.index
            if path not in index:
                return frozenset()
            self._changed_at[path] = next(self._clock)
            self._trees.forget(path)
            importers = self._links.drop(path)
            self._links.forget(configuration=False)
            affected = importers | self._links.who_may_mean(path, everything=split(path)[0] not in index.folders)
            self._links.resolve(sorted(affected))
            return frozenset({path, *self._links.paths(affected)})

    def rename(self, old: str, new: str, text: str | None = None) -> frozenset[str]:
        """A file has another path now. Returns the files whose edges may differ now."""
        with self._lock:
            return self.remove(old) | self.update(new, text)

    def __contains__(self, path: object) -> bool:
        return path in self._links.index

    def __len__(self) -> int:
        return len(self._links.index)

    @property
    def files(self) -> tuple[str, ...]:
        """All files, sorted."""
        with self._lock:
            return tuple(sorted(self._links.index))

    def read(self, path: str) -> bytes:
        """The file's content as the graph's file system has it. Raises OSError."""
        return without_bom(self._files.read(path))

    def locate(self, snapshot: Snapshot) -> str | None:
        """The path here of an editor's document; None when it is no file below the root."""
        return self._files.locate(snapshot.path) if snapshot.path is not None else None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read or parsed: one for each file, in order of paths, and one for the cache."""
        with self._lock:
            nodes = [(path, self._links.node(path)) for path in self.files]
        said = [_problem(path, node.found.problem) for path, node in nodes if node is not None and node.found.problem]
        return (*said, self._cache_problem) if self._cache_problem else tuple(said)

    def imports(self, path: str) -> tuple[Edge, ...]:
        """All imports of a file in text order, with those that lead nowhere. Empty for a file that is not here."""
        with self._lock:
            return tuple(self._links.edges(path))

    def imports_at(self, path: str, position: Position) -> tuple[Edge, ...]:
        """The imports whose module specifier or name stands at `position`: one on a name, all of a statement's on its
        specifier."""
        edges = self.imports(path)
        named = [e for e in edges if e.import_.name_span is not None and e.import_.name_span.contains(position)]
        return tuple(named or [e for e in edges if e.import_.span.contains(position)])

    def edges(self) -> tuple[Edge, ...]:
        """All imports of all files."""
        with self._lock:
            return tuple(edge for path in self.files for edge in self._links.edges(path))

    def dependencies(
        self, path: str, *, transitive: bool = False, kinds: Collection[ImportKind] = ALL_KINDS
    ) -> tuple[str, ...]:
        """The files that `path` imports, sorted; `transitive`: and what those import."""
        with self._lock:
            number = self._links.index.ids.get(path)
            if number is None:
                return ()
            found = self._links.targets(number, kinds)
            if transitive:
                found = algorithms.reachable((number,), lambda n: self._links.targets(n, kinds))
            return self._links.paths(found - {number})

    def dependents(
        self, path: str, *, transitive: bool = False, kinds: Collection[ImportKind] = ALL_KINDS
    ) -> tuple[str, ...]:
        """The files that import `path`, sorted; `transitive`: and those that import them."""

        def sources(number: int) -> set[int]:
            found = self._links.importers(number)
            return found if kinds == ALL_KINDS else {n for n in found if number in self._links.targets(n, kinds)}

        with self._lock:
            number = self._links.index.ids.get(path)
            if number is None:
                return ()
            found = algorithms.reachable((number,), sources) if transitive else sources(number)
            return self._links.paths(found - {number})

    def cycles(self, kinds: Collection[ImportKind] = LOAD_TIME) -> tuple[tuple[str, ...], ...]:
        """Groups of files that import each other, directly or not: the strongly connected components of more than one
        file. Each sorted, largest first."""
        groups = [group for group in self.topological_order(kinds) if len(group) > 1]
        return tuple(sorted(groups, key=lambda g: (-len(g), g)))

    def topological_order(self, kinds: Collection[ImportKind] = LOAD_TIME) -> tuple[tuple[str, ...], ...]:
        """All files, each after what it imports. Files of one cycle stand together."""
        with self._lock:
            paths = self._links.index.paths
            numbers = [self._links.index.ids[path] for path in self.files]
            successors = {n: sorted(self._links.targets(n, kinds), key=paths.__getitem__) for n in numbers}
            return tuple(self._links.paths(group) for group in algorithms.components(numbers, successors))

    def unresolved(self, reasons: Collection[Reason] = frozenset({Reason.MISSING})) -> tuple[Edge, ...]:
        """Imports that lead nowhere for one of `reasons`."""
        return tuple(edge for edge in self.edges() if edge.reason in reasons)

    def state(self) -> GraphState:
        """For `diff`."""
        edges = self.edges()
        return GraphState(
            frozenset(self.files), frozenset((e.source, target, e.import_.kind) for e in edges for target in e.targets)
        )

    def adjacency(self, kinds: Collection[ImportKind] = ALL_KINDS) -> dict[str, tuple[str, ...]]:
        """Every file and the files it imports, both sorted."""
        with self._lock:
            ids = self._links.index.ids
            return {p: self._links.paths(self._links.targets(ids[p], kinds) - {ids[p]}) for p in self.files}

    def resolve(self, path: str, module: str, name: str = "") -> tuple[str, ...]:
        """Where an import would lead if `path` contained it; see `RawImport` for the form."""
        if rules_for(path) is None:
            return ()
        with self._lock:
            resolver = self._links.resolver(path)
            target, _, is_folder = resolver.resolve(path, module, name)
            if target is None:
                return ()
            return resolver.members(target) if is_folder else (target,)

    def _unchanged(self, sources: Collection[str], cache: GraphCache | None) -> dict[str, tuple[bytes, FileImports]]:
        """What need not be parsed: the content is as it was, or the cache knows it."""
        known: dict[str, tuple[bytes, FileImports]] = {}
        for path in sources:
            try:
                key = content_key(path, without_bom(self._files.read(path)))
            except OSError:
                continue
            node = self._links.node(path)
            found = node.found if node is not None and node.key == key else cache.get(key) if cache else None
            if found is not None:
                known[path] = (key, found)
        return known

    def _reconfigure(self, path: str) -> frozenset[str]:
        with self._lock:
            try:
                self._files.read(path)
            except OSError:
                self._links.index.remove_configuration(path)
            else:
                self._links.index.add_configuration(path)
            self._links.forget(configuration=True)
            self._links.resolve(range(len(self._links.nodes)))
            return frozenset(self.files)


def _problem(path: str, said: str) -> Problem:
    kind, _, message = said.partition(": ")
    kinds: dict[str, ProblemKind] = {
        "missing": "missing",
        "timeout": "timeout",
        "crash": "crash",
        "too-large": "too-large",
    }
    return Problem("graph", kinds.get(kind, "unsupported"), f"{path} has no edges in the graph: {message}.")
