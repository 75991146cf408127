"""The deterministic passes of a repair."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Problem, Safety
from codefactory.analyzers.text import combine
from codefactory.analyzers.worker import WorkerError
from codefactory.pipelines.proposal import AppliedFix

from .blame import Wanted, blamed
from .workbench import Progress, State

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

    from codefactory.analyzers import Finding, Fix
    from codefactory.analyzers.fixers import Outcome

    from .workbench import Workbench

MAX_PASSES = 5
"""A fix makes at most a few others possible; more passes mean that two undo each other."""

MAX_TRIES = 60
"""Candidates of one pass that are analyzed and judged: seconds on a file with thousands of findings."""

LAST = frozenset({"ruff:I001"})
"""Sorting imports overlaps with adding and removing them, and wants to see the result."""

Declined = tuple[tuple["Finding", str], ...]
"""Findings with the reason why a fixer left them alone."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why some fixes together are not accepted."""

    why: str
    blamed: dict[int, str] = field(default_factory=dict[int, str])
    """See `blame.blamed`."""


@dataclass(slots=True)
class _Pass:
    """What has come of one pass so far."""

    state: State | None = None
    kept: list[Wanted] = field(default_factory=list[Wanted])
    refused: list[tuple[Wanted, str]] = field(default_factory=list["tuple[Wanted, str]"])
    """By themselves."""
    blamed: list[tuple[Wanted, str]] = field(default_factory=list["tuple[Wanted, str]"])
    untried: list[Wanted] = field(default_factory=list[Wanted])

    @property
    def declined(self) -> Declined:
        said = [*self.refused, *self.blamed]
        said += [(w, "not tried, since the gate refused too many others") for w in self.untried]
        return tuple((w.finding, f"{w.fix.fixer}: {why}") for w, why in said)


async def apply_fixers(bench: Workbench, state: State, allow: Safety) -> tuple[State, Declined]:
    """Passes until nothing more applies. Returns the state, and why the rest was left alone."""
    declined: Declined = ()
    refused: dict[Hashable, str] = {}
    suspected: set[Hashable] = set()
    outcomes: tuple[Outcome, ...] | None = None
    for _ in range(MAX_PASSES):
        targets = bench.targets(state)
        if not targets:
            return state, ()
        try:
            outcomes = outcomes or await bench.outcomes(state)
        except WorkerError as error:
            problem = Problem("fixers", "timeout" if error.kind == "timeout" else "crash", f"The fixers: {error}.")
            return replace(state, problems=(*state.problems, problem)), declined
        declined = tuple((f, reason) for f, o in zip(targets, outcomes, strict=True) for reason in o.declined)
        wanted: list[Wanted] = []
        for finding, outcome in zip(targets, outcomes, strict=True):
            if fix := _first_allowed(outcome.fixes, allow):
                one = Wanted(finding, fix, state.snapshot.lines)
                if one.identity in refused:
                    declined += ((finding, f"{fix.fixer}: {refused[one.identity]}"),)
                else:
                    wanted.append(one)
        if not wanted:
            break
        wanted.sort(key=lambda w: w.finding.rule in LAST)
        bench.report(Progress("fix", f"Applying {len(wanted)} deterministic fixes"))
        done = await _advance(bench, state, wanted, suspected)
        declined += done.declined
        refused |= {w.identity: why for w, why in done.refused}
        suspected |= {w.identity for w, _ in done.blamed}
        if done.state is not None:
            state, outcomes = done.state, None
        elif not done.blamed:
            break
    return state, declined


async def _advance(bench: Workbench, state: State, wanted: Sequence[Wanted], suspected: Collection[Hashable]) -> _Pass:
    """Apply all wanted fixes at once. If the gate refuses that, those that its reasons point at are left out; where
    they point at none, the fixes are halved, down to the ones that it refuses. `suspected`: those that were left out so
    before. They are tried one by one, since another fix may have made them look guilty."""
    done = _Pass()
    groups = [[w] for w in reversed(wanted) if w.identity in suspected]
    groups += [fresh] if (fresh := [w for w in wanted if w.identity not in suspected]) else []
    for _ in range(MAX_TRIES):
        if not groups:
            break
        group = groups.pop()
        candidate = await _try(bench, state, [*done.kept, *group])
        if isinstance(candidate, State):
            done.state = candidate
            done.kept += group
            continue
        first = len(done.kept)
        guilty = {number - first: why for number, why in candidate.blamed.items() if number >= first}
        if len(group) == 1:
            done.refused.append((group[0], candidate.why))
        elif guilty:
            done.blamed += [(group[number], f"the gate refused: {why}") for number, why in guilty.items()]
            if rest := [w for number, w in enumerate(group) if number not in guilty]:
                groups.append(rest)
        else:
            middle = len(group) // 2
            groups += (group[middle:], group[:middle])
    done.untried += [w for group in groups for w in group]
    return done


async def _try(bench: Workbench, state: State, wanted: Sequence[Wanted]) -> State | Refused:
    """The state with these fixes, or why not."""
    edits, chosen = combine([w.fix.edits for w in wanted])
    text = state.snapshot.lines.apply(edits)
    if text == state.snapshot.text:
        return Refused("the fix changes nothing")
    after, analysis = await bench.candidate(text)
    verdict = await bench.judge_whole(after, analysis)
    if not verdict.accepted:
        guilty = blamed(verdict.reasons, state.verdict, after.lines, edits, [wanted[i] for i in chosen])
        return Refused(f"the gate {verdict}", {chosen[number]: why for number, why in guilty.items()})
    if state.verdict and len(verdict.delta.fixed) <= len(state.verdict.delta.fixed):
        return Refused("the fix makes nothing better")
    applied = [wanted[i] for i in chosen]
    fixes = tuple(
        AppliedFix(w.fix.fixer, w.fix.title, w.finding.rule, w.finding.span.start.line, w.fix.safety, w.fix.notes)
        for w in applied
    )
    dependencies = dict.fromkeys((*state.dependencies, *(d for w in applied for d in w.fix.dependencies)))
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
