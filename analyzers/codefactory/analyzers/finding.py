"""`Finding`, `Fix`, `Problem` and `Analysis`: what analyzers say, in one vocabulary for all of them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Literal

from .text import Position, Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .text import Text


class Severity(IntEnum):
    """How bad it is. Ordered, so that the gate can ask for "nothing new of equal or higher severity"."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


class Confidence(IntEnum):
    """How sure the analyzer is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Safety(StrEnum):
    """What a fix may change.

    SAFE: the behaviour for benign input stays the same. REVIEW: the behaviour changes visibly, so a person or a test
    has to agree. As ruff's safe and unsafe fixes.
    """

    SAFE = "safe"
    REVIEW = "review"


Tag = Literal["unnecessary", "deprecated"]


@dataclass(frozen=True, slots=True)
class Fix:
    """A deterministic edit for a finding, in coordinates of the text that was analyzed."""

    title: str
    edits: tuple[TextEdit, ...]
    safety: Safety
    fixer: str
    """Who made it: "ruff" or the name of one of our fixers."""
    notes: tuple[str, ...] = ()
    """What a reader has to know: what changes, what the author has to do."""
    dependencies: tuple[str, ...] = ()
    """Distributions that the fixed code needs in addition, as on PyPI."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an analyzer says about a span of code."""

    tool: str
    code: str
    message: str
    span: Span
    severity: Severity
    confidence: Confidence
    url: str | None = None
    fingerprint: str = ""
    """Identity across line shifts: see `fingerprinted`."""
    tags: tuple[Tag, ...] = ()
    fix: Fix | None = None
    """The tool's own fix. Ours come from `fixers.fixes_for`."""

    @property
    def rule(self) -> str:
        """Tool and code, as "bandit:B506"."""
        return f"{self.tool}:{self.code}"


ProblemKind = Literal["missing", "timeout", "crash", "configuration", "untrusted", "unsupported", "too-large"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an analyzer said nothing, or less than it should have. `message` names the thing and the remedy."""

    analyzer: str
    kind: ProblemKind
    message: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in one text, and what could not be checked."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    analyzers: tuple[str, ...] = ()
    """The analyzers that ran to their end, as "ruff 0.14.2"."""

    @property
    def parses(self) -> bool:
        return not any(f.code in SYNTAX_CODES for f in self.findings)

    @classmethod
    def merge(cls, parts: Iterable[Analysis]) -> Analysis:
        """All findings in order of position, then tool and code."""
        parts = tuple(parts)
        findings = sorted((f for p in parts for f in p.findings), key=lambda f: (f.span, f.tool, f.code, f.message))
        return cls(
            tuple(findings),
            tuple(dict.fromkeys(problem for p in parts for problem in p.problems)),
            tuple(dict.fromkeys(name for p in parts for name in p.analyzers)),
        )


SYNTAX_CODES = frozenset({"invalid-syntax", "syntax-error", "missing-token"})
"""Codes that mean "this text does not parse", whoever says so."""


def fingerprinted(findings: Iterable[Finding], text: Text) -> tuple[Finding, ...]:
    """Give each finding its fingerprint: blake2b of rule, the flagged line without its indentation, and which of the
    equal ones it is in the file. It stays the same when lines are inserted or removed elsewhere, and when the code
    is indented; it changes when the flagged line itself does."""
    seen: dict[tuple[str, str], int] = {}
    out: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.span, f.tool, f.code, f.message)):
        key = (finding.rule, " ".join(text.line(finding.span.start.line).split()))
        ordinal = seen[key] = seen.get(key, -1) + 1
        digest = hashlib.blake2b("\0".join((*key, str(ordinal))).encode("utf-8", "surrogatepass"), digest_size=8)
        out.append(replace(finding, fingerprint=digest.hexdigest()))
    return tuple(out)


def span_to_json(span: Span) -> list[int]:
    return [span.start.line, span.start.column, span.end.line, span.end.column]


def span_from_json(data: list[int]) -> Span:
    return Span(Position(data[0], data[1]), Position(data[2], data[3]))


def fix_to_json(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "edits": [{"span": span_to_json(e.span), "newText": e.new_text} for e in fix.edits],
        "safety": fix.safety.value,
        "fixer": fix.fixer,
        "notes": list(fix.notes),
        "dependencies": list(fix.dependencies),
    }


def fix_from_json(data: dict[str, Any]) -> Fix:
    return Fix(
        data["title"],
        tuple(TextEdit(span_from_json(e["span"]), e["newText"]) for e in data["edits"]),
        Safety(data["safety"]),
        data["fixer"],
        tuple(data["notes"]),
        tuple(data["dependencies"]),
    )


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Spans are [start line, start column, end line, end column], 0-based, code points; enums by name in lower case."""
    return {
        "tool": finding.tool,
        "code": finding.code,
        "message": finding.message,
        "span": span_to_json(finding.span),
        "severity": finding.severity.name.lower(),
        "confidence": finding.confidence.name.lower(),
        "url": finding.url,
        "fingerprint": finding.fingerprint,
        "tags": list(finding.tags),
        "fix": fix_to_json(finding.fix) if finding.fix else None,
    }


def finding_from_json(data: dict[str, Any]) -> Finding:
    return Finding(
        data["tool"],
        data["code"],
        data["message"],
        span_from_json(data["span"]),
        Severity[data["severity"].upper()],
        Confidence[data["confidence"].upper()],
        data["url"],
        data["fingerprint"],
        tuple(data["tags"]),
        fix_from_json(data["fix"]) if data["fix"] else None,
    )


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    return {
        "findings": [finding_to_json(f) for f in analysis.findings],
        "problems": [asdict(p) for p in analysis.problems],
        "analyzers": list(analysis.analyzers),
    }


def analysis_from_json(data: dict[str, Any]) -> Analysis:
    return Analysis(
        tuple(finding_from_json(f) for f in data["findings"]),
        tuple(Problem(**p) for p in data["problems"]),
        tuple(data["analyzers"]),
    )
