"""`loop`: a body again and again, one round after the other, never without a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from codefactory.pipelines.definitions.model import Name, StepModel, Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.values import is_list

from .map import body_output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.engine.scope import Scope


class LoopConfig(Strict):
    """Runs steps round after round. In them, `previous` is what the round before gave, `index` the round from 0, and
    with `for`, `item` the item."""

    for_: Any = Field(default=None, alias="for", description="A list: one round for each item.")
    while_: Any = Field(
        default=None, alias="while", description="Before each round: go on if true.", examples=["previous < 100"]
    )
    until: Any = Field(
        default=None, description="After each round: stop if true.", examples=["{{ steps.check.output.passed }}"]
    )
    start: Any = Field(default=None, description="`previous` in the first round.")
    limit: int = Field(default=100, ge=1, le=100_000, description="The most rounds.")
    at_limit: Literal["fail", "stop"] = Field(
        default="fail", description="After the last round with `while` or `until` not satisfied: fail, or be content."
    )
    steps: dict[Name, StepModel] = Field(min_length=1, description="What is done in each round.")
    output: Any = Field(default=None, description="What a round gives. Without it: the output of the last step.")
    collect: bool = Field(default=False, description="Give the list of what all rounds gave, not the last one's.")


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if not {"for", "while", "until"} & config.keys():
        yield "steps", "a loop needs `for`, `while` or `until`"


async def _run(config: LoopConfig, ctx: Context) -> Any:
    items = _items(config)
    deferred = ctx.step.deferred
    done: list[Scope] = []
    results: list[Any] = []
    previous = config.start
    ended = False
    for index in range(min(config.limit, len(items)) if items is not None else config.limit):
        local = {"previous": previous, "index": index} | ({"item": items[index]} if items is not None else {})
        if "while" in deferred and not deferred["while"](ctx.within(local)):
            ended = True
            break
        scope = await ctx.scoped(local, f"{ctx.path}[{index}]")
        done.append(scope)
        previous = body_output(ctx, scope)
        results.append(previous)
        if "until" in deferred and deferred["until"](scope):
            ended = True
            break
    else:
        ended = items is not None and len(items) <= config.limit
    if not ended and "while" in deferred and config.at_limit == "fail":
        ended = not deferred["while"](ctx.within({"previous": previous, "index": len(results)}))
    if not ended and config.at_limit == "fail":
        raise StepError(f"its condition was not satisfied within {config.limit} rounds")
    ctx.adopt(done)
    return results if config.collect else previous


def _items(config: LoopConfig) -> list[Any] | None:
    if config.for_ is None:
        return None
    if not is_list(config.for_):
        raise StepError(f"`for` is {type(config.for_).__name__}, not a list")
    return config.for_


LOOP = StepType(
    "loop",
    LoopConfig,
    _run,
    "Run steps round after round, for items or until a condition holds.",
    body=True,
    deferred=frozenset(("output", "while", "until")),
    problems=_problems,
    example=(
        "type: loop\nwith:\n  start: 1\n  while: previous < 100\n  steps:\n"
        "    double: {type: set, with: {value: '{{ previous * 2 }}'}}"
    ),
)
