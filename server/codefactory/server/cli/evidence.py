"""A repair's proof, for people and as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from codefactory.analyzers import Safety
from codefactory.server.as_json import proposal_to_json, refusal_to_json

from .terminal import SAFETY_STYLE, SEVERITY_STYLE, hanging, link, plural, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType

    from codefactory.analyzers import Finding
    from codefactory.pipelines.proposal import AppliedFix, Proposal, Refusal, Round, SuiteRun
    from codefactory.server.files import TextFile


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one file."""

    name: str
    file: TextFile
    result: Proposal | Refusal
    diff: bytes = b""
    written: bool = False
    failure: str | None = None
    """Why an accepted change could not be written."""


def print_evidence(out: Console, repaired: Repaired) -> None:
    result = repaired.result
    rows: list[tuple[str, RenderableType]] = []
    if result.kind == "proposal":
        evidence = result.evidence
        delta = evidence.verdict.delta
        summary = Text.assemble((f"{len(delta.fixed)} fixed", "green"), " · ", f"{len(delta.remaining)} remain")
        rows.append(("checked by", Text(", ".join(evidence.analyzers))))
        rows.append(("gate", Text("accepted", "bold green") + Text(f": {_introduced(delta.introduced)}")))
        if evidence.fixes:
            rows.append(("fixed", _fixes(evidence.fixes)))
        if notes := dict.fromkeys(note for fix in evidence.fixes for note in fix.notes):
            rows.append(("mind", _bullets(notes)))
        if evidence.dependencies:
            needed = Text(", ".join(evidence.dependencies), "bold") + Text(" has to be installed in addition", "yellow")
            rows.append(("needs", needed))
        if evidence.tests:
            passed = ("passed", "bold green") if evidence.tests.passed else ("failed", "bold red")
            rows.append(("tests", Text.assemble(passed, f" {_walls(evidence.tests)}: {safe(evidence.tests.summary)}")))
        remaining = _with_reasons(delta.remaining, evidence.declined)
    else:
        summary = Text(f"nothing changed · {len(result.remaining)} remain", "yellow")
        rows.append(("refused", Text(safe(result.reason))))
        remaining = _with_reasons(result.remaining, result.declined)
    rounds = rounds_of(repaired)
    if rounds:
        rows.append(("model", _rounds(rounds)))
    if remaining:
        rows.append(("not fixed", _remaining(remaining)))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, justify="right")
    grid.add_column(ratio=1)
    for label, content in rows:
        grid.add_row(label, content)
    title = Text.assemble((f"{safe(repaired.name)}  ", "bold"), summary)
    border = "green" if result.kind == "proposal" else "yellow"
    out.print(Panel(grid, title=title, title_align="left", border_style=border, box=box.ROUNDED, expand=True))


def print_summary(out: Console, all_repaired: Sequence[Repaired], *, write: bool, again: str) -> None:
    proposals = [r for r in all_repaired if r.result.kind == "proposal"]
    if len(all_repaired) > 1:
        out.print(_table(all_repaired))
    fixed = sum(len(r.result.evidence.verdict.delta.fixed) for r in proposals if r.result.kind == "proposal")
    remain = sum(len(_remaining_of(r)) for r in all_repaired)
    counts = Text.assemble((f"{plural(fixed, 'finding')} fixed", "bold green"), f", {remain:,} remain")
    if write:
        written = sum(r.written for r in all_repaired)
        text = Text.assemble(("✓ ", "green"), f"{plural(written, 'file')} written: ", counts, ".")
    elif proposals:
        text = Text.assemble(("✓ ", "green"), counts, ". Nothing was written; to apply it: ", (again, "bold"))
    else:
        text = Text.assemble(("– ", "yellow"), f"Nothing could be repaired: {plural(remain, 'finding')} remain.")
    out.print(hanging(out, text, 2), soft_wrap=True)


def repaired_to_json(repaired: Repaired) -> dict[str, Any]:
    result = repaired.result
    data: dict[str, Any] = {"path": repaired.name, "status": status(repaired), "written": repaired.written}
    if repaired.failure:
        data["failure"] = repaired.failure
    if result.kind == "refusal":
        return data | refusal_to_json(result)
    return data | {"diff": repaired.diff.decode(repaired.file.encoding, "replace")} | proposal_to_json(result)


def status(repaired: Repaired) -> Literal["written", "proposed", "refused", "failed"]:
    if repaired.failure:
        return "failed"
    if repaired.result.kind == "refusal":
        return "refused"
    return "written" if repaired.written else "proposed"


def rounds_of(repaired: Repaired) -> tuple[Round, ...]:
    result = repaired.result
    return result.evidence.rounds if result.kind == "proposal" else result.rounds


def _walls(tests: SuiteRun) -> str:
    return "without a sandbox" if tests.sandbox == "none" else f"in {tests.sandbox}"


def _introduced(findings: Sequence[Finding]) -> str:
    """What is new can only be of less weight than what is fixed: the gate accepts nothing else."""
    if not findings:
        return "no new finding"
    codes = ", ".join(dict.fromkeys(finding.code for finding in findings))
    return f"{plural(len(findings), 'new finding')} ({codes}), less severe than what is fixed"


def _remaining_of(repaired: Repaired) -> tuple[Finding, ...]:
    result = repaired.result
    return result.evidence.verdict.delta.remaining if result.kind == "proposal" else result.remaining


def _fixes(fixes: Iterable[AppliedFix]) -> Table:
    """One row for each, in text order; the same edit for several rules is one row."""
    rules: dict[tuple[int, str, Safety, str], list[str]] = {}
    for fix in sorted(fixes, key=lambda f: f.line):
        rules.setdefault((fix.line, fix.title, fix.safety, fix.fixer), []).append(fix.rule.partition(":")[2])
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    for (line, title, safety, fixer), codes in rules.items():
        what = Text(safe(title)) + Text(f"  {fixer}", "dim")
        grid.add_row(str(line + 1), " ".join(dict.fromkeys(codes)), what, Text(safety.value, SAFETY_STYLE[safety]))
    return grid


def _with_reasons(
    findings: Iterable[Finding], declined: Iterable[tuple[Finding, str]]
) -> list[tuple[Finding, str | None]]:
    reasons = {finding.fingerprint: reason for finding, reason in declined}
    return [(finding, reasons.get(finding.fingerprint)) for finding in findings]


def _remaining(remaining: Iterable[tuple[Finding, str | None]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for finding, reason in remaining:
        code = Text(finding.code, link(finding.url, SEVERITY_STYLE[finding.severity]))
        text = Text(safe(" ".join(finding.message.split())))
        text.append(f"\n{safe(reason)}" if reason else "", "dim")
        grid.add_row(str(finding.span.start.line + 1), code, text)
    return grid


def _rounds(rounds: Iterable[Round]) -> Text:
    lines: list[Text] = []
    for r in rounds:
        tokens = "unknown" if r.usage.total_tokens is None else f"{r.usage.total_tokens:,}"
        cost = "price unknown" if r.usage.cost_usd is None else f"${r.usage.cost_usd:.4f}"
        said = r.problem or (str(r.verdict) if r.verdict else "no answer")
        accepted = r.verdict is not None and r.verdict.accepted
        line = Text(f"round {r.number}: {r.model}, {tokens} tokens, {cost}, {r.duration_s:.1f} s\n  ")
        line.append(safe(said), "green" if accepted else "yellow")
        for note in r.notes:
            line.append(f"\n  {safe(note)}", "dim")
        lines.append(line)
    return Text("\n").join(lines)


def _bullets(lines: Iterable[str]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, style="yellow")
    grid.add_column(ratio=1)
    for line in lines:
        grid.add_row("•", safe(line))
    return grid


def _table(all_repaired: Iterable[Repaired]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold")
    for heading in ("fixed", "remain"):
        table.add_column(heading, justify="right")
    table.add_column("fixes")
    table.add_column("outcome")
    styles = {"written": "green", "proposed": "green", "refused": "yellow", "failed": "bold red"}
    for repaired in all_repaired:
        result = repaired.result
        fixed = len(result.evidence.verdict.delta.fixed) if result.kind == "proposal" else 0
        fixes = result.evidence.fixes if result.kind == "proposal" else ()
        kinds = Counter(fix.safety for fix in fixes)
        parts = [Text(f"{kinds[s]} {s.value}", SAFETY_STYLE[s]) for s in Safety if kinds[s]]
        if rounds := rounds_of(repaired):
            parts.append(Text(f"{plural(len(rounds), 'model round')}", "magenta"))
        table.add_row(
            safe(repaired.name),
            str(fixed or "–"),
            str(len(_remaining_of(repaired)) or "–"),
            Text(", ").join(parts),
            Text(status(repaired), styles[status(repaired)]),
        )
    return table
