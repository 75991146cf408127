"""Findings, proposals, refusals and their evidence as JSON: the same for the language server and the command line.

Lines and columns count from 1, columns in code points; ends are exclusive. Enums are their names in lower case.
docs/language-server.md describes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .evidence import summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Finding, Fix, Problem, Span
    from codefactory.analyzers.fixers import Outcome
    from codefactory.pipelines.proposal import AppliedFix, Evidence, Proposal, Refusal, Round, SuiteRun


def proposal_to_json(proposal: Proposal) -> dict[str, Any]:
    """What is true of a proposal wherever it is shown: without its text."""
    return {
        "id": proposal.id,
        "origin": proposal.origin,
        "safety": proposal.safety.value,
        "summary": summary(proposal),
        "evidence": evidence_to_json(proposal.evidence),
    }


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    delta = evidence.verdict.delta
    return {
        "accepted": evidence.verdict.accepted,
        "fixed": [finding_to_json(f) for f in delta.fixed],
        "remaining": remaining_to_json(delta.remaining, evidence.declined),
        "introduced": [finding_to_json(f) for f in delta.introduced],
        "analyzers": list(evidence.analyzers),
        "problems": [problem_to_json(p) for p in evidence.problems],
        "fixes": [applied_fix_to_json(f) for f in evidence.fixes],
        "rounds": [round_to_json(r) for r in evidence.rounds],
        "tests": suite_to_json(evidence.tests) if evidence.tests else None,
        "dependencies": list(evidence.dependencies),
        "costUsd": evidence.cost_usd,
        "durationS": round(evidence.duration_s, 3),
    }


def refusal_to_json(refusal: Refusal) -> dict[str, Any]:
    return {
        "reason": refusal.reason,
        "remaining": remaining_to_json(refusal.remaining, refusal.declined),
        "rounds": [round_to_json(r) for r in refusal.rounds],
        "problems": [problem_to_json(p) for p in refusal.problems],
    }


def finding_to_json(finding: Finding, outcome: Outcome | None = None) -> dict[str, Any]:
    """`outcome`: what fixers can do about it."""
    return {
        "rule": finding.rule,
        "tool": finding.tool,
        "code": finding.code,
        "message": finding.message,
        "severity": finding.severity.name.lower(),
        "confidence": finding.confidence.name.lower(),
        **span_to_json(finding.span),
        "url": finding.url,
        "fingerprint": finding.fingerprint,
        "fixes": [fix_to_json(fix) for fix in outcome.fixes] if outcome else [],
        "notFixed": list(outcome.declined) if outcome else [],
    }


def remaining_to_json(findings: Iterable[Finding], declined: Iterable[tuple[Finding, str]]) -> list[dict[str, Any]]:
    """`notFixed` says why no fixer applied."""
    reasons = {finding.fingerprint: [reason] for finding, reason in declined}
    return [finding_to_json(f) | {"notFixed": reasons.get(f.fingerprint, [])} for f in findings]


def fix_to_json(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "safety": fix.safety.value,
        "fixer": fix.fixer,
        "notes": list(fix.notes),
        "dependencies": list(fix.dependencies),
        "edits": [{**span_to_json(edit.span), "newText": edit.new_text} for edit in fix.edits],
    }


def applied_fix_to_json(fix: AppliedFix) -> dict[str, Any]:
    return {
        "rule": fix.rule,
        "line": fix.line + 1,
        "title": fix.title,
        "fixer": fix.fixer,
        "safety": fix.safety.value,
        "notes": list(fix.notes),
    }


def round_to_json(item: Round) -> dict[str, Any]:
    return {
        "number": item.number,
        "model": item.model,
        "inputTokens": item.usage.input_tokens,
        "outputTokens": item.usage.output_tokens,
        "cachedInputTokens": item.usage.cached_input_tokens,
        "costUsd": item.usage.cost_usd,
        "durationS": round(item.duration_s, 3),
        "accepted": item.verdict is not None and item.verdict.accepted,
        "verdict": None if item.verdict is None else str(item.verdict),
        "problem": item.problem,
        "prompts": list(item.prompts),
        "notes": list(item.notes),
    }


def suite_to_json(run: SuiteRun) -> dict[str, Any]:
    return {
        "command": list(run.command),
        "passed": run.passed,
        "summary": run.summary,
        "durationS": round(run.duration_s, 3),
        "sandbox": run.sandbox,
    }


def problem_to_json(problem: Problem) -> dict[str, Any]:
    return {"analyzer": problem.analyzer, "kind": problem.kind, "message": problem.message}


def span_to_json(span: Span) -> dict[str, Any]:
    return {
        "start": {"line": span.start.line + 1, "column": span.start.column + 1},
        "end": {"line": span.end.line + 1, "column": span.end.column + 1},
    }
