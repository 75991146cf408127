"""`compare()`: which finding before is which finding after.

The steps, each pairing one to one what the earlier ones left:

1. A finding on an unchanged line is the finding of the same rule on the line that this line became.
2. Equal fingerprints: code that moved within the file.
3. Equal rule and line text, whichever of several equal lines it is: moved code that has or had twins.
4. Same rule in the same hunk, or in hunks at most `NEARBY_LINES` apart: the code was rewritten and the problem stayed.

Unchanged lines come before fingerprints because a fingerprint counts equal lines: when the first of two equal lines is
fixed, the second one inherits its fingerprint.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Delta

from .alignment import align

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from codefactory.analyzers import Analysis, Finding, Snapshot, Text

    from .alignment import Alignment

NEARBY_LINES = 5


def compare(before: Snapshot, after: Snapshot, analysis_before: Analysis, analysis_after: Analysis) -> Delta:
    """What the change between two texts did to their findings."""
    return compare_aligned(before, after, analysis_before, analysis_after, align(before.lines, after.lines))


def compare_aligned(
    before: Snapshot, after: Snapshot, analysis_before: Analysis, analysis_after: Analysis, alignment: Alignment
) -> Delta:
    matching = _Matching(list(analysis_before.findings), list(analysis_after.findings))
    # Of several findings on a line those that say the same first: which of two unused imports is used now?
    matching.pair(
        lambda f: None if (to := alignment.after_line(f.span.start.line)) is None else (f.rule, to, f.message),
        lambda f: None if f.span.start.line in alignment.added else (f.rule, f.span.start.line, f.message),
    )
    matching.pair(
        lambda f: None if (line := alignment.after_line(f.span.start.line)) is None else (f.rule, line),
        lambda f: None if f.span.start.line in alignment.added else (f.rule, f.span.start.line),
    )
    matching.pair(lambda f: f.fingerprint or None, lambda f: f.fingerprint or None)
    matching.pair(lambda f: _content(f, before.lines), lambda f: _content(f, after.lines))
    matching.pair_nearby(alignment)
    ran_before = analyzer_names(analysis_before)
    old = [new for _, new in matching.pairs]
    introduced: list[Finding] = []
    seen = {(_problem_of(f), f.span.start.line) for f in old}
    for finding in matching.after:
        line = finding.span.start.line
        newly_asked = bool(ran_before) and finding.tool not in ran_before and line not in alignment.added
        if newly_asked or (_problem_of(finding), line) in seen:
            # The tool says for the first time what another tool had said, or what it was not asked before.
            old.append(finding)
        else:
            introduced.append(finding)
    old.sort(key=lambda f: (f.span, f.tool, f.code))
    return Delta(tuple(matching.before), tuple(old), tuple(introduced), tuple(matching.pairs))


def analyzer_names(analysis: Analysis) -> frozenset[str]:
    """The tools that ran, without their versions."""
    return frozenset(name.split()[0] for name in analysis.analyzers if name.strip())


def same_problem(a: Finding, b: Finding) -> bool:
    """Whether two tools say the same, as ruff's S506 and bandit's B506."""
    return _problem_of(a) == _problem_of(b)


def _problem_of(finding: Finding) -> str:
    code = finding.code
    if finding.tool == "ruff" and code[:1] == "S" and code[1:].isdigit():
        return f"security:{code[1:]}"
    if finding.tool == "bandit" and code[:1] == "B":
        return f"security:{code[1:]}"
    return finding.rule


def _content(finding: Finding, text: Text) -> tuple[str, str]:
    return finding.rule, " ".join(text.line(finding.span.start.line).split())


class _Matching:
    """Findings not yet paired, and the pairs."""

    def __init__(self, before: list[Finding], after: list[Finding]) -> None:
        self.before = before
        self.after = after
        self.pairs: list[tuple[Finding, Finding]] = []

    def pair(
        self, key_before: Callable[[Finding], Hashable | None], key_after: Callable[[Finding], Hashable | None]
    ) -> None:
        waiting: defaultdict[Hashable, list[Finding]] = defaultdict(list)
        for finding in reversed(self.after):
            if (key := key_after(finding)) is not None:
                waiting[key].append(finding)
        left: list[Finding] = []
        taken: set[int] = set()
        for finding in self.before:
            key = key_before(finding)
            if key is not None and waiting[key]:
                partner = waiting[key].pop()
                taken.add(id(partner))
                self.pairs.append((finding, partner))
            else:
                left.append(finding)
        self.before = left
        self.after = [f for f in self.after if id(f) not in taken]

    def pair_nearby(self, alignment: Alignment) -> None:
        """Pair same rules whose places lie in one hunk or near each other, the nearest first."""
        by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in self.after:
            if finding.span.start.line in alignment.added:
                by_rule[finding.rule].append(finding)
        distances: list[tuple[tuple[int, bool, int], int, int]] = []
        for i, old in enumerate(self.before):
            for new in by_rule[old.rule]:
                distance = _distance(old, new, alignment)
                if distance is not None:
                    column = abs(old.span.start.column - new.span.start.column)
                    distances.append(((distance, old.message != new.message, column), i, id(new)))
        new_by_id = {id(f): f for f in self.after}
        used_before: set[int] = set()
        used_after: set[int] = set()
        for _, i, new_id in sorted(distances, key=lambda d: (d[0], d[1], new_by_id[d[2]].span)):
            if i not in used_before and new_id not in used_after:
                used_before.add(i)
                used_after.add(new_id)
                self.pairs.append((self.before[i], new_by_id[new_id]))
        self.before = [f for i, f in enumerate(self.before) if i not in used_before]
        self.after = [f for f in self.after if id(f) not in used_after]


def _distance(old: Finding, new: Finding, alignment: Alignment) -> int | None:
    """Lines, in the text after, between the place `old` came to and `new`; None when too far apart."""
    hunk = alignment.hunk_of_before(old.span.start.line)
    line = new.span.start.line
    if hunk is None:
        place = alignment.after_line(old.span.start.line)
        distance = abs(line - (place or 0))
    else:
        place = hunk.after_start + min(old.span.start.line - hunk.before_start, hunk.after_end - hunk.after_start)
        if hunk.after_start <= line < hunk.after_end:
            return abs(line - place)
        distance = min(abs(line - hunk.after_start), abs(line - hunk.after_end))
    return distance if distance <= NEARBY_LINES else None
