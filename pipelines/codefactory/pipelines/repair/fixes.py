"""The deterministic passes of a repair."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Problem, Safety
from codefactory.analyzers.text import combine
from codefactory.analyzers.worker import WorkerError
from codefactory.pipelines.proposal import AppliedFix

from .workbench import Progress, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codefactory.analyzers import Finding, Fix

    from .workbench import Workbench

MAX_PASSES = 5
"""A fix makes at most a few others possible; more passes mean that two undo each other."""

MAX_TRIES = 60
"""Candidates of one pass that are analyzed and judged: seconds on a file with thousands of findings."""

LAST = frozenset({"ruff:I001"})
"""Sorting imports overlaps with adding and removing them, and wants to see the result."""

Declined = tuple[tuple["Finding", str], ...]
"""Findings with the reason why a fixer left them alone."""


async def apply_fixers(bench: Workbench, state: State, allow: Safety) -> tuple[State, Declined]:
    """Passes until nothing more applies. Returns the state, and why the rest was left alone."""
    declined: Declined = ()
    for _ in range(MAX_PASSES):
        targets = bench.targets(state)
        if not targets:
            return state, ()
        try:
            outcomes = await bench.outcomes(state)
        except WorkerError as error:
            problem = Problem("fixers", "timeout" if error.kind == "timeout" else "crash", f"The fixers: {error}.")
            return replace(state, problems=(*state.problems, problem)), declined
        declined = tuple((f, reason) for f, o in zip(targets, outcomes, strict=True) for reason in o.declined)
        wanted = [
            (finding, fix)
            for finding, outcome in zip(targets, outcomes, strict=True)
            if (fix := _first_allowed(outcome.fixes, allow))
        ]
        if not wanted:
            break
        wanted.sort(key=lambda item: item[0].rule in LAST)
        bench.report(Progress("fix", f"Applying {len(wanted)} deterministic fixes"))
        advanced, refused = await _advance(bench, state, wanted)
        declined += refused
        if advanced is None:
            break
        state = advanced
    return state, declined


async def _advance(
    bench: Workbench, state: State, wanted: Sequence[tuple[Finding, Fix]]
) -> tuple[State | None, Declined]:
    """Apply all wanted fixes at once. What the gate refuses as a whole is halved, down to the fixes it refuses."""
    best: State | None = None
    kept: list[tuple[Finding, Fix]] = []
    declined: list[tuple[Finding, str]] = []
    groups = [wanted]
    for _ in range(MAX_TRIES):
        if not groups:
            break
        group = groups.pop()
        candidate = await _try(bench, state, [*kept, *group])
        if isinstance(candidate, State):
            best = candidate
            kept += group
        elif len(group) == 1:
            finding, fix = group[0]
            declined.append((finding, f"{fix.fixer}: {candidate}"))
        else:
            middle = len(group) // 2
            groups += (group[middle:], group[:middle])
    declined += ((f, f"{x.fixer}: not tried, since the gate refused too many others") for g in groups for f, x in g)
    return best, tuple(declined)


async def _try(bench: Workbench, state: State, wanted: Sequence[tuple[Finding, Fix]]) -> State | str:
    """The state with these fixes, or why not."""
    edits, chosen = combine([fix.edits for _, fix in wanted])
    text = state.snapshot.lines.apply(edits)
    if text == state.snapshot.text:
        return "the fix changes nothing"
    after, analysis = await bench.candidate(text)
    verdict = await bench.judge_whole(after, analysis)
    if not verdict.accepted:
        return f"the gate {verdict}"
    if state.verdict and len(verdict.delta.fixed) <= len(state.verdict.delta.fixed):
        return "the fix makes nothing better"
    applied = [wanted[i] for i in chosen]
    fixes = tuple(AppliedFix(x.fixer, x.title, f.rule, f.span.start.line, x.safety, x.notes) for f, x in applied)
    dependencies = dict.fromkeys((*state.dependencies, *(d for _, x in applied for d in x.dependencies)))
    return replace(
        state,
        snapshot=after,
        analysis=analysis,
        verdict=verdict,
        fixes=(*state.fixes, *fixes),
        dependencies=tuple(dependencies),
    )


def _first_allowed(fixes: Iterable[Fix], allow: Safety) -> Fix | None:
    return next((f for f in fixes if allow is Safety.REVIEW or f.safety is Safety.SAFE), None)
