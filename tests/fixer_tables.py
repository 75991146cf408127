"""`check_fix` and `check_declined`: a fixer's before/after table, run through the real bandit."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codefactory.analyzers import Safety, Snapshot, Text, bandit
from codefactory.analyzers.fixers import Outcome, fixes_for

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding, Fix


def findings(source: str, code: str) -> list[Finding]:
    return [f for f in bandit.analyze(snapshot(source)).findings if f.code == code]


def snapshot(source: str) -> Snapshot:
    return Snapshot("file:///project/app.py", source, "python")


def outcome(source: str, code: str) -> Outcome:
    flagged = findings(source, code)
    assert flagged, f"bandit does not flag {code} in:\n{source}"
    return fixes_for(snapshot(source), flagged[:1])[0]


def check_fix(code: str, before: str, after: str, safety: Safety, *, alternative: int = 0) -> Fix:
    """The first finding of `code` in `before` is fixed to exactly `after`, is gone, and nothing is flagged anew."""
    result = outcome(before, code)
    assert result.fixes, f"declined: {result.declined}"
    fix = result.fixes[alternative]
    fixed = Text(before).apply(fix.edits)
    assert fixed == after
    assert fix.safety is safety
    ast.parse(fixed)
    assert len(findings(fixed, code)) == len(findings(before, code)) - 1
    return fix


def check_declined(code: str, source: str, reason: str) -> None:
    """The fixers leave the first finding of `code` alone, and say why."""
    result = outcome(source, code)
    assert not result.fixes, f"fixed by {result.fixes[0].fixer}: {Text(source).apply(result.fixes[0].edits)}"
    assert any(reason in said for said in result.declined), result.declined
