"""`Report`: what `check` found, as data, for every output format."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from codefactory.analyzers.finding import Severity
from codefactory.server.as_json import finding_to_json, problem_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from codefactory.analyzers import Finding, Problem, Snapshot
    from codefactory.analyzers.fixers import Outcome
    from codefactory.server.scan import Scanned


@dataclass(frozen=True, slots=True)
class Shown:
    """One file and those of its findings that are shown."""

    path: Path
    snapshot: Snapshot | None
    findings: tuple[tuple[Finding, Outcome | None], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Report:
    files: tuple[Shown, ...]
    problems: tuple[Problem, ...]
    """Of settings and of all files, each once."""
    skipped: tuple[Path, ...]
    analyzers: tuple[str, ...]
    duration_s: float
    model: bool = False
    """Whether a model is configured."""
    repair_command: str = "codefactory repair"

    @property
    def checked(self) -> int:
        return sum(1 for shown in self.files if shown.snapshot is not None)

    @property
    def has_findings(self) -> bool:
        return any(shown.findings for shown in self.files)


def shown(scanned: Scanned, minimum: Severity | None) -> Shown:
    """`minimum` None: what the file's project says."""
    least = minimum or Severity[scanned.project.settings.diagnostics.minimum_severity.upper()]
    findings = scanned.analysis.findings
    outcomes: Iterable[Outcome | None] = scanned.outcomes or (None,) * len(findings)
    pairs = tuple(pair for pair in zip(findings, outcomes, strict=True) if pair[0].severity >= least)
    snapshot = scanned.file.snapshot if scanned.file else None
    return Shown(scanned.path, snapshot, pairs, scanned.analysis.problems)


def report_to_json(report: Report, name: Callable[[Path], str]) -> dict[str, Any]:
    """Lines and columns from 1, columns in code points, ends exclusive."""
    return {
        "version": 1,
        "tool": {"name": "codefactory", "version": version("codefactory")},
        "analyzers": list(report.analyzers),
        "files": [
            {
                "path": name(shown.path),
                "language": shown.snapshot.language if shown.snapshot else None,
                "findings": [finding_to_json(f, outcome) for f, outcome in shown.findings],
                "problems": [problem_to_json(p) for p in shown.problems],
            }
            for shown in report.files
        ],
        "problems": [problem_to_json(p) for p in report.problems],
        "skipped": [name(path) for path in report.skipped],
        "durationS": round(report.duration_s, 3),
    }
