"""`repair()`: findings become a proposal, or an honest refusal.

First the deterministic fixers, in passes, since one fix can make room for another. Then, for what they could not
decide and if there is a model, rounds of: ask → apply the reply → analyze → gate; a refusal goes back to the model as
feedback. Whatever is returned as a `Proposal` has been accepted by the gate as a whole, against the text the user has.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers import Analysis, Cancellation, Options, Problem, Safety
from codefactory.analyzers.text import combine
from codefactory.analyzers.worker import WorkerError

from .gate import Candidate, judge
from .proposal import AppliedFix, Evidence, Proposal, Refusal, Round

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
    from typing import TypeVar

    from codefactory.analyzers import Analyzers, Finding, Fix, Snapshot
    from codefactory.analyzers.fixers import Outcome

    from .gate import UsesElsewhere
    from .verdict import Verdict

    T = TypeVar("T")

MAX_PASSES = 5
"""Passes of the fixers. A fix makes at most a few others possible; more passes mean that two undo each other."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a repair is doing now, for people who wait."""

    stage: str
    """"analyze", "fix", "model" or "gate"."""
    message: str


@dataclass(frozen=True, slots=True)
class State:
    """The best accepted text so far, and how it came about."""

    snapshot: Snapshot
    analysis: Analysis
    verdict: Verdict | None = None
    """Against the original text; None for the original itself."""
    fixes: tuple[AppliedFix, ...] = ()
    rounds: tuple[Round, ...] = ()
    dependencies: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Workbench:
    """What one repair needs at hand, and the only way it analyzes and judges."""

    def __init__(
        self,
        original: Snapshot,
        analyzers: Analyzers,
        options: Options,
        only: Collection[str] | None,
        uses: UsesElsewhere | None,
        report: Callable[[Progress], None],
    ) -> None:
        self.original = original
        self.options = options
        self.report = report
        self._only = None if only is None else frozenset(only)
        self._uses = uses
        self._analyzers = analyzers
        self._analysis = Analysis()

    async def start(self) -> State:
        self.report(Progress("analyze", "Analyzing"))
        self._analysis = await self.analyze(self.original)
        return State(self.original, self._analysis)

    async def analyze(self, snapshot: Snapshot) -> Analysis:
        return await in_thread(lambda c: self._analyzers.analyze(snapshot, self.options, c))

    async def outcomes(self, state: State) -> tuple[Outcome, ...]:
        """What the fixers say about the targets of `state`. Raises WorkerError."""
        targets = self.targets(state)
        return await in_thread(lambda c: self._analyzers.fixes(state.snapshot, targets, self.options, c))

    def targets(self, state: State) -> tuple[Finding, ...]:
        """The findings of `state` this repair is for."""
        if self._only is None:
            return state.analysis.findings
        rules = {f.rule for f in self._analysis.findings if f.fingerprint in self._only}
        if state.verdict is None:
            return tuple(f for f in state.analysis.findings if f.fingerprint in self._only)
        # An edited line changes its findings' fingerprints, so those of the gate's own matching count.
        return tuple(f for f in state.verdict.delta.remaining if f.fingerprint in self._only or f.rule in rules)

    async def judge(self, text: str, *, by_model: bool) -> tuple[Snapshot, Analysis, Verdict]:
        """Analyze a candidate and hold it against the original text."""
        after = self.original.with_text(text)
        analysis = await self.analyze(after)
        candidate = Candidate(self.original, after, self._analysis, analysis, self._only or frozenset(), by_model)
        verdict = await asyncio.to_thread(judge, candidate, self._uses)
        return after, analysis, verdict


async def repair(
    snapshot: Snapshot,
    analyzers: Analyzers,
    *,
    options: Options | None = None,
    only: Collection[str] | None = None,
    allow: Safety = Safety.REVIEW,
    uses: UsesElsewhere | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Proposal | Refusal:
    """Repair one document.

    `only`: fingerprints of the findings to repair; None means all. `allow`: SAFE leaves out fixes that change
    behaviour. `uses`: who else uses the document's public names. `report` is called from this task.

    Cancelling the task ends the processes it started. Raises nothing else.
    """
    started = time.perf_counter()
    bench = Workbench(snapshot, analyzers, options or Options(), only, uses, report)
    state = await bench.start()
    if not bench.targets(state):
        return Refusal(snapshot, "There is nothing to repair here.", problems=state.analysis.problems)
    state, declined = await apply_fixers(bench, state, allow)
    if state.verdict is None:
        return Refusal(
            snapshot,
            "No fixer could decide what to do about these findings.",
            remaining=bench.targets(state),
            declined=declined,
            problems=(*state.analysis.problems, *state.problems),
        )
    evidence = Evidence(
        verdict=state.verdict,
        analyzers=state.analysis.analyzers,
        problems=(*state.analysis.problems, *state.problems),
        fixes=state.fixes,
        rounds=state.rounds,
        dependencies=state.dependencies,
        declined=declined,
        duration_s=time.perf_counter() - started,
    )
    return Proposal(uuid.uuid4().hex[:12], snapshot, state.snapshot.text, evidence, "fixers")


async def apply_fixers(bench: Workbench, state: State, allow: Safety) -> tuple[State, tuple[tuple[Finding, str], ...]]:
    """Deterministic passes until nothing more applies. Returns the state and why the rest was left alone."""
    declined: tuple[tuple[Finding, str], ...] = ()
    for _ in range(MAX_PASSES):
        targets = bench.targets(state)
        try:
            outcomes = await bench.outcomes(state)
        except WorkerError as error:
            problem = Problem("fixers", "timeout" if error.kind == "timeout" else "crash", f"The fixers: {error}.")
            return _with_problem(state, problem), declined
        declined = tuple((f, reason) for f, o in zip(targets, outcomes, strict=True) for reason in o.declined)
        wanted = [
            (finding, fix)
            for finding, outcome in zip(targets, outcomes, strict=True)
            if (fix := _first_allowed(outcome.fixes, allow))
        ]
        if not wanted:
            break
        bench.report(Progress("fix", f"Applying {len(wanted)} deterministic fixes"))
        advanced = await _advance(bench, state, wanted)
        if advanced is None:
            break
        state = advanced
    return state, declined


async def _advance(bench: Workbench, state: State, wanted: Sequence[tuple[Finding, Fix]]) -> State | None:
    """Apply all wanted fixes at once; if the gate refuses that, those that it accepts one after another."""
    together = await _try(bench, state, wanted)
    if together is not None or len(wanted) == 1:
        return together
    best: State | None = None
    kept: list[tuple[Finding, Fix]] = []
    for item in wanted:
        candidate = await _try(bench, state, [*kept, item])
        if candidate is not None:
            best = candidate
            kept.append(item)
    return best


async def _try(bench: Workbench, state: State, wanted: Sequence[tuple[Finding, Fix]]) -> State | None:
    edits, chosen = combine([fix.edits for _, fix in wanted])
    text = state.snapshot.lines.apply(edits)
    if text == state.snapshot.text:
        return None
    after, analysis, verdict = await bench.judge(text, by_model=False)
    if not verdict.accepted or (state.verdict and not _improves(verdict, state.verdict)):
        return None
    applied = [wanted[i] for i in chosen]
    fixes = tuple(AppliedFix(x.fixer, x.title, f.rule, f.span.start.line, x.safety, x.notes) for f, x in applied)
    dependencies = dict.fromkeys((*state.dependencies, *(d for _, x in applied for d in x.dependencies)))
    return State(after, analysis, verdict, (*state.fixes, *fixes), state.rounds, tuple(dependencies), state.problems)


def _improves(new: Verdict, old: Verdict) -> bool:
    return len(new.delta.fixed) > len(old.delta.fixed)


def _first_allowed(fixes: Iterable[Fix], allow: Safety) -> Fix | None:
    return next((f for f in fixes if allow is Safety.REVIEW or f.safety is Safety.SAFE), None)


def _with_problem(state: State, problem: Problem) -> State:
    return State(
        state.snapshot,
        state.analysis,
        state.verdict,
        state.fixes,
        state.rounds,
        state.dependencies,
        (*state.problems, problem),
    )


async def in_thread(work: Callable[[Cancellation], T]) -> T:
    """Run blocking work in a thread. When this task is cancelled, the work is too, and it has ended on return."""
    cancellation = Cancellation()
    future: Awaitable[T] = asyncio.ensure_future(asyncio.to_thread(work, cancellation))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancellation.cancel()
        await asyncio.wait([future])
        raise
