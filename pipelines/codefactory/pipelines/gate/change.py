"""`Change`: a candidate with everything that the checks derive from it once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .alignment import align
from .compare import compare_aligned, same_problem
from .structure import Inventory, Unparsed, inventories, parse

if TYPE_CHECKING:
    import ast

    from codefactory.analyzers import Finding, Snapshot
    from codefactory.pipelines.verdict import Delta

    from .alignment import Alignment, Hunk
    from .candidate import Candidate


@dataclass(frozen=True)
class Change:
    candidate: Candidate

    @property
    def before(self) -> Snapshot:
        return self.candidate.before

    @property
    def after(self) -> Snapshot:
        return self.candidate.after

    @property
    def by_model(self) -> bool:
        return self.candidate.written_by_model

    @cached_property
    def alignment(self) -> Alignment:
        return align(self.before.lines, self.after.lines)

    @cached_property
    def delta(self) -> Delta:
        c = self.candidate
        return compare_aligned(c.before, c.after, c.analysis_before, c.analysis_after, self.alignment)

    @cached_property
    def fixed(self) -> tuple[Finding, ...]:
        """The targets that are gone and that no other tool still reports at the same place."""
        return tuple(f for f in self.delta.fixed if self.is_target(f) and not self._still_reported(f))

    def is_target(self, finding: Finding) -> bool:
        return not self.candidate.targets or finding.fingerprint in self.candidate.targets

    @property
    def target_count(self) -> int:
        return len(self.candidate.targets) or len(self.candidate.analysis_before.findings)

    def touches_fixed(self, cluster: Hunk) -> bool:
        """Whether something that was fixed stood in, or right beside, the lines of an edit."""
        lines = range(cluster.before_start - 1, max(cluster.before_end, cluster.before_start + 1))
        return not self._fixed_lines.isdisjoint(lines)

    @cached_property
    def _fixed_lines(self) -> frozenset[int]:
        return frozenset(line for f in self.delta.fixed for line in range(f.span.start.line, f.span.end.line + 1))

    @cached_property
    def trees(self) -> tuple[ast.Module | Unparsed, ast.Module | Unparsed] | None:
        """None for a language that is not Python."""
        return (parse(self.before), parse(self.after)) if self.before.language == "python" else None

    @cached_property
    def inventories(self) -> tuple[Inventory, Inventory] | None:
        """What differs, in Python that parses on both sides."""
        if self.trees is None:
            return None
        old, new = self.trees
        if isinstance(old, Unparsed) or isinstance(new, Unparsed):
            return None
        return inventories(self.before, old, self.after, new, self.alignment)

    def _still_reported(self, finding: Finding) -> bool:
        line = self.alignment.after_line(finding.span.start.line)
        if line is not None:
            lines = range(line, line + 1)
        else:
            hunk = self.alignment.hunk_of_before(finding.span.start.line)
            lines = range(hunk.after_start, hunk.after_end) if hunk else range(0)
        return any(
            other.tool != finding.tool and same_problem(other, finding) and other.span.start.line in lines
            for other in self.delta.remaining
        )
