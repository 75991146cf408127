"""SARIF 2.1.0 (OASIS), as GitHub code scanning and others read it.

One run; a rule's id is its tool and code, as "bandit:B506". Regions count from 1, in Unicode code points, ends
exclusive.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from codefactory.analyzers import Severity

if TYPE_CHECKING:
    from codefactory.analyzers import Finding, Fix, Problem, Span
    from codefactory.analyzers.fixers import Outcome

    from .report import Report, Shown

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVEL = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note", Severity.INFO: "note"}
_SECURITY_SEVERITY = {Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""On GitHub's scale, where 7 and more is high, 4 and more medium."""


def to_sarif(report: Report) -> dict[str, Any]:
    rules: dict[str, dict[str, Any]] = {}
    results: list[dict[str, Any]] = []
    for shown in report.files:
        for finding, outcome in shown.findings:
            rules.setdefault(finding.rule, _rule(finding))
            results.append(_result(shown, finding, outcome, list(rules).index(finding.rule)))
    checked = [shown for shown in report.files if shown.snapshot is not None]
    run = {
        "tool": {
            "driver": {
                "name": "Code Factory",
                "version": version("codefactory"),
                "semanticVersion": version("codefactory"),
                "rules": list(rules.values()),
            },
        },
        "invocations": [
            {
                "executionSuccessful": not any(p.kind != "untrusted" for p in report.problems),
                "toolExecutionNotifications": [_notification(p) for p in report.problems],
            }
        ],
        "originalUriBaseIds": {"SRCROOT": {"uri": Path.cwd().as_uri().rstrip("/") + "/"}},
        "artifacts": [{"location": _location(shown.path)} for shown in checked],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {"analyzers": list(report.analyzers)},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: Finding) -> dict[str, Any]:
    security = finding.tool == "bandit" or (finding.code[0] == "S" and finding.code[1:].isdigit())
    properties: dict[str, Any] = {"tags": ["security"] if security else ["correctness"]}
    if security and finding.severity in _SECURITY_SEVERITY:
        properties["security-severity"] = _SECURITY_SEVERITY[finding.severity]
    rule: dict[str, Any] = {
        "id": finding.rule,
        "name": finding.code,
        "shortDescription": {"text": finding.rule},
        "defaultConfiguration": {"level": LEVEL[finding.severity]},
        "properties": properties,
    }
    if finding.url:
        rule["helpUri"] = finding.url
        rule["help"] = {"text": f"See {finding.url}"}
    return rule


def _result(shown: Shown, finding: Finding, outcome: Outcome | None, rule_index: int) -> dict[str, Any]:
    region = _region(finding.span)
    if shown.snapshot is not None:
        region["snippet"] = {"text": _valid(shown.snapshot.lines.slice(finding.span))}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": LEVEL[finding.severity],
        "message": {"text": _valid(finding.message)},
        "locations": [{"physicalLocation": {"artifactLocation": _location(shown.path), "region": region}}],
        "partialFingerprints": {"codefactoryFingerprint/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence.name.lower()},
    }
    if outcome and outcome.fixes:
        result["fixes"] = [_fix(shown.path, fix) for fix in outcome.fixes if fix.edits]
    return result


def _fix(path: Path, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": _valid(edit.new_text)}} for edit in fix.edits
    ]
    return {
        "description": {"text": _valid(". ".join((f"{fix.title} ({fix.safety.value})", *fix.notes)))},
        "artifactChanges": [{"artifactLocation": _location(path), "replacements": replacements}],
    }


def _region(span: Span) -> dict[str, Any]:
    return {
        "startLine": span.start.line + 1,
        "startColumn": span.start.column + 1,
        "endLine": span.end.line + 1,
        "endColumn": span.end.column + 1,
    }


def _location(path: Path) -> dict[str, Any]:
    absolute = path.absolute()
    if absolute.is_relative_to(Path.cwd()):
        return {"uri": quote(absolute.relative_to(Path.cwd()).as_posix()), "uriBaseId": "SRCROOT"}
    return {"uri": absolute.as_uri()}


def _notification(problem: Problem) -> dict[str, Any]:
    return {
        "level": "note" if problem.kind == "untrusted" else "error",
        "descriptor": {"id": f"{problem.analyzer}/{problem.kind}"},
        "message": {"text": _valid(problem.message)},
    }


def _valid(text: str) -> str:
    """JSON for other programs cannot carry lone surrogates."""
    return text.encode("utf-8", "replace").decode()
