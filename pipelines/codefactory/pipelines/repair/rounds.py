"""The model's rounds of a repair."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Severity
from codefactory.pipelines.completion import Router, complete
from codefactory.pipelines.estimate import estimate
from codefactory.pipelines.models import ModelError, Usage
from codefactory.pipelines.prompts import Previous, render_repair
from codefactory.pipelines.proposal import Round
from codefactory.pipelines.replies import Applied, NotApplied

from .workbench import Progress, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codefactory.analyzers import Finding
    from codefactory.pipelines.budget import Spending
    from codefactory.pipelines.completion import Completion
    from codefactory.pipelines.models import Model
    from codefactory.pipelines.prompts import Prompt, PromptLibrary, Related
    from codefactory.pipelines.verdict import Verdict

    from .workbench import Workbench

LEAST_SEVERITY = Severity.LOW
"""Style is not worth a model's time and the user's money."""
NOT_ASKED = frozenset({"B404", "B603", "S404", "S603"})
"""Every use of subprocess has these. There is no edit to ask for, and small models answer with a broken one."""
RETRY_TEMPERATURE = 0.4
"""After a refusal. At 0 a small model writes the same again."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate made of some blocks of a reply, and what the gate says."""

    verdict: Verdict
    """Against the text the model was shown."""
    state: State | None
    """With the candidate as its text; None when it was refused."""


async def ask_model(
    bench: Workbench,
    state: State,
    model: Model,
    spending: Spending,
    context: Sequence[Related],
    prompts: PromptLibrary | None = None,
) -> tuple[State, str | None]:
    """Rounds until nothing is left, a limit is reached or the model cannot do better.

    Returns the best state, and why it ended with findings left.
    """
    previous: Previous | None = None
    replies: set[str] = set()
    while targets := worth_asking(bench.targets(state)):
        try:
            number = spending.start_round()
        except ModelError as error:
            return state, str(error)
        prompt = await asyncio.to_thread(render_repair, state.snapshot, targets, context, previous, library=prompts)
        state = replace(state, problems=tuple(dict.fromkeys((*state.problems, *prompt.problems))))
        if number == 1:
            bench.report(Progress("estimate", str(await estimate(model, prompt.messages, spending.budget))))
        started = time.perf_counter()
        try:
            completion = await complete(
                model,
                prompt.messages,
                spending,
                role="improve",
                temperature=RETRY_TEMPERATURE if previous else 0.0,
                report=_counting(bench, number),
                notice=lambda text: bench.report(Progress("notice", text)),
            )
        except ModelError as error:
            duration_s = time.perf_counter() - started
            failed = Round(number, model.name, Usage(), duration_s, None, str(error), prompts=prompt.versions)
            return replace(state, rounds=(*state.rounds, failed)), str(error)
        said = _round(number, prompt, completion, time.perf_counter() - started)
        result = await _judge_reply(bench, state, prompt, completion.text)
        repeated = completion.text in replies
        moved_on = _tell(model, completion, result, number, repeated=repeated)
        if moved_on:
            bench.report(Progress("notice", moved_on))
            said = replace(said, notes=(*said.notes, moved_on))
        if isinstance(result, NotApplied):
            state = replace(state, rounds=(*state.rounds, replace(said, problem=result.feedback)))
            previous = Previous(completion.text, result.feedback)
        else:
            base = result.state or state
            state = replace(base, rounds=(*state.rounds, replace(said, verdict=result.verdict)))
            previous = None if result.state else Previous(completion.text, result.verdict)
        if repeated and not moved_on:
            return state, f"{completion.model} repeats itself."
        replies.add(completion.text)
    return state, None


def _round(number: int, prompt: Prompt, completion: Completion, duration_s: float) -> Round:
    notes = (*completion.notes, *(["The reply is from the cache: nothing was sent."] if completion.replayed else []))
    return Round(number, completion.model, completion.usage, duration_s, None, prompts=prompt.versions, notes=notes)


def _tell(
    model: Model, completion: Completion, result: Judged | NotApplied, number: int, *, repeated: bool
) -> str | None:
    """Tell a route what became of its model's reply. Says so when another model is asked from now on."""
    if not isinstance(model, Router):
        return None
    if isinstance(result, NotApplied):
        return model.judged(completion, "unusable", number, repeated=repeated)
    return model.judged(completion, "accepted" if result.state else "refused", number, repeated=repeated)


def worth_asking(targets: Sequence[Finding]) -> tuple[Finding, ...]:
    """What a model is asked about, the worst first."""
    asked = [f for f in targets if f.severity >= LEAST_SEVERITY and f.code not in NOT_ASKED]
    return tuple(sorted(asked, key=lambda f: (-f.severity, f.span)))


async def _judge_reply(bench: Workbench, state: State, prompt: Prompt, reply: str) -> Judged | NotApplied:
    """The whole reply if the gate accepts it, else those of its blocks that it accepts one after another."""
    whole = await asyncio.to_thread(prompt.apply, reply)
    if isinstance(whole, NotApplied):
        return whole
    judged = await _judge(bench, state, whole)
    if judged.state is not None or len(whole.used) == 1:
        return judged
    best: Judged | None = None
    kept: list[int] = []
    for block in whole.used:
        part = await asyncio.to_thread(prompt.apply, reply, [*kept, block])
        if isinstance(part, NotApplied):
            continue
        candidate = await _judge(bench, best.state if best and best.state else state, part, base=state)
        if candidate.state is not None:
            best = candidate
            kept.append(block)
    return best or judged


async def _judge(bench: Workbench, state: State, applied: Applied, base: State | None = None) -> Judged:
    """Accepted when the gate accepts it against the text the model saw and against the original, and it is better than
    `state`."""
    base = base or state
    after, analysis = await bench.candidate(applied.text)
    verdict = await bench.judge(base, after, analysis, by_model=True)
    if not verdict.accepted:
        return Judged(verdict, None)
    whole = await bench.judge_whole(after, analysis)
    better = state.verdict is None or len(whole.delta.fixed) > len(state.verdict.delta.fixed)
    if not whole.accepted or not better:
        return Judged(whole if not whole.accepted else verdict, None)
    return Judged(verdict, replace(state, snapshot=after, analysis=analysis, verdict=whole, by_model=True))


def _counting(bench: Workbench, number: int) -> Callable[[str], None]:
    """Tells how much the model has written, a few times a second at most."""
    characters = 0
    last_s = 0.0

    def report(piece: str) -> None:
        nonlocal characters, last_s
        characters += len(piece)
        now_s = time.monotonic()
        if now_s - last_s > 0.25:
            last_s = now_s
            bench.report(Progress("model", f"Round {number}: the model has written {characters:,} characters"))

    bench.report(Progress("model", f"Round {number}: asking the model"))
    return report
