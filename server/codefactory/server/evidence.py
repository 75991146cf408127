"""Proposals and their evidence as JSON and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.analyzers.finding import finding_to_json, span_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codefactory.analyzers import Finding
    from codefactory.pipelines.proposal import Evidence, Proposal, Refusal, Round

    from .proposals import Entry


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """A proposal with its evidence. Hunks are edits of the text before, in code points."""
    proposal = entry.proposal
    return {
        "id": proposal.id,
        "uri": proposal.snapshot.uri,
        "version": proposal.snapshot.version,
        "language": proposal.snapshot.language,
        "status": entry.status,
        "outcome": entry.outcome,
        "origin": proposal.origin,
        "safety": proposal.safety.value,
        "summary": summary(proposal),
        "before": proposal.snapshot.text,
        "after": proposal.after,
        "hunks": [{"span": span_to_json(e.span), "newText": e.new_text} for e in proposal.edits],
        "evidence": evidence_to_json(proposal.evidence),
    }


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    delta = evidence.verdict.delta
    tests = evidence.tests
    return {
        "accepted": evidence.verdict.accepted,
        "fixed": [finding_to_json(f) for f in delta.fixed],
        "remaining": [finding_to_json(f) for f in delta.remaining],
        "introduced": [finding_to_json(f) for f in delta.introduced],
        "analyzers": list(evidence.analyzers),
        "problems": [{"analyzer": p.analyzer, "kind": p.kind, "message": p.message} for p in evidence.problems],
        "fixes": [
            {
                "fixer": f.fixer,
                "title": f.title,
                "rule": f.rule,
                "line": f.line,
                "safety": f.safety.value,
                "notes": list(f.notes),
            }
            for f in evidence.fixes
        ],
        "rounds": [round_to_json(r) for r in evidence.rounds],
        "tests": None
        if tests is None
        else {
            "command": list(tests.command),
            "passed": tests.passed,
            "summary": tests.summary,
            "durationS": tests.duration_s,
        },
        "dependencies": list(evidence.dependencies),
        "declined": [{"rule": f.rule, "line": f.span.start.line, "reason": why} for f, why in evidence.declined],
        "costUsd": evidence.cost_usd,
        "durationS": evidence.duration_s,
    }


def round_to_json(item: Round) -> dict[str, Any]:
    return {
        "number": item.number,
        "model": item.model,
        "inputTokens": item.usage.input_tokens,
        "outputTokens": item.usage.output_tokens,
        "cachedInputTokens": item.usage.cached_input_tokens,
        "costUsd": item.usage.cost_usd,
        "durationS": item.duration_s,
        "accepted": item.verdict is not None and item.verdict.accepted,
        "verdict": None if item.verdict is None else str(item.verdict),
        "problem": item.problem,
        "prompts": list(item.prompts),
        "notes": list(item.notes),
    }


def refusal_to_json(refusal: Refusal) -> dict[str, Any]:
    return {
        "reason": refusal.reason,
        "remaining": [finding_to_json(f) for f in refusal.remaining],
        "declined": [{"rule": f.rule, "line": f.span.start.line, "reason": why} for f, why in refusal.declined],
        "rounds": [round_to_json(r) for r in refusal.rounds],
        "problems": [{"analyzer": p.analyzer, "kind": p.kind, "message": p.message} for p in refusal.problems],
    }


def summary(proposal: Proposal) -> str:
    """One sentence: what is fixed, by whom, what remains."""
    delta, evidence = proposal.evidence.verdict.delta, proposal.evidence
    by = list(dict.fromkeys(r.model for r in evidence.rounds)) if proposal.origin != "fixers" else []
    if proposal.origin != "model":
        by.insert(0, "deterministic fixers")
    verb = "remains" if len(delta.remaining) == 1 else "remain"
    remaining = f"; {_count(delta.remaining)} {verb}" if delta.remaining else ""
    return f"{_count(delta.fixed)} fixed by {' and '.join(by)}{remaining}"


def _count(findings: Sequence[Finding]) -> str:
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"


def entry_to_markdown(entry: Entry) -> str:
    proposal, evidence = entry.proposal, entry.proposal.evidence
    delta = evidence.verdict.delta
    lines = [f"# Evidence for {_name(proposal)}", "", f"{summary(proposal)}. Status: {entry.status}."]
    if entry.outcome:
        lines += ["", entry.outcome]
    lines += _findings("Fixed", delta.fixed) + _findings("Remaining", delta.remaining)
    lines += _findings("Introduced", delta.introduced)
    if evidence.fixes:
        lines += ["", "## Deterministic fixes", ""]
        lines += [f"- line {f.line + 1}: {plain(f.title)} (`{f.rule}`, {f.safety.value})" for f in evidence.fixes]
        lines += [f"  - {plain(note)}" for f in evidence.fixes for note in f.notes]
    if evidence.rounds:
        lines += [
            "",
            "## Model rounds",
            "",
            "| # | model | tokens in/out | cost | time | gate |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_round_row(r) for r in evidence.rounds]
    lines += ["", "## Checks", "", f"- Analyzers: {', '.join(evidence.analyzers) or 'none'}"]
    lines += [f"- Not checked: {plain(p.message)}" for p in evidence.problems]
    if evidence.tests:
        passed = "passed" if evidence.tests.passed else "failed"
        lines.append(f"- Tests {passed}: {plain(evidence.tests.summary)} ({evidence.tests.duration_s:.1f} s)")
    if evidence.dependencies:
        lines.append(f"- New dependencies: {', '.join(evidence.dependencies)}")
    lines += [f"- Left alone, line {f.span.start.line + 1} `{f.rule}`: {plain(why)}" for f, why in evidence.declined]
    return "\n".join(lines) + "\n"


def _name(proposal: Proposal) -> str:
    return proposal.snapshot.name.replace("\\", "/").rpartition("/")[2]


def _findings(title: str, findings: Iterable[Finding]) -> list[str]:
    rows = [f"- line {f.span.start.line + 1}: `{f.rule}` {plain(f.message)}" for f in findings]
    return ["", f"## {title}", "", *rows] if rows else []


def _round_row(item: Round) -> str:
    tokens = f"{_known(item.usage.input_tokens)}/{_known(item.usage.output_tokens)}"
    cost = "unknown" if item.usage.cost_usd is None else f"${item.usage.cost_usd:.4f}"
    said = item.problem or str(item.verdict)
    return f"| {item.number} | {item.model} | {tokens} | {cost} | {item.duration_s:.1f} s | {plain(said)} |"


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)


def plain(text: str) -> str:
    """One line that cannot end a table or open a link: messages quote code, which may be hostile."""
    escaped = "".join(f"\\{c}" if c in "\\`*_[]<>|" else c for c in text)
    return " ".join(escaped.split())
