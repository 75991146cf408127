"""Re-anchoring: a change made for one version of a text, moved onto a later one; or refused.

A change moves only where it is certain: the lines it touches and the line on either side are exactly as they were.
Where the edits since are known (the editor sent them), places are followed through them. Where they are not (a file
changed on disk), a line diff stands in, and then the surroundings must also be unique. All or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers import Text, TextEdit

from .tracking import Replacement, between

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why the change cannot be moved."""

    message: str


@dataclass(frozen=True, slots=True)
class _Hunk:
    """An edit and its surroundings, as offsets. `guard_*` is whole lines: those of the edit and one on either side."""

    start: int
    end: int
    new_text: str
    guard_start: int
    guard_end: int

    def moved(self, by: int) -> _Hunk:
        return _Hunk(self.start + by, self.end + by, self.new_text, self.guard_start + by, self.guard_end + by)


def reanchor(
    before: Text, edits: Iterable[TextEdit], after: Text, steps: Sequence[Replacement] | None
) -> tuple[TextEdit, ...] | Conflict:
    """`edits` of `before` → edits of `after` that do the same. `steps`: what was typed in between, if that is known."""
    edits = tuple(edits)
    if before.value == after.value:
        return edits
    unique = steps is None
    if steps is None:
        steps = between(before, after.value)
    moved: list[TextEdit] = []
    for edit in edits:
        original = _hunk(before, edit)
        hunk = _follow(original, steps)
        line = edit.span.start.line + 1
        if hunk is None or not _same_surroundings(before, original, after, hunk):
            return Conflict(f"the code around line {line} was edited meanwhile")
        if unique and _occurrences(after.value, before.value[original.guard_start : original.guard_end]) != 1:
            return Conflict(f"the code around line {line} occurs more than once in the changed file")
        moved.append(TextEdit(after.span(hunk.start, hunk.end), hunk.new_text))
    return tuple(moved)


def _hunk(text: Text, edit: TextEdit) -> _Hunk:
    first, last = max(edit.span.start.line - 1, 0), edit.span.end.line + 2
    return _Hunk(
        text.offset(edit.span.start),
        text.offset(edit.span.end),
        edit.new_text,
        text.line_starts[min(first, text.line_count - 1)],
        text.line_starts[last] if last < text.line_count else len(text.value),
    )


def _follow(hunk: _Hunk, steps: Iterable[Replacement]) -> _Hunk | None:
    for step in steps:
        if step.end <= hunk.guard_start:
            hunk = hunk.moved(step.growth)
        elif step.start < hunk.guard_end:
            return None
    return hunk


def _same_surroundings(before: Text, original: _Hunk, after: Text, moved: _Hunk) -> bool:
    """The same whole lines: an edit at the very border may have grown the first or the last of them."""
    same = before.value[original.guard_start : original.guard_end] == after.value[moved.guard_start : moved.guard_end]
    return same and _at_line_border(after, moved.guard_start) and _at_line_border(after, moved.guard_end)


def _at_line_border(text: Text, offset: int) -> bool:
    return offset == len(text.value) or text.position(offset).column == 0


def _occurrences(text: str, part: str) -> int:
    """Up to 2, overlapping ones included."""
    first = text.find(part)
    if first < 0:
        return 0
    return 1 if text.find(part, first + 1) < 0 else 2
