"""The table in severity.py, row by row."""

from __future__ import annotations

import pytest

from codefactory.analyzers import Analysis, Confidence, Finding, Severity, Snapshot, Span
from codefactory.pipelines.gate import Candidate, judge

HIGH, MEDIUM, LOW, INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
FAR = 30


def finding(rule: str, severity: Severity, line: int) -> Finding:
    tool, code = rule.split(":")
    return Finding(tool, code, "m", Span.at(line, 0, line, 3), severity, Confidence.HIGH, fingerprint=f"{rule}{line}")


@pytest.mark.parametrize(
    ("fixed", "introduced", "line", "allowed"),
    [
        # MEDIUM and HIGH are never allowed.
        (("bandit:B602", HIGH), ("bandit:B301", MEDIUM), 1, False),
        (("bandit:B602", HIGH), ("ruff:B006", MEDIUM), 1, False),
        (("bandit:B506", MEDIUM), ("ruff:F821", HIGH), 1, False),
        # What an honest repair leaves.
        (("bandit:B602", HIGH), ("bandit:B603", LOW), 1, True),
        (("bandit:B605", HIGH), ("bandit:B404", LOW), FAR, True),
        (("bandit:B602", LOW), ("bandit:B603", LOW), 1, False),
        (("bandit:B605", LOW), ("bandit:B404", LOW), FAR, False),
        (("ruff:S605", HIGH), ("ruff:S607", LOW), 1, True),
        # Other security findings: only a lower one in the same edit.
        (("bandit:B506", MEDIUM), ("bandit:B101", LOW), 1, True),
        (("bandit:B506", MEDIUM), ("bandit:B101", LOW), FAR, False),
        (("bandit:B311", LOW), ("bandit:B101", LOW), 1, False),
        (("ruff:F841", LOW), ("bandit:B105", LOW), 1, False),
        (("ruff:B006", MEDIUM), ("bandit:B105", LOW), 1, False),
        # Lint weighs less than security of the same severity, and is held against the nearest target.
        (("bandit:B311", LOW), ("ruff:F401", LOW), FAR, True),
        (("bandit:B506", MEDIUM), ("ruff:SIM1", LOW), 1, True),
        (("ruff:F841", LOW), ("ruff:SIM1", LOW), 1, False),
        (("ruff:F841", LOW), ("ruff:UP017", INFO), 1, True),
        (("ruff:UP017", INFO), ("ruff:UP032", INFO), 1, False),
        # Leftovers weigh less than all else.
        (("ruff:UP017", INFO), ("ruff:F401", LOW), FAR, True),
        (("ruff:PTH118", INFO), ("ruff:I001", INFO), FAR, True),
        (("ruff:F401", LOW), ("ruff:I001", INFO), 1, True),
        (("ruff:I001", INFO), ("ruff:E501", INFO), 1, False),
    ],
)
def test_a_new_finding(fixed: tuple[str, Severity], introduced: tuple[str, Severity], line: int, allowed: bool) -> None:
    lines = [f"line {n}" for n in range(40)]
    before = "\n".join(lines)
    lines[1], lines[FAR] = "changed", "changed too"
    old, new = (Snapshot("file:///p/a.txt", t, "plaintext") for t in (before, "\n".join(lines)))
    target, fresh = finding(*fixed, 1), finding(*introduced, line)
    verdict = judge(Candidate(old, new, Analysis((target,)), Analysis((fresh,)), frozenset({target.fingerprint})))
    assert verdict.accepted is allowed, str(verdict)
    assert verdict.delta.introduced == (fresh,)
    assert {r.code for r in verdict.reasons} <= {"new-finding"}
