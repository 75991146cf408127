"""What is wrong with a file's imports: those of this tree that lead nowhere, and those that close a cycle."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from codefactory.analyzers.finding import Confidence, Finding, Severity

from .graph import LOAD_TIME
from .rules import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from codefactory.analyzers.text import Span

    from .graph import DependencyGraph
    from .links import Edge

TOOL = "graph"
UNRESOLVED = "unresolved-import"
CYCLE = "import-cycle"
MAX_SHOWN = 6
"""Files of a cycle that a message names."""


class Cycles:
    """The cycles that take effect when files are loaded, worked out anew only when an edge that counts has changed.

    Not safe for use from several threads.
    """

    def __init__(self, graph: DependencyGraph) -> None:
        self._graph = graph
        self._adjacency: dict[str, tuple[str, ...]] | None = None
        self._groups: tuple[tuple[str, ...], ...] = ()
        self._group_of: dict[str, int] = {}

    def changed(self, paths: Iterable[str]) -> None:
        """To be called with what each change of the graph returned."""
        known = self._adjacency
        if known is None:
            return
        for path in paths:
            now = self._graph.dependencies(path, kinds=LOAD_TIME) if path in self._graph else None
            if known.get(path) != now:
                self._adjacency = None
                return

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """As `DependencyGraph.cycles`."""
        self._current()
        return self._groups

    def through(self, source: str, target: str) -> tuple[str, ...]:
        """The shortest cycle that begins with the import of `target` by `source`: the files in order, `source` first
        and once. Empty when there is none."""
        adjacency = self._current()
        group = self._group_of.get(source)
        if group is None or self._group_of.get(target) != group or target not in adjacency.get(source, ()):
            return ()
        before: dict[str, str] = {target: source}
        waiting = deque([target])
        while waiting:
            path = waiting.popleft()
            if path == source:
                break
            for following in adjacency.get(path, ()):
                if following not in before and self._group_of.get(following) == group:
                    before[following] = path
                    waiting.append(following)
        if source not in before:
            return ()
        cycle: list[str] = []
        path = before[source]
        while path != source:
            cycle.append(path)
            path = before[path]
        return (source, *reversed(cycle))

    def _current(self) -> dict[str, tuple[str, ...]]:
        if self._adjacency is None:
            self._adjacency = self._graph.adjacency(LOAD_TIME)
            self._groups = self._graph.cycles()
            self._group_of = {path: number for number, group in enumerate(self._groups) for path in group}
        return self._adjacency


def import_findings(graph: DependencyGraph, path: str, cycles: Cycles | None = None) -> tuple[Finding, ...]:
    """Unresolved imports of this tree's own files and, with `cycles`, imports that close one; in text order."""
    return tuple(dict.fromkeys(_findings(graph, path, cycles)))


def _findings(graph: DependencyGraph, path: str, cycles: Cycles | None) -> Iterator[Finding]:
    for edge in graph.imports(path):
        if edge.reason is Reason.MISSING:
            missing = edge.import_.module if place(graph, edge) == edge.import_.span else specifier(edge)
            yield _finding(graph, edge, UNRESOLVED, f"Nothing in this workspace answers to {missing!r}.")
        elif cycles is not None and edge.import_.kind in LOAD_TIME:
            for target in edge.targets:
                if cycle := cycles.through(path, target):
                    yield _finding(graph, edge, CYCLE, f"Import cycle: {_chain(cycle)}.")
                    break


def specifier(edge: Edge) -> str:
    """What is imported, in the words of the file, a name after its module."""
    module, name = edge.import_.module, edge.import_.name
    if not name or name == "*" or edge.import_.name_span is None:
        return module
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"


def place(graph: DependencyGraph, edge: Edge) -> Span:
    """What of an import means its target: the name where that is a module of its own, else the module."""
    name = edge.import_.name_span
    if name is None:
        return edge.import_.span
    of_module = graph.resolve(edge.source, edge.import_.module)
    return name if edge.targets != of_module and (of_module or edge.targets) else edge.import_.span


def _chain(cycle: tuple[str, ...]) -> str:
    shown = cycle if len(cycle) <= MAX_SHOWN else (*cycle[: MAX_SHOWN - 1], f"{len(cycle) - MAX_SHOWN + 1} more")
    return " → ".join((*shown, cycle[0]))


def _finding(graph: DependencyGraph, edge: Edge, code: str, message: str) -> Finding:
    return Finding(TOOL, code, message, place(graph, edge), Severity.INFO, Confidence.HIGH)
