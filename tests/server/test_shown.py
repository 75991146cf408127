"""Which findings a person sees."""

from __future__ import annotations

import pytest

from codefactory.analyzers import Analysis, Confidence, Finding, Severity, Span
from codefactory.server.shown import shown


def finding(rule: str, line: int, last_line: int | None = None, severity: Severity = Severity.MEDIUM) -> Finding:
    tool, code = rule.split(":")
    end = line if last_line is None else last_line
    span = Span.at(line, 0, end, 9)
    return Finding(tool, code, "message", span, severity, Confidence.HIGH, fingerprint=f"{rule}@{line}")


RUFF = ("ruff 1", "bandit 1", "syntax (python)")

CASES: dict[str, tuple[tuple[Finding, ...], tuple[str, ...], list[str]]] = {
    "twins are one": ((finding("bandit:B506", 1), finding("ruff:S506", 1)), RUFF, ["bandit:B506+ruff:S506"]),
    "in another line they are not": (
        (finding("bandit:B506", 1), finding("ruff:S506", 5)),
        RUFF,
        ["bandit:B506", "ruff:S506"],
    ),
    "anywhere in a long node they are": (
        (finding("bandit:B602", 1, 4), finding("ruff:S602", 3)),
        RUFF,
        ["bandit:B602+ruff:S602"],
    ),
    "two pairs": (
        (finding("bandit:B101", 1), finding("ruff:S101", 1), finding("bandit:B101", 1), finding("ruff:S101", 1)),
        RUFF,
        ["bandit:B101+ruff:S101", "bandit:B101+ruff:S101"],
    ),
    "each needs its own": (
        (finding("bandit:B101", 1), finding("bandit:B101", 1), finding("ruff:S101", 1)),
        RUFF,
        ["bandit:B101", "bandit:B101+ruff:S101"],
    ),
    "other rules have none": (
        (finding("bandit:B506", 1), finding("ruff:SIM101", 1)),
        RUFF,
        ["bandit:B506", "ruff:SIM101"],
    ),
    "ruff alone says what does not parse": (
        (finding("ruff:invalid-syntax", 1), finding("syntax:syntax-error", 2)),
        RUFF,
        ["ruff:invalid-syntax"],
    ),
    "without ruff tree-sitter does": ((finding("syntax:syntax-error", 2),), ("syntax (go)",), ["syntax:syntax-error"]),
}


@pytest.mark.parametrize(("findings", "analyzers", "expected"), CASES.values(), ids=CASES)
def test_each_thing_once(findings: tuple[Finding, ...], analyzers: tuple[str, ...], expected: list[str]) -> None:
    items = shown(Analysis(findings, analyzers=analyzers), Severity.INFO)
    assert sorted("+".join(f.rule for f in item.all) for item in items) == expected


def test_the_minimum_is_for_a_finding_and_its_twin() -> None:
    pair = finding("bandit:B506", 1, severity=Severity.LOW), finding("ruff:S506", 1, severity=Severity.HIGH)
    low = finding("ruff:F401", 2, severity=Severity.LOW)
    items = shown(Analysis((*pair, low), analyzers=RUFF), Severity.HIGH)
    assert [item.finding.rule for item in items] == ["bandit:B506"]
