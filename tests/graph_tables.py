"""Helpers for tests of the graph: a tree of files in, edges as short strings out."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from codefactory.analyzers.graph import DependencyGraph, MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Mapping


def graph_of(files: Mapping[str, str | bytes]) -> DependencyGraph:
    return DependencyGraph.build(
        MemoryFiles({path: dedent(text) if isinstance(text, str) else text for path, text in files.items()})
    )


def edges_of(graph: DependencyGraph, path: str) -> list[str]:
    """ "kind module:name -> target" for each import of `path`, with the reason where there is no target."""
    shown: list[str] = []
    for edge in graph.imports(path):
        what = edge.import_.module + (f":{edge.import_.name}" if edge.import_.name else "")
        where = " ".join(edge.targets) if edge.targets else f"({edge.reason})"
        shown.append(f"{edge.import_.kind} {what} -> {where}")
    return shown
