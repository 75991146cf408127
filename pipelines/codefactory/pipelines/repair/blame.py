"""Which of several fixes, tried together, the gate's reasons point at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from codefactory.analyzers import Finding, Fix, Text, TextEdit
    from codefactory.pipelines.verdict import Reason, Verdict

_LOCAL = frozenset({"new-finding", "deleted", "silenced"})
"""Reasons whose place is the edit that caused them. A syntax error, for one, shows elsewhere."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A fix that a pass tries to apply to `text`."""

    finding: Finding
    fix: Fix
    text: Text

    @property
    def identity(self) -> Hashable:
        """The same for the same fix of the same code in the next pass, wherever it has moved."""
        changes = tuple((self.text.slice(edit.span), edit.new_text) for edit in self.fix.edits)
        return self.finding.rule, self.fix.fixer, self.text.line(self.finding.span.start.line).strip(), changes


def blamed(
    reasons: Sequence[Reason], known: Verdict | None, after: Text, edits: Sequence[TextEdit], chosen: Sequence[Wanted]
) -> dict[int, str]:
    """Numbers of the fixes that a reason points at, each with the first such reason.

    `edits` are those of all `chosen` fixes together, in text order, and made `after`. `known` is the verdict on the
    text they were made in: what was found there was found elsewhere in the original, which reasons speak of.
    """
    before = {new.fingerprint: old for old, new in known.delta.pairs} if known else {}
    found: dict[int, str] = {}
    lines = _lines_of(edits, chosen[0].text, after) if chosen else {}
    for reason in reasons:
        if reason.code not in _LOCAL:
            continue
        guilty: list[int] = []
        if reason.before is not None:
            line = reason.before.start.line
            origins = [before.get(w.finding.fingerprint, w.finding) for w in chosen]
            guilty = [number for number, origin in enumerate(origins) if origin.span.start.line == line]
        elif reason.span is not None:
            at = [edit for edit, (first, last) in lines.items() if first <= reason.span.start.line <= last]
            guilty = [number for number, w in enumerate(chosen) if not frozenset(at).isdisjoint(w.fix.edits)]
        if len({chosen[number].fix.edits for number in guilty}) == 1:  # else it may be either
            for number in guilty:
                found.setdefault(number, reason.message)
    return found


def _lines_of(edits: Sequence[TextEdit], before: Text, after: Text) -> dict[TextEdit, tuple[int, int]]:
    """The first and the last line of each edit's new text in `after`. `edits` are in text order."""
    found: dict[TextEdit, tuple[int, int]] = {}
    grown = 0
    for edit in edits:
        start, end = before.offset(edit.span.start), before.offset(edit.span.end)
        first = after.position(start + grown)
        last = after.position(start + grown + len(edit.new_text))
        found[edit] = first.line, last.line - (last.column == 0 and last.line > first.line)
        grown += len(edit.new_text) - (end - start)
    return found
