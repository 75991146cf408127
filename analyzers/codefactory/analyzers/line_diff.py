"""Which lines of one text became which lines of another.

Lines that occur once in both texts are anchors (patience diff); difflib fills the gaps between them. That keeps a moved
or inserted function from being matched blank line by blank line, and is linear where difflib alone is quadratic.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_GAP_LINES = 2_000
"""Between two anchors, lines beyond which a gap counts as replaced as a whole: difflib is quadratic."""


class Hunk(NamedTuple):
    """Lines [before_start, before_end) became lines [after_start, after_end). One of the two may be empty."""

    before_start: int
    before_end: int
    after_start: int
    after_end: int


def changed_lines(a: Sequence[str], b: Sequence[str]) -> Iterator[Hunk]:
    """The hunks between two texts given as lines, in order; all other lines are equal. Hunks do not meet."""
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    yield from _joined(_between_anchors(a, b, head, len(a) - tail, head, len(b) - tail))


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
