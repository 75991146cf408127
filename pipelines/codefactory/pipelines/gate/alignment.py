"""Which line of the text before is which line of the text after.

Lines that occur once in both texts are anchors (patience diff); difflib fills the gaps between them. That keeps a moved
or inserted function from being matched blank line by blank line, and is linear where difflib alone is quadratic.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from codefactory.analyzers import Text

MAX_GAP_LINES = 2_000
"""Between two anchors, lines beyond which a gap counts as replaced as a whole: difflib is quadratic."""


class Hunk(NamedTuple):
    """Lines [before_start, before_end) became lines [after_start, after_end). One of the two may be empty."""

    before_start: int
    before_end: int
    after_start: int
    after_end: int


@dataclass(frozen=True)
class Alignment:
    """The hunks between two texts, in order; all other lines are equal, their endings included."""

    before: tuple[str, ...]
    """Lines with their endings."""
    after: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    @cached_property
    def removed(self) -> frozenset[int]:
        return frozenset(line for h in self.hunks for line in range(h.before_start, h.before_end))

    @cached_property
    def added(self) -> frozenset[int]:
        return frozenset(line for h in self.hunks for line in range(h.after_start, h.after_end))

    @cached_property
    def _before_ends(self) -> list[int]:
        return [h.before_end for h in self.hunks]

    @cached_property
    def _shifts(self) -> list[int]:
        return [0, *(h.after_end - h.before_end for h in self.hunks)]

    def after_line(self, line: int) -> int | None:
        """Where an unchanged line went; None for one that was removed or rewritten."""
        if line in self.removed:
            return None
        return line + self._shifts[bisect_right(self._before_ends, line)]

    def after_range(self, start: int, end: int) -> tuple[int, int] | None:
        """Where unchanged, adjacent lines [start, end) went, as long as nothing was inserted between them."""
        first, last = self.after_line(start), self.after_line(max(end - 1, start))
        if first is None or last is None or last - first != max(end - 1, start) - start:
            return None
        return None if any(line in self.removed for line in range(start, end)) else (first, first + end - start)

    def hunk_of_before(self, line: int) -> Hunk | None:
        return _holding(self.hunks, line, lambda h: (h.before_start, h.before_end))

    def hunk_of_after(self, line: int) -> Hunk | None:
        return _holding(self.hunks, line, lambda h: (h.after_start, h.after_end))

    def cluster_of_before(self, line: int) -> Hunk | None:
        return _holding(self.clusters, line, lambda h: (h.before_start, h.before_end))

    @cached_property
    def clusters(self) -> tuple[Hunk, ...]:
        """Hunks joined where at most `CLUSTER_GAP_LINES` unchanged lines, or only blank ones, stand between them: one
        edit, as a person sees it."""
        joined: list[Hunk] = []
        for hunk in self.hunks:
            if joined:
                last = joined[-1]
                between = self.before[last.before_end : hunk.before_start]
                if len(between) <= CLUSTER_GAP_LINES or not any(line.strip() for line in between):
                    joined[-1] = Hunk(last.before_start, hunk.before_end, last.after_start, hunk.after_end)
                    continue
            joined.append(hunk)
        return tuple(joined)


CLUSTER_GAP_LINES = 3


def _holding(hunks: Sequence[Hunk], line: int, ends: Callable[[Hunk], tuple[int, int]]) -> Hunk | None:
    at = bisect_right(hunks, line, key=lambda h: ends(h)[1])
    return hunks[at] if at < len(hunks) and ends(hunks[at])[0] <= line else None


def align(before: Text, after: Text) -> Alignment:
    a, b = split_lines(before), split_lines(after)
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    hunks = _between_anchors(a, b, head, len(a) - tail, head, len(b) - tail)
    return Alignment(a, b, tuple(_joined(hunks)))


def split_lines(text: Text) -> tuple[str, ...]:
    starts = (*text.line_starts, len(text.value))
    return tuple(text.value[starts[i] : starts[i + 1]] for i in range(len(starts) - 1) if starts[i] < starts[i + 1])


def _between_anchors(a: Sequence[str], b: Sequence[str], i1: int, i2: int, j1: int, j2: int) -> Iterator[Hunk]:
    i, j = i1, j1
    for anchor_i, anchor_j in (*_anchors(a, b, i1, i2, j1, j2), (i2, j2)):
        yield from _gap(a, b, i, anchor_i, j, anchor_j)
        i, j = anchor_i + 1, anchor_j + 1


def _anchors(a: Sequence[str], b: Sequence[str], i1: int, i2: int, j1: int, j2: int) -> list[tuple[int, int]]:
    """Lines unique in both ranges, in an order that is the same in both: the longest increasing subsequence."""
    count_a, count_b = Counter(a[i1:i2]), Counter(b[j1:j2])
    place_b = {line: j for j, line in enumerate(b[j1:j2], j1) if count_b[line] == 1}
    pairs = [(i, place_b[a[i]]) for i in range(i1, i2) if count_a[a[i]] == 1 and a[i] in place_b and a[i].strip()]
    tops: list[int] = []
    top_pairs: list[int] = []
    previous: list[int] = []
    for index, (_, j) in enumerate(pairs):
        at = bisect_right(tops, j)
        previous.append(top_pairs[at - 1] if at else -1)
        tops[at : at + 1] = [j]
        top_pairs[at : at + 1] = [index]
    chain: list[tuple[int, int]] = []
    at = top_pairs[-1] if top_pairs else -1
    while at >= 0:
        chain.append(pairs[at])
        at = previous[at]
    return chain[::-1]


def _gap(a: Sequence[str], b: Sequence[str], i1: int, i2: int, j1: int, j2: int) -> Iterator[Hunk]:
    if i1 >= i2 or j1 >= j2 or i2 - i1 + j2 - j1 > MAX_GAP_LINES:
        if i1 < i2 or j1 < j2:
            yield Hunk(i1, i2, j1, j2)
        return
    for tag, x1, x2, y1, y2 in difflib.SequenceMatcher(a=a[i1:i2], b=b[j1:j2], autojunk=False).get_opcodes():
        if tag != "equal":
            yield Hunk(i1 + x1, i1 + x2, j1 + y1, j1 + y2)


def _joined(hunks: Iterator[Hunk]) -> Iterator[Hunk]:
    """Hunks that meet are one."""
    last: Hunk | None = None
    for hunk in hunks:
        if last and (last.before_end, last.after_end) == (hunk.before_start, hunk.after_start):
            last = Hunk(last.before_start, hunk.before_end, last.after_start, hunk.after_end)
            continue
        if last:
            yield last
        last = hunk
    if last:
        yield last
