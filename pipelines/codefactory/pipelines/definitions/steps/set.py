"""`set`: a value, made of other values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType

if TYPE_CHECKING:
    from codefactory.pipelines.engine import Context


class SetConfig(Strict):
    """Gives a value."""

    value: Any = Field(description="Any value; texts in it may be templates.", examples=["Hello {{ inputs.name }}"])


async def _run(config: SetConfig, _ctx: Context) -> Any:
    return config.value


SET = StepType("set", SetConfig, _run, "Give a value made of other values.", example="type: set\nwith: {value: [1, 2]}")
