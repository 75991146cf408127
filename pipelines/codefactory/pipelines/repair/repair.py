"""The stages of a repair, in order."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Options, Safety
from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.gate.project_tests import judge_tests
from codefactory.pipelines.proposal import Evidence, Proposal, Refusal

from .fixes import apply_fixers
from .rounds import ask_model
from .workbench import Progress, Workbench, strict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from codefactory.analyzers import Analyzers, Snapshot
    from codefactory.pipelines.budget import Ledger
    from codefactory.pipelines.gate import UsesElsewhere
    from codefactory.pipelines.ledger import Account
    from codefactory.pipelines.models import Model
    from codefactory.pipelines.prompts import PromptLibrary, Related
    from codefactory.pipelines.proposal import SuiteRun

    from .fixes import Declined
    from .workbench import ProjectTests, State

NO_MODEL = (
    "No fixer could decide what to do about these findings. A model may: `codefactory models pull qwen2.5-coder-1.5b` "
    "gets one that runs on this machine, or set codefactory.model.name."
)


async def repair(
    snapshot: Snapshot,
    analyzers: Analyzers,
    *,
    options: Options | None = None,
    only: Collection[str] | None = None,
    allow: Safety = Safety.REVIEW,
    model: Model | None = None,
    budget: Budget | None = None,
    ledger: Ledger | None = None,
    account: Account | None = None,
    context: Sequence[Related] = (),
    prompts: PromptLibrary | None = None,
    uses: UsesElsewhere | None = None,
    tests: ProjectTests | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Proposal | Refusal:
    """Repair one document.

    `only`: fingerprints of the findings to repair; None means all. `allow`: SAFE leaves out fixes that change
    behaviour. `model`: asked about what the fixers leave; None asks nobody. `account`: keeps the record of what is
    spent, and holds the limits of a day and of a workspace. `context`: related files the model may see. `prompts`:
    what it is asked; by default the user's own and the bundled ones. `uses`: who else uses the document's public names.
    `tests`: must not fail with the change if they pass without.
    `report` is called from this task.

    Cancelling the task ends the processes it started and the model's stream. Raises nothing else.
    """
    started = time.perf_counter()
    options = options or Options()
    bench = Workbench(snapshot, analyzers, options if model is None else strict(options), only, uses, report)
    original = await bench.start()
    if not bench.targets(original):
        return Refusal(snapshot, "There is nothing to repair here.", problems=original.analysis.problems)
    fixed, declined = await apply_fixers(bench, original, allow)
    best, ended = fixed, None
    if model is not None:
        spending = Spending(budget or Budget(), ledger=ledger, account=account)
        best, ended = await ask_model(bench, fixed, model, spending, context, prompts)
        declined = _still_there(bench, best, declined)
    run: SuiteRun | None = None
    if tests is not None and best.verdict is not None:
        report(Progress("test", "Running the project's tests"))
        best, run = await _passing(bench, tests, original, fixed, best)
    if best.verdict is None:
        reason = _refusal(best, ended, run, asked=model is not None)
        problems = (*best.analysis.problems, *best.problems)
        return Refusal(snapshot, reason, bench.targets(best), declined, best.rounds, problems)
    evidence = Evidence(
        verdict=best.verdict,
        analyzers=best.analysis.analyzers,
        problems=(*best.analysis.problems, *best.problems),
        fixes=best.fixes,
        rounds=best.rounds,
        tests=run,
        dependencies=best.dependencies,
        declined=declined,
        duration_s=time.perf_counter() - started,
    )
    origin = "fixers" if not best.by_model else "both" if best.fixes else "model"
    return Proposal(uuid.uuid4().hex[:12], snapshot, best.snapshot.text, evidence, origin)


def _still_there(bench: Workbench, state: State, declined: Declined) -> Declined:
    """What the fixers declined and the model has not repaired either."""
    left = {(f.rule, f.message) for f in bench.targets(state)}
    return tuple((f, reason) for f, reason in declined if (f.rule, f.message) in left)


async def _passing(
    bench: Workbench, tests: ProjectTests, original: State, fixed: State, best: State
) -> tuple[State, SuiteRun | None]:
    """The best state with which no test fails that passed before: with the model's part, without, or safe fixes only.
    `original` when there is none."""
    before = await tests(None)
    run: SuiteRun | None = None
    tried: set[str] = set()
    for attempt in (best, fixed, None):
        state = attempt or (await apply_fixers(bench, original, Safety.SAFE))[0]
        if state.verdict is None or state.snapshot.text in tried:
            continue
        tried.add(state.snapshot.text)
        run = await tests(state.snapshot.text)
        if judge_tests(before, run) is None:
            return _with_rounds(state, best), run
    return _with_rounds(original, best), run


def _with_rounds(state: State, best: State) -> State:
    return replace(state, rounds=best.rounds)


def _refusal(state: State, ended: str | None, run: SuiteRun | None, *, asked: bool) -> str:
    if run is not None:
        return f"Every change made tests fail that passed before: {run.summary}."
    if not asked:
        return NO_MODEL
    if ended and all(r.problem == ended for r in state.rounds):
        return f"The model {'gave no answer' if state.rounds else 'was not asked'}. {ended}"
    refused = next((str(r.verdict) for r in reversed(state.rounds) if r.verdict), None)
    tried = f" The gate {refused}." if refused else ""
    return f"The model found no change that the gate accepts. {ended or ''}{tried}".replace("  ", " ").strip()
