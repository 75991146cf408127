"""Between our words and the protocol's. Nothing else makes `lsprotocol` values for documents, findings and edits.

Inside, columns are code points. UTF-8 and UTF-16 units exist here only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codefactory.analyzers import Position, Severity, Span, Text
from codefactory.analyzers.text import columns_to_units, units_to_columns

from .tracking import Replacement, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codefactory.analyzers import Encoding, Finding, Problem, Snapshot, TextEdit
    from codefactory.analyzers.finding import Tag
    from codefactory.pipelines.settings import Level

    from .shown import Shown

SEVERITY = {
    Severity.HIGH: types.DiagnosticSeverity.Error,
    Severity.MEDIUM: types.DiagnosticSeverity.Warning,
    Severity.LOW: types.DiagnosticSeverity.Information,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
"""How findings look in the editor. A hint would be missing from the list of problems, so nothing is one."""

_TAGS: dict[Tag, types.DiagnosticTag] = {
    "unnecessary": types.DiagnosticTag.Unnecessary,
    "deprecated": types.DiagnosticTag.Deprecated,
}
SOURCE = "Code Factory"
Json = dict[str, Any]


def to_position(position: Position, text: Text, encoding: Encoding) -> types.Position:
    return types.Position(position.line, columns_to_units(text.line(position.line), position.column, encoding))


def from_position(position: types.Position, text: Text, encoding: Encoding) -> Position:
    return Position(position.line, units_to_columns(text.line(position.line), position.character, encoding))


def to_range(span: Span, text: Text, encoding: Encoding) -> types.Range:
    return types.Range(to_position(span.start, text, encoding), to_position(span.end, text, encoding))


def from_range(value: types.Range, text: Text, encoding: Encoding) -> Span:
    return Span(from_position(value.start, text, encoding), from_position(value.end, text, encoding))


def apply_changes(
    text: Text, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: Encoding
) -> tuple[Text, tuple[Replacement, ...]]:
    """Apply the content changes of one `didChange`, each in coordinates of the text after the one before it."""
    steps: list[Replacement] = []
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            start = text.offset(from_position(change.range.start, text, encoding))
            end = text.offset(from_position(change.range.end, text, encoding))
            step = Replacement(min(start, end), max(start, end), change.text)
        else:
            step = whole(text.value, change.text)
        text = Text(step.apply(text.value))
        steps.append(step)
    return text, tuple(steps)


def diagnostics(
    items: Iterable[Shown], problems: Iterable[Problem], snapshot: Snapshot, encoding: Encoding
) -> list[Json]:
    """Problems stand at the top of the file: what could not be checked is said where people look."""
    text = snapshot.lines
    return [*(problem_diagnostic(p) for p in problems), *(diagnostic(item, text, encoding) for item in items)]


def import_diagnostic(finding: Finding, level: Level, text: Text, encoding: Encoding) -> Json:
    """Without fingerprints: nothing can be done about it by a command."""
    severity = types.DiagnosticSeverity.Warning if level == "warning" else types.DiagnosticSeverity.Hint
    return {
        "range": _range(first_line(finding.span, text), text, encoding),
        "message": finding.message,
        "severity": severity.value,
        "code": finding.code,
        "source": f"{SOURCE} ({finding.tool})",
    }


def diagnostic(item: Shown, text: Text, encoding: Encoding) -> Json:
    """The protocol's JSON, made at once: values of `lsprotocol` in between would take longer than ruff does."""
    finding = item.finding
    made: Json = {
        "range": _range(first_line(finding.span, text), text, encoding),
        "message": finding.message,
        "severity": SEVERITY[max(f.severity for f in item.all)].value,
        "code": finding.code,
        "source": f"{SOURCE} ({finding.tool})",
        "data": {"fingerprints": list(item.fingerprints), "rule": finding.rule},
    }
    if finding.url:
        made["codeDescription"] = {"href": finding.url}
    if finding.tags:
        made["tags"] = [_TAGS[tag].value for tag in finding.tags]
    return made


def diagnostic_value(item: Shown, text: Text, encoding: Encoding) -> types.Diagnostic:
    """As `diagnostic`, for an answer that is made of the protocol's values."""
    made = diagnostic(item, text, encoding)
    return types.Diagnostic(
        range=to_range(first_line(item.finding.span, text), text, encoding),
        message=made["message"],
        severity=types.DiagnosticSeverity(made["severity"]),
        code=made["code"],
        code_description=types.CodeDescription(item.finding.url) if item.finding.url else None,
        source=made["source"],
        tags=[_TAGS[tag] for tag in item.finding.tags] or None,
        data=made["data"],
    )


def problem_diagnostic(problem: Problem) -> Json:
    top = {"line": 0, "character": 0}
    return {
        "range": {"start": top, "end": top},
        "message": problem.message,
        "severity": types.DiagnosticSeverity.Warning.value,
        "code": problem.kind,
        "source": f"{SOURCE} ({problem.analyzer})",
    }


def _range(span: Span, text: Text, encoding: Encoding) -> Json:
    return {"start": _position(span.start, text, encoding), "end": _position(span.end, text, encoding)}


def _position(position: Position, text: Text, encoding: Encoding) -> Json:
    units = columns_to_units(text.line(position.line), position.column, encoding)
    return {"line": position.line, "character": units}


def first_line(span: Span, text: Text) -> Span:
    """The part of `span` on its first line: a squiggle under a whole class hides the code."""
    if span.end.line == span.start.line:
        return span
    return Span(span.start, Position(span.start.line, max(len(text.line(span.start.line)), span.start.column)))


def fingerprints(diagnostics: Iterable[types.Diagnostic]) -> frozenset[str]:
    """Those of diagnostics we made, from their `data`; the client may have kept them for a while."""
    found: set[str] = set()
    for item in diagnostics:
        data: Any = item.data
        if isinstance(data, dict):
            found.update(str(f) for f in data.get("fingerprints") or ())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]  (JSON)
    return frozenset(found)


def text_edits(edits: Iterable[TextEdit], text: Text, encoding: Encoding) -> list[types.TextEdit]:
    return [types.TextEdit(to_range(e.span, text, encoding), e.new_text) for e in edits]


def workspace_edit(
    edits: Sequence[TextEdit], snapshot: Snapshot, encoding: Encoding, *, versioned: bool
) -> types.WorkspaceEdit:
    """One document's edits; `versioned` for clients that know `documentChanges`."""
    made = text_edits(edits, snapshot.lines, encoding)
    if not versioned:
        return types.WorkspaceEdit(changes={snapshot.uri: made})
    identifier = types.OptionalVersionedTextDocumentIdentifier(snapshot.uri, snapshot.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, made)])
