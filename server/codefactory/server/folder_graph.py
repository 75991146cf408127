"""`FolderGraph`: the dependency graph of one workspace folder, with what is typed in it.

Everything here blocks, so it is called on the folder's own thread: see `graphs`.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import time
from typing import TYPE_CHECKING

from codefactory.analyzers.graph import DependencyGraph, DiskFiles, GraphCache, OverlayFiles
from codefactory.analyzers.graph.filesystem import EXCLUDED_FOLDERS, GIT_TIMEOUT_S
from codefactory.analyzers.graph.findings import Cycles, import_findings
from codefactory.analyzers.graph.languages import is_configuration, rules_for

from .collection import uncollected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codefactory.analyzers import Finding, Problem
    from codefactory.analyzers.worker import WorkerPool

log = logging.getLogger(__name__)
MANY = 100
"""Changed files beyond which looking at all files again is quicker."""
RECENCY_S = 60.0
"""How long git's answer which files changed lately is used."""


class TooManyFilesError(Exception):
    """The folder has more source files than the user allows."""

    def __init__(self, root: str, count: int, limit: int) -> None:
        super().__init__(
            f"{root} has {count:,} source files, more than codefactory.graph.maxFiles ({limit:,}): it gets no "
            "dependency graph. Open a part of it, or raise the limit."
        )


class FolderGraph:
    """`build` first. Paths are relative to `root`, with "/"."""

    def __init__(self, root: Path, max_files: int, workers: WorkerPool) -> None:
        self.root = root
        self._buffers: dict[str, str] = {}
        self._tree = _Tree(root, max_files)
        self.graph = DependencyGraph(OverlayFiles(self._tree, self._buffers), workers)
        self.cycles = Cycles(self.graph)
        self._recency: tuple[float, dict[str, float]] | None = None

    def build(self, buffers: Mapping[str, str]) -> None:
        """Read everything, with what is open. Raises TooManyFilesError."""
        cache = _cache_of(self.root)
        if buffers:
            self._tree.list()
            self._take({path: text for path, text in buffers.items() if self._is_admitted(path)})
        with uncollected(keep=True):
            self.graph.refresh(cache)
            try:
                self.graph.save(cache)
            except OSError as error:
                log.warning("the graph's cache %s cannot be written: %s", cache.path, error.strerror)
            del cache  # before what exists is kept

    def apply(self, changes: Mapping[str, str | None]) -> frozenset[str]:
        """Files whose content may be another: an editor's text, or None for "as it is on the disk now".

        A path may be one of a folder that came or went. Returns the files whose imports may be others. Raises
        TooManyFilesError.
        """
        if len(changes) > MANY or any(self._needs_all(path) for path in changes):
            return self.refresh(changes)
        affected: set[str] = set()
        for path, text in self._admitted(changes).items():
            self._take({path: text})
            affected |= self.graph.update(path)
        self.cycles.changed(affected)
        return frozenset(affected)

    def refresh(self, changes: Mapping[str, str | None]) -> frozenset[str]:
        """Look at all files again. Raises TooManyFilesError."""
        if any(text is not None for text in changes.values()):
            self._tree.list()
        self._take({p: text for p, text in changes.items() if text is None or self._is_admitted(p)})
        with uncollected():
            changed = self.graph.refresh()
        self.cycles = Cycles(self.graph)
        return changed

    def findings(self, path: str, *, cycles: bool) -> tuple[Finding, ...]:
        return import_findings(self.graph, path, self.cycles if cycles else None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.graph.problems

    def recency(self) -> Mapping[str, float]:
        from codefactory.analyzers.graph.recency import git_recency

        now = time.monotonic()
        if self._recency is None or now - self._recency[0] > RECENCY_S:
            self._recency = now, git_recency(str(self.root))
        return self._recency[1]

    def _take(self, texts: Mapping[str, str | None]) -> None:
        for path, text in texts.items():
            if text is None or is_configuration(path):  # what is typed there counts when it is saved
                self._buffers.pop(path, None)
            else:
                self._buffers[path] = text

    def _needs_all(self, path: str) -> bool:
        """Whether it is a folder, or says what is ignored."""
        if path.rpartition("/")[2] == ".gitignore":
            return True
        if rules_for(path) is not None or is_configuration(path):
            return False
        return any(file.startswith(f"{path}/") for file in self._tree.listed) or (self.root / path).is_dir()

    def _admitted(self, changes: Mapping[str, str | None]) -> dict[str, str | None]:
        """Without what is ignored, or in no language that has a graph."""
        wanted = {p: text for p, text in changes.items() if rules_for(p) is not None or is_configuration(p)}
        known = {p for p in wanted if p in self.graph or p in self._tree.listed}
        if len(known) < len(wanted):
            self._tree.list()
        return {p: text for p, text in wanted.items() if p in known or self._is_admitted(p)}

    def _is_admitted(self, path: str) -> bool:
        """Whether the files that were listed last have it, or would have it once it is saved."""
        if path in self._tree.listed:
            return True
        return not (self.root / path).exists() and not _is_ignored(self.root, path)


class _Tree(DiskFiles):
    """Remembers what it listed, and lists no more than the user allows."""

    def __init__(self, root: Path, max_files: int) -> None:
        super().__init__(root)
        self._max_files = max_files
        self.listed: frozenset[str] = frozenset()

    def list(self) -> Sequence[str]:
        found = super().list()
        count = sum(rules_for(path) is not None for path in found)
        if count > self._max_files:
            raise TooManyFilesError(self.root, count, self._max_files)
        self.listed = frozenset(found)
        return found


def _cache_of(root: Path) -> GraphCache:
    """The same that `codefactory graph` uses."""
    from platformdirs import user_cache_path

    name = hashlib.blake2b(str(root.resolve()).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return GraphCache(user_cache_path("codefactory") / "graph" / name)


def _is_ignored(root: Path, path: str) -> bool:
    """For a path that does not exist yet."""
    if not EXCLUDED_FOLDERS.isdisjoint(path.split("/")[:-1]):
        return True
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), "check-ignore", "--quiet", "--", path]
    try:
        return subprocess.run(command, capture_output=True, timeout=GIT_TIMEOUT_S, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
