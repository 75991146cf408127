"""`pipeline`: another pipeline as one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import PlanError, StepError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.engine import Context


class PipelineConfig(Strict):
    """Runs another pipeline. The output is its outputs by name."""

    path: str | None = Field(
        default=None, description="Its file, from the folder of this one.", examples=["./summary.yaml"]
    )
    definition: dict[str, Any] | None = Field(default=None, description="The pipeline itself, instead of a file.")
    inputs: dict[str, Any] = Field(default={}, description="Its inputs by name.")


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if ("path" in config) == ("definition" in config):
        yield "path", "give either `path` or `definition`"


async def _run(config: PipelineConfig, ctx: Context) -> dict[str, Any]:
    body = ctx.body
    if body is None:
        raise StepError("the nested pipeline was not compiled")
    try:
        inputs = body.bind(config.inputs)
    except PlanError as error:
        raise StepError(str(error)) from error
    return await ctx.nested(inputs)


PIPELINE = StepType(
    "pipeline",
    PipelineConfig,
    _run,
    "Run another pipeline.",
    output_type=dict,
    verbatim=frozenset(("definition",)),
    problems=_problems,
    example=(
        "type: pipeline\nwith:\n  definition:\n    version: 1\n    name: inner\n    steps:\n"
        "      answer: {type: set, with: {value: 42}}"
    ),
)
