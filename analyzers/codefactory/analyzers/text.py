"""Positions, spans and edits in text.

Inside Code Factory a position is a 0-based line and a 0-based column **in code points**. Other units exist only at the
edges: UTF-8 bytes (bandit, tree-sitter, Neovim) and UTF-16 code units (LSP's default); `columns_to_units` and
`units_to_columns` convert one line at a time.

A line ends at ``\\n``, ``\\r\\n`` or a lone ``\\r``, as in the Language Server Protocol and in Python source. Unlike
`str.splitlines`, a form feed, NEL or U+2028 ends nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from .line_diff import changed_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_LINE_END = re.compile(r"\r\n|\n|\r")


class EditConflictError(ValueError):
    """Two edits overlap, or an edit does not fit the text: nothing was applied."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters: 0-based line, 0-based column in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open range from `start` up to, not including, `end`."""

    start: Position
    end: Position

    @classmethod
    def at(cls, start_line: int, start_column: int, end_line: int, end_column: int) -> Span:
        return cls(Position(start_line, start_column), Position(end_line, end_column))

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def contains(self, position: Position) -> bool:
        """Whether `position` is inside or at either border."""
        return self.start <= position <= self.end

    def touches(self, other: Span) -> bool:
        """Whether the two overlap or meet at a border."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True, order=True)
class TextEdit:
    """Replace the text in `span` by `new_text`. An empty span inserts."""

    span: Span
    new_text: str


@dataclass(frozen=True)
class Text:
    """A text and where its lines begin. Immutable; the index is built on first use."""

    value: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Offset (code points) of the first character of each line; never empty."""
        return (0, *(match.end() for match in _LINE_END.finditer(self.value)))

    @property
    def line_count(self) -> int:
        return len(self.line_starts)

    @property
    def end(self) -> Position:
        return self.position(len(self.value))

    @cached_property
    def newline(self) -> str:
        """The line ending the text uses first; ``\\n`` where it has none."""
        match = _LINE_END.search(self.value)
        return match.group() if match else "\n"

    def line(self, number: int) -> str:
        """Line `number` without its ending; empty beyond the last line."""
        if not 0 <= number < self.line_count:
            return ""
        start = self.line_starts[number]
        end = self.line_starts[number + 1] if number + 1 < self.line_count else len(self.value)
        return self.value[start:end].rstrip("\r\n")

    def offset(self, position: Position) -> int:
        """The offset of `position`. A column beyond the line's end means its end, a line beyond the text the text's
        end: editors send both."""
        if position.line < 0:
            return 0
        if position.line >= self.line_count:
            return len(self.value)
        return self.line_starts[position.line] + min(max(position.column, 0), len(self.line(position.line)))

    def position(self, offset: int) -> Position:
        """The position of `offset`, clamped to the text."""
        offset = min(max(offset, 0), len(self.value))
        line = bisect_right(self.line_starts, offset) - 1
        return Position(line, offset - self.line_starts[line])

    def span(self, start_offset: int, end_offset: int) -> Span:
        return Span(self.position(start_offset), self.position(end_offset))

    def slice(self, span: Span) -> str:
        return self.value[self.offset(span.start) : self.offset(span.end)]

    def apply(self, edits: Iterable[TextEdit]) -> str:
        """The text after all `edits`, each given in coordinates of this text.

        Insertions at one place keep their order; an identical edit given twice is made once (two fixes that need the
        same import). Raises EditConflictError when edits overlap.
        """
        placed = dict.fromkeys((self.offset(e.span.start), self.offset(e.span.end), e.new_text) for e in edits)
        pieces: list[str] = []
        at = 0
        for start, end, new in sorted(placed, key=lambda p: (p[0], p[1])):
            if end < start or start < at:
                where = self.position(start)
                raise EditConflictError(f"two edits overlap at line {where.line + 1}, column {where.column + 1}")
            pieces += (self.value[at:start], new)
            at = end
        pieces.append(self.value[at:])
        return "".join(pieces)


def combine(fixes: Sequence[tuple[TextEdit, ...]]) -> tuple[tuple[TextEdit, ...], tuple[int, ...]]:
    """Merge groups of edits to one text into one list that does not overlap.

    A group goes in whole or not at all; earlier groups win. Returns the edits in text order and the indices of the
    groups that went in. Groups may share an edit (the same import inserted).
    """
    taken: dict[TextEdit, None] = {}  # in their order: insertions at one place keep it
    places = _Places()
    chosen: list[int] = []
    for index, group in enumerate(fixes):
        fresh = [edit for edit in dict.fromkeys(group) if edit not in taken]
        own = _Places()
        if not all(places.admit(edit.span) and own.add(edit.span) for edit in fresh):
            continue
        for edit in fresh:
            places.add(edit.span)
        taken |= dict.fromkeys(fresh)
        chosen.append(index)
    return tuple(sorted(taken, key=lambda e: e.span)), tuple(chosen)


class _Places:
    """Spans that do not overlap. Insertions may stand at one place, and at the borders of what is replaced."""

    def __init__(self) -> None:
        self._starts: list[Position] = []
        self._ends: list[Position] = []
        self._insertions: list[Position] = []

    def admit(self, span: Span) -> bool:
        """Whether `span` overlaps none of them."""
        at = bisect_left(self._starts, span.end)
        if at and self._ends[at - 1] > span.start:
            return False
        inside = bisect_right(self._insertions, span.start)
        return inside == len(self._insertions) or self._insertions[inside] >= span.end

    def add(self, span: Span) -> bool:
        """Take it in if it overlaps none of them; whether it was."""
        if not self.admit(span):
            return False
        if span.is_empty:
            insort(self._insertions, span.start)
        else:
            at = bisect_left(self._starts, span.start)
            self._starts.insert(at, span.start)
            self._ends.insert(at, span.end)
        return True


def diff(before: str, after: str) -> tuple[TextEdit, ...]:
    """Edits that turn `before` into `after`: whole changed lines, narrowed to the characters that differ.

    `Text(before).apply(diff(before, after)) == after` always.
    """
    if before == after:
        return ()
    old = Text(before)
    a, b = _lines(before), _lines(after)
    starts = old.line_starts
    edits: list[TextEdit] = []
    for i1, i2, j1, j2 in changed_lines(a, b):
        start = starts[i1] if i1 < len(starts) else len(before)
        end = starts[i2] if i2 < len(starts) else len(before)
        new = "".join(b[j1:j2])
        start, end, new = _narrow(before, start, end, new)
        edits.append(TextEdit(old.span(start, end), new))
    return tuple(edits)


def _lines(text: str) -> list[str]:
    starts = (*Text(text).line_starts, len(text))
    return [text[a:b] for a, b in pairwise(starts) if a < b]


def _narrow(before: str, start: int, end: int, new: str) -> tuple[int, int, str]:
    """Drop the common beginning and end of a replacement, never splitting a CR LF."""
    old = before[start:end]
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head and old[head - 1] == "\r":
        head -= 1
    if tail and old[len(old) - tail] == "\n":
        tail -= 1
    return start + head, end - tail, new[head : len(new) - tail]


def columns_to_units(line: str, column: int, encoding: Encoding) -> int:
    """A column in code points → in `encoding`'s units. Beyond the line's end means its end."""
    prefix = line[:column]
    match encoding:
        case "utf-32":
            return len(prefix)
        case "utf-16":
            return len(prefix) + sum(1 for c in prefix if c > "\uffff") if not prefix.isascii() else len(prefix)
        case "utf-8":
            return len(prefix) if prefix.isascii() else len(prefix.encode("utf-8", "surrogatepass"))


def units_to_columns(line: str, units: int, encoding: Encoding) -> int:
    """A column in `encoding`'s units → in code points. A place inside a character means the character's start."""
    if encoding == "utf-32" or line.isascii():
        return min(units, len(line))
    seen = 0
    for column, character in enumerate(line):
        if encoding == "utf-16":
            seen += 2 if character > "\uffff" else 1
        else:
            seen += len(character.encode("utf-8", "surrogatepass"))
        if seen > units:
            return column
    return len(line)
