"""Which line of the text before is which line of the text after."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from codefactory.analyzers.line_diff import Hunk, changed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codefactory.analyzers import Text


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
    return Alignment(a, b, tuple(changed_lines(a, b)))


def split_lines(text: Text) -> tuple[str, ...]:
    starts = (*text.line_starts, len(text.value))
    return tuple(text.value[starts[i] : starts[i + 1]] for i in range(len(starts) - 1) if starts[i] < starts[i + 1])
