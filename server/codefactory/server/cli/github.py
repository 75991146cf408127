"""Annotations in the log of a GitHub workflow (docs.github.com, "Workflow commands")."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from codefactory.analyzers import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .report import Report

COMMAND = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice", Severity.INFO: "notice"}


def print_annotations(report: Report, name: Callable[[Path], str]) -> None:
    for shown in report.files:
        for finding, _ in shown.findings:
            span = finding.span
            properties: dict[str, str | int] = {
                "file": name(shown.path),
                "line": span.start.line + 1,
                "endLine": span.end.line + 1,
                "title": finding.rule,
            }
            if span.start.line == span.end.line:  # GitHub refuses columns for several lines
                properties |= {"col": span.start.column + 1, "endColumn": span.end.column + 1}
            given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
            sys.stdout.write(f"::{COMMAND[finding.severity]} {given}::{_data(finding.message)}\n")
    for problem in report.problems:
        command = "notice" if problem.kind == "untrusted" else "error"
        sys.stdout.write(f"::{command} title=not checked::{_data(problem.message)}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
