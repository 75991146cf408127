"""`approval`: a person decides. The run waits for the answer, over restarts if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.values import is_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.engine import Context


class ApprovalConfig(Strict):
    """Asks a person. The output is the choice."""

    question: str = Field(description="What is asked.", examples=["Deploy {{ inputs.version }}?"])
    choices: list[str] = Field(default=["yes", "no"], min_length=1, description="What can be answered.")
    who: list[str] = Field(default=[], description="Who may answer; empty: anybody who may answer for the run.")
    deadline_s: float | None = Field(default=None, gt=0, description="Seconds after which `default` counts.")
    default: str | None = Field(
        default=None, description="The answer after the deadline. Without one, the step fails then."
    )


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    default, choices = config.get("default"), config.get("choices", ["yes", "no"])
    if isinstance(default, str) and "{" not in default and is_list(choices) and default not in choices:
        yield "default", f"`{default}` is none of the choices"


async def _run(config: ApprovalConfig, ctx: Context) -> str:
    return await ctx.ask(
        config.question, config.choices, who=config.who, deadline_s=config.deadline_s, default=config.default
    )


APPROVAL = StepType(
    "approval",
    ApprovalConfig,
    _run,
    "Wait for a person's decision.",
    effects=frozenset(("asks",)),
    output_type=str,
    problems=_problems,
    example="type: approval\nwith: {question: Publish?, deadline_s: 0.01, default: no}",
)
