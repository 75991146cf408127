"""What the editor shows of a file's imports: places, targets and words. Pure functions, for a folder's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers import Text
from codefactory.analyzers.graph import ImportKind, Reason
from codefactory.analyzers.graph.findings import place, specifier

from .evidence import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codefactory.analyzers import Position, Span
    from codefactory.analyzers.graph import DependencyGraph, Edge

    from .folder_graph import FolderGraph

_WHY = {
    Reason.EXTERNAL: "an installed package, not a file of this workspace",
    Reason.STANDARD: "part of the standard library",
    Reason.NAMESPACE: "a folder without a file of its own",
    Reason.MISSING: "**not resolved**: it belongs to this workspace, but no file answers to it",
    Reason.OUTSIDE: "outside this workspace folder",
    Reason.ASSET: "not source code",
    Reason.SELF: "this file itself",
}
_KINDS = {
    ImportKind.TYPE_ONLY: "for types only",
    ImportKind.LAZY: "when the function is called",
    ImportKind.DYNAMIC: "by a call",
    ImportKind.REEXPORT: "and re-exported",
}
MAX_LISTED = 8
"""Imports or files that a hover names."""


@dataclass(frozen=True, slots=True)
class Link:
    """A part of an import that can be followed."""

    span: Span
    targets: tuple[str, ...]


def links(graph: DependencyGraph, path: str) -> tuple[Link, ...]:
    """In text order, none within another."""
    found: dict[Span, tuple[str, ...]] = {}
    for edge in _written(graph.imports(path)):
        if edge.import_.name_span is not None:
            of_module = graph.resolve(path, edge.import_.module)
            if of_module and of_module != (path,):
                found.setdefault(edge.import_.span, of_module)
        if edge.targets and edge.targets != (path,):
            found.setdefault(place(graph, edge), edge.targets)
    ordered = [Link(span, targets) for span, targets in sorted(found.items()) if span.start < span.end]
    return tuple(link for n, link in enumerate(ordered) if not n or ordered[n - 1].span.end <= link.span.start)


def at(graph: DependencyGraph, path: str, position: Position) -> tuple[Edge, ...]:
    """The imports at a position that stand in the text as such."""
    return _written(graph.imports_at(path, position))


def dependents(graph: FolderGraph, path: str) -> Iterator[tuple[str, tuple[Span, ...], Text]]:
    """The files that import `path`, where they do, and their texts."""
    for importer in graph.graph.dependents(path):
        spans = {place(graph.graph, edge) for edge in graph.graph.imports(importer) if path in edge.targets}
        try:
            text = Text(graph.graph.read(importer).decode("utf-8", "replace"))
        except OSError:
            continue
        yield importer, tuple(sorted(spans)), text


def hover(graph: FolderGraph, edges: Sequence[Edge]) -> str:
    """Markdown. `edges` are of one place."""
    lines: dict[str, None] = {}
    for edge in edges:
        how = _KINDS.get(edge.import_.kind)
        said = f"`{_code(specifier(edge))}`{f' ({how})' if how else ''}"
        if edge.reason is not None:
            lines[f"{said}: {_WHY[edge.reason]}"] = None
        elif len(edge.targets) == 1:
            lines[f"{said} → {_file(graph, edge.targets[0])}"] = None
        else:
            lines[f"{said} → {len(edge.targets)} files, {_file(graph, edge.targets[0])} first"] = None
    shown = list(lines)[:MAX_LISTED]
    if len(lines) > MAX_LISTED:
        shown.append(f"and {len(lines) - MAX_LISTED} more")
    return "\n\n".join(shown)


def used_by(count: int) -> str:
    return f"used by {count:,} file{'' if count == 1 else 's'}"


def _written(edges: Sequence[Edge]) -> tuple[Edge, ...]:
    return tuple(edge for edge in edges if edge.import_.kind is not ImportKind.REFERENCE)


def _file(graph: FolderGraph, path: str) -> str:
    return f"[{plain(path)}]({(graph.root / path).as_uri()}), {used_by(len(graph.graph.dependents(path)))}"


def _code(text: str) -> str:
    """For a code span: a specifier may be any string."""
    return " ".join(text.replace("`", "'").split())
