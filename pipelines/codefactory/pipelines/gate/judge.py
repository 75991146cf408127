"""`judge()`: all checks on one candidate, in one verdict."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from codefactory.analyzers.finding import SYNTAX_CODES
from codefactory.pipelines.verdict import Reason, Verdict

from . import deletion, hiding, interface, languages, literals, proportion, severity, silencing, suppression
from .change import Change
from .compare import analyzer_names
from .structure import MAX_BYTES, Unparsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from codefactory.analyzers import Analysis

    from .candidate import Candidate, UsesElsewhere

MAX_REASONS = 12
"""More than a person or a model reads; the rest would mostly repeat them."""
MAX_REMAINING_NAMED = 5


def judge(candidate: Candidate, uses: UsesElsewhere | None = None) -> Verdict:
    """Whether a candidate may be shown, and every ground against it.

    Pure and deterministic: it analyzes nothing and reads no file; `uses` is asked only about public names that went or
    whose signature changed. Raises nothing of its own, whatever the texts hold.
    """
    change = Change(candidate)
    delta = change.delta
    if candidate.before.text == candidate.after.text:
        return Verdict((Reason("unchanged", "the change leaves the text as it is. Change the code."),), delta)
    broken = tuple(_parses(change))
    if broken:
        # What cannot be parsed cannot be compared, and every other complaint would be an echo.
        return Verdict(broken, delta)
    reasons = [*_checked(candidate), *_fixed(change), *severity.check(delta, change.fixed, change.alignment)]
    try:
        reasons += _structure(change, uses)
    except RecursionError:
        reasons.append(_too_deep())
    reasons += chain(suppression.check(change), proportion.check(change))
    return Verdict(tuple(dict.fromkeys(reasons))[:MAX_REASONS], delta)


def _structure(change: Change, uses: UsesElsewhere | None) -> Iterable[Reason]:
    if change.trees is None or any(isinstance(t, Unparsed) and t.kind == "syntax" for t in change.trees):
        return list(languages.check(change))
    unparsed = next((t for t in change.trees if isinstance(t, Unparsed)), None)
    if unparsed is not None:
        if not change.by_model:
            return []
        message = (
            f"what the change deletes or hides cannot be checked, because {unparsed.message}. "
            "Split the file, or change it by hand."
        )
        return [Reason("not-checked", message)]
    lost = interface.check(change, uses)
    reported = interface.lost_names(change) if lost else frozenset[str]()
    return [
        *lost,
        *silencing.check(change),
        *hiding.check(change),
        *literals.check(change),
        *deletion.check(change, reported),
    ]


def _too_deep() -> Reason:
    return Reason("not-checked", "the text is nested too deeply to be checked. Write it with less nesting.")


def _parses(change: Change) -> Iterator[Reason]:
    """A text that parsed must still parse; one that did not may not get worse."""
    before, after = change.candidate.analysis_before, change.candidate.analysis_after
    old, new = _syntax_errors(before), _syntax_errors(after)
    worse = [tool for tool in new if new[tool] > old[tool] and (before.parses or tool in analyzer_names(before))]
    if worse:
        first = next(f for f in after.findings if f.code in SYNTAX_CODES and f.tool == worse[0])
        place = f"line {first.span.start.line + 1}: {first.message}"
        yield Reason("does-not-parse", f"the changed text does not parse: {place}. Write code that parses.", first.span)
        return
    if change.trees is None:
        return
    old_tree, new_tree = change.trees
    if isinstance(new_tree, Unparsed) and not isinstance(old_tree, Unparsed):
        if new_tree.kind == "syntax":
            yield Reason(
                "does-not-parse", f"the changed text does not parse: {new_tree.message}. Write code that parses."
            )
        elif new_tree.kind == "too-deep":
            yield _too_deep()
        else:
            yield Reason(
                "not-checked",
                f"the change makes the file larger than {MAX_BYTES // 1_000_000} MB, which is too much to be checked.",
            )


def _syntax_errors(analysis: Analysis) -> Counter[str]:
    return Counter(f.tool for f in analysis.findings if f.code in SYNTAX_CODES)


def _checked(candidate: Candidate) -> Iterator[Reason]:
    after = analyzer_names(candidate.analysis_after)
    for name in sorted(analyzer_names(candidate.analysis_before) - after):
        problem = next(
            (p.message for p in candidate.analysis_after.problems if p.analyzer == name), "it gave no answer"
        )
        yield Reason(
            "not-checked",
            f"{name} did not check the changed text: {problem.rstrip('.')}. Nothing can be said about it.",
        )


def _fixed(change: Change) -> Iterator[Reason]:
    """At least one target is gone. What remains is named in the delta."""
    if change.fixed:
        return
    aimed = change.candidate.targets
    known = {f.fingerprint for f in change.candidate.analysis_before.findings}
    if aimed and not aimed & known:
        yield Reason(
            "not-fixed", "the change is for findings that are not in the text. Analyze it again and start anew."
        )
        return
    half = [f for f in change.delta.fixed if change.is_target(f)]
    if half:
        told = f"{half[0].code} is gone for {half[0].tool} alone; another analyzer still reports the same problem"
        yield Reason("not-fixed", f"{told}. Repair the code so that both agree.")
        return
    remaining = change.delta.remaining
    named = "; ".join(f"{f.code} on line {f.span.start.line + 1}: {f.message}" for f in remaining[:MAX_REMAINING_NAMED])
    more = f"; and {len(remaining) - MAX_REMAINING_NAMED} more" if len(remaining) > MAX_REMAINING_NAMED else ""
    what = "none of the findings that the change is for is gone" if aimed else "no finding is gone"
    yield Reason("not-fixed", f"{what}. Still reported: {named or 'nothing'}{more}.")
