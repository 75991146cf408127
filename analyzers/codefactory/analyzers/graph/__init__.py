"""Which file imports which, what a file defines, and what a model should be shown of them.

from codefactory.analyzers.graph import DependencyGraph, DiskFiles

graph = DependencyGraph.build(DiskFiles("."))
graph.dependents("src/app/models.py")
"""

from .cache import GraphCache
from .filesystem import DiskFiles, FileSystem, MemoryFiles, OverlayFiles
from .graph import LOAD_TIME, DependencyGraph, GraphDiff, GraphState, diff
from .imports import Import, ImportKind
from .links import ALL_KINDS, Edge
from .rules import Reason

__all__ = [
    "ALL_KINDS",
    "LOAD_TIME",
    "DependencyGraph",
    "DiskFiles",
    "Edge",
    "FileSystem",
    "GraphCache",
    "GraphDiff",
    "GraphState",
    "Import",
    "ImportKind",
    "MemoryFiles",
    "OverlayFiles",
    "Reason",
    "diff",
]
