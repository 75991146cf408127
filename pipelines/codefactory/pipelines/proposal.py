"""`Proposal` and `Evidence`: a change, and the proof that it makes things better.

A `Proposal` is made by `repair` and by nothing else, from a candidate the gate has accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from codefactory.analyzers import Safety
from codefactory.analyzers.text import diff

if TYPE_CHECKING:
    from codefactory.analyzers import Finding, Problem, Snapshot, TextEdit

    from .models import Usage
    from .verdict import Verdict


@dataclass(frozen=True, slots=True)
class AppliedFix:
    """A deterministic fix that is part of a change."""

    fixer: str
    title: str
    rule: str
    """The rule of the finding it is for, as "bandit:B506"."""
    line: int
    """0-based, before the change."""
    safety: Safety
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """One try of a model: what it cost and what the gate said."""

    number: int
    model: str
    usage: Usage
    duration_s: float
    verdict: Verdict | None
    """None when the reply could not be applied or the model failed: see `problem`."""
    problem: str | None = None
    prompts: tuple[str, ...] = ()
    """Which prompts were used, as "repair-system 2"; an override says where it is from."""
    notes: tuple[str, ...] = ()
    """What else a person should know: another model's failure, a reply from the cache."""


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of the project's tests."""

    command: tuple[str, ...]
    passed: bool
    summary: str
    duration_s: float
    sandbox: str = "none"
    """The walls around it: "bubblewrap", or "none"."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was checked, by what, and what came of it."""

    verdict: Verdict
    analyzers: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    """What could not be checked."""
    fixes: tuple[AppliedFix, ...] = ()
    rounds: tuple[Round, ...] = ()
    """Model rounds, refused ones included, in order."""
    tests: SuiteRun | None = None
    dependencies: tuple[str, ...] = ()
    """Distributions the changed code needs in addition."""
    declined: tuple[tuple[Finding, str], ...] = ()
    """Remaining findings with the reason why no deterministic fixer applied."""
    duration_s: float = 0.0

    @property
    def cost_usd(self) -> float | None:
        """The sum over all rounds; None when a round's price is unknown."""
        costs = [r.usage.cost_usd for r in self.rounds]
        return None if None in costs else float(sum(c for c in costs if c is not None))


@dataclass(frozen=True)
class Proposal:
    """A change to one version of one document, accepted by the gate."""

    id: str
    snapshot: Snapshot
    """What the change was made for: its version and content hash decide whether it can be applied."""
    after: str
    evidence: Evidence
    origin: Literal["fixers", "model", "both"]
    kind: Literal["proposal"] = field(default="proposal", init=False)

    @cached_property
    def edits(self) -> tuple[TextEdit, ...]:
        """Minimal edits from the snapshot's text to `after`."""
        return diff(self.snapshot.text, self.after)

    @property
    def safety(self) -> Safety:
        """SAFE only when every part of the change is: what a model wrote always wants a look."""
        if self.origin != "fixers":
            return Safety.REVIEW
        return Safety.REVIEW if any(f.safety is Safety.REVIEW for f in self.evidence.fixes) else Safety.SAFE


@dataclass(frozen=True)
class Refusal:
    """Nothing may be shown: why, and what was tried."""

    snapshot: Snapshot
    reason: str
    """One sentence for a person, with the remedy where there is one."""
    remaining: tuple[Finding, ...] = ()
    declined: tuple[tuple[Finding, str], ...] = ()
    rounds: tuple[Round, ...] = ()
    problems: tuple[Problem, ...] = ()
    kind: Literal["refusal"] = field(default="refusal", init=False)
