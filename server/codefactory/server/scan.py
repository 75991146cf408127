"""Analyzing many files at once: batches side by side, ruff once for a batch, the rest in worker processes."""

from __future__ import annotations

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Analysis, Problem, bandit, ruff
from codefactory.analyzers.fixers import Outcome
from codefactory.analyzers.worker import WorkerError
from codefactory.pipelines import project as projects

from . import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from codefactory.analyzers import Analyzers, Cancellation, Finding
    from codefactory.pipelines.project import Project
    from codefactory.pipelines.settings import Layer

    from .files import TextFile, Unreadable
    from .selection import Selected

MAX_WORKERS = 8
"""A worker needs about 60 MB."""
MAX_BATCH = 64

_BANDIT_TWIN = re.compile(r"S\d+")
"""ruff's rules that our fixers know, too."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file and what is known about it. `outcomes` has one entry for each finding, in order."""

    path: Path
    file: TextFile | None
    """None when it could not be read: `analysis.problems` says why."""
    project: Project
    analysis: Analysis
    outcomes: tuple[Outcome, ...] = ()
    skipped: str | None = None
    """Why it was passed over, where that is no problem."""


class Projects:
    """The project of each file, read once. `layers` win over what is configured on disk."""

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        self._layers = tuple(layers)
        self._lock = threading.Lock()
        self._roots: dict[Path, Path] = {}
        self._loaded: dict[Path, Project] = {}

    def of(self, path: Path) -> Project:
        folder = (path if path.is_dir() else path.parent).absolute()
        with self._lock:
            root = self._roots.get(folder)
            if root is None:
                root = self._roots[folder] = projects.find_root(folder)
            if root not in self._loaded:
                self._loaded[root] = projects.load(root, *self._layers)
            return self._loaded[root]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(dict.fromkeys(p for project in self._loaded.values() for p in project.problems))


def worker_count(file_count: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MAX_WORKERS, file_count))


def scan(
    selected: Sequence[Selected],
    analyzers: Analyzers,
    projects: Projects,
    cancellation: Cancellation,
    done: Callable[[Scanned], None] = lambda _: None,
    *,
    workers: int = 1,
    fixes: bool = True,
) -> list[Scanned]:
    """All of `selected`, in order. Blocks; `done` is called as files are finished, from other threads.
    `fixes`: whether our fixers are asked, which takes longer than all the rest; ruff's own fixes come anyway.

    Raises CancelledError. An interrupt (KeyboardInterrupt) cancels what runs and is raised when it has ended.
    """
    size = max(1, min(MAX_BATCH, -(-len(selected) // (4 * workers))))
    batches = [selected[i : i + size] for i in range(0, len(selected), size)]
    # Twice as many threads as workers: one waits for ruff while another keeps the worker busy.
    with ThreadPoolExecutor(max_workers=2 * workers, thread_name_prefix="scan") as threads:
        futures = [threads.submit(_scan_batch, b, analyzers, projects, cancellation, done, fixes) for b in batches]
        try:
            return [scanned for future in futures for scanned in future.result()]
        except BaseException:
            cancellation.cancel()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def scan_file(
    file: TextFile,
    project: Project,
    analyzers: Analyzers,
    cancellation: Cancellation,
    linted: Analysis | None = None,
    *,
    fixes: bool = True,
) -> Scanned:
    """One file. `linted` is ruff's part when it is known already."""
    options = project.options(file.path.absolute())
    if linted is not None:
        options = replace(options, enabled=tuple(name for name in options.enabled if name != ruff.NAME))
    analysis = analyzers.analyze(file.snapshot, options, cancellation)
    if linted is not None:
        analysis = Analysis.merge((analysis, linted))
    if file.snapshot.language == "plaintext":
        text = f"{file.path} was not checked: no analyzer knows files of this name."
        analysis = Analysis.merge((analysis, Analysis(problems=(Problem("files", "unsupported", text),))))
    outcomes, problems = _outcomes(file, analysis.findings, analyzers if fixes else None, cancellation)
    return Scanned(file.path, file, project, replace(analysis, problems=(*analysis.problems, *problems)), outcomes)


def _outcomes(
    file: TextFile, findings: Sequence[Finding], analyzers: Analyzers | None, cancellation: Cancellation
) -> tuple[tuple[Outcome, ...], tuple[Problem, ...]]:
    if analyzers is None or not any(f.tool == bandit.NAME or _BANDIT_TWIN.fullmatch(f.code) for f in findings):
        return tuple(Outcome(f.fingerprint, (f.fix,) if f.fix else ()) for f in findings), ()
    try:
        return analyzers.fixes(file.snapshot, findings, cancellation=cancellation), ()
    except WorkerError as error:
        kind = "timeout" if error.kind == "timeout" else "crash"
        return (), (Problem("fixers", kind, f"The fixers did not finish on {file.path}: {error}."),)


def _scan_batch(
    batch: Sequence[Selected],
    analyzers: Analyzers,
    projects: Projects,
    cancellation: Cancellation,
    done: Callable[[Scanned], None],
    fixes: bool,
) -> list[Scanned]:
    read = [(s, files.read(s.path, s.language)) for s in batch]
    linted = _lint([f for _, f in read if isinstance(f, files.TextFile)], projects, cancellation)
    out: list[Scanned] = []
    for selected, file in read:
        cancellation.raise_if_cancelled()
        project = projects.of(selected.path)
        if isinstance(file, files.TextFile):
            scanned = scan_file(file, project, analyzers, cancellation, linted.get(file.path), fixes=fixes)
        else:
            scanned = _unread(selected, file, project)
        out.append(scanned)
        done(scanned)
    return out


def _lint(batch: Iterable[TextFile], projects: Projects, cancellation: Cancellation) -> dict[Path, Analysis]:
    """ruff's part, one process for all files of a project. A file it did not answer for is linted by itself later."""
    groups: dict[Path, list[TextFile]] = {}
    for file in batch:
        if file.snapshot.language in ruff.LANGUAGES and file.is_plain_utf8:
            groups.setdefault(projects.of(file.path).root, []).append(file)
    linted: dict[Path, Analysis] = {}
    for root, group in groups.items():
        options = projects.of(group[0].path).options(None)
        if len(group) == 1 or ruff.NAME not in options.enabled:
            continue
        analyses = ruff.analyze_saved([f.snapshot for f in group], root, options.ruff, cancellation)
        for file, analysis in zip(group, analyses or (), strict=bool(analyses)):
            # The text may have changed between our reading and ruff's.
            again = files.read(file.path, file.snapshot.language)
            if isinstance(again, files.TextFile) and again.digest == file.digest:
                linted[file.path] = analysis
    return linted


def _unread(selected: Selected, unreadable: Unreadable, project: Project) -> Scanned:
    """A folder's binary files are passed over; one that was named is a file that was not checked."""
    if unreadable.binary and not selected.named:
        return Scanned(selected.path, None, project, Analysis(), skipped="binary")
    return Scanned(selected.path, None, project, Analysis(problems=(unreadable.problem,)))
