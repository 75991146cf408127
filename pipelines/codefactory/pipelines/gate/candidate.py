"""`Candidate`: a change that wants to become a proposal, and who may be asked about the names it removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.analyzers import Analysis, Snapshot


class UsesElsewhere(Protocol):
    """Who uses the document's public names. A method is named with its class, as "Account.close"."""

    def __call__(self, names: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
        """Public names of the document → the files that use them. Names nobody uses may be absent."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A changed document with what the analyzers say about it before and after."""

    before: Snapshot
    after: Snapshot
    analysis_before: Analysis
    analysis_after: Analysis
    targets: frozenset[str] = frozenset()
    """Fingerprints in `analysis_before` that the change is for; empty means all findings."""
    written_by_model: bool = False
    """Deterministic fixers may delete an unused import; a model's rewrites get the stricter checks."""
