"""`condition`: the first case that holds gives the output; steps after it look at that output in their `when`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from codefactory.pipelines.engine import Context


class Case(Strict):
    """One case."""

    when: Any = Field(description="The case holds if this is true.", examples=["{{ inputs.score >= 80 }}"])
    value: Any = Field(description="The output then.", examples=["good"])


class ConditionConfig(Strict):
    """Chooses a value."""

    cases: list[Case] = Field(min_length=1, description="Looked at in order; the first that holds counts.")
    otherwise: Any = Field(default=None, description="The output if no case holds. Without it, the step fails then.")


async def _run(config: ConditionConfig, _ctx: Context) -> Any:
    for case in config.cases:
        if case.when:
            return case.value
    if "otherwise" not in config.model_fields_set:
        raise StepError("no case holds; add `otherwise`")
    return config.otherwise


CONDITION = StepType(
    "condition",
    ConditionConfig,
    _run,
    "Choose a value by conditions.",
    example="type: condition\nwith:\n  cases: [{when: '{{ 3 > 2 }}', value: larger}]\n  otherwise: smaller",
)
