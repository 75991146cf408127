"""Suppressing a finding where it stands, with the reason beside it: `# noqa` for ruff, `# nosec` for bandit.

Both tools look at one physical line: the one where the finding starts, or, where that line ends inside a string or
with a backslash, the line where a comment can stand next.
"""

from __future__ import annotations

import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codefactory.analyzers import Position, Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Finding, Text

TOOLS = frozenset({"ruff", "bandit"})
NO_REASON = "say why"

_NOQA = re.compile(r"#\s*noqa\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)", re.IGNORECASE)
_NOSEC = re.compile(r"#\s*nosec\s*:?\s*(?P<codes>B[0-9]+(?:[,\s]+B[0-9]+)*)", re.IGNORECASE)


def suppress(text: Text, findings: Sequence[Finding], reason: str | None = None) -> tuple[TextEdit, ...]:
    """One edit that silences `findings`, which share a line: a finding and its twin of the other tool.

    Empty when none of them is of a tool that can be silenced.
    """
    noqa = sorted({f.code for f in findings if f.tool == "ruff"})
    nosec = sorted({f.code for f in findings if f.tool == "bandit"})
    if not noqa and not nosec:
        return ()
    layout = _Layout.of(text)
    line = layout.comment_line(min(f.span.start.line for f in findings))
    why = " ".join((reason or NO_REASON).replace("#", " ").split()) or NO_REASON
    comment = layout.comments.get(line)
    old = "" if comment is None else text.line(line)[comment:]
    new = _with_codes(old, _NOQA, "# noqa: ", noqa)
    new = _with_codes(new, _NOSEC, "# nosec ", nosec)
    new = f"{new}  # {why}"
    end = len(text.line(line))
    if comment is None:
        start = len(text.line(line).rstrip())
        return (TextEdit(Span(Position(line, start), Position(line, end)), f"  {new}"),)
    return (TextEdit(Span(Position(line, comment), Position(line, end)), new),)


def _with_codes(comment: str, pattern: re.Pattern[str], start: str, codes: Sequence[str]) -> str:
    """`comment` with `codes` in its directive, which is put at its end if there is none."""
    if not codes:
        return comment
    found = pattern.search(comment)
    if found is None:
        return f"{comment.rstrip()}  {start}{', '.join(codes)}".strip()
    known = re.split(r"[,\s]+", found["codes"])
    listed = ", ".join(dict.fromkeys((*known, *codes)))
    return comment[: found.start("codes")] + listed + comment[found.end("codes") :]


@dataclass(slots=True)
class _Layout:
    """Where comments are and can be."""

    comments: dict[int, int] = field(default_factory=dict[int, int])
    """Line → column at which its comment starts."""
    continues: dict[int, int] = field(default_factory=dict[int, int])
    """Line that cannot carry a comment → the line that goes on after it."""

    @classmethod
    def of(cls, text: Text) -> _Layout:
        """As far as the text can be tokenized; lines beyond are taken as they are."""
        layout = cls()
        lines = iter([text.line(n) + "\n" for n in range(text.line_count)])
        opened: list[int] = []
        try:
            for token in tokenize.generate_tokens(lambda: next(lines, "")):
                kind = tokenize.tok_name[token.type]
                first, last = token.start[0] - 1, token.end[0] - 1
                if kind == "COMMENT":
                    layout.comments[first] = token.start[1]
                elif kind == "STRING":
                    layout.join(first, last)
                elif kind.endswith("STRING_START"):  # f-strings and t-strings of newer Pythons come in pieces
                    opened.append(first)
                elif kind.endswith("STRING_END") and opened:
                    layout.join(opened.pop(), last)
        except (tokenize.TokenError, SyntaxError):
            pass
        for number in range(text.line_count - 1):
            taken = number in layout.comments or number in layout.continues
            if not taken and text.line(number).rstrip(" \t").endswith("\\"):
                layout.continues[number] = number + 1
        return layout

    def join(self, first: int, last: int) -> None:
        for line in range(first, last):
            self.continues[line] = max(last, self.continues.get(line, 0))

    def comment_line(self, line: int) -> int:
        while line in self.continues:
            line = self.continues[line]
        return line
