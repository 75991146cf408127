"""Findings for people: grouped by file, with the source line and what can be done."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from codefactory.analyzers import Safety, Severity

from .terminal import SEVERITY_STYLE, emit, fit, fix_label, hanging, link, plural, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from codefactory.analyzers import Finding, Snapshot, Span
    from codefactory.analyzers.fixers import Outcome

    from .report import Report, Shown

_TAB = "    "
_MIN_CONTEXT = 12
"""Cells of source that stay visible before a finding far to the right."""


def print_report(out: Console, report: Report, name: Callable[[Path], str]) -> None:
    """Every finding, then a summary. `name` says how a file is called."""
    for shown in report.files:
        if shown.findings:
            _print_file(out, shown, name, model=report.model)
    _print_summary(out, report)


def _print_file(out: Console, shown: Shown, name: Callable[[Path], str], *, model: bool) -> None:
    heading = Text(safe(name(shown.path)), link(shown.path.absolute().as_uri(), "bold"))
    heading.append(f"  {plural(len(shown.findings), 'finding')}", "dim")
    emit(out, heading)
    places = [_place(finding) for finding, _ in shown.findings]
    width = max(map(len, places))
    for span, same in groupby(zip(places, shown.findings, strict=True), key=lambda item: item[1][0].span):
        group = list(same)
        for place, (finding, outcome) in group:
            emit(out, _headline(out, finding, outcome, place.rjust(width), model=model))
        if shown.snapshot is not None:
            worst = max((finding.severity for _, (finding, _) in group))
            for line in excerpt(shown.snapshot, span, SEVERITY_STYLE[worst], width, out.width):
                emit(out, line)
    emit(out, Text())


def _headline(out: Console, finding: Finding, outcome: Outcome | None, place: str, *, model: bool) -> Text:
    severity = finding.severity
    text = Text.assemble(
        "  ",
        (place, "dim"),
        "  ",
        (f"{severity.name.lower():<6}", SEVERITY_STYLE[severity]),
        "  ",
    )
    indent = cell_len(text.plain)
    text.append(finding.code, link(finding.url, "bold"))
    text.append("  ")
    text.append(safe(" ".join(finding.message.split())))
    label = fix_label(outcome.fixes if outcome else (), model=model)
    if label.plain:
        text.append("  ")
        text.append_text(label)
    return hanging(out, text, indent)


def excerpt(snapshot: Snapshot, span: Span, style: str, gutter: int, width: int) -> list[Text]:
    """The flagged line and the underline, cut around the finding where the terminal is narrow."""
    line = snapshot.lines.line(span.start.line)
    start = min(span.start.column, len(line))
    end = len(line) if span.end.line > span.start.line else min(span.end.column, len(line))
    before, flagged, after = (safe(part).replace("\t", _TAB) for part in (line[:start], line[start:end], line[end:]))
    indent = len(before) - len(before.lstrip()) if before.strip() else len(before)
    before = before[indent:]
    room = max(20, width - gutter - 6)
    if cell_len(before) + min(cell_len(flagged), room // 2) > room:
        keep = max(_MIN_CONTEXT, room // 4)
        while cell_len(before) > keep:
            before = before[1:]
        before = "…" + before
    code = fit(Text.assemble(before, (flagged, style), after.rstrip()), room)
    length = max(1, min(cell_len(flagged), room - cell_len(before)))
    marks = "^" if not flagged else "~" * length if length > 1 else "^"
    number = str(span.start.line + 1)
    return [
        Text.assemble("  ", (f"{number.rjust(gutter)} │ ", "dim")) + code,
        Text.assemble("  ", (f"{' ' * gutter} │ ", "dim"), " " * cell_len(before), (marks, style)),
    ]


def _place(finding: Finding) -> str:
    return f"{finding.span.start.line + 1}:{finding.span.start.column + 1}"


def _print_summary(out: Console, report: Report) -> None:
    findings = [pair for shown in report.files for pair in shown.findings]
    checked = plural(report.checked, "file")
    seconds = f"{report.duration_s:.1f} s"
    if not findings:
        good = not report.problems and report.checked
        mark = ("✓ ", "bold green") if good else ("– ", "bold yellow")
        emit(out, Text.assemble(mark, "Nothing found in ", checked, (f"  {seconds}", "dim")))
    else:
        affected = sum(1 for shown in report.files if shown.findings)
        text = Text.assemble(
            ("✗ ", "bold red"), (plural(len(findings), "finding"), "bold"), f" in {affected:,} of {checked}: "
        )
        counts = Counter(finding.severity for finding, _ in findings)
        parts = [Text(f"{counts[s]:,} {s.name.lower()}", SEVERITY_STYLE[s]) for s in reversed(Severity) if counts[s]]
        text.append_text(Text(", ").join(parts))
        text.append(f"  {seconds}", "dim")
        emit(out, hanging(out, text, 2))
        _print_what_next(out, findings, report)
    if report.skipped:
        emit(out, Text(f"  {plural(len(report.skipped), 'binary file')} passed over", "dim"))
    if report.problems:
        text = f"  {plural(len(report.problems), 'problem')}: not everything could be checked, see above"
        emit(out, Text(text, "yellow"))


def _print_what_next(out: Console, findings: Sequence[tuple[Finding, Outcome | None]], report: Report) -> None:
    best = Counter(outcome.fixes[0].safety for _, outcome in findings if outcome and outcome.fixes)
    if best:
        text = Text.assemble(
            f"  {best.total():,} can be fixed without a model (",
            (f"{best[Safety.SAFE]:,} safe", "green"),
            ", ",
            (f"{best[Safety.REVIEW]:,} to review", "yellow"),
            "): ",
            (report.repair_command, "bold"),
        )
        emit(out, hanging(out, text, 2))
