"""Which findings a person sees: each thing once, nothing below the minimum severity."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Analysis, Finding, Severity


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding, and the one of another tool that says the same about the same place."""

    finding: Finding
    twin: Finding | None = None

    @property
    def all(self) -> tuple[Finding, ...]:
        return (self.finding, self.twin) if self.twin else (self.finding,)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(f.fingerprint for f in self.all)


def shown(analysis: Analysis, minimum: Severity) -> tuple[Shown, ...]:
    """In order of position.

    bandit's B506 and ruff's S506 are the same rule: at one place bandit's is shown, which knows severity and
    confidence. Where ruff ran, it alone says what does not parse: it names the error, tree-sitter only the place.
    """
    ruff_ran = any(name.startswith("ruff") for name in analysis.analyzers)
    items = paired(f for f in analysis.findings if not (f.tool == "syntax" and ruff_ran))
    return tuple(item for item in items if max(f.severity for f in item.all) >= minimum)


def paired(findings: Iterable[Finding]) -> tuple[Shown, ...]:
    """Each thing once, in order of position."""
    findings = tuple(findings)
    by_place: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.tool == "ruff" and (code := _bandit_code(finding)):
            by_place[code, finding.span.start.line].append(finding)
    items: list[Shown] = []
    for finding in findings:
        if finding.tool == "bandit":
            twin = _take_twin(finding, by_place)
            items.append(Shown(finding, twin))
        elif not (finding.tool == "ruff" and _bandit_code(finding)):
            items.append(Shown(finding))
    items += [Shown(f) for left in by_place.values() for f in left]
    return tuple(sorted(items, key=lambda i: (i.finding.span, i.finding.tool, i.finding.code, i.finding.message)))


def _take_twin(finding: Finding, by_place: dict[tuple[str, int], list[Finding]]) -> Finding | None:
    """ruff may flag the argument where bandit flags the call, so any line of the flagged node will do."""
    for line in range(finding.span.start.line, finding.span.end.line + 1):
        candidates = by_place.get((finding.code, line), [])
        for candidate in candidates:
            if candidate.span.touches(finding.span):
                candidates.remove(candidate)
                return candidate
    return None


def _bandit_code(finding: Finding) -> str | None:
    """ruff's S rules carry bandit's numbers."""
    return f"B{finding.code[1:]}" if finding.code[:1] == "S" and finding.code[1:].isdigit() else None
