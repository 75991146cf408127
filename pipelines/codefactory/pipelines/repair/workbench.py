"""What one repair needs at hand, and the only way it analyzes and judges."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from codefactory.analyzers import Analysis, Cancellation
from codefactory.pipelines.gate import Candidate, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from codefactory.analyzers import Analyzers, Finding, Options, Problem, Snapshot
    from codefactory.analyzers.fixers import Outcome
    from codefactory.pipelines.gate import UsesElsewhere
    from codefactory.pipelines.proposal import AppliedFix, Round, SuiteRun
    from codefactory.pipelines.verdict import Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """What a repair is doing now, for people who wait."""

    stage: Literal["analyze", "fix", "estimate", "model", "notice", "test"]
    """`estimate`: what the model may cost at most, before it is first asked. `notice`: a wait for a rate limit, another
    model being asked."""
    message: str


class ProjectTests(Protocol):
    """Runs the project's tests."""

    async def __call__(self, text: str | None) -> SuiteRun:
        """With `text` as the document's content; None for the document as the user has it."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """The best accepted text so far, and how it came about."""

    snapshot: Snapshot
    analysis: Analysis
    verdict: Verdict | None = None
    """Against the original text; None for the original itself."""
    fixes: tuple[AppliedFix, ...] = ()
    rounds: tuple[Round, ...] = ()
    """All rounds so far, refused ones included."""
    dependencies: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    by_model: bool = False
    """Whether a model wrote any of it."""


class Workbench:
    """For one document. `only`: fingerprints of the findings to repair; None for all."""

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
        self._analysis = await self._analyze(self.original)
        return State(self.original, self._analysis)

    async def outcomes(self, state: State) -> tuple[Outcome, ...]:
        """What the fixers say about the targets of `state`. Raises WorkerError."""
        targets = self.targets(state)
        return await _in_thread(lambda c: self._analyzers.fixes(state.snapshot, targets, self.options, c))

    def targets(self, state: State) -> tuple[Finding, ...]:
        """The findings of `state` that this repair is for."""
        if self._only is None:
            return state.analysis.findings
        if state.verdict is None:
            return tuple(f for f in state.analysis.findings if f.fingerprint in self._only)
        # An edit near a finding changes its fingerprint: what counts is which finding it was before.
        return tuple(new for old, new in state.verdict.delta.pairs if old.fingerprint in self._only)

    async def candidate(self, text: str) -> tuple[Snapshot, Analysis]:
        snapshot = self.original.with_text(text)
        return snapshot, await self._analyze(snapshot)

    async def judge(self, base: State, after: Snapshot, analysis: Analysis, *, by_model: bool) -> Verdict:
        """Hold a candidate against `base`, for the targets `base` has left."""
        targets = frozenset[str]() if self._only is None else frozenset(f.fingerprint for f in self.targets(base))
        candidate = Candidate(base.snapshot, after, base.analysis, analysis, targets, by_model)
        return await asyncio.to_thread(judge, candidate, self._uses)

    async def judge_whole(self, after: Snapshot, analysis: Analysis) -> Verdict:
        """Hold a candidate against the original text. The parts a model wrote have been judged by themselves."""
        return await self.judge(State(self.original, self._analysis), after, analysis, by_model=False)

    async def _analyze(self, snapshot: Snapshot) -> Analysis:
        return await _in_thread(lambda c: self._analyzers.analyze(snapshot, self.options, c))


def strict(options: Options) -> Options:
    """What a model writes is also checked for names that do not exist, whatever rules the project has chosen."""
    ruff = replace(options.ruff, arguments=(*options.ruff.arguments, "--extend-select", "F821,F822,F823"))
    return replace(options, ruff=ruff)


async def _in_thread(work: Callable[[Cancellation], T]) -> T:
    """Run blocking work in a thread. When this task is cancelled, the work is too, and it has ended on return."""
    cancellation = Cancellation()
    running = asyncio.ensure_future(asyncio.to_thread(work, cancellation))
    running.add_done_callback(_retrieve)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancellation.cancel()
        await asyncio.wait([running])
        raise


def _retrieve(done: asyncio.Future[Any]) -> None:
    """How cancelled work ended interests nobody, and asyncio would log that as an error."""
    if not done.cancelled():
        done.exception()
