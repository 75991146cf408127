"""Proposals and their evidence in words, for people: one sentence, and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .shown import paired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Finding, TextEdit
    from codefactory.pipelines.proposal import AppliedFix, Proposal, Refusal, Round

    from .proposals import Entry


def summary(proposal: Proposal) -> str:
    """One sentence: what is fixed, by whom, what remains."""
    delta, evidence = proposal.evidence.verdict.delta, proposal.evidence
    by = list(dict.fromkeys(r.model for r in evidence.rounds)) if proposal.origin != "fixers" else []
    if proposal.origin != "model":
        by.insert(0, "deterministic fixers")
    left = len(paired(delta.remaining))
    remaining = f"; {_count(left)} {'remains' if left == 1 else 'remain'}" if left else ""
    return f"{_count(len(paired(delta.fixed)))} fixed by {' and '.join(by)}{remaining}"


def _count(findings: int) -> str:
    return f"{findings} finding{'' if findings == 1 else 's'}"


def entry_to_markdown(entry: Entry) -> str:
    proposal, evidence = entry.proposal, entry.proposal.evidence
    delta = evidence.verdict.delta
    lines = [f"# Evidence for {_name(proposal)}", "", f"{summary(proposal)}. Status: {entry.status}."]
    if entry.outcome:
        lines += ["", plain(entry.outcome)]
    if len(entry.decisions) > 1:
        decided = zip(proposal.edits, entry.decisions, strict=True)
        lines += ["", "## Changes", "", *(f"- {_place(edit)}: {decision}" for edit, decision in decided)]
    lines += _findings("Fixed", delta.fixed) + _findings("Remaining", delta.remaining)
    lines += _findings("Introduced", delta.introduced)
    if evidence.fixes:
        lines += ["", "## Deterministic fixes", "", *_fixes(evidence.fixes)]
    lines += _rounds(evidence.rounds)
    lines += ["", "## Checks", "", f"- Analyzers: {', '.join(evidence.analyzers) or 'none'}"]
    lines += [f"- Not checked: {plain(p.message)}" for p in evidence.problems]
    if evidence.tests:
        passed = "passed" if evidence.tests.passed else "failed"
        where = "without a sandbox" if evidence.tests.sandbox == "none" else f"in {evidence.tests.sandbox}"
        lines.append(f"- Tests {passed}: {plain(evidence.tests.summary)} ({evidence.tests.duration_s:.1f} s, {where})")
    if evidence.dependencies:
        lines.append(f"- New dependencies: {', '.join(evidence.dependencies)}")
    lines += _declined(evidence.declined)
    return "\n".join(lines) + "\n"


def refusal_to_markdown(refusal: Refusal) -> str:
    lines = [f"# {_name(refusal)} was not changed", "", plain(refusal.reason)]
    lines += _findings("Remaining", refusal.remaining) + _rounds(refusal.rounds)
    notes = [f"- Not checked: {plain(p.message)}" for p in refusal.problems] + _declined(refusal.declined)
    lines += ["", "## Checks", "", *notes] if notes else []
    return "\n".join(lines) + "\n"


def _name(result: Proposal | Refusal) -> str:
    return result.snapshot.name.replace("\\", "/").rpartition("/")[2]


def _place(edit: TextEdit) -> str:
    """In the text before; an edit that ends at the start of a line does not touch that line."""
    first, last = edit.span.start.line + 1, edit.span.end.line + (edit.span.end.column > 0)
    return f"lines {first}–{last}" if last > first else f"line {first}"


def _findings(title: str, findings: Iterable[Finding]) -> list[str]:
    """What two tools say alike is one row that names both."""
    rows = [
        f"- line {item.finding.span.start.line + 1}: {_rules(f.rule for f in item.all)} {plain(item.finding.message)}"
        for item in paired(findings)
    ]
    return ["", f"## {title}", "", *rows] if rows else []


def _fixes(fixes: Iterable[AppliedFix]) -> list[str]:
    """The same edit for several rules is one row."""
    rules: dict[tuple[int, str, str, tuple[str, ...]], list[str]] = {}
    for fix in fixes:
        rules.setdefault((fix.line, fix.title, fix.safety.value, fix.notes), []).append(fix.rule)
    rows: list[str] = []
    for (line, title, safety, notes), names in rules.items():
        rows.append(f"- line {line + 1}: {plain(title)} ({_rules(names)}, {safety})")
        rows += [f"  - {plain(note)}" for note in notes]
    return rows


def _declined(declined: Iterable[tuple[Finding, str]]) -> list[str]:
    reasons = {finding.fingerprint: why for finding, why in declined}
    return [
        f"- Left alone, line {item.finding.span.start.line + 1} {_rules(f.rule for f in item.all)}: "
        + plain(next(reasons[f.fingerprint] for f in item.all))
        for item in paired(finding for finding, _ in declined)
    ]


def _rules(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in dict.fromkeys(names))


def _rounds(rounds: Iterable[Round]) -> list[str]:
    rows = [f"{item.number}. {plain(item.model)}: {_said(item)} ({_used(item)})" for item in rounds]
    return ["", "## Model rounds", "", *rows] if rows else []


def _said(item: Round) -> str:
    if item.verdict is not None:
        return "accepted by the gate" if item.verdict.accepted else f"the gate {plain(str(item.verdict))}"
    return plain((item.problem or "no answer").removeprefix(f"{item.model}: "))


def _used(item: Round) -> str:
    usage = item.usage
    if usage.input_tokens is None and usage.output_tokens is None:
        return f"{item.duration_s:.1f} s"
    tokens = f"{_known(usage.input_tokens)} tokens in, {_known(usage.output_tokens)} out"
    cost = "price unknown" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    return f"{tokens}, {cost}, {item.duration_s:.1f} s"


def _known(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def plain(text: str) -> str:
    """One line that cannot end a table or open a link: messages quote code, which may be hostile."""
    escaped = "".join(f"\\{c}" if c in "\\`*_[]<>|" else c for c in text)
    return " ".join(escaped.split())
