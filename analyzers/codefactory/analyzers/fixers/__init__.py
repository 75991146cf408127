"""Deterministic fixers: edits for bandit's rules (and ruff's S rules, which are the same rules) without a model.

    for outcome in fixes_for(snapshot, analysis.findings):
        outcome.fixes      # best first; empty when no fixer could decide
        outcome.declined   # why not

A fixer changes code only where it can prove what the change does; elsewhere it declines and says why. Each fix is
*safe* or *review* (see `Safety`). Fixers are in one module a rule family; `catalogue.py` lists them. libcst is imported
with them, on first use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codefactory.analyzers.finding import Finding, Fix, fix_from_json, fix_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.document import Snapshot


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the fixers say to one finding."""

    fingerprint: str
    fixes: tuple[Fix, ...] = ()
    declined: tuple[str, ...] = ()
    """For each fixer that knows the rule and did not apply: "name: reason"."""


def fixes_for(snapshot: Snapshot, findings: Sequence[Finding]) -> tuple[Outcome, ...]:
    """One outcome per finding, in order. All edits are in coordinates of `snapshot.text`.

    Combine several with `text.combine`. The tool's own fix (`Finding.fix`) comes first where there is one.
    """
    if snapshot.language != "python":
        return tuple(Outcome(f.fingerprint, (f.fix,) if f.fix else ()) for f in findings)
    from .catalogue import outcomes

    return outcomes(snapshot, findings)


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "fingerprint": outcome.fingerprint,
        "fixes": [fix_to_json(f) for f in outcome.fixes],
        "declined": list(outcome.declined),
    }


def outcome_from_json(data: dict[str, Any]) -> Outcome:
    return Outcome(data["fingerprint"], tuple(fix_from_json(f) for f in data["fixes"]), tuple(data["declined"]))
