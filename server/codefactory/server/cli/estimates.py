"""`codefactory repair --estimate`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from . import exits
from .check import display_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Analyzers
    from codefactory.pipelines.estimate import Estimate
    from codefactory.server.scan import Scanned

    from .repair import Course, Wish

Estimated = list[tuple["Scanned", "Estimate | None"]]


def print_estimates(work: Sequence[Scanned], analyzers: Analyzers, wish: Wish, course: Course) -> int:
    """What the model could cost at most, for each file and altogether. Nothing is sent and nothing written."""
    import click

    from codefactory.pipelines.models import ModelError

    try:
        estimated = asyncio.run(_estimate(work, analyzers, wish, course))
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    if wish.output == "json":
        _print_json(estimated)
    else:
        _print(estimated, course, _budget_usd(work))
    return exits.EXIT_CLEAN


async def _estimate(work: Sequence[Scanned], analyzers: Analyzers, wish: Wish, course: Course) -> Estimated:
    from codefactory.pipelines.repair import estimate_repair

    from .repair import asking_of, context_of

    done: Estimated = []
    for scanned in work:
        asking = asking_of(scanned, course)
        if not asking or scanned.file is None:
            continue
        asking.pop("account")
        only = wish.chosen(scanned)
        estimate = await estimate_repair(
            scanned.file.snapshot,
            analyzers,
            options=scanned.project.options(scanned.file.path.absolute()),
            only=only,
            allow=scanned.project.settings.repair.allow,
            context=await context_of(scanned, only, course),
            **asking,
        )
        done.append((scanned, estimate))
    return done


def _budget_usd(work: Sequence[Scanned]) -> float | None:
    """What all files together may cost."""
    limits = [s.project.settings.budget.max_usd for s in work]
    return None if not limits or None in limits else max(limit for limit in limits if limit is not None)


def _print(estimated: Estimated, course: Course, budget_usd: float | None) -> None:
    from codefactory.pipelines.estimate import summed

    from . import terminal

    out = terminal.console()
    asked = [(s, e) for s, e in estimated if e is not None]
    for scanned, estimate in asked:
        text = terminal.bold(display_name(scanned.path)).append(f": {terminal.safe(str(estimate))}", "not bold")
        out.print(terminal.hanging(out, text, 2), soft_wrap=True)
    without = next((c.why for c in course.choices.values() if c.model is None), None)
    if not asked:
        said = f"No model is asked. {without}" if without else "Nothing is left to ask a model about: it costs nothing."
        out.print(terminal.hanging(out, terminal.dim(said), 2), soft_wrap=True)
    elif len(asked) > 1:
        out.print(summed([e for _, e in asked], budget_usd))


def _print_json(estimated: Estimated) -> None:
    from . import terminal

    def to_json(estimate: Estimate | None) -> dict[str, Any] | None:
        if estimate is None:
            return None
        price = estimate.price
        return {
            "model": estimate.model,
            "rounds": estimate.rounds,
            "requestTokens": estimate.request_tokens,
            "maxTokens": estimate.max_tokens,
            "maxUsd": estimate.max_usd,
            "cappedBy": estimate.capped_by,
            "price": price and {"inputUsd": price.input_usd, "outputUsd": price.output_usd, "source": price.source},
        }

    files = [{"path": display_name(s.path), "estimate": to_json(e)} for s, e in estimated]
    terminal.print_json({"version": 1, "mode": "estimate", "files": files})
