"""B613: control characters that make code look different from what it is (CVE-2021-42574). In strings → their escape,
which is the same value; in comments → removed. The whole file at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import TextEdit

from .fixer import Fixer
from .source import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "no-bidirectional-controls"
_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f")
_NOTE = "Read the lines again: the code may do something else than it seemed to."


def _fix(source: Source, finding: Finding) -> list[Fix]:
    edits: list[TextEdit] = []
    for offset, char in enumerate(source.text.value):
        if char in _CONTROLS:
            edits.append(TextEdit(source.text.span(offset, offset + 1), _replacement(source, offset, char)))
    if not edits:
        raise Decline("no such character is left")
    return [Fix("Make the characters visible", tuple(edits), Safety.SAFE, NAME, (_NOTE,))]


def _replacement(source: Source, offset: int, char: str) -> str:
    at = source.text.position(offset)

    def around(node: cst.CSTNode) -> bool:
        span = source.span(node)
        return span.start <= at < span.end

    if any(around(comment) for comment in source.all(cst.Comment)):
        return ""
    prefixes = [string.prefix for string in source.all(cst.SimpleString) if around(string)] + [
        string.start for string in source.all(cst.FormattedString) if around(string)
    ]
    if not prefixes:
        raise Decline("a control character is neither in a string nor in a comment")
    if any("r" in prefix.lower() for prefix in prefixes):
        raise Decline("a control character is in a raw string, which has no escapes")
    return f"\\u{ord(char):04x}"


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B613"}),
        _fix,
        not_applied="A character is in a raw string.",
    ),
)
