"""The gate: whether a candidate may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from codefactory.pipelines.verdict import Delta, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.analyzers import Analysis, Snapshot


class UsesElsewhere(Protocol):
    def __call__(self, names: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
        """Public names of the document → the files that use them."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change that wants to become a proposal."""

    before: Snapshot
    after: Snapshot
    analysis_before: Analysis
    analysis_after: Analysis
    targets: frozenset[str] = frozenset()
    written_by_model: bool = False


def judge(candidate: Candidate, uses: UsesElsewhere | None = None) -> Verdict:
    del uses
    before = {f.fingerprint: f for f in candidate.analysis_before.findings}
    after = {f.fingerprint: f for f in candidate.analysis_after.findings}
    delta = Delta(
        tuple(f for k, f in before.items() if k not in after),
        tuple(f for k, f in after.items() if k in before),
        tuple(f for k, f in after.items() if k not in before),
    )
    reasons: list[Reason] = []
    if candidate.analysis_before.parses and not candidate.analysis_after.parses:
        reasons.append(Reason("does-not-parse", "the changed text does not parse"))
    if not any(not candidate.targets or f.fingerprint in candidate.targets for f in delta.fixed):
        reasons.append(Reason("not-fixed", "no finding is fixed"))
    return Verdict(tuple(reasons), delta)
