"""What is common to all human output: the console, colours, and text that is safe to print."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from codefactory.analyzers import Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Fix, Problem

PLAIN_WIDTH = 100
"""Columns where nobody looks: a pipe or a file."""

SEVERITY_STYLE = {
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
SAFETY_STYLE = {Safety.SAFE: "green", Safety.REVIEW: "yellow"}

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def console(*, stderr: bool = False) -> Console:
    """A console that wraps for a terminal of this width, and writes plain text anywhere else."""
    stream = sys.stderr if stderr else sys.stdout
    out = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        return Console(file=stream, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH)
    return out


def emit(out: Console, text: Text) -> None:
    """One line or several, already wrapped. Without rich's layout where there is nothing to lay out: that is ten times
    as fast, and logs are long."""
    if out.is_terminal:
        out.print(text, soft_wrap=True)
    else:
        out.file.write(text.plain + "\n")


def safe(text: str) -> str:
    """`text` with what could steer a terminal or reorder a line made visible: control characters (their pictures),
    direction overrides and lone surrogates (U+FFFD). A tab or line feed stays. The length stays, too."""
    return _UNSAFE.sub(lambda m: chr(0x2400 + ord(m[0])) if m[0] < " " else "\ufffd", text)


def link(url: str | None, style: str = "") -> Style:
    return Style.parse(style) + Style(link=url) if url else Style.parse(style)


def fit(text: Text, width: int) -> Text:
    """`text`, cut to `width` cells."""
    if cell_len(text.plain) > width:
        text = text.copy()
        text.truncate(width, overflow="ellipsis")
    return text


def hanging(out: Console, text: Text, indent: int) -> Text:
    """`text` wrapped to the console's width, further lines indented by `indent` cells."""
    width = out.width
    if cell_len(text.plain) <= width:
        return text
    head, *rest = text.wrap(out, width)
    if not rest:
        return head
    remaining = text[len(head.plain) :]
    while remaining.plain[:1] == " ":
        remaining = remaining[1:]
    lines = [head, *(Text(" " * indent) + line for line in remaining.wrap(out, max(20, width - indent)))]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def fix_label(fixes: Iterable[Fix], *, model: bool) -> Text:
    """What can be done about a finding: "safe fix", "fix to review", "model"; empty when nothing can."""
    first = next(iter(fixes), None)
    if first is not None:
        text = "safe fix" if first.safety is Safety.SAFE else "fix to review"
        return Text(text, SAFETY_STYLE[first.safety])
    return Text("model can try", "magenta") if model else Text()


def print_problems(problems: Iterable[Problem]) -> None:
    """On standard error, so that they are seen beside any format."""
    err = console(stderr=True)
    for problem in dict.fromkeys(problems):
        label, style = ("note", "cyan") if problem.kind == "untrusted" else ("not checked", "yellow")
        if problem.kind == "configuration":
            label, style = "configuration", "red"
        text = Text.assemble((f"{label}: ", f"bold {style}"), safe(problem.message))
        err.print(hanging(err, text, 2), soft_wrap=True)


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_json(data: Any) -> None:
    import json

    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n")


def print_failure(text: str) -> None:
    err = console(stderr=True)
    err.print(hanging(err, Text.assemble(("failed: ", "bold red"), safe(text)), 2), soft_wrap=True)


def dim(text: str) -> Text:
    return Text(text, "dim")


def bold(text: str) -> Text:
    return Text(safe(text), "bold")
