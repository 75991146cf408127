"""`check`: what the analyzers find in files, without a model."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from typing_extensions import TypedDict

from codefactory.pipelines.engine import Context  # noqa: TC001 it is looked at when the tool is made

from .tool import Tool, tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Analysis

MAX_FILES = 2000


class Found(TypedDict):
    """A finding. Lines and columns from 1."""

    path: str
    line: int
    column: int
    tool: str
    rule: str
    severity: str
    message: str


class Checked(TypedDict):
    """What was found, and what could not be checked."""

    files: int
    findings: list[Found]
    problems: list[str]


@tool(name="check", effects={"reads"})
def _check(
    ctx: Context,
    paths: Annotated[list[str], Field(description="The files.", max_length=MAX_FILES)],
    analyzers: Annotated[list[str], Field(description="Of `syntax`, `ruff`, `bandit`; none: all.")] = [],  # noqa: B006 never changed
) -> Checked:
    """What the analyzers (syntax, ruff, bandit) find in files."""
    from codefactory.analyzers import ANALYZERS, Analyzers, Options, Snapshot, language_of
    from codefactory.pipelines.files.operations import Files

    files = Files.of(ctx)
    options = Options(tuple(analyzers) or ANALYZERS)
    result: Checked = {"files": 0, "findings": [], "problems": []}
    with closing(Analyzers()) as running:
        for path in paths:
            language = language_of(path)
            if language == "plaintext":
                result["problems"].append(f"{path}: no analyzer knows this kind of file")
                continue
            text = files.read(path, "text", "utf-8", 0, None, 5_000_000, 1)
            with files.access.reading(path) as place:
                uri = place.path.as_uri()
            analysis = running.analyze(Snapshot(uri, text, language), options, ctx.cancellation)
            result["files"] += 1
            result["findings"] += _findings(path, analysis)
            result["problems"] += [f"{path}: {problem.message}" for problem in analysis.problems]
    return result


def _findings(path: str, analysis: Analysis) -> Sequence[Found]:
    return [
        {
            "path": path,
            "line": finding.span.start.line + 1,
            "column": finding.span.start.column + 1,
            "tool": finding.tool,
            "rule": finding.code,
            "severity": finding.severity.name.lower(),
            "message": finding.message,
        }
        for finding in analysis.findings
    ]


CHECK: Tool = _check
