"""`analyze()`: all analyzers on one text."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import bandit, ruff, syntax
from .finding import Analysis, Problem, analysis_from_json, finding_to_json
from .fixers import Outcome, outcome_from_json
from .standby import Standby
from .worker import WorkerError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .cancellation import Cancellation
    from .document import Snapshot
    from .finding import Finding, ProblemKind

ANALYZERS = ("syntax", "ruff", "bandit")


@dataclass(frozen=True, slots=True)
class Options:
    """Which analyzers run, and how."""

    enabled: tuple[str, ...] = ANALYZERS
    ruff: ruff.RuffOptions = field(default_factory=ruff.RuffOptions)
    bandit: bandit.BanditOptions = field(default_factory=bandit.BanditOptions)
    timeout_s: float = 30.0
    """For what runs in a worker process: bandit, syntax, and our fixers."""


class Analyzers:
    """The analyzers with the processes they need. Thread-safe; `close` ends the processes."""

    def __init__(self, workers: int = 1, *, standby: bool = False) -> None:
        """`standby`: a process waits for the next version of the document analyzed last, for an editor or a repair."""
        self._workers = WorkerPool(workers)
        self._standby = Standby() if standby else None
        self._threads = ThreadPoolExecutor(max_workers=2 * workers, thread_name_prefix="analyzers")

    def analyze(
        self, snapshot: Snapshot, options: Options = Options(), cancellation: Cancellation | None = None
    ) -> Analysis:
        """Every enabled analyzer that knows the language, side by side. Blocks; raises CancelledError only."""
        futures = list(self.start(snapshot, options, cancellation))  # all at once: `start` is lazy
        parts = [future.result() for future in futures]
        return Analysis.merge(parts)

    def start(
        self, snapshot: Snapshot, options: Options = Options(), cancellation: Cancellation | None = None
    ) -> Iterator[Future[Analysis]]:
        """As `analyze`, one future for each tool, so that a fast one's findings can be shown before a slow one's."""
        if "ruff" in options.enabled and snapshot.language in ruff.LANGUAGES:
            yield self._threads.submit(ruff.analyze, snapshot, options.ruff, cancellation, self._standby)
        in_worker = [
            name
            for name, languages in (("syntax", syntax.LANGUAGES), ("bandit", bandit.LANGUAGES))
            if name in options.enabled and snapshot.language in languages
        ]
        if in_worker:
            yield self._threads.submit(self._in_worker, in_worker, snapshot, options, cancellation)

    def fixes(
        self,
        snapshot: Snapshot,
        findings: Sequence[Finding],
        options: Options = Options(),
        cancellation: Cancellation | None = None,
    ) -> tuple[Outcome, ...]:
        """What deterministic fixers can do about `findings` of this very text: one outcome each, in order.

        Blocks. Raises WorkerError when the fixers crashed or took too long, CancelledError when cancelled.
        """
        params = _document(snapshot) | {"findings": [finding_to_json(f) for f in findings]}
        reply = self._workers.call("fixes", params, options.timeout_s, cancellation)
        return tuple(outcome_from_json(item) for item in reply)

    def warm_up(self) -> None:
        """Start a worker and import what it needs, so that the first analysis is as fast as the others."""
        self._workers.call("warm_up", {}, timeout_s=60)

    def close(self) -> None:
        self._workers.close()
        if self._standby is not None:
            self._standby.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def pids(self) -> tuple[int, ...]:
        """The worker processes alive now."""
        return self._workers.pids

    def _in_worker(
        self, names: list[str], snapshot: Snapshot, options: Options, cancellation: Cancellation | None
    ) -> Analysis:
        params = _document(snapshot) | {
            "analyzers": names,
            "bandit": {"config": dict(options.bandit.config), "max_bytes": options.bandit.max_bytes},
        }
        try:
            return analysis_from_json(self._workers.call("analyze", params, options.timeout_s, cancellation))
        except WorkerError as error:
            kind: ProblemKind = "timeout" if error.kind == "timeout" else "crash"
            message = f"{' and '.join(names)} did not finish on {snapshot.name}: {error}."
            return Analysis(problems=tuple(Problem(name, kind, message) for name in names))


def _document(snapshot: Snapshot) -> dict[str, Any]:
    return {"uri": snapshot.uri, "text": snapshot.text, "language": snapshot.language}
