"""`map`: a body for each item, a bounded number at a time, results in the order of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Name, StepModel, Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.fanout import map_items
from codefactory.pipelines.engine.values import is_list

if TYPE_CHECKING:
    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.engine.scope import Scope


class MapConfig(Strict):
    """Runs steps for each item of a list. In them, `item` is the item and `index` its number from 0."""

    over: Any = Field(description="The list.", examples=["{{ inputs.files }}"])
    limit: int = Field(default=16, ge=1, le=10_000, description="Items that may be under way at once.")
    steps: dict[Name, StepModel] = Field(min_length=1, description="What is done for each item.")
    output: Any = Field(
        default=None,
        description="What an item gives. Without it: the output of the one last step, or of all by name.",
        examples=["{{ steps.check.output }}"],
    )


async def _run(config: MapConfig, ctx: Context) -> list[Any]:
    if not is_list(config.over):
        raise StepError(f"`over` is {type(config.over).__name__}, not a list")
    items = config.over
    done: dict[int, Scope] = {}

    async def each(item: Any, index: int) -> Any:
        done[index] = scope = await ctx.scoped({"item": item, "index": index}, f"{ctx.path}[{index}]")
        return body_output(ctx, scope)

    results = await map_items(ctx.scope, ctx.step, items, each, config.limit, keep=False)
    ctx.adopt(done[index] for index in sorted(done))
    return results


def body_output(ctx: Context, scope: Scope) -> Any:
    """What a finished body gives: as the step's `output` says, else its one last step, else all last steps by name."""
    expression = ctx.step.deferred.get("output")
    if expression is not None:
        return expression(scope)
    outputs = scope.output()
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


MAP = StepType(
    "map",
    MapConfig,
    _run,
    "Run steps for each item of a list.",
    output_type=list,
    body=True,
    deferred=frozenset(("output",)),
    example="type: map\nwith:\n  over: [1, 2]\n  steps:\n    double: {type: set, with: {value: '{{ item * 2 }}'}}",
)
