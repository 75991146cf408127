"""Following places in a text while it is edited, by what was really replaced: no guessing from a diff.

Offsets are in code points. They, unlike lines, stay exact when an edit joins or splits a CR LF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers.text import diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codefactory.analyzers import Span, Text, TextEdit


@dataclass(frozen=True, slots=True)
class Replacement:
    """The characters from `start` up to `end` became `text`."""

    start: int
    end: int
    text: str

    @property
    def growth(self) -> int:
        return len(self.text) - (self.end - self.start)

    def apply(self, text: str) -> str:
        return text[: self.start] + self.text + text[self.end :]

    def move(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the range went; None when nothing of it is left. An insertion at its start moves it, one at its end
        does not enlarge it."""
        if self.end <= start:
            return start + self.growth, end + self.growth
        if self.start >= end:
            return start, end
        if self.start <= start and self.end >= end:
            return None
        if self.start < start:
            return self.start + len(self.text), end + self.growth
        if self.end > end:
            return start, self.start
        return start, end + self.growth


def whole(before: str, after: str) -> Replacement:
    """`before` became `after`, as one replacement without their common beginning and end."""
    head = _common_length(before, after)
    tail = _common_tail(before, after, min(len(before), len(after)) - head)
    return Replacement(head, len(before) - tail, after[head : len(after) - tail])


def between(before: Text, after: str) -> tuple[Replacement, ...]:
    """As several replacements, one after another, by a line diff: for when nobody knows what was typed."""
    return sequence(before, diff(before.value, after))


def sequence(text: Text, edits: Iterable[TextEdit]) -> tuple[Replacement, ...]:
    """Edits that are all in coordinates of `text` → replacements that are made one after another."""
    placed = [Replacement(text.offset(e.span.start), text.offset(e.span.end), e.new_text) for e in edits]
    return tuple(sorted(placed, key=lambda r: (r.start, r.end), reverse=True))


def follow(span: Span, before: Text, steps: Sequence[Replacement], after: Text) -> Span | None:
    """Where `span` of `before` is in `after`; None when nothing of it is left."""
    if not steps:
        return span
    place: tuple[int, int] | None = before.offset(span.start), before.offset(span.end)
    for step in steps:
        place = step.move(*place)
        if place is None:
            return None
    return after.span(*place)


def _common_length(a: str, b: str) -> int:
    """Length of the common beginning: halving, so that the comparing is done in C."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_tail(a: str, b: str, limit: int) -> int:
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low
