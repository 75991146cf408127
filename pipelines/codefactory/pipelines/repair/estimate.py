"""`estimate_repair()`: what a model could cost in a repair, without asking it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from codefactory.analyzers import Options, Safety
from codefactory.pipelines.budget import Budget
from codefactory.pipelines.estimate import estimate
from codefactory.pipelines.prompts import render_repair

from .fixes import apply_fixers
from .rounds import worth_asking
from .workbench import Workbench, strict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from codefactory.analyzers import Analyzers, Snapshot
    from codefactory.pipelines.estimate import Estimate
    from codefactory.pipelines.gate import UsesElsewhere
    from codefactory.pipelines.models import Model
    from codefactory.pipelines.prompts import PromptLibrary, Related


async def estimate_repair(
    snapshot: Snapshot,
    analyzers: Analyzers,
    *,
    model: Model,
    options: Options | None = None,
    only: Collection[str] | None = None,
    allow: Safety = Safety.REVIEW,
    budget: Budget | None = None,
    context: Sequence[Related] = (),
    prompts: PromptLibrary | None = None,
    uses: UsesElsewhere | None = None,
) -> Estimate | None:
    """For the arguments of `repair`. The fixers run, and the first request is rendered, so that it is what would be
    sent. None when the fixers leave nothing to ask about."""
    bench = Workbench(snapshot, analyzers, strict(options or Options()), only, uses, lambda _: None)
    state, _ = await apply_fixers(bench, await bench.start(), allow)
    targets = worth_asking(bench.targets(state))
    if not targets:
        return None
    prompt = await asyncio.to_thread(render_repair, state.snapshot, targets, context, library=prompts)
    return await estimate(model, prompt.messages, budget or Budget())
