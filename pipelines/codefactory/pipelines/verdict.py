"""`Verdict`: what the gate says about a candidate, in words for a person and a model alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from codefactory.analyzers import Finding, Span

ReasonCode = Literal[
    "unchanged",
    "does-not-parse",
    "not-fixed",
    "new-finding",
    "silenced",
    "deleted",
    "public-name-removed",
    "disproportionate",
    "tests-failed",
    "not-checked",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground for a refusal. `message` says what is wrong and what would be right."""

    code: ReasonCode
    message: str
    span: Span | None = None
    """In the candidate, where there is a place."""
    before: Span | None = None
    """In the text before, where what was there is missed."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Findings before and after, matched across the edits between the two texts."""

    fixed: tuple[Finding, ...] = ()
    """Gone. In coordinates of the text before."""
    remaining: tuple[Finding, ...] = ()
    """Still there. In coordinates of the text after."""
    introduced: tuple[Finding, ...] = ()
    """New. In coordinates of the text after."""
    pairs: tuple[tuple[Finding, Finding], ...] = ()
    """The same finding before and after, for each that remains and was there before."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted when there are no reasons against."""

    reasons: tuple[Reason, ...]
    delta: Delta

    @property
    def accepted(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        if self.accepted:
            return f"accepted: {len(self.delta.fixed)} fixed, {len(self.delta.remaining)} remain"
        return "refused: " + "; ".join(reason.message for reason in self.reasons)
