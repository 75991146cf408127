"""B613: control characters that make code look different from what it is (CVE-2021-42574). In strings → their escape,
which is the same value; in comments → removed. The whole file at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import TextEdit

from .fixer import Fixer
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "no-bidirectional-controls"
_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f")
_NOTE = "Read the lines again: the code may do something else than it seemed to."


def _fix(source: Source, _: Finding) -> list[Fix]:
    edits: list[TextEdit] = []
    for comment in source.all(cst.Comment):
        edits += _edits(source, comment, "")
    for string in source.all(cst.SimpleString):
        edits += _edits(source, string, string.prefix)
    for text in source.all(cst.FormattedStringText):
        start = next((a.start for a in source.ancestors(text) if isinstance(a, cst.FormattedString)), "")
        edits += _edits(source, text, start)
    if not edits or len(edits) != sum(char in _CONTROLS for char in source.text.value):
        raise Decline("a control character is neither in a string nor in a comment")
    return [Fix("Make the characters visible", tuple(sorted(edits)), Safety.SAFE, NAME, (_NOTE,))]


def _edits(source: Source, node: cst.CSTNode, prefix: str) -> list[TextEdit]:
    start = source.text.offset(source.span(node).start)
    found = [(start + index, char) for index, char in enumerate(source.code(node)) if char in _CONTROLS]
    if found and "r" in prefix.lower():
        raise Decline("a control character is in a raw string, which has no escapes")
    return [
        TextEdit(source.text.span(at, at + 1), "" if isinstance(node, cst.Comment) else f"\\u{ord(char):04x}")
        for at, char in found
    ]


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B613"}),
        _fix,
        not_applied="A character is in a raw string.",
    ),
)
